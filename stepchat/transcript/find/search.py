"""Finds words in the conversation as it reads, not as it was written. Whatever is counted is highlighted.

Searching everything is spread over many frames, message by message; a message is parsed only if its source may match.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from functools import partial
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

from stepchat.transcript.answer import END
from stepchat.transcript.block_text import BlockText
from stepchat.transcript.document import RowPosition
from stepchat.transcript.find.query import Query, plain, source_offsets
from stepchat.transcript.find.text_index import Hit, MessageIndex, matches, may_match, message_texts, plain_links
from stepchat.transcript.layout.strips import OverlayCache, with_styles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.style import Style
    from textual.strip import Strip

    from stepchat.transcript.block_text import TextRun
    from stepchat.transcript.document import Document, MessageView
    from stepchat.transcript.hit_testing import CellHit, CellMap, HitTester
    from stepchat.transcript.markdown.blocks import Block
    from stepchat.transcript.viewport import Viewport

_MOST_BLOCKS: Final = 300
_FEW: Final = 20


class _Range(NamedTuple):
    """The characters of a block that are a hit, counted as `HitTester` does; in a table row counted within the cell."""

    cell: int
    number: int
    first: int
    end: int


class Search:
    """The hits of a query, and the current one."""

    def __init__(self, spots: HitTester) -> None:
        self._spots = spots
        self._document: Document = spots.document
        self._query = Query("")
        self._parts: list[MessageView] = []
        self._waiting: deque[MessageView] = deque()
        self._counts: dict[MessageView, int] = {}
        self._findable: dict[MessageView, MessageIndex] = {}
        self._begun: tuple[MessageView, MessageIndex, Iterator[tuple[int, int, TextRun] | None]] | None = None
        self._hits: dict[MessageView, list[Hit]] = {}
        self._live: MessageView | None = None
        self._growing: dict[Block, BlockText] = {}
        """For the live answer."""
        self._readings: dict[Block, BlockText] = {}
        """For the blocks on screen."""
        self._ranges_of: dict[Block, tuple[list[TextRun], Query, list[_Range]]] = {}
        self._overlays = OverlayCache()
        self.total = 0
        self.current: Hit | None = None

    # ---- counting

    def search_for(self, typed: str, first: int = 0) -> None:
        """Drops all results. `count_next` then searches message by message, from `first` on and around the end."""
        self._query = Query(typed)
        self._parts = list(self._document.messages)
        self._waiting = deque() if self._query.empty else deque(self._parts[first:] + self._parts[:first])
        self._counts.clear()
        self._hits.clear()
        self.total = 0
        self.current = None
        self._drop_live()

    def forget(self) -> None:
        """Ends the search and drops everything that was read."""
        self.search_for("")
        self._begun = None
        for kept in (self._findable, self._growing, self._readings, self._ranges_of, self._overlays):
            kept.clear()

    @property
    def is_done(self) -> bool:
        """Whether everything has been searched."""
        return not self._waiting

    def count_next(self, until: float) -> MessageView | None:
        """Searches one more message; None when all are done or time is up."""
        while self._waiting:
            part = self._waiting[0]
            if part not in self._counts:
                if self._may_have(part) and not self._read(part, until):
                    return None
                self._waiting.popleft()
                self.count_in(part)
                return part
            self._waiting.popleft()
        return None

    def count_in(self, part: MessageView) -> int:
        """The number of hits in a message."""
        if part not in self._counts:
            found = self._read(part, inf) if not self._query.empty and self._may_have(part) else None
            self._counts[part] = found.count(self._query) if found else 0
            self.total += self._counts[part]
        return self._counts[part]

    def _may_have(self, part: MessageView) -> bool:
        return part in self._findable or part is self._live or may_match(self._query, part)

    def hits_in(self, part: MessageView) -> list[Hit]:
        if not self.count_in(part):
            return []
        if part not in self._hits:
            if len(self._hits) > 1:
                self._hits.clear()
            found = self._read(part, inf)
            self._hits[part] = found.hits(self._query, part) if found else []
        return self._hits[part]

    def refresh(self) -> None:
        """Takes in new messages and more of the live answer. They are searched later."""
        self._drop_live()
        parts = self._document.messages
        if parts != self._parts:
            kept = set(parts)
            self.total -= sum(self._counts.pop(part, 0) for part in self._parts if part not in kept)
            for part in [part for part in self._findable if part not in kept]:
                del self._findable[part]
            self._parts = list(parts)
        if not self._query.empty:
            self._waiting = deque(part for part in parts if part not in self._counts)
        if self.current is not None and (
            self.current.message not in parts or self.current not in self.hits_in(self.current.message)
        ):
            self.current = None

    @property
    def is_outdated(self) -> bool:
        """Whether there may be new text."""
        return self._live is not None or self._live_part() is not None or self.has_other_parts

    @property
    def has_other_parts(self) -> bool:
        """Whether messages were added or removed."""
        return self._parts != self._document.messages

    @property
    def number(self) -> int:
        """The number of the current hit, from 1; 0 if there is none, or not everything before it is counted yet."""
        current, before = self.current, 0
        for part in self._parts if current is not None else ():
            if current is not None and part is current.message:
                return before + self.hits_in(part).index(current) + 1
            if part not in self._counts:
                return 0
            before += self._counts[part]
        return 0

    def neighbour(self, hit: Hit, by: int) -> Hit:
        """The next or previous hit, around the ends."""
        own = self.hits_in(hit.message)
        place = own.index(hit) + by
        if 0 <= place < len(own):
            return own[place]
        at = self._parts.index(hit.message)
        order = self._parts[at + 1 :] + self._parts[: at + 1]
        for part in order if by > 0 else [*reversed(self._parts[:at]), *reversed(self._parts[at:])]:
            if found := self.hits_in(part):
                return found[0 if by > 0 else -1]
        return hit

    def _drop_live(self) -> None:
        """Drops the results of the live answer, and of the one that was live last time."""
        was_live, self._live = self._live, self._live_part()
        if self._begun is not None and self._begun[0] in (was_live, self._live):
            self._begun = None
        for part in {part for part in (was_live, self._live) if part is not None}:
            self._findable.pop(part, None)
            self._hits.pop(part, None)
            self.total -= self._counts.pop(part, 0)
        if self._live is None:
            self._growing.clear()

    def _live_part(self) -> MessageView | None:
        place = self._document.live_place
        return self._document.messages[place] if place is not None else None

    def _read(self, part: MessageView, until: float) -> MessageIndex | None:
        """The index of a message; None if time is up before it is read to its end, which continues later."""
        if part in self._findable:
            return self._findable[part]
        if self._begun is None or self._begun[0] is not part:
            self._begun = (part, MessageIndex(), self._passages(part))
        _, findable, passages = self._begun
        for passage in passages:
            if passage is not None:
                findable.add(*passage)
            if monotonic() > until:
                return None
        self._begun = None
        self._findable[part] = findable
        return findable

    def _passages(self, part: MessageView) -> Iterator[tuple[int, int, TextRun] | None]:
        for section, blocks in message_texts(part):
            number = -1
            for block in blocks:
                if block is None:
                    yield None
                    continue
                number += 1
                reading = self._growing.get(block)
                if reading is None:
                    reading = BlockText(block)
                    if part is self._live:
                        self._growing[block] = reading
                for passage in reading.runs():
                    yield section, number, passage

    # ---- positions

    def position_of(self, hit: Hit) -> RowPosition:
        """The row of the page where a hit that is not folded begins."""
        place = self._document.messages.index(hit.message)
        entry = self._document.open(place)
        block_number = entry.section_start(hit.section) + hit.block
        block = entry.blocks[block_number]
        measured = self._spots.cell_map(block)
        found = [mark for mark in self._ranges(block) if (mark.cell, mark.number) == (hit.cell, hit.number)]
        row = 0
        if found and measured.cells is None:
            row = max((row for row, before in enumerate(measured.before) if before <= found[0].first), default=0)
        elif found:
            rows = range(len(measured.texts))
            row = next((row for row in rows if _columns(measured, row, found[0])), 0)
        return RowPosition(place, block_number, row + block.gap)

    def _ranges(self, block: Block) -> list[_Range]:
        """The hits in the visible text of a block."""
        reading = self._growing.get(block) or self._readings.get(block)
        if reading is None:
            if len(self._readings) > _MOST_BLOCKS:
                self._readings.clear()
            reading = self._readings[block] = BlockText(block)
        passages = reading.runs()
        known = self._ranges_of.get(block)
        if known and known[0] is passages and known[1] is self._query:
            return known[2]
        if len(self._ranges_of) > _MOST_BLOCKS:
            self._ranges_of.clear()
        every = block.kind in ("code", "html")
        ranges = [found for passage in passages for found in self._ranges_in(passage, every=every)]
        self._ranges_of[block] = (passages, self._query, ranges)
        return ranges

    def _ranges_in(self, passage: TextRun, *, every: bool) -> Iterator[_Range]:
        text = passage.text
        own = None if text.isascii() else source_offsets(text)
        at = count = 0
        for number, (first, end) in enumerate(matches(self._query, plain(text), plain_links(passage, 0))):
            if own is not None:
                first, end = own[first], own[end - 1] + 1
            count += _count(text[at:first], every=every) if first >= at else -_count(text[first:at], every=every)
            at = first
            yield _Range(passage.cell, number, count, count + _count(text[first:end], every=every))

    def _ranges_on(self, spot: CellHit) -> list[_Range]:
        """The hits of a block that may be on this row of it."""
        ranges = self._ranges(spot.block)
        if spot.block.kind == "row" or len(ranges) < _FEW:
            return ranges
        measured = self._spots.cell_map(spot.block)
        before = [*measured.before, measured.total][spot.row : spot.row + 2]
        if len(before) < 2:
            return []
        first = bisect_right(ranges, before[0], key=lambda found: found.end)
        return ranges[first : bisect_left(ranges, before[1], first, key=lambda found: found.first)]

    # ---- on the screen

    def mark_rows(self, viewport: Viewport, rows: list[Strip], hit: Style, current: Style) -> list[Strip]:
        """The rows of the screen with all hits highlighted."""
        if self._query.empty:
            return rows
        marked = rows.copy()
        for y, shown in enumerate(viewport.screen_rows):
            spot = self._spots.hit(shown)
            if spot.row < 0 or (spot.block.kind == "meta" and spot.section != END):
                continue
            marks: list[tuple[int, int, Style]] = []
            measured = self._spots.cell_map(spot.block)
            for found in self._ranges_on(spot):
                here = Hit(spot.message, spot.section, spot.message_index, found.cell, found.number)
                look = current if here == self.current else hit
                marks += [(left, right, look) for left, right in _columns(measured, spot.row, found)]
            if marks:
                marked[y] = self._overlays.over(rows[y], tuple(marks), partial(with_styles, rows[y], marks))
        return marked


def _columns(measured: CellMap, row: int, found: _Range) -> list[tuple[int, int]]:
    """The columns of a hit on a row of its block."""
    starts = measured.cell_starts
    start = starts[found.cell] if found.cell < len(starts) else measured.total
    return measured.columns(row, start + found.first, start + found.end)


def _count(text: str, *, every: bool) -> int:
    return len(text) if every else len("".join(text.split()))
