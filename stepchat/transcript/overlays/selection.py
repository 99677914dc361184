"""The mouse selection. It is stored as characters of messages, so it survives new text, folding and a change of width."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

from stepchat.transcript import copying
from stepchat.transcript.hit_testing import HitTester
from stepchat.transcript.layout.strips import OverlayCache, with_styles
from stepchat.transcript.markdown.blocks import MetaLine

if TYPE_CHECKING:
    from rich.style import Style
    from textual.strip import Strip

    from stepchat.transcript.document import Document
    from stepchat.transcript.hit_testing import TextPosition
    from stepchat.transcript.viewport import Viewport

Unit: TypeAlias = Literal["character", "word", "block"]


class Selection:
    """From where the button was pressed to where the mouse is or was released."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.hit_tester = HitTester(document)
        self._unit: Unit = "character"
        self._anchor: TextPosition | None = None
        self._head: TextPosition | None = None
        self._overlays = OverlayCache()

    def __bool__(self) -> bool:
        """Whether anything is selected."""
        return self.ends() is not None

    def clear(self) -> None:
        self._anchor = self._head = None

    def begin(self, viewport: Viewport, x: int, y: int, unit: Unit) -> None:
        """Starts a selection. A word or a block is selected at once, characters when the mouse moves."""
        self._unit = unit
        self._anchor = self._position(viewport, x, y)
        self._head = None if unit == "character" else self._anchor

    def extend(self, viewport: Viewport, x: int, y: int) -> None:
        """Moves the end of the selection to the mouse, whose button is down."""
        head = self._position(viewport, x, y)
        if self._head is not None or head != self._anchor:
            self._head = head

    def _position(self, viewport: Viewport, x: int, y: int) -> TextPosition | None:
        match self._unit:
            case "character":
                return self.hit_tester.position_at(viewport, x, y)
            case "word":
                return self.hit_tester.word_at(viewport, x, y)
            case "block":
                return self.hit_tester.block_at(viewport, x, y)

    def ends(self) -> tuple[copying.CopyPosition, copying.CopyPosition] | None:
        """The first selected character and the one after the last; None if nothing is selected."""
        anchor, head = self._anchor, self._head
        if anchor is None or head is None:
            return None
        try:
            indexes = [self.document.messages.index(position.message) for position in (anchor, head)]
        except ValueError:  # a removed notice, or another session
            self.clear()
            return None
        marks = (anchor, head)
        first = min(
            (index, position.section, position.block, position.at)
            for index, position in zip(indexes, marks, strict=True)
        )
        end = max(
            (index, position.section, position.block, position.end)
            for index, position in zip(indexes, marks, strict=True)
        )
        return (copying.CopyPosition(*first), copying.CopyPosition(*end)) if first < end else None

    def text(self) -> str:
        """The selected text as it was written. A double click copies just the word."""
        ends = self.ends()
        return copying.selected_text(self.hit_tester, *ends, as_it_reads=self._unit == "word") if ends else ""

    def mark_rows(self, viewport: Viewport, rows: list[Strip], style: Style) -> list[Strip]:
        """The rows of the screen with this style added to the selection."""
        ends = self.ends()
        if ends is None:
            return rows
        first, end = ends
        only_words = copying.has_message_text(self.hit_tester, first, end)
        marked = rows.copy()
        for y, shown in enumerate(viewport.screen_rows):
            if not first.message_index <= shown.message <= end.message_index:
                continue
            cell_hit = self.hit_tester.hit(shown)
            here = (shown.message, cell_hit.section, cell_hit.block_index)
            if cell_hit.row < 0 or not first[:3] <= here <= end[:3]:
                continue
            if only_words and isinstance(cell_hit.block.group, MetaLine):  # not copied
                continue
            cell_map = self.hit_tester.cell_map(cell_hit.block)
            columns = cell_map.columns(
                cell_hit.row,
                first.at if here == first[:3] else 0,
                end.at if here == end[:3] else cell_map.total,
            )
            if columns:
                marks = tuple((left, right, style) for left, right in columns)
                marked[y] = self._overlays.over(rows[y], marks, partial(with_styles, rows[y], marks))
        return marked
