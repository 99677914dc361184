"""The rows of GFM tables: cutting a row into cells, and sharing the width among the columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_PIPE: Final = re.compile(r"(?<!\\)\|")


def split_row(text: str) -> list[str]:
    """The cells of a row, trimmed; an escaped pipe belongs to its cell."""
    cells = _PIPE.split(text.strip())
    if cells and not cells[0]:
        del cells[0]
    if cells and not cells[-1]:
        del cells[-1]
    return [cell.replace("\\|", "|").strip() for cell in cells]


def share_width(wanted: Sequence[int], words: Sequence[int], available: int) -> tuple[int, ...]:
    """Column widths that sum up to at most `available`: what is wanted if it fits, else narrow columns whole and the rest fair.

    No column gets less than one cell, so the sum is larger when there are more columns than cells.
    """
    if sum(wanted) <= available:
        return tuple(max(1, width) for width in wanted)
    widths = [0] * len(wanted)
    left, columns = available, sorted(range(len(wanted)), key=lambda column: wanted[column])
    for place, column in enumerate(columns):
        fair = left // (len(columns) - place)
        widths[column] = max(1, min(wanted[column], fair))
        left -= widths[column]
    return _keep_words(widths, words)


def _keep_words(widths: list[int], words: Sequence[int]) -> tuple[int, ...]:
    """Give columns that would break a word what others can spare."""
    for column, word in enumerate(words):
        need = word - widths[column]
        for other in sorted(range(len(widths)), key=lambda place: words[place] - widths[place]):
            spare = min(need, widths[other] - words[other])
            if spare > 0:
                widths[other] -= spare
                widths[column] += spare
                need -= spare
    return tuple(widths)
