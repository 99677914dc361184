"""Selection with the mouse: drag for characters, double-click for words, triple-click for blocks; scrolls at the edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.timer import Timer

    from stepchat.transcript.overlays.selection import Selection, Unit
    from stepchat.transcript.viewport import Viewport

    StartTimer = Callable[[float, Callable[[], object]], Timer]

_DOUBLE_CLICK: Final = 0.4
"""Seconds within which a second press at the same position makes a double-click."""
_SCROLL_STEP: Final = 0.05
"""Seconds between two steps while scrolling at an edge."""
_MAX_ROWS: Final = 5


class MouseSelection:
    """Changes the selection. `press`, `move` and `release` return whether something needs painting."""

    def __init__(self, selection: Selection, viewport: Viewport, scroll: Callable[[int], None]) -> None:
        self._selection = selection
        self._viewport = viewport
        self._scroll = scroll
        self._last: tuple[float, int, int] = (float("-inf"), 0, 0)
        self._presses = 0
        self._at: tuple[int, int] = (0, 0)
        self._timer: Timer | None = None
        self._clicked: Timer | None = None
        """Runs until a click is known to be a single one."""
        self._followed = False
        self.pressed = False

    def press(self, x: int, y: int, now: float) -> bool:
        before, *at = self._last
        again = now - before <= _DOUBLE_CLICK and at == [x, y] and not self._is_button(y)
        self._forget_click()
        self._presses = self._presses % 3 + 1 if again else 1
        self._last = (now, x, y)
        self.pressed = True
        # Text must not scroll away under the mouse.
        self._followed, self._viewport.follow = self._viewport.follow, False
        self._at = (x, y)
        units: tuple[Unit, ...] = ("character", "word", "block")
        had = bool(self._selection)
        self._selection.begin(self._viewport, x, y, units[self._presses - 1])
        return had or self._presses > 1

    def on_single_click(self, do: Callable[[], object], start_timer: StartTimer) -> None:
        """Act on a single click only, because a double-click would otherwise hit what its first half opened."""
        self._forget_click()
        self._clicked = start_timer(_DOUBLE_CLICK, do)

    def _forget_click(self) -> None:
        if self._clicked is not None:
            self._clicked.stop()
            self._clicked = None

    def _is_button(self, y: int) -> bool:
        """Whether a click on this row has an effect of its own, so that it never selects words."""
        viewport = self._viewport
        shown = viewport.screen_rows[y] if 0 <= y < len(viewport.screen_rows) else None
        if shown is None or viewport.header_at(y) is not None:
            return shown is not None
        return viewport.document.messages[shown.message].blocks.blocks[shown.block].kind == "label"

    def move(self, x: int, y: int, start_timer: StartTimer) -> bool:
        if (x, y) == self._at:
            return False
        self._at = (x, y)
        self._selection.extend(self._viewport, x, y)
        if not self._rows_beyond():
            self._stop_timer()
        elif self._timer is None:
            self._timer = start_timer(_SCROLL_STEP, self._step)
        return True

    def release(self) -> bool:
        """Returns whether something is selected. If not, the page follows the end again as before."""
        self.pressed = False
        self._stop_timer()
        if not self._selection:
            self._viewport.follow = self._followed
        return bool(self._selection)

    def _rows_beyond(self) -> int:
        """The distance of the mouse beyond an edge. The first row counts as beyond, because nothing is above it."""
        y, height = self._at[1], self._viewport.height
        if y <= 0:
            return max(-_MAX_ROWS, y - 1)
        return min(_MAX_ROWS, y - height + 1) if y >= height else 0

    def _step(self) -> None:
        if not self.pressed:
            self._stop_timer()
            return
        self._scroll(self._rows_beyond())
        self._selection.extend(self._viewport, *self._at)
        self._scroll(0)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
