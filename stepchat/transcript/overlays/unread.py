"""`↓ new text` on the last row of the screen while the reader is further up and something has come below."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from rich.segment import Segment

from stepchat.text.widths import cells
from stepchat.transcript.overlays.strip_overlay import OverlayCache, with_words

if TYPE_CHECKING:
    from textual.strip import Strip

    from stepchat.transcript.document import Document
    from stepchat.transcript.palette import Palette
    from stepchat.transcript.viewport import Viewport

_WORDS: Final = (" ↓ new text · Ctrl+End ", " ↓ new text ", " ↓ ")
_SHARE: Final = 2
"""Of the row no more is covered than a part of this size."""


class UnreadBadge:
    """Adds the mark. It costs one comparison a frame, whatever comes."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._seen = (0, 0)
        self._overlays = OverlayCache(20)
        self._shown: range | None = None

    def mark_seen(self) -> None:
        """What is there now counts as seen."""
        self._seen = self._amount()

    def add_to(self, viewport: Viewport, rows: list[Strip], palette: Palette) -> list[Strip]:
        """The rows of the screen with the mark, if there is something new below them."""
        amount = self._amount()
        if viewport.follow or (amount != self._seen and viewport.at_end):
            self._seen = amount
        self._shown = None
        page = self._document.layout.builder.geometry
        words = next((words for words in _WORDS if cells(words) <= page.wide // _SHARE), "")
        if amount <= self._seen or len(viewport.screen_rows) < len(rows) or not rows or not words:
            return rows
        self._shown = range(page.margin + page.wide - cells(words), page.margin + page.wide)
        mark = Segment(words, palette.user_bar)
        make = partial(with_words, rows[-1], self._shown, mark)
        return [*rows[:-1], self._overlays.over(rows[-1], mark, make)]

    def at(self, viewport: Viewport, x: int, y: int) -> bool:
        """Whether the mark is on this cell of the screen."""
        return self._shown is not None and y == viewport.height - 1 and x in self._shown

    def _amount(self) -> tuple[int, int]:
        """How much there is: messages, and letters of the newest answer."""
        parts = self._document.messages
        newest = next((part.answer for part in reversed(parts) if part.answer is not None), None)
        return len(parts), newest.reasoning.length + newest.text.length if newest is not None else 0
