"""Which character of the conversation stands where on the screen. Wrapping, bars, markers and padding do not count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from stepchat.transcript.block_text import wording
from stepchat.transcript.cell_map import measure
from stepchat.transcript.markdown.blocks import Tail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.strip import Strip

    from stepchat.transcript.block_text import Wording
    from stepchat.transcript.cell_map import Measured
    from stepchat.transcript.document import Document, Part
    from stepchat.transcript.markdown.blocks import Block
    from stepchat.transcript.viewport import Shown, Viewport

_MOST_BLOCKS: Final = 300


class Mark(NamedTuple):
    """A character of the conversation: it is the one from `at` to `end`; both are the same where there is none."""

    part: Part
    section: int
    block: int
    """Counted in the section."""
    at: int
    end: int


class Spot(NamedTuple):
    """What a row of the screen shows: a row of a block; the blank ones above it are negative."""

    part: Part
    section: int
    place: int
    block: Block
    row: int


class Spots:
    """Finds places in one document. What was measured is kept for as long as the rows are the same."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._known: dict[Block, tuple[Sequence[Strip], Measured]] = {}
        self._worded: tuple[Measured, Wording] | None = None

    def of(self, shown: Shown) -> Spot:
        document = self.document
        part = document.parts[shown.entry]
        section, place = part.entry.section_of(shown.block)
        block = part.entry.blocks[shown.block]
        if isinstance(block.group, Tail):
            return self._in_tail(part, section, block, shown.row)
        return Spot(part, section, place, block, shown.row - block.gap)

    def _in_tail(self, part: Part, section: int, block: Block, row: int) -> Spot:
        """The rows of the tail belong to blocks that are not shown themselves."""
        layout = self.document.layout
        blocks = block.group.blocks if isinstance(block.group, Tail) else []
        left = len(layout.rows(block)) - row
        for place in range(len(blocks) - 1, -1, -1):
            size = len(layout.rows(blocks[place])) - blocks[place].gap
            if left <= size:
                return Spot(part, section, place, blocks[place], size - left)
            left -= size
        return Spot(part, section, 0, block, -1)

    def measured(self, block: Block) -> Measured:
        layout = self.document.layout
        rows = layout.rows(block)
        known = self._known.get(block)
        if known is None or known[0] is not rows:
            if len(self._known) > _MOST_BLOCKS:
                self._known.clear()
            before = (known[0][block.gap :], known[1]) if known is not None else None
            known = self._known[block] = (rows, measure(block, layout, rows[block.gap :], before))
        return known[1]

    def mark(self, viewport: Viewport, x: int, y: int) -> Mark | None:
        """The character at a cell of the screen, or the nearest one before it."""
        shown = viewport.shown
        if not shown:
            return None
        if y < 0:
            x, y = 0, 0
        elif y >= len(shown):
            x, y = 100_000, len(shown) - 1
        spot = self.of(shown[y])
        measured = self.measured(spot.block)
        at, end = measured.character(spot.row, x)
        if at < end and not spot.block.text.isascii():
            at, end = self._wording(spot.block, measured).snapped(at, end)
        return Mark(spot.part, spot.section, spot.place, at, end)

    def word(self, viewport: Viewport, x: int, y: int) -> Mark | None:
        """The word at a cell of the screen, also where it goes on on another row."""
        mark = self.mark(viewport, x, y)
        if mark is None or not 0 <= y < len(viewport.shown) or mark.at == mark.end:
            return mark
        block = self.of(viewport.shown[y]).block
        found = self._wording(block, self.measured(block)).word(mark.at)
        return mark._replace(at=found[0], end=found[1]) if found is not None else mark

    def _wording(self, block: Block, measured: Measured) -> Wording:
        """That of the block under the mouse is kept while the mouse is there."""
        if self._worded is None or self._worded[0] is not measured:
            self._worded = (measured, wording(block, measured))
        return self._worded[1]

    def whole(self, viewport: Viewport, x: int, y: int) -> Mark | None:
        """The block at a cell of the screen."""
        mark = self.mark(viewport, x, y)
        if mark is None or not 0 <= y < len(viewport.shown):
            return mark
        return mark._replace(at=0, end=self.measured(self.of(viewport.shown[y]).block).total)
