"""Finding in the conversation: one line over the last row of the transcript, so that nothing moves when it opens."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from stepchat.transcript.find.navigator import FindNavigator

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.timer import Timer

    from stepchat.tui.chat.screen import ChatScreen as Chat
    from stepchat.tui.transcript.view import TranscriptView

_KEYS: Final = ("↑↓ hits · Enter stays · Esc back", "Enter stays · Esc back", "↑↓")
_KEYS_THEN: Final = ("↑↓ Enter hits · Esc closes", "↑↓ hits · Esc closes", "↑↓")
"""When the reader has taken a hit."""
_KEYS_BESIDE: Final = ("Ctrl+F more hits · Esc closes", "Ctrl+F · Esc closes", "^F")
"""While the keys are the prompt's."""
_WIDE: Final = 90
_USUAL: Final = 60
_NARROW: Final = 30
_AGAIN: Final = 0.5
"""Seconds between two looks at what has come."""
_SLICE: Final = 0.008
_PAUSE: Final = 0.004
"""Seconds of looking at a time, and between, so that keys are never kept waiting."""


async def open_find(chat: Chat, words: str, *, beside: bool = False) -> FindBar:
    """The bar, new or there already; with words at the first hit of those. `beside` leaves the keys to the prompt."""
    bars = chat.view.screen.query(FindBar)
    bar = bars.first() if bars else FindBar(chat.view, partial(_found, chat))
    if not bars:
        await chat.view.screen.mount(bar)
    bar.begin(words, beside=beside)
    bar.draft = chat.prompt.text
    return bar


def bar_beside(chat: Chat) -> FindBar | None:
    """The bar that came by itself, while nobody has used it."""
    return next((bar for bar in chat.view.screen.query(FindBar) if bar.is_beside), None)


def write_on(chat: Chat) -> None:
    """The reader writes: the page stays, and what came by itself goes."""
    bar = bar_beside(chat)
    if bar is not None and chat.prompt.text not in {"", bar.draft}:
        bar.action_close()
        chat.flash("")
    chat.view.finder.accept_position()


def _found(chat: Chat) -> None:
    chat.prompt.focus()
    if chat.view.finder.can_go_back:
        chat.flash("Esc again goes back to where you were.")


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
        Binding("down,f3", "step(1)", "Next hit", show=False),
        Binding("up,shift+f3,shift+enter", "step(-1)", "Previous hit", show=False),
        Binding("escape", "close", "Close", show=False),
    ]

    def __init__(self, view: TranscriptView, closed: Callable[[], object]) -> None:
        super().__init__()
        self._view = view
        self._when_closed = closed
        self.is_beside = False
        self.draft = ""
        """What stood in the prompt when it came."""
        self._words = ""
        self._pause: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Static("Find: ", markup=False)
        yield Input(compact=True, select_on_focus=True)
        yield Static("", id="find-count", markup=False)
        yield Static("", id="find-keys", markup=False)

    def on_mount(self) -> None:
        self.set_interval(_AGAIN, self._refresh)
        self._place()

    def on_resize(self) -> None:
        self.call_after_refresh(self._place)
        self.call_after_refresh(self._view.find, FindNavigator.keep_hit_visible)

    def _place(self) -> None:
        """Over the transcript's last row, wherever that is."""
        region = self.screen.query_one("#reading").region
        self.styles.offset = (0, max(0, region.bottom - 1))
        keys = self.query_one("#find-keys", Static)
        keys.display = region.width >= _NARROW
        words = (
            _KEYS_BESIDE if self.is_beside else _KEYS if self._view.finder.only_typed or not self._words else _KEYS_THEN
        )
        keys.update(words[(region.width < _WIDE) + (region.width < _USUAL)])

    def begin(self, words: str, *, beside: bool = False) -> None:
        """Take the focus, or stay beside it; with words, go to the first hit of those."""
        self.is_beside = beside
        field = self.query_one(Input)
        if not beside:
            field.focus()
        if words:
            self._look_for(words)
            self.action_step(0)
            field.value = words

    def on_descendant_focus(self) -> None:
        self.is_beside = False
        self._place()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self._words:
            self._look_for(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        finder = self._view.finder
        self.action_step(0 if finder.only_typed and finder.search.current is not None else 1)

    def action_step(self, by: int) -> None:
        self._view.find(lambda finder: finder.step(by))
        self._count()
        self._place()

    def action_close(self) -> None:
        for place in self._view.find(lambda finder: finder.leave()):
            self._view.post_fold(place, folded=False)
        self._when_closed()
        self.remove()

    def _look_for(self, words: str) -> None:
        self._words = words
        self._view.find(lambda finder: finder.search_for(words))
        self._go_on()
        self._place()

    def _go_on(self) -> None:
        """Show how far it is; go on looking when keys had their turn."""
        self._count()
        if self._pause is not None:
            self._pause.stop()
        self._pause = None if self._view.finder.search.is_done else self.set_timer(_PAUSE, self._look_further)

    def _look_further(self) -> None:
        search = self._view.finder.search
        before = search.current
        self._view.finder.continue_search(_SLICE)
        if search.is_done or search.current != before:
            self._view.find(lambda _: None)
        self._go_on()

    def _refresh(self) -> None:
        self._place()
        if self._pause is None and self._view.finder.search.is_outdated:
            self._view.find(lambda finder: finder.refresh())
            self._go_on()

    def _count(self) -> None:
        search = self._view.finder.search
        passed = self._view.finder.passed
        if search.number:
            shown = f"{search.number}/{search.total}"
            # Typing opens nothing; who looks for what is in a fold has to know that it is there.
            shown += f" · {passed:,} folded before" if passed and self.size.width >= _USUAL else ""
        elif not search.is_done:
            shown = f"{search.total}…"
        elif search.total:
            shown = f"{search.total} folded" + (", Enter opens" if self.size.width >= _USUAL else "")
        else:
            shown = "not found" if self._words.strip() else ""
        self.query_one("#find-count", Static).update(shown)
