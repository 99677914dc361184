"""Where the text of a block stands on its rows: which of its characters is in which cell.

In code every character counts; elsewhere those that are not white space, because wrapping changes only that. In a table's row
they are counted cell by cell. So a place in the text is the same number at every width.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.style import Style

from stepchat.text.widths import cells, graphemes, unpad
from stepchat.transcript.layout.layout import formula_indent, shown_code
from stepchat.transcript.layout.table_rows import LONGEST_ROW, cell_text
from stepchat.transcript.layout.wrap import chop, hanging
from stepchat.transcript.markdown.blocks import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual.strip import Strip

    from stepchat.transcript.layout.layout import Layout
    from stepchat.transcript.markdown.blocks import Block

_CODE_PAD: Final = 2
"""What the layout puts left and right of code."""
_BETWEEN: Final = 3
"""Cells between two columns of a table."""
_SPACE: Final = re.compile(r"\s+")
_RULE: Final = re.compile(r"[─┼╌]+")


class CellRun(NamedTuple):
    """Text on a row that belongs together: from column `left` on, with so many characters of the block before it."""

    left: int
    text: str
    before: int


@dataclass(frozen=True, slots=True)
class CellMap:
    """The text on the rows of a block, from column `start` on, and how many characters come before each row."""

    start: int
    texts: list[str]
    before: list[int]
    total: int
    every: bool
    """White space counts too."""
    hang: int = 0
    """By how much rows after the first are indented further."""
    cells: list[list[CellRun]] | None = None
    """Of a table's row what stands on each row, cell by cell."""
    cell_starts: Sequence[int] = (0,)
    """How many characters come before each cell."""

    def runs(self, row: int) -> Sequence[CellRun]:
        """What of the text is on a row of the block; nothing where it has no such row, or that is a rule."""
        if not 0 <= row < len(self.texts):
            return ()
        if self.cells is not None:
            return self.cells[row]
        return (CellRun(self.start + self.hang if row else self.start, self.texts[row], self.before[row]),)

    def character(self, row: int, column: int) -> tuple[int, int]:
        """The number of the character at a column of the page, or of the nearest one before it, and that of the next one."""
        stretches = self.runs(row)
        if not stretches:
            at = 0 if row <= 0 else self.total
            return at, at
        stretch = next((found for found in reversed(stretches) if found.left <= column), stretches[0])
        column -= stretch.left
        first, end = _character(stretch.text, column) if column >= 0 else (0, 0)
        at = stretch.before + self._count(stretch.text[:first])
        return at, at + self._count(stretch.text[first:end])

    def columns(self, row: int, first: int, end: int) -> list[tuple[int, int]]:
        """The columns of a row that show the characters from `first` to before `end`."""
        found: list[tuple[int, int]] = []
        for stretch in self.runs(row):
            text, last = stretch.text, end - stretch.before
            left = self._index(stretch, first)
            right = 0 if last <= 0 else self._index(stretch, end - 1) + (last <= self._count(text))
            right = min(len(text), right)
            if left < right:
                found.append((stretch.left + cells(text[:left]), stretch.left + cells(text[:right])))
        return found

    def _count(self, text: str) -> int:
        return len(text) if self.every else _count(text)

    def _index(self, stretch: CellRun, at: int) -> int:
        """Where in the stretch the character with this number begins; its end if it stands further on."""
        text, left = stretch.text, at - stretch.before
        if self.every or left < 0:
            return min(max(0, left), len(text))
        for place, character in enumerate(text):
            if not character.isspace():
                if not left:
                    return place
                left -= 1
        return len(text)


def build_cell_map(
    block: Block, layout: Layout, rows: Sequence[Strip], known: tuple[Sequence[Strip], CellMap] | None
) -> CellMap:
    """What is known of rows that are still the same is not read again: a block that grows has many of them."""
    pen, page = layout.builder, layout.builder.geometry
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
            edge = pen.edge(block, page.column).width + formula_indent(block)
            start, room, every = start + edge, page.column - edge, True
        case "row":
            start += pen.edge(block, page.wide).width
            if isinstance(block.group, Table) and len(block.text) <= LONGEST_ROW:
                return _measure_row(block, block.group, start, rows)
        case "meta" | "rule" | "empty":
            pass
        case _:
            start += pen.edge(block, page.column).width
    if every:
        lines = chop([(shown_code(block.text), Style.null())], room, hang)
        texts = ["".join(text for text, _ in line) for line in lines]
    elif block.kind in ("rule", "empty"):
        texts = [""] * len(rows)
    else:
        old_rows, old_texts = (known[0], known[1].texts) if known is not None else ((), ())
        same = next(
            (at for at, (row, old) in enumerate(zip(rows, old_rows, strict=False)) if row is not old),
            min(len(rows), len(old_rows)),
        )
        right = page.margin + page.wide
        texts = [*old_texts[:same], *(unpad(row.crop(start, right).text).rstrip() for row in rows[same:])]
    before = [0]
    for text in texts:
        before.append(before[-1] + (len(text) if every else _count(text)))
    return CellMap(start, texts, before[:-1], before[-1], every, hang)


def _measure_row(block: Block, table: Table, start: int, rows: Sequence[Strip]) -> CellMap:
    texts = [unpad(row.crop(start, row.cell_length).text).rstrip() for row in rows]
    numbers = range(len(table.aligns))
    counts = [_count(cell_text(block, table, number)) for number in numbers]
    starts = [sum(counts[:number]) for number in numbers]
    if table.shared is not None:
        found = list(_in_columns(table.shared, starts, start, rows))
    else:
        names = [_count(cell_text(table.rows[0], table, number)) for number in numbers]
        found = list(_stacked(_owners(counts, names, is_head=not block.level), starts, start, texts))
    return CellMap(start, texts, [0] * len(rows), sum(counts), every=False, cells=found, cell_starts=starts)


def _in_columns(
    widths: Sequence[int], starts: Sequence[int], left: int, rows: Sequence[Strip]
) -> Iterator[list[CellRun]]:
    seen = list(starts)
    for row in rows:
        found: list[CellRun] = []
        column = left
        for number, width in enumerate(widths):
            text = unpad(row.crop(column, column + width).text).rstrip()
            if number == 0 and _RULE.fullmatch(text):
                break
            found.append(CellRun(column, text, seen[number]))
            seen[number] += _count(text)
            column += width + _BETWEEN
        yield found


def _owners(counts: Sequence[int], names: Sequence[int], *, is_head: bool) -> Iterator[int | None]:
    """Whose the characters are where the cells stand below one another; None for names and what parts them."""
    for number, count in enumerate(counts):
        if is_head:
            yield from [None] * (number > 0)
        elif count:
            yield from [None] * (names[number] + (names[number] > 0))
        yield from [number] * count


def _stacked(
    owners: Iterator[int | None], starts: Sequence[int], left: int, texts: Sequence[str]
) -> Iterator[list[CellRun]]:
    seen = list(starts)
    for text in texts:
        found: list[CellRun] = []
        runs: list[tuple[int | None, int, int]] = []
        for place, character in enumerate("" if _RULE.fullmatch(text) else text):
            if character.isspace():
                continue
            owner = next(owners, None)
            if runs and runs[-1][0] == owner:
                runs[-1] = (owner, runs[-1][1], place + 1)
            else:
                runs.append((owner, place, place + 1))
        for owner, first, end in runs:
            if owner is not None:
                found.append(CellRun(left + cells(text[:first]), text[first:end], seen[owner]))
                seen[owner] += _count(text[first:end])
        yield found


def _count(text: str) -> int:
    return len(_SPACE.sub("", text))


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
