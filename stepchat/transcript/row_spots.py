"""Where the text of one cell of a table stands on the screen: in its column, or behind the name of the column."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from stepchat.transcript.blocks import Table
from stepchat.transcript.table_rows import LONGEST_ROW, cell_text
from stepchat.transcript.widths import cells, unspaced

if TYPE_CHECKING:
    from stepchat.transcript.blocks import Block
    from stepchat.transcript.spots import Spot, Spots

_BETWEEN: Final = 3
"""Cells between two columns."""
_RULE: Final = re.compile(r"\s*[─┼╌]+\s*")
_SPACE: Final = re.compile(r"\s+")


def columns(spots: Spots, spot: Spot, cell: int, first: int, end: int) -> tuple[int, int]:
    """The cells of this row of the screen that show the characters from `first` to before `end` of a table's cell."""
    block, table = spot.block, spot.block.group
    if not isinstance(table, Table) or len(block.text) > LONGEST_ROW:
        return spots.columns(spot, first, end)
    measured = spots.measured(block)
    widths = table.shared
    if widths is None:
        before = _before(table, block, cell)
        return spots.columns(spot, before + first, before + end)
    if not 0 <= spot.row < len(measured.texts):
        return 0, 0
    left = measured.start + sum(widths[:cell]) + _BETWEEN * cell
    rows = spots.document.layout.rows(block)[block.gap :][: spot.row + 1]
    texts = ["" if _RULE.fullmatch(row.text) else unspaced(row.crop(left, left + widths[cell]).text) for row in rows]
    seen = sum(_count(text) for text in texts[:-1])
    places = [place for place, character in enumerate(texts[-1]) if not character.isspace()]
    first, end = max(0, first - seen), min(len(places), end - seen)
    if first >= end:
        return 0, 0
    text = texts[-1]
    return left + cells(text[: places[first]]), left + cells(text[: places[end - 1] + 1])


def _before(table: Table, block: Block, cell: int) -> int:
    """How many characters stand before a cell where the cells of a row stand below one another."""
    count = 0
    for number in range(cell + 1):
        name, text = cell_text(table.rows[0], table, number), cell_text(block, table, number)
        if not block.level:
            count += (_count(text) + 1) * (number < cell)
        elif text:
            count += _count(name) + bool(name) + _count(text) * (number < cell)
    return count


def _count(text: str) -> int:
    return len(_SPACE.sub("", text))
