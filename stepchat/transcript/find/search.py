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

from stepchat.transcript.answer import ENDING
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

    def __init__(self, hit_tester: HitTester) -> None:
        self._hit_tester = hit_tester
        self._document: Document = hit_tester.document
        self._query = Query("")
        self._messages: list[MessageView] = []
        self._waiting: deque[MessageView] = deque()
        self._counts: dict[MessageView, int] = {}
        self._message_indexes: dict[MessageView, MessageIndex] = {}
        self._unfinished: tuple[MessageView, MessageIndex, Iterator[tuple[int, int, TextRun] | None]] | None = None
        self._hits: dict[MessageView, list[Hit]] = {}
        self._live: MessageView | None = None
        self._growing: dict[Block, BlockText] = {}
        """For the live answer."""
        self._block_texts: dict[Block, BlockText] = {}
        """For the blocks on screen."""
        self._ranges_of: dict[Block, tuple[list[TextRun], Query, list[_Range]]] = {}
        self._overlays = OverlayCache()
        self.total = 0
        self.current: Hit | None = None

    # ---- counting

    def search_for(self, typed: str, first: int = 0) -> None:
        """Drops all results. `count_next` then searches message by message, from `first` on and around the end."""
        self._query = Query(typed)
        self._messages = list(self._document.messages)
        self._waiting = deque() if self._query.empty else deque(self._messages[first:] + self._messages[:first])
        self._counts.clear()
        self._hits.clear()
        self.total = 0
        self.current = None
        self._drop_live()

    def forget(self) -> None:
        """Ends the search and drops everything that was read."""
        self.search_for("")
        self._unfinished = None
        for kept in (self._message_indexes, self._growing, self._block_texts, self._ranges_of, self._overlays):
            kept.clear()

    @property
    def is_done(self) -> bool:
        """Whether everything has been searched."""
        return not self._waiting

    def count_next(self, until: float) -> MessageView | None:
        """Searches one more message; None when all are done or time is up."""
        while self._waiting:
            message = self._waiting[0]
            if message not in self._counts:
                if self._may_have(message) and not self._read(message, until):
                    return None
                self._waiting.popleft()
                self.count_in(message)
                return message
            self._waiting.popleft()
        return None

    def count_in(self, message: MessageView) -> int:
        """The number of hits in a message."""
        if message not in self._counts:
            found = self._read(message, inf) if not self._query.empty and self._may_have(message) else None
            self._counts[message] = found.count(self._query) if found else 0
            self.total += self._counts[message]
        return self._counts[message]

    def _may_have(self, message: MessageView) -> bool:
        return message in self._message_indexes or message is self._live or may_match(self._query, message)

    def hits_in(self, message: MessageView) -> list[Hit]:
        if not self.count_in(message):
            return []
        if message not in self._hits:
            if len(self._hits) > 1:
                self._hits.clear()
            found = self._read(message, inf)
            self._hits[message] = found.hits(self._query, message) if found else []
        return self._hits[message]

    def refresh(self) -> None:
        """Takes in new messages and more of the live answer. They are searched later."""
        self._drop_live()
        messages = self._document.messages
        if messages != self._messages:
            kept = set(messages)
            self.total -= sum(self._counts.pop(message, 0) for message in self._messages if message not in kept)
            for message in [message for message in self._message_indexes if message not in kept]:
                del self._message_indexes[message]
            self._messages = list(messages)
        if not self._query.empty:
            self._waiting = deque(message for message in messages if message not in self._counts)
        if self.current is not None and (
            self.current.message not in messages or self.current not in self.hits_in(self.current.message)
        ):
            self.current = None

    @property
    def is_outdated(self) -> bool:
        """Whether there may be new text."""
        return self._live is not None or self._live_part() is not None or self.has_other_messages

    @property
    def has_other_messages(self) -> bool:
        """Whether messages were added or removed."""
        return self._messages != self._document.messages

    @property
    def number(self) -> int:
        """The number of the current hit, from 1; 0 if there is none, or not everything before it is counted yet."""
        current, before = self.current, 0
        for message in self._messages if current is not None else ():
            if current is not None and message is current.message:
                return before + self.hits_in(message).index(current) + 1
            if message not in self._counts:
                return 0
            before += self._counts[message]
        return 0

    def neighbour(self, hit: Hit, by: int) -> Hit:
        """The next or previous hit, around the ends."""
        own = self.hits_in(hit.message)
        index = own.index(hit) + by
        if 0 <= index < len(own):
            return own[index]
        at = self._messages.index(hit.message)
        order = self._messages[at + 1 :] + self._messages[: at + 1]
        for message in order if by > 0 else [*reversed(self._messages[:at]), *reversed(self._messages[at:])]:
            if found := self.hits_in(message):
                return found[0 if by > 0 else -1]
        return hit

    def _drop_live(self) -> None:
        """Drops the results of the live answer, and of the one that was live last time."""
        was_live, self._live = self._live, self._live_part()
        if self._unfinished is not None and self._unfinished[0] in (was_live, self._live):
            self._unfinished = None
        for message in {message for message in (was_live, self._live) if message is not None}:
            self._message_indexes.pop(message, None)
            self._hits.pop(message, None)
            self.total -= self._counts.pop(message, 0)
        if self._live is None:
            self._growing.clear()

    def _live_part(self) -> MessageView | None:
        index = self._document.live_index
        return self._document.messages[index] if index is not None else None

    def _read(self, message: MessageView, until: float) -> MessageIndex | None:
        """The index of a message; None if time is up before it is read to its end, which continues later."""
        if message in self._message_indexes:
            return self._message_indexes[message]
        if self._unfinished is None or self._unfinished[0] is not message:
            self._unfinished = (message, MessageIndex(), self._runs(message))
        _, message_index, runs = self._unfinished
        for run in runs:
            if run is not None:
                message_index.add(*run)
            if monotonic() > until:
                return None
        self._unfinished = None
        self._message_indexes[message] = message_index
        return message_index

    def _runs(self, message: MessageView) -> Iterator[tuple[int, int, TextRun] | None]:
        for section, blocks in message_texts(message):
            number = -1
            for block in blocks:
                if block is None:
                    yield None
                    continue
                number += 1
                block_text = self._growing.get(block)
                if block_text is None:
                    block_text = BlockText(block, display=self._document.layout.builder.display)
                    if message is self._live:
                        self._growing[block] = block_text
                for run in block_text.runs():
                    yield section, number, run

    # ---- positions

    def position_of(self, hit: Hit) -> RowPosition:
        """The row of the page where a hit that is not folded begins."""
        index = self._document.messages.index(hit.message)
        entry = self._document.open(index)
        block_number = entry.section_start(hit.section) + hit.block
        block = entry.blocks[block_number]
        cell_map = self._hit_tester.cell_map(block)
        found = [
            hit_range
            for hit_range in self._ranges(block)
            if (hit_range.cell, hit_range.number) == (hit.cell, hit.number)
        ]
        row = 0
        if found and cell_map.cells is None:
            row = max((row for row, before in enumerate(cell_map.before) if before <= found[0].first), default=0)
        elif found:
            rows = range(len(cell_map.texts))
            row = next((row for row in rows if _columns(cell_map, row, found[0])), 0)
        return RowPosition(index, block_number, row + block.gap)

    def _ranges(self, block: Block) -> list[_Range]:
        """The hits in the visible text of a block."""
        block_text = self._growing.get(block) or self._block_texts.get(block)
        if block_text is None:
            if len(self._block_texts) > _MOST_BLOCKS:
                self._block_texts.clear()
            block_text = self._block_texts[block] = BlockText(block, display=self._document.layout.builder.display)
        runs = block_text.runs()
        known = self._ranges_of.get(block)
        if known and known[0] is runs and known[1] is self._query:
            return known[2]
        if len(self._ranges_of) > _MOST_BLOCKS:
            self._ranges_of.clear()
        every = block.kind in ("code", "html")
        ranges = [found for run in runs for found in self._ranges_in(run, every=every)]
        self._ranges_of[block] = (runs, self._query, ranges)
        return ranges

    def _ranges_in(self, run: TextRun, *, every: bool) -> Iterator[_Range]:
        text = run.text
        own = None if text.isascii() else source_offsets(text)
        at = count = 0
        for number, (first, end) in enumerate(matches(self._query, plain(text), plain_links(run, 0))):
            if own is not None:
                first, end = own[first], own[end - 1] + 1
            count += _count(text[at:first], every=every) if first >= at else -_count(text[first:at], every=every)
            at = first
            yield _Range(run.cell, number, count, count + _count(text[first:end], every=every))

    def _ranges_on(self, cell_hit: CellHit) -> list[_Range]:
        """The hits of a block that may be on this row of it."""
        ranges = self._ranges(cell_hit.block)
        if cell_hit.block.kind == "row" or len(ranges) < _FEW:
            return ranges
        cell_map = self._hit_tester.cell_map(cell_hit.block)
        before = [*cell_map.before, cell_map.total][cell_hit.row : cell_hit.row + 2]
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
            cell_hit = self._hit_tester.hit(shown)
            if cell_hit.row < 0 or (cell_hit.block.kind == "meta" and cell_hit.section != ENDING):
                continue
            marks: list[tuple[int, int, Style]] = []
            cell_map = self._hit_tester.cell_map(cell_hit.block)
            for found in self._ranges_on(cell_hit):
                here = Hit(cell_hit.message, cell_hit.section, cell_hit.block_index, found.cell, found.number)
                style = current if here == self.current else hit
                marks += [(left, right, style) for left, right in _columns(cell_map, cell_hit.row, found)]
            if marks:
                marked[y] = self._overlays.over(rows[y], tuple(marks), partial(with_styles, rows[y], marks))
        return marked


def _columns(cell_map: CellMap, row: int, found: _Range) -> list[tuple[int, int]]:
    """The columns of a hit on a row of its block."""
    starts = cell_map.cell_starts
    start = starts[found.cell] if found.cell < len(starts) else cell_map.total
    return cell_map.columns(row, start + found.first, start + found.end)


def _count(text: str, *, every: bool) -> int:
    return len(text) if every else len("".join(text.split()))
