"""Which character of a block stands where on the screen. Wrapping, bars, markers and padding do not count.

In code every character counts; elsewhere those that are not white space, because wrapping changes only that. So a place
in the text is the same number at every width.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.style import Style

from stepchat.transcript.blocks import Tail
from stepchat.transcript.layout import shown_code
from stepchat.transcript.widths import cells, graphemes, unspaced
from stepchat.transcript.wrap import chop, hanging

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.strip import Strip

    from stepchat.transcript.blocks import Block
    from stepchat.transcript.document import Document, Part
    from stepchat.transcript.layout import Layout
    from stepchat.transcript.viewport import Shown, Viewport

_CODE_PAD: Final = 2
"""What the layout puts left and right of code."""
_MOST_BLOCKS: Final = 300
_SPACE: Final = re.compile(r"\s+")
_TABLE_RULE: Final = re.compile(r"[─┼╌]+")
_WORD: Final = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]}']|\w+(?:[-./\\'’@~+:]+\w+)*|[^\w\s]+")
"""Addresses, paths, names with dots and hyphens are one word, without the punctuation behind them."""


class Mark(NamedTuple):
    """A character of the conversation: it is the one from `at` to `end`; both are the same where there is none."""

    part: Part
    section: int
    block: int
    """Counted in the section."""
    at: int
    end: int


@dataclass(frozen=True, slots=True)
class Measured:
    """The text on the rows of a block, from column `start` on, and how many characters come before each row."""

    start: int
    texts: list[str]
    before: list[int]
    total: int
    every: bool
    """White space counts too."""
    hang: int = 0
    """By how much rows after the first are indented further."""

    def left(self, row: int) -> int:
        """The column where the text of a row begins."""
        return self.start + self.hang if row else self.start

    def count(self, text: str) -> int:
        return len(text) if self.every else len(_SPACE.sub("", text))

    def index(self, row: int, at: int) -> int:
        """Where on this row the character with this number begins; the row's end if it stands further on."""
        text, left = self.texts[row], at - self.before[row]
        if self.every or left <= 0:
            return min(max(0, left), len(text))
        for place, character in enumerate(text):
            if not character.isspace():
                if not left:
                    return place
                left -= 1
        return len(text)


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
        self._known: dict[Block, tuple[list[Strip], Measured]] = {}

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
            old_rows, old_texts = (known[0][block.gap :], known[1].texts) if known is not None else ((), ())
            known = self._known[block] = (rows, _measure(block, layout, rows[block.gap :], old_rows, old_texts))
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
        if spot.row < 0 or spot.row >= len(measured.texts):
            at = 0 if spot.row < 0 else measured.total
            return Mark(spot.part, spot.section, spot.place, at, at)
        text, column = measured.texts[spot.row], x - measured.left(spot.row)
        first, end = _character(text, column) if column >= 0 else (0, 0)
        before = measured.before[spot.row] + measured.count(text[:first])
        return Mark(spot.part, spot.section, spot.place, before, before + measured.count(text[first:end]))

    def word(self, viewport: Viewport, x: int, y: int) -> Mark | None:
        """The word at a cell of the screen."""
        mark = self.mark(viewport, x, y)
        if mark is None or not 0 <= y < len(viewport.shown):
            return mark
        spot = self.of(viewport.shown[y])
        measured = self.measured(spot.block)
        if not 0 <= spot.row < len(measured.texts):
            return mark
        text = measured.texts[spot.row]
        place = measured.index(spot.row, mark.at)
        for found in _WORD.finditer(text):
            if found.start() <= place < found.end() and mark.at != mark.end:
                at = measured.before[spot.row] + measured.count(text[: found.start()])
                return mark._replace(at=at, end=at + measured.count(found[0]))
        return mark

    def whole(self, viewport: Viewport, x: int, y: int) -> Mark | None:
        """The block at a cell of the screen."""
        mark = self.mark(viewport, x, y)
        if mark is None or not 0 <= y < len(viewport.shown):
            return mark
        return mark._replace(at=0, end=self.measured(self.of(viewport.shown[y]).block).total)

    def columns(self, spot: Spot, first: int, end: int) -> tuple[int, int]:
        """The cells of this row of the screen that show the characters from `first` to before `end`."""
        measured = self.measured(spot.block)
        if not 0 <= spot.row < len(measured.texts):
            return 0, 0
        text = measured.texts[spot.row]
        left = measured.index(spot.row, first)
        last = end - measured.before[spot.row]
        right = 0 if last <= 0 else measured.index(spot.row, end - 1) + (last <= measured.count(text))
        right = min(len(text), right)
        if left >= right:
            return 0, 0
        start = measured.left(spot.row)
        return start + cells(text[:left]), start + cells(text[:right])


def _measure(
    block: Block, layout: Layout, rows: list[Strip], old_rows: Sequence[Strip], old_texts: Sequence[str]
) -> Measured:
    """What is known of rows that are still the same is not read again: a block that grows has many of them."""
    pen, page = layout.pen, layout.pen.page
    start, room, every, hang = page.margin, page.wide, False, 0
    match block.kind:
        case "code":
            edge = pen.edge(block, page.wide).width
            start, room, every = start + edge + _CODE_PAD, page.wide - edge - 2 * _CODE_PAD, True
            hang = hanging(shown_code(block.text), room)
        case "label":
            edge = pen.edge(block, page.wide).width
            start, room = start + edge + _CODE_PAD, page.wide - edge - 2 * _CODE_PAD
        case "html":
            edge = pen.edge(block, page.column).width
            start, room, every = start + edge, page.column - edge, True
        case "row":
            start += pen.edge(block, page.wide).width
        case "fact" | "rule" | "empty":
            pass
        case _:
            start += pen.edge(block, page.column).width
    if every:
        lines = chop([(shown_code(block.text), Style.null())], room, hang)
        texts = ["".join(text for text, _ in line) for line in lines]
    else:
        same = next(
            (at for at, (row, old) in enumerate(zip(rows, old_rows, strict=False)) if row is not old),
            min(len(rows), len(old_rows)),
        )
        right = page.margin + page.wide
        texts = [*old_texts[:same], *(unspaced(row.crop(start, right).text).rstrip() for row in rows[same:])]
    if block.kind in ("rule", "empty"):
        texts = [""] * len(texts)
    elif block.kind == "row":
        texts = ["" if _TABLE_RULE.fullmatch(text) else text for text in texts]
    counts = [len(text) if every else len(_SPACE.sub("", text)) for text in texts]
    before = [0]
    for count in counts:
        before.append(before[-1] + count)
    return Measured(start, texts, before[:-1], before[-1], every, hang)


def _character(text: str, column: int) -> tuple[int, int]:
    """The character of a row at a column of its text: its first place, and one past its last."""
    if text.isascii():
        return (column, column + 1) if column < len(text) else (len(text), len(text))
    used = 0
    for first, end, size in graphemes(text):
        used += size
        if used > column:
            return first, end
    return len(text), len(text)
