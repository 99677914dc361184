"""Small labels over the rows of the screen: `‹ 2/3 ›` for siblings, `copy` on code, `↓ new text` below."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.segment import Segment

from stepchat.text.widths import cells
from stepchat.transcript.layout.strips import OverlayCache, with_text
from stepchat.transcript.markdown.blocks import Fence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.style import Style
    from textual.strip import Strip

    from stepchat.transcript.document import Document
    from stepchat.transcript.markdown.blocks import Block
    from stepchat.transcript.palette import Palette
    from stepchat.transcript.viewport import Viewport

_SPARE: Final = 2
"""Blank columns between the badge and the text on its row."""
_MOST_ROWS: Final = 6
"""A badge without space on the last rows of its message, up to so many, is not shown."""


class _BadgePosition(NamedTuple):
    block: int
    row: int
    columns: range


class SiblingBadges:
    """`‹ 2/3 ›` at the right end of messages that have siblings. `known` has the number and count of each, by message id."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.known: Mapping[str, tuple[int, int]] = MappingProxyType({})
        self._overlays = OverlayCache()

    def of(self, index: int) -> tuple[int, int] | None:
        """The number and count of a message among its siblings; None if it has none."""
        stored = self._document.messages[index].stored
        return self.known.get(stored.id) if stored is not None else None

    def add_to(self, viewport: Viewport, rows: list[Strip]) -> list[Strip]:
        """The rows of the screen with the badges."""
        if not self.known:
            return rows
        badged = rows.copy()
        positions = {
            index: self._position(index)
            for index in {shown.message for shown in viewport.screen_rows}
            if self.of(index)
        }
        for y, shown in enumerate(viewport.screen_rows):
            position = positions.get(shown.message)
            if position is not None and (shown.block, shown.row) == (position.block, position.row):
                text = Segment(self._text(shown.message), self._style(shown.message))
                make = partial(with_text, rows[y], position.columns, text)
                badged[y] = self._overlays.over(rows[y], text, make)
        return badged

    def at(self, viewport: Viewport, x: int, y: int) -> tuple[int, int] | None:
        """The message whose badge is at this cell of the screen, and -1 or 1 for the nearer arrow."""
        if not 0 <= y < len(viewport.screen_rows):
            return None
        shown = viewport.screen_rows[y]
        position = self._position(shown.message) if self.of(shown.message) else None
        if position is None or (position.block, position.row) != (shown.block, shown.row) or x not in position.columns:
            return None
        return shown.message, -1 if x < position.columns.start + len(position.columns) // 2 else 1

    def _text(self, index: int) -> str:
        number, count = self.of(index) or (1, 1)
        return f"‹ {number}/{count} ›"

    def _style(self, index: int) -> Style:
        palette = self._document.layout.builder.palette
        return palette.user if self._document.messages[index].answer is None else palette.dim

    def _position(self, index: int) -> _BadgePosition | None:
        """The lowest row of the message with enough space."""
        page = self._document.layout.builder.geometry
        # The user's own text has a background, whose edge stays free.
        end = page.margin + page.column - (self._document.messages[index].answer is None)
        columns = range(end - cells(self._text(index)), end)
        if columns.start <= page.margin + _SPARE:
            return None
        for count, (block, row, strip) in enumerate(self._rows_from_end(index)):
            if count == _MOST_ROWS:
                return None
            if not strip.crop(columns.start - _SPARE, columns.stop).text.strip():
                return _BadgePosition(block, row, columns)
        return None

    def _rows_from_end(self, index: int) -> Iterator[tuple[int, int, Strip]]:
        document = self._document
        for block in range(len(document.open(index).blocks) - 1, -1, -1):
            rows = document.rows(index, block)
            for row in range(len(rows) - 1, -1, -1):
                yield block, row, rows[row]


_COPY: Final = "copy"
_COPY_PAD: Final = 2


class CopyBadges:
    """`copy` at the right end of a code block's label."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._overlays = OverlayCache()

    def add_to(self, viewport: Viewport, rows: list[Strip]) -> list[Strip]:
        """The rows of the screen with the badge on labels that have space for it."""
        badged = rows
        for y, shown in enumerate(viewport.screen_rows):
            block = self._block(shown.message, shown.block)
            if block.kind == "label" and shown.row == block.gap and self._columns(rows[y], block):
                badged = badged if badged is not rows else rows.copy()
                badged[y] = self._with_badge(rows[y], block)
        return badged

    def at(self, viewport: Viewport, x: int, y: int) -> Fence | None:
        """The code block whose label is on this row of the screen, at or right of the text's left edge."""
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
        """The columns of the badge; empty if there is no space."""
        layout = self._document.layout
        end = layout.builder.geometry.margin + layout.code_block_width(block) - _COPY_PAD
        columns = range(end - len(_COPY), end)
        fits = columns.start > 0 and not strip.crop(columns.start - 1, columns.stop).text.strip()
        return columns if fits else range(0)

    def _with_badge(self, strip: Strip, block: Block) -> Strip:
        text = Segment(_COPY, self._document.layout.builder.palette.code_label)
        return self._overlays.over(strip, None, lambda: with_text(strip, self._columns(strip, block), text))


_NEW_TEXT: Final = (" ↓ new text · {key:end} ", " ↓ new text ", " ↓ ")
_SMALLEST_SHARE: Final = 2
"""The badge covers at most this fraction of the row, as a divisor."""


class UnreadBadge:
    """`↓ new text` on the last row of the screen while there is new text below it. Costs one comparison per frame."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._seen = (0, 0)
        self._overlays = OverlayCache(20)
        self._shown: range | None = None

    def mark_seen(self) -> None:
        """Everything so far counts as seen."""
        self._seen = self._amount()

    def add_to(self, viewport: Viewport, rows: list[Strip], palette: Palette) -> list[Strip]:
        """The rows of the screen with the badge, if there is something new below them."""
        amount = self._amount()
        if viewport.follow or (amount != self._seen and viewport.at_end):
            self._seen = amount
        self._shown = None
        if amount <= self._seen or len(viewport.screen_rows) < len(rows) or not rows:
            return rows
        page = self._document.layout.builder.geometry
        labels = map(self._document.fill_keys, _NEW_TEXT)
        text = next((text for text in labels if cells(text) <= page.wide // _SMALLEST_SHARE), "")
        if not text:
            return rows
        self._shown = range(page.margin + page.wide - cells(text), page.margin + page.wide)
        badge = Segment(text, palette.user_bar)
        make = partial(with_text, rows[-1], self._shown, badge)
        return [*rows[:-1], self._overlays.over(rows[-1], badge, make)]

    def at(self, viewport: Viewport, x: int, y: int) -> bool:
        """Whether the badge is at this cell of the screen."""
        return self._shown is not None and y == viewport.height - 1 and x in self._shown

    def _amount(self) -> tuple[int, int]:
        """How much there is: messages, and characters of the newest answer."""
        messages = self._document.messages
        newest = next((message.answer for message in reversed(messages) if message.answer is not None), None)
        return len(messages), newest.reasoning.length + newest.text.length if newest is not None else 0
