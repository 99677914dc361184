"""Finds words in the conversation. It looks through the sources of the messages; which block and row a hit is on is asked
only for the hit that is gone to, and for what is on screen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from stepchat.messages import AssistantMessage
from stepchat.transcript.answer import BODY, TEXT
from stepchat.transcript.document import Place
from stepchat.transcript.excerpt import visible
from stepchat.transcript.selection import with_style

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.style import Style
    from textual.strip import Strip

    from stepchat.transcript.blocks import Block
    from stepchat.transcript.document import Document, Part
    from stepchat.transcript.spots import Spots
    from stepchat.transcript.viewport import Viewport

_MOST_BLOCKS = 300


class Hit(NamedTuple):
    """Where a hit begins in the source of a message's section."""

    part: Part
    section: int
    at: int


class Target(NamedTuple):
    """The characters of a block that are the hit; none if they cannot be seen, as in the address of a link."""

    part: Part
    section: int
    block: int
    first: int
    end: int


class Search:
    """Hits in order, and which of them is the current one. Upper-case letters in the query are taken as they are."""

    def __init__(self, spots: Spots) -> None:
        self._spots = spots
        self._document: Document = spots.document
        self._pattern: re.Pattern[str] | None = None
        self._seen: dict[Block, tuple[str, bool, re.Pattern[str], list[tuple[int, int]]]] = {}
        self._made: dict[int, tuple[Strip, list[tuple[int, int, Style]], Strip]] = {}
        self._found: dict[Part, list[Hit]] = {}
        self._live: Part | None = None
        self.hits: list[Hit] = []
        self.current: Hit | None = None
        self._target: Target | None = None

    def look_for(self, query: str) -> None:
        """Find all hits. No hit is the current one then."""
        flags = re.NOFLAG if any(character.isupper() for character in query) else re.IGNORECASE
        words = [re.escape(word) for word in query.split()]
        self._pattern = re.compile(r"\s+".join(words), flags) if words else None
        self._seen.clear()
        self.current = self._target = None
        self._found.clear()
        self.refresh()

    def refresh(self) -> None:
        """Take in what came since: new messages, and more of the live answer."""
        parts, was_live = self._document.parts, self._live
        self._live = next((part for part in parts if part.answer and part.answer is self._document.live), None)
        for part in parts:
            if part not in self._found or part is self._live or part is was_live:
                self._found[part] = list(self._hits_in(part))
        self.hits = [hit for part in parts for hit in self._found[part]]
        if self.current is not None and self.current not in self.hits:
            self.current = self._target = None

    @property
    def number(self) -> int:
        """Which hit is the current one, counted from 1; 0 for none."""
        return self.hits.index(self.current) + 1 if self.current is not None and self.current in self.hits else 0

    def step(self, viewport: Viewport, by: int) -> None:
        """To the next hit, or the one before; at the end round to the other. First to one from the screen's top on."""
        if not self.hits:
            return
        if self.current is None:
            parts = self._document.parts
            below = {id(part) for part in parts[self._document.top.entry :]}
            place = next((at for at, hit in enumerate(self.hits) if id(hit.part) in below), 0)
        else:
            place = (self.number - 1 + by) % len(self.hits)
        self.current = self.hits[place]
        self._go(viewport, self.current)

    def _hits_in(self, part: Part) -> Iterator[Hit]:
        if self._pattern is not None:
            for section, source in _sources(part):
                for found in self._pattern.finditer(source):
                    yield Hit(part, section, found.start())

    # ---- where a hit is

    def _go(self, viewport: Viewport, hit: Hit) -> None:
        """Bring a hit into sight; reasoning that is folded opens."""
        document = self._document
        place = document.parts.index(hit.part)
        answer = hit.part.answer
        while answer is not None and hit.section == BODY and answer.panel != "open":
            viewport.toggle(place)
        entry = document.open(place)
        target = self._target = self._target_of(hit, place)
        block = entry.section_start(hit.section) + target.block
        measured = self._spots.measured(entry.blocks[block])
        row = max((row for row, before in enumerate(measured.before) if before <= target.first), default=0)
        viewport.bring(Place(place, block, row + entry.blocks[block].gap))

    def _target_of(self, hit: Hit, place: int) -> Target:
        """The block of a hit: the last one whose text begins before it in the source."""
        entry = self._document.open(place)
        start = entry.section_start(hit.section)
        blocks = entry.blocks[start : start + entry.section_size(hit.section)]
        source = dict(_sources(hit.part)).get(hit.section, "")
        found, begins, at = 0, 0, 0
        for number, block in enumerate(blocks):
            line = block.text.partition("\n")[0]
            here = source.find(line, at) if line.strip() else -1
            if here > hit.at:
                break
            if here >= 0:
                found, begins, at = number, here, here + len(line)
        if not blocks or self._pattern is None:
            return Target(hit.part, hit.section, found, 0, 0)
        before = sum(1 for _ in self._pattern.finditer(source, begins, hit.at))
        ranges = self._ranges(blocks[found])
        first, end = ranges[min(before, len(ranges) - 1)] if ranges else (0, 0)
        return Target(hit.part, hit.section, found, first, end)

    def _ranges(self, block: Block) -> list[tuple[int, int]]:
        """The hits in what a block shows, by characters as `Spots` counts them."""
        pattern = self._pattern
        if pattern is None:
            return []
        seen = self._seen.get(block)
        if seen and seen[0] is block.text and seen[1] == block.open and seen[2] is pattern:
            return seen[3]
        measured = self._spots.measured(block)
        text = visible(block, measured)
        missing = 0 if measured.every else max(0, measured.count(text) - measured.total)
        ranges: list[tuple[int, int]] = []
        at = number = 0
        for found in pattern.finditer(text):
            number += measured.count(text[at : found.start()])
            size = measured.count(found[0])
            ranges.append((number - missing, number - missing + size))
            at, number = found.end(), number + size
        if len(self._seen) > _MOST_BLOCKS:
            self._seen.clear()
        self._seen[block] = (block.text, block.open, pattern, ranges)
        return ranges

    # ---- on the screen

    def mark_rows(self, viewport: Viewport, rows: list[Strip], hit: Style, current: Style) -> list[Strip]:
        """The rows of the screen with all hits on them marked."""
        if self._pattern is None:
            return rows
        marked = rows.copy()
        for y, shown in enumerate(viewport.shown):
            spot = self._spots.of(shown)
            if spot.row < 0 or spot.block.kind == "fact":
                continue
            here = (spot.part, spot.section, spot.place)
            marks: list[tuple[int, int, Style]] = []
            for first, end in self._ranges(spot.block):
                left, right = self._spots.columns(spot, first, end)
                if left < right:
                    marks.append((left, right, current if self._target == (*here, first, end) else hit))
            if marks:
                marked[y] = self._marked(rows[y], marks)
        return marked

    def _marked(self, strip: Strip, marks: list[tuple[int, int, Style]]) -> Strip:
        """The same row with the same marks is the same strip, so that it is not painted anew."""
        made = self._made.get(id(strip))
        if made is None or made[0] is not strip or made[1] != marks:
            if len(self._made) > _MOST_BLOCKS:
                self._made.clear()
            new = strip
            for left, right, style in marks:
                new = with_style(new, left, right, style)
            made = self._made[id(strip)] = (strip, marks, new)
        return made[2]


def _sources(part: Part) -> Sequence[tuple[int, str]]:
    """What can be searched of a message, by section."""
    if part.answer is not None:
        return ((BODY, part.answer.reasoning.source), (TEXT, part.answer.text.source))
    if part.stored is None or isinstance(part.stored.message, AssistantMessage):
        return ()
    return ((0, part.stored.message.text),)
