"""The find bar, which covers the last row of the transcript, so that nothing moves when it opens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from textual.actions import SkipAction
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Static

from stepchat.transcript.find.navigator import FindNavigator
from stepchat.tui.dialog_keys import FIND, bindings
from stepchat.tui.field import Field
from stepchat.tui.keymap import keymap_of

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.timer import Timer
    from textual.widgets import Input

    from stepchat.tui.transcript.view import TranscriptView

_KEYS: Final = (
    "↑↓ next/previous · Enter keep position · {key:find.close} cancel",
    "Enter keep · {key:find.close} cancel",
    "↑↓",
)
_KEYS_THEN: Final = (
    "↑↓ Enter next/previous · {key:find.close} close",
    "↑↓ next/previous · {key:find.close} close",
    "↑↓",
)
"""After the user has accepted a hit."""
_KEYS_BESIDE: Final = (
    "{key:find} more hits · {key:find.close} close",
    "{key:find} · {key:find.close} close",
    "{key:find}",
)
"""While the prompt has the focus."""
_WIDE: Final = 90
_USUAL: Final = 60
_NARROW: Final = 30
_AGAIN: Final = 0.5
"""Seconds between two checks for new text."""
_SLICE: Final = 0.008
_PAUSE: Final = 0.004
"""Seconds to search at a time, and to pause between, so that keys never wait."""


class FindBar(Horizontal):
    """Searches while the user types."""

    DEFAULT_CSS = """
    FindBar {
        layer: over; dock: bottom; height: 1; width: 100%; padding: 0 2; background: $surface; color: $text;
        Input { width: 1fr; height: 1; border: none; padding: 0; background: $surface; }
        Input:focus { border: none; }
        Static { width: auto; height: 1; color: $dim; }
        #find-count { margin-left: 2; color: $text; }
        #find-keys { margin-left: 2; }
    }
    """

    @dataclass
    class Closed(Message):
        """The bar was closed."""

        bar: FindBar

    BINDINGS: ClassVar[list[BindingType]] = bindings(
        FIND,
        {
            "next": "step(1)",
            "next-at-end": "step_at_end",
            "previous": "step(-1)",
            "accept": "accept",
            "close": "close",
        },
    )

    def __init__(self, view: TranscriptView) -> None:
        super().__init__()
        self._view = view
        self.is_beside = False
        """Whether it opened by itself and leaves the focus to the prompt."""
        self.draft = ""
        """The prompt's text when it opened."""
        self._words = ""
        self._pause: Timer | None = None
        # Kept: a resize or a timer may come when they are gone.
        self._field = Field()
        self._hits = Static("", id="find-count", markup=False)
        self._keys = Static("", id="find-keys", markup=False)

    @property
    def words(self) -> str:
        """What is searched for."""
        return self._words

    def compose(self) -> ComposeResult:
        yield Static("Find: ", markup=False)
        yield self._field
        yield self._hits
        yield self._keys

    def on_mount(self) -> None:
        self.set_interval(_AGAIN, self._refresh)
        self._show_keys()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_keys)
        self.call_after_refresh(self._view.find, FindNavigator.keep_hit_visible)

    def _show_keys(self) -> None:
        region = self.region
        keys = self._keys
        keys.display = region.width >= _NARROW
        words = (
            _KEYS_BESIDE if self.is_beside else _KEYS if self._view.finder.only_typed or not self._words else _KEYS_THEN
        )
        keys.update(keymap_of(self).fill(words[(region.width < _WIDE) + (region.width < _USUAL)]))

    def begin(self, words: str, draft: str, *, beside: bool = False) -> None:
        """Take the focus, unless `beside`. With words, go to their first hit."""
        self.is_beside, self.draft = beside, draft
        field = self._field
        if not beside:
            field.focus()
        if words:
            self._search_for(words)
            self.action_step(0)
            field.value = words

    def on_descendant_focus(self) -> None:
        self.is_beside = False
        self._show_keys()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self._words:
            self._search_for(event.value)

    def action_accept(self) -> None:
        finder = self._view.finder
        self.action_step(0 if finder.only_typed and finder.search.current is not None else 1)

    def action_step_at_end(self) -> None:
        """Go to the next hit if the cursor is at the end; otherwise the key moves the cursor."""
        if not self._field.is_at_end:
            raise SkipAction
        self.action_step(1)

    def action_step(self, by: int) -> None:
        self._view.find(lambda finder: finder.step(by))
        self._count()
        self._show_keys()

    def action_close(self) -> None:
        for place in self._view.find(lambda finder: finder.leave()):
            self._view.post_fold(place, folded=False)
        self.post_message(self.Closed(self))
        self.remove()

    def _search_for(self, words: str) -> None:
        self._words = words
        self._view.find(lambda finder: finder.search_for(words))
        self._show_progress()
        self._show_keys()

    def _show_progress(self) -> None:
        """Show the progress, and continue once keys have been handled."""
        self._count()
        if self._pause is not None:
            self._pause.stop()
        self._pause = None if self._view.finder.search.is_done else self.set_timer(_PAUSE, self._search_further)

    def _search_further(self) -> None:
        search = self._view.finder.search
        before = search.current
        self._view.finder.continue_search(_SLICE)
        if search.is_done or search.current != before:
            self._view.find(lambda _: None)
        self._show_progress()

    def _refresh(self) -> None:
        self._show_keys()
        if self._pause is None and self._view.finder.search.is_outdated:
            self._view.find(lambda finder: finder.refresh())
            self._show_progress()

    def _count(self) -> None:
        search = self._view.finder.search
        passed = self._view.finder.passed
        if search.number:
            shown = f"{search.number}/{search.total}"
            # Typing does not open folded text, so this mentions hits in it.
            shown += f" · {passed:,} folded before" if passed and self.size.width >= _USUAL else ""
        elif not search.is_done:
            shown = f"{search.total}…"
        elif search.total:
            shown = f"{search.total} folded" + (", Enter opens" if self.size.width >= _USUAL else "")
        else:
            shown = "not found" if self._words.strip() else ""
        self._hits.update(shown)
