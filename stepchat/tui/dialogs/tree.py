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
from stepchat.transcript.clean import clean
from stepchat.transcript.facts import count_of_tokens
from stepchat.transcript.widths import spaced
from stepchat.tui.dialogs.key_line import KeyLine
from stepchat.tui.dialogs.tree_lines import leaves, matching, tree_lines
from stepchat.tui.dialogs.tree_rows import TreeRows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.geometry import Size

    from stepchat.messages import StoredMessage

_WIDE: Final = 120
_LOW: Final = 20
_PREVIEW: Final = 4000
"""Characters of a message that the preview shows at most."""


class Chosen(NamedTuple):
    """What is to be done with which message."""

    action: Literal["go", "fork"]
    message_id: str


class TreeScreen(ModalScreen[Chosen | None]):
    """Returns the message to go to or to fork at, None for none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Close", show=False),
        *(
            Binding(key, f"move({by!r})", show=False, priority=True)
            for key, by in (
                ("up", "-1"),
                ("down", "1"),
                ("pageup", "-page"),
                ("pagedown", "page"),
                ("ctrl+home", "first"),
                ("ctrl+end", "last"),
            )
        ),
        Binding("left", "sibling(-1)", show=False, priority=True),
        Binding("right", "sibling(1)", show=False, priority=True),
        Binding("ctrl+f", "take('fork')", show=False, priority=True),
    ]

    def __init__(
        self, messages: Sequence[StoredMessage], leaf: str | None, at: str | None, now: Callable[[], float] = time
    ) -> None:
        """`leaf` ends the branch that is shown; the cursor begins at the message `at`."""
        super().__init__()
        self._lines = tree_lines(messages, leaf)
        self._at = at if at is not None else leaf
        ends = leaves(messages)
        count = f"{len(messages):,} message{'' if len(messages) == 1 else 's'}"
        self._heading = f"Tree · {count} · {ends:,} branch{'' if ends == 1 else 'es'}"
        self._rows = TreeRows(now)
        self._look = Static(markup=False, id="tree-look")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="tree-screen"):
            yield Static(self._heading, classes="dialog-title", markup=False)
            yield Input(placeholder="Type to filter", compact=True)
            with Container(id="tree-body"):
                yield self._rows
                yield Container(self._look, id="tree-pane")
            yield KeyLine((("Enter", "go there"), ("←→", "siblings"), ("^F", "fork there"), ("Esc", "close")))

    def on_mount(self) -> None:
        self._fit(self.app.size)  # pyright: ignore[reportUnknownMemberType] - generic in Textual
        self._rows.show(self._lines, self._at)

    def on_resize(self, event: events.Resize) -> None:
        self._fit(event.size)

    def _fit(self, size: Size) -> None:
        self.set_class(size.width >= _WIDE, "-wide")
        self.set_class(size.height < _LOW, "-low")

    def on_input_changed(self, event: Input.Changed) -> None:
        line = self._rows.current
        at = self._at if line is None else line.stored.id
        self._rows.show(matching(self._lines, event.value), at)

    def on_input_submitted(self) -> None:
        self.action_take("go")

    def on_tree_rows_opened(self) -> None:
        self.action_take("go")

    def on_tree_rows_moved(self) -> None:
        line = self._rows.current
        self._look.update(preview(line.stored) if line is not None else "")

    def action_move(self, by: str) -> None:
        rows = self._rows
        steps = {"-page": 1 - rows.page, "page": rows.page - 1, "first": -len(rows.lines), "last": len(rows.lines)}
        rows.move_to(rows.cursor + (steps[by] if by in steps else int(by)))

    def action_sibling(self, by: int) -> None:
        """Unless the cursor in the line that is typed in is to move."""
        field = self.query_one(Input)
        if not field.value:
            self._rows.move_to_sibling(by)
        elif by < 0:
            field.action_cursor_left()
        else:
            field.action_cursor_right()

    def action_take(self, action: Literal["go", "fork"]) -> None:
        line = self._rows.current
        if line is not None:
            self.dismiss(Chosen(action, line.stored.id))


def preview(stored: StoredMessage) -> Content:
    """How a message begins, with its thoughts' size above it."""
    message = stored.message
    text = spaced(clean(message.text[:_PREVIEW]))
    more = "" if len(message.text) <= _PREVIEW else " …"
    if not isinstance(message, AssistantMessage):
        return Content.styled(text + more, "bold")
    facts = [message.model or message.model_asked, message.provider]
    if message.usage.reasoning_tokens:
        facts.append(f"{count_of_tokens(message.usage.reasoning_tokens)} thought")
    if message.stop != "stop":
        facts.append(message.stop)
    head = clean(" · ".join(fact for fact in facts if fact), keep_newlines=False)
    body = text + more if text else spaced(clean(message.reasoning[:_PREVIEW]))
    return Content.assemble((f"{head}\n\n", "$dim"), body)
