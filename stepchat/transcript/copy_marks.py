"""The word `copy` at the right end of a code block's label, and the block that a click on it means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from textual.strip import Strip

from stepchat.transcript.blocks import Fence

if TYPE_CHECKING:
    from stepchat.transcript.blocks import Block
    from stepchat.transcript.document import Document
    from stepchat.transcript.viewport import Viewport

_WORD: Final = "copy"
_PAD: Final = 2
_MOST_STRIPS: Final = 200


class CopyMarks:
    """Adds the word to rows. The same row gives the same strip, so that it is not painted anew."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._made: dict[int, tuple[Strip, Strip]] = {}

    def add_to(self, viewport: Viewport, rows: list[Strip]) -> list[Strip]:
        """The rows of the screen with the word on those that are labels and have room for it."""
        marked = rows
        for y, shown in enumerate(viewport.shown):
            block = self._block(shown.entry, shown.block)
            if block.kind == "label" and shown.row == block.gap and self._columns(rows[y]):
                marked = marked if marked is not rows else rows.copy()
                marked[y] = self._marked(rows[y])
        return marked

    def at(self, viewport: Viewport, x: int, y: int) -> Fence | None:
        """The code block whose word is on this cell of the screen."""
        if not 0 <= y < len(viewport.shown):
            return None
        shown = viewport.shown[y]
        block = self._block(shown.entry, shown.block)
        if block.kind != "label" or shown.row != block.gap or not isinstance(block.group, Fence):
            return None
        return block.group if x in self._columns(shown.strip) else None

    def _block(self, entry: int, block: int) -> Block:
        return self._document.parts[entry].entry.blocks[block]

    def _columns(self, strip: Strip) -> range:
        """Where the word stands; empty when there is no room."""
        page = self._document.layout.pen.page
        end = page.margin + page.wide - _PAD
        columns = range(end - len(_WORD), end)
        return columns if not strip.crop(columns.start - 1, columns.stop).text.strip() else range(0)

    def _marked(self, strip: Strip) -> Strip:
        made = self._made.get(id(strip))
        if made is None or made[0] is not strip:
            if len(self._made) > _MOST_STRIPS:
                self._made.clear()
            columns = self._columns(strip)
            word = Segment(_WORD, self._document.layout.pen.palette.code_label)
            parts = (strip.crop(0, columns.start), strip.crop(columns.stop, strip.cell_length))
            made = self._made[id(strip)] = (strip, Strip([*parts[0], word, *parts[1]], strip.cell_length))
        return made[1]
