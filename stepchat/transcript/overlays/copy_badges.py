"""The word `copy` at the right end of a code block's label, and the block that a click on the label means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.segment import Segment

from stepchat.transcript.markdown.blocks import Fence
from stepchat.transcript.overlays.strip_overlay import OverlayCache, with_words

if TYPE_CHECKING:
    from textual.strip import Strip

    from stepchat.transcript.document import Document
    from stepchat.transcript.markdown.blocks import Block
    from stepchat.transcript.viewport import Viewport

_WORD: Final = "copy"
_PAD: Final = 2


class CopyBadges:
    """Adds the word to rows."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._overlays = OverlayCache()

    def add_to(self, viewport: Viewport, rows: list[Strip]) -> list[Strip]:
        """The rows of the screen with the word on those that are labels and have room for it."""
        marked = rows
        for y, shown in enumerate(viewport.screen_rows):
            block = self._block(shown.message, shown.block)
            if block.kind == "label" and shown.row == block.gap and self._columns(rows[y], block):
                marked = marked if marked is not rows else rows.copy()
                marked[y] = self._marked(rows[y], block)
        return marked

    def at(self, viewport: Viewport, x: int, y: int) -> Fence | None:
        """The code block whose label is on this row of the screen, from the text's left edge on."""
        if not 0 <= y < len(viewport.screen_rows):
            return None
        shown = viewport.screen_rows[y]
        block = self._block(shown.message, shown.block)
        if block.kind != "label" or shown.row != block.gap or not isinstance(block.group, Fence):
            return None
        return block.group if x >= self._document.layout.builder.geometry.margin else None

    def _block(self, entry: int, block: int) -> Block:
        return self._document.messages[entry].blocks.blocks[block]

    def _columns(self, strip: Strip, block: Block) -> range:
        """Where the word stands; empty when there is no room."""
        layout = self._document.layout
        end = layout.builder.geometry.margin + layout.code_block_width(block) - _PAD
        columns = range(end - len(_WORD), end)
        has_room = columns.start > 0 and not strip.crop(columns.start - 1, columns.stop).text.strip()
        return columns if has_room else range(0)

    def _marked(self, strip: Strip, block: Block) -> Strip:
        word = Segment(_WORD, self._document.layout.builder.palette.code_label)
        return self._overlays.over(strip, None, lambda: with_words(strip, self._columns(strip, block), word))
