"""Which character of the conversation stands where on the screen. Wrapping, bars, markers and padding do not count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from stepchat.transcript.block_text import source_map
from stepchat.transcript.cell_map import build_cell_map
from stepchat.transcript.markdown.blocks import Tail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.strip import Strip

    from stepchat.transcript.block_text import SourceMap
    from stepchat.transcript.cell_map import CellMap
    from stepchat.transcript.document import Document, MessageView
    from stepchat.transcript.markdown.blocks import Block
    from stepchat.transcript.viewport import ScreenRow, Viewport

_MOST_BLOCKS: Final = 300


class TextPosition(NamedTuple):
    """A character of the conversation: it is the one from `at` to `end`; both are the same where there is none."""

    message: MessageView
    section: int
    block: int
    """Counted in the section."""
    at: int
    end: int


class CellHit(NamedTuple):
    """What a row of the screen shows: a row of a block; the blank ones above it are negative."""

    message: MessageView
    section: int
    message_index: int
    block: Block
    row: int


class HitTester:
    """Finds places in one document. What was measured is kept for as long as the rows are the same."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._known: dict[Block, tuple[Sequence[Strip], CellMap]] = {}
        self._worded: tuple[CellMap, SourceMap] | None = None

    def hit(self, shown: ScreenRow) -> CellHit:
        document = self.document
        part = document.messages[shown.message]
        section, place = part.blocks.section_of(shown.block)
        block = part.blocks.blocks[shown.block]
        if isinstance(block.group, Tail):
            return self._in_tail(part, section, block, shown.row)
        return CellHit(part, section, place, block, shown.row - block.gap)

    def _in_tail(self, part: MessageView, section: int, block: Block, row: int) -> CellHit:
        """The rows of the tail belong to blocks that are not shown themselves."""
        layout = self.document.layout
        blocks = block.group.blocks if isinstance(block.group, Tail) else []
        left = len(layout.rows(block)) - row
        for place in range(len(blocks) - 1, -1, -1):
            size = len(layout.rows(blocks[place])) - blocks[place].gap
            if left <= size:
                return CellHit(part, section, place, blocks[place], size - left)
            left -= size
        return CellHit(part, section, 0, block, -1)

    def cell_map(self, block: Block) -> CellMap:
        layout = self.document.layout
        rows = layout.rows(block)
        known = self._known.get(block)
        if known is None or known[0] is not rows:
            if len(self._known) > _MOST_BLOCKS:
                self._known.clear()
            before = (known[0][block.gap :], known[1]) if known is not None else None
            known = self._known[block] = (rows, build_cell_map(block, layout, rows[block.gap :], before))
        return known[1]

    def position_at(self, viewport: Viewport, x: int, y: int) -> TextPosition | None:
        """The character at a cell of the screen, or the nearest one before it."""
        shown = viewport.screen_rows
        if not shown:
            return None
        if y < 0:
            x, y = 0, 0
        elif y >= len(shown):
            x, y = 100_000, len(shown) - 1
        spot = self.hit(shown[y])
        measured = self.cell_map(spot.block)
        at, end = measured.character(spot.row, x)
        if at < end and not spot.block.text.isascii():
            at, end = self._wording(spot.block, measured).snap(at, end)
        return TextPosition(spot.message, spot.section, spot.message_index, at, end)

    def word_at(self, viewport: Viewport, x: int, y: int) -> TextPosition | None:
        """The word at a cell of the screen, also where it goes on on another row."""
        mark = self.position_at(viewport, x, y)
        if mark is None or not 0 <= y < len(viewport.screen_rows) or mark.at == mark.end:
            return mark
        block = self.hit(viewport.screen_rows[y]).block
        found = self._wording(block, self.cell_map(block)).word(mark.at)
        return mark._replace(at=found[0], end=found[1]) if found is not None else mark

    def _wording(self, block: Block, measured: CellMap) -> SourceMap:
        """That of the block under the mouse is kept while the mouse is there."""
        if self._worded is None or self._worded[0] is not measured:
            self._worded = (measured, source_map(block, measured))
        return self._worded[1]

    def block_at(self, viewport: Viewport, x: int, y: int) -> TextPosition | None:
        """The block at a cell of the screen."""
        mark = self.position_at(viewport, x, y)
        if mark is None or not 0 <= y < len(viewport.screen_rows):
            return mark
        return mark._replace(at=0, end=self.cell_map(self.hit(viewport.screen_rows[y]).block).total)
