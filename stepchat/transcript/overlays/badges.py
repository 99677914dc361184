"""`‹ 2/3 ›` at the right end of a message that has others in its place, and what a click on it means."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.segment import Segment

from stepchat.text.widths import cells
from stepchat.transcript.overlays.strip_overlay import OverlayCache, with_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.style import Style
    from textual.strip import Strip

    from stepchat.transcript.document import Document
    from stepchat.transcript.viewport import Viewport

_SPARE: Final = 2
"""Blank columns between the mark and what stands on its row."""
_MOST_ROWS: Final = 6
"""A mark that finds no room on so many rows from the end of its message is left out."""


class _BadgePosition(NamedTuple):
    block: int
    row: int
    columns: range


class SiblingBadges:
    """Adds the marks to rows. `known` says of messages by id which one of how many they are, where there are several."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.known: Mapping[str, tuple[int, int]] = MappingProxyType({})
        self._overlays = OverlayCache()

    def of(self, place: int) -> tuple[int, int] | None:
        """Which one of how many a part is; None when it is the only one."""
        stored = self._document.messages[place].stored
        return self.known.get(stored.id) if stored is not None else None

    def add_to(self, viewport: Viewport, rows: list[Strip]) -> list[Strip]:
        """The rows of the screen with the marks."""
        if not self.known:
            return rows
        marked = rows.copy()
        spots = {
            place: self._spot(place) for place in {shown.message for shown in viewport.screen_rows} if self.of(place)
        }
        for y, shown in enumerate(viewport.screen_rows):
            spot = spots.get(shown.message)
            if spot is not None and (shown.block, shown.row) == (spot.block, spot.row):
                words = Segment(self._words(shown.message), self._style(shown.message))
                make = partial(with_words, rows[y], spot.columns, words)
                marked[y] = self._overlays.over(rows[y], words, make)
        return marked

    def at(self, viewport: Viewport, x: int, y: int) -> tuple[int, int] | None:
        """The message whose mark is on this cell of the screen, and -1 or 1 for the arrow that is nearer."""
        if not 0 <= y < len(viewport.screen_rows):
            return None
        shown = viewport.screen_rows[y]
        spot = self._spot(shown.message) if self.of(shown.message) else None
        if spot is None or (spot.block, spot.row) != (shown.block, shown.row) or x not in spot.columns:
            return None
        return shown.message, -1 if x < spot.columns.start + len(spot.columns) // 2 else 1

    def _words(self, place: int) -> str:
        number, count = self.of(place) or (1, 1)
        return f"‹ {number}/{count} ›"

    def _style(self, place: int) -> Style:
        palette = self._document.layout.builder.palette
        return palette.user if self._document.messages[place].answer is None else palette.dim

    def _spot(self, place: int) -> _BadgePosition | None:
        """The lowest row of the message that has room."""
        page = self._document.layout.builder.geometry
        # A question has a surface, whose edge is left free.
        end = page.margin + page.column - (self._document.messages[place].answer is None)
        columns = range(end - cells(self._words(place)), end)
        if columns.start <= page.margin + _SPARE:
            return None
        for count, (block, row, strip) in enumerate(self._rows_from_end(place)):
            if count == _MOST_ROWS:
                return None
            if not strip.crop(columns.start - _SPARE, columns.stop).text.strip():
                return _BadgePosition(block, row, columns)
        return None

    def _rows_from_end(self, place: int) -> Iterator[tuple[int, int, Strip]]:
        document = self._document
        for block in range(len(document.open(place).blocks) - 1, -1, -1):
            rows = document.rows(place, block)
            for row in range(len(rows) - 1, -1, -1):
                yield block, row, rows[row]
