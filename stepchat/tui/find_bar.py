"""Finding in the conversation: one line over the last row of the transcript, so that nothing moves when it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult

    from stepchat.tui.transcript_view import TranscriptView

_AGAIN: Final = 0.5
"""Seconds between two looks at what has come."""


class FindBar(Horizontal):
    """Looks while one types. `closed` is called when it goes."""

    DEFAULT_CSS = """
    FindBar {
        layer: over; height: 1; width: 100%; padding: 0 2; background: $surface; color: $text;
        Input { width: 1fr; height: 1; border: none; padding: 0; background: $surface; }
        Input:focus { border: none; }
        Static { width: auto; height: 1; color: $dim; }
        #find-count { margin-left: 2; color: $text; }
        #find-keys { margin-left: 2; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,f3,enter", "step(1)", "Next hit", show=False),
        Binding("up,shift+f3,shift+enter", "step(-1)", "Previous hit", show=False),
        Binding("escape", "close", "Close", show=False),
    ]

    def __init__(self, view: TranscriptView, closed: Callable[[], object]) -> None:
        super().__init__()
        self._view = view
        self._when_closed = closed

    def compose(self) -> ComposeResult:
        yield Static("Find: ", markup=False)
        yield Input(compact=True, select_on_focus=True)
        yield Static("", id="find-count", markup=False)
        yield Static("Enter next · Esc closes", id="find-keys", markup=False)

    def on_mount(self) -> None:
        self.set_interval(_AGAIN, self._refresh)
        self._place()

    def on_resize(self) -> None:
        self.call_after_refresh(self._place)

    def _place(self) -> None:
        """Over the transcript's last row, wherever that is."""
        region = self.screen.query_one("#reading").region
        self.styles.offset = (0, max(0, region.bottom - 1))
        self.query_one("#find-keys").display = region.width >= 60

    def begin(self, words: str) -> None:
        """Take the focus; with words, look for those."""
        field = self.query_one(Input)
        field.focus()
        if words:
            field.value = words

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._view.find(event.value)
        self._count()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_step(1)

    def action_step(self, by: int) -> None:
        self._view.find_next(by)
        self._count()

    def action_close(self) -> None:
        self._view.find("")
        self._when_closed()
        self.remove()

    def _refresh(self) -> None:
        self._place()
        if self._view.live:
            self._view.marks.search.refresh()
            self._count()

    def _count(self) -> None:
        search, words = self._view.marks.search, self.query_one(Input).value.strip()
        shown = f"{search.number}/{len(search.hits)}" if search.hits else "not found" if words else ""
        self.query_one("#find-count", Static).update(shown)
