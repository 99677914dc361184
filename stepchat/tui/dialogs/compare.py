"""Two answers to the same question side by side: what they say, what they thought, and a table of what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias

from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from stepchat.messages import AssistantMessage
from stepchat.text.sanitize import sanitize
from stepchat.text.widths import pad
from stepchat.transcript.labels import short_model
from stepchat.tui.dialogs.compare_facts import fact_rows, short_facts
from stepchat.tui.dialogs.key_hints import KeyHints
from stepchat.tui.dialogs.list_view import LOW
from stepchat.tui.transcript.view import TranscriptView

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.geometry import Size

    from stepchat.messages import StoredMessage
    from stepchat.transcript.palette import Palette

_BESIDE_FROM: Final = 100
"""In fewer columns one stands above the other."""
_AROUND: Final = 5
"""Columns that are margins and a scrollbar."""
_LOW: Final = 24
_LOW_STACKED: Final = 40
"""In fewer rows the table takes the place of the answers."""
_KEYS: Final = (
    ("Tab", "side"), ("←→", "which"), ("Enter", "go on with it"), ("f", "thoughts"), ("t", "table"), ("c", "copy"),
)  # fmt: skip
_NAME: Final = 14
Shown: TypeAlias = Literal["both", "answers", "table"]


class CompareScreen(ModalScreen[str | None]):
    """Returns the id of the answer to go on with, None to leave it as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action, show=False, priority=True)
        for key, action in (
            ("escape", "dismiss(None)"),
            ("enter", "take"),
            ("tab,shift+tab", "other_side"),
            ("left", "sibling(-1)"),
            ("right", "sibling(1)"),
            ("up", "scroll(-1)"),
            ("down", "scroll(1)"),
            ("pageup", "page(-1)"),
            ("pagedown,space", "page(1)"),
            ("home,ctrl+home", "end(False)"),
            ("end,ctrl+end", "end(True)"),
            ("f,ctrl+t", "fold"),
            ("t", "table"),
            ("s", "together"),
            ("c", "copy"),
        )
    ]

    def __init__(
        self,
        siblings: Sequence[StoredMessage],
        sides: tuple[int, int],
        active: str,
        palette: Palette,
        copy: Callable[[str], object],
    ) -> None:
        """`sides` says which of the siblings stand left and right, `active` which one the session shows."""
        super().__init__()
        self._siblings = siblings
        self._sides = list(sides)
        self._active = active
        self._palette = palette
        self._copy = copy
        self._side = next((side for side in (0, 1) if siblings[sides[side]].id == active), 0)
        self._together = True
        self._low = False
        self._wanted: Shown | None = None
        self._views = (TranscriptView(id="compare-left"), TranscriptView(id="compare-right"))
        self._title = Static("Compare", classes="dialog-title", markup=False)
        self._heads = (Static(markup=False, classes="compare-head"), Static(markup=False, classes="compare-head"))
        self._rows = Static(markup=False)
        self._table = VerticalScroll(self._rows, id="compare-table", can_focus=False)
        self._keys = KeyHints((), lines=2)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="compare"):
            yield self._title
            with Container(id="compare-sides"):
                for side in (0, 1):
                    with Container(classes="compare-side"):
                        yield self._heads[side]
                        yield self._views[side]
            yield self._table
            yield self._keys

    def on_mount(self) -> None:
        self._fit(self.app.size)  # pyright: ignore[reportUnknownMemberType] - generic in Textual
        for side in (0, 1):
            self._views[side].set_palette(self._palette)
            self._show(side)

    def on_resize(self, event: events.Resize) -> None:
        self._fit(event.size)

    # ---- what is shown

    def _fit(self, size: Size) -> None:
        stacked = size.width < _BESIDE_FROM
        self.set_class(stacked, "-stacked")
        self._low = size.height < (_LOW_STACKED if stacked else _LOW)
        self._title.display = size.height >= LOW
        self._table.display = self._shown != "answers"
        self._table.set_class(self._shown == "both", "-below")
        self.query_one("#compare-sides").display = self._shown != "table"
        scroll = "both scroll" if self._together else "one scrolls"
        self._keys.set_keys((*_KEYS, ("s", scroll), ("Esc", "close")))
        self._show_facts()

    @property
    def _shown(self) -> Shown:
        usual: Shown = "answers" if self._low else "both"
        return usual if self._wanted is None or (self._low and self._wanted == "both") else self._wanted

    def _show(self, side: int) -> None:
        view = self._views[side]
        view.show([self._siblings[self._sides[side]]])
        # Nothing of it is new, however far down it goes on.
        view.overlays.unread.mark_seen()
        view.scroll_home()
        self._show_facts()

    def _show_facts(self) -> None:
        for side in (0, 1):
            self._heads[side].update(self._head(side))
        left, right = (self._siblings[place].message for place in self._sides)
        if isinstance(left, AssistantMessage) and isinstance(right, AssistantMessage):
            width = max(16, self.app.size.width - _AROUND)  # pyright: ignore[reportUnknownMemberType] - generic in Textual
            self._rows.update(table(left, right, width))

    def _head(self, side: int) -> Content:
        place = self._sides[side]
        stored = self._siblings[place]
        message = stored.message
        words = [f"‹ {place + 1}/{len(self._siblings)} ›"]
        facts = ""
        if isinstance(message, AssistantMessage):
            words.append(sanitize(short_model(message.model or message.model_asked), keep_newlines=False))
            facts = short_facts(message)
        words += ["shown"] if stored.id == self._active else []
        chosen = side == self._side
        return Content.assemble(
            (("▌ " if chosen else "  ") + " · ".join(filter(None, words)), "$accent bold" if chosen else "$dim"),
            (f"  {facts}" if facts else "", "$dim"),
        )

    # ---- what the person does

    def _moved(self) -> list[TranscriptView]:
        return list(self._views) if self._together else [self._views[self._side]]

    def action_other_side(self) -> None:
        self._side = 1 - self._side
        self._fit(self.app.size)  # pyright: ignore[reportUnknownMemberType] - generic in Textual

    def action_sibling(self, by: int) -> None:
        """To the next one that does not stand at the other side."""
        other = self._sides[1 - self._side]
        place = self._sides[self._side] + by
        place += by if place == other else 0
        if 0 <= place < len(self._siblings):
            self._sides[self._side] = place
            self._show(self._side)

    def action_scroll(self, by: int) -> None:
        if self._shown == "table":
            self._table.scroll_relative(y=by, animate=False)
        for view in self._moved():
            view.scroll_lines(by)

    def action_page(self, by: int) -> None:
        for view in self._moved():
            view.scroll_page(by)

    def action_end(self, end: bool) -> None:  # noqa: FBT001 - a binding has no keywords
        for view in self._moved():
            if end:
                view.scroll_to_end()
            else:
                view.scroll_home()

    def action_fold(self) -> None:
        """Fold the thoughts if any are open, else open them."""
        panels = [(view, place, folded) for view in self._moved() for place, folded in view.document.panels()]
        any_open = any(not folded for _, _, folded in panels)
        for view, place, folded in panels:
            if folded != any_open:
                view.toggle_panel(place)

    def action_table(self) -> None:
        """Answers and table, the table alone, the answers alone; in a low window only one of them."""
        order: tuple[Shown, ...] = ("answers", "table") if self._low else ("both", "table", "answers")
        self._wanted = order[(order.index(self._shown) + 1) % len(order)]
        self._fit(self.app.size)  # pyright: ignore[reportUnknownMemberType] - generic in Textual

    def action_together(self) -> None:
        self._together = not self._together
        self._fit(self.app.size)  # pyright: ignore[reportUnknownMemberType] - generic in Textual

    def action_copy(self) -> None:
        self._copy(self._siblings[self._sides[self._side]].message.text)

    def action_take(self) -> None:
        self.dismiss(self._siblings[self._sides[self._side]].id)

    def on_transcript_view_copy_wanted(self, event: TranscriptView.CopyWanted) -> None:
        self._copy(event.text)

    def on_transcript_view_message_chosen(self) -> None:
        """A click on an edge; there is nothing to be done with a message here."""
        for view in self._views:
            view.clear_focus()


def table(left: AssistantMessage, right: AssistantMessage, width: int) -> Content:
    """The facts of both in columns, with a sign and bright where they differ."""
    rows = fact_rows(left, right)
    column = other = max(2, (width - _NAME - 4) // 2)
    if width > _BESIDE_FROM - _AROUND:
        # The right column stands below the right answer.
        column, other = width // 2 - _NAME - 2, width - width // 2 - 2
    lines = [
        Content.assemble(
            ("≠ " if row.differs else "  ", "$accent"),
            (f"{pad(row.name, _NAME)}", "$dim"),
            (f"{pad(row.left, column)}  {pad(row.right, other)}", "bold" if row.differs else "$dim"),
        )
        for row in rows
    ]
    return Content("\n").join(lines)
