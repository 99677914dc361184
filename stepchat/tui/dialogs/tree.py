"""The tree screen: every message of the session, also those of branches that are not shown; found, looked at, gone to."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, ClassVar, Final, Literal, NamedTuple

from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from stepchat.messages import AssistantMessage
from stepchat.text.sanitize import sanitize
from stepchat.text.widths import pad_for_rich
from stepchat.transcript.labels import count_of_tokens
from stepchat.tui.dialogs.compare_facts import ENDS
from stepchat.tui.dialogs.key_hints import KeyHints
from stepchat.tui.dialogs.list_view import LOW, MOVES, VirtualList
from stepchat.tui.dialogs.tree_lines import leaves, matching, tree_lines
from stepchat.tui.dialogs.tree_rows import tree_row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.geometry import Size

    from stepchat.messages import StoredMessage
    from stepchat.tui.dialogs.list_view import Step
    from stepchat.tui.dialogs.tree_lines import TreeLine

_WIDE: Final = 120
_PREVIEW: Final = 4000
"""Characters of a message that the preview shows at most."""


class TreeChoice(NamedTuple):
    """What is to be done with which message."""

    action: Literal["go", "fork"]
    message_id: str


class TreeScreen(ModalScreen[TreeChoice | None]):
    """Returns the message to go to or to fork at, None for none."""

    VERTICAL_BREAKPOINTS = []  # noqa: RUF012 - Textual declares it so; _fit sets its own
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Close", show=False),
        *MOVES,
        Binding("left", "sibling(-1)", show=False, priority=True),
        Binding("right", "sibling(1)", show=False, priority=True),
        Binding("ctrl+f", "take('fork')", show=False, priority=True),
    ]

    def __init__(
        self, messages: Sequence[StoredMessage], leaf: str | None, at: str | None, now: Callable[[], float] = time
    ) -> None:
        """`leaf` ends the branch that is shown; the cursor begins at the message `at`."""
        super().__init__()
        self._all = tree_lines(messages, leaf)
        self._lines: Sequence[TreeLine] = ()
        """Those that are listed."""
        self._at = at if at is not None else leaf
        ends = leaves(messages)
        count = f"{len(messages):,} message{'' if len(messages) == 1 else 's'}"
        self._heading = f"Tree · {count} · {ends:,} branch{'' if ends == 1 else 'es'}"
        self._list = VirtualList(lambda index, _, width: tree_row(self._lines[index], width, now()), clicks_to_open=2)
        self._list.empty_text = "No message has these words."
        self._look = Static(markup=False, id="tree-look")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="tree-screen"):
            yield Static(self._heading, classes="dialog-title", markup=False)
            yield Input(placeholder="Type to filter", compact=True)
            with Container(id="tree-body"):
                yield self._list
                yield Container(self._look, id="tree-pane")
            yield KeyHints((("Enter", "go there"), ("←→", "siblings"), ("^F", "fork there"), ("Esc", "close")))

    def on_mount(self) -> None:
        self._fit(self.app.size)  # pyright: ignore[reportUnknownMemberType] - generic in Textual
        self._show("", self._at)

    def on_resize(self, event: events.Resize) -> None:
        self._fit(event.size)

    def _fit(self, size: Size) -> None:
        self.set_class(size.width >= _WIDE, "-wide")
        self.set_class(size.height < LOW, "-low")

    def _show(self, typed: str, at: str | None) -> None:
        """The messages that have these words, with the cursor on this one if it is among them, else on the first."""
        self._lines = matching(self._all, typed)
        self._list.show(len(self._lines), self._place_of(at) or 0)

    def _place_of(self, message: str | None) -> int | None:
        return next((place for place, line in enumerate(self._lines) if line.stored.id == message), None)

    @property
    def _current(self) -> TreeLine | None:
        return self._lines[self._list.cursor] if self._lines else None

    def on_input_changed(self, event: Input.Changed) -> None:
        line = self._current
        self._show(event.value, self._at if line is None else line.stored.id)

    def on_input_submitted(self) -> None:
        self.action_take("go")

    def on_virtual_list_opened(self) -> None:
        self.action_take("go")

    def on_virtual_list_moved(self) -> None:
        line = self._current
        self._look.update(preview(line.stored) if line is not None else "")

    def action_move(self, by: Step) -> None:
        self._list.step(by)

    def action_sibling(self, by: int) -> None:
        """Unless the cursor in the line that is typed in is to move."""
        field = self.query_one(Input)
        if not field.value:
            self._go_to_sibling(by)
        elif by < 0:
            field.action_cursor_left()
        else:
            field.action_cursor_right()

    def _go_to_sibling(self, by: int) -> None:
        """To another message in the same place, if it is in the list."""
        line = self._current
        if line is None:
            return
        at = line.siblings.index(line.stored.id) + by
        place = self._place_of(line.siblings[at]) if 0 <= at < len(line.siblings) else None
        if place is not None:
            self._list.move_to(place)

    def action_take(self, action: Literal["go", "fork"]) -> None:
        line = self._current
        if line is not None:
            self.dismiss(TreeChoice(action, line.stored.id))


def preview(stored: StoredMessage) -> Content:
    """How a message begins, with its thoughts' size above it."""
    message = stored.message
    text = pad_for_rich(sanitize(message.text[:_PREVIEW]))
    more = "" if len(message.text) <= _PREVIEW else " …"
    if not isinstance(message, AssistantMessage):
        return Content.styled(text + more, "bold")
    facts = [message.model or message.model_asked, message.provider]
    if message.usage.reasoning_tokens:
        facts.append(f"{count_of_tokens(message.usage.reasoning_tokens)} thought")
    if message.stop != "stop":
        facts.append(f"ended {ENDS.get(message.stop, message.stop)}")
    head = sanitize(" · ".join(fact for fact in facts if fact), keep_newlines=False)
    body = text + more if text else pad_for_rich(sanitize(message.reasoning[:_PREVIEW]))
    return Content.assemble((f"{head}\n\n", "$dim"), body)
