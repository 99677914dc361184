"""Marks laid over finished rows: a row that looks as before is the same strip as before, so that it is not painted anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

_MOST: Final = 1000


class OverlayCache:
    """Remembers what became of which strip."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._made: dict[tuple[int, Hashable], tuple[Strip, Strip]] = {}

    def over(self, strip: Strip, mark: Hashable, make: Callable[[], Strip]) -> Strip:
        """The strip with a mark, made if it is not known. Another mark is another strip."""
        key = (id(strip), mark)
        made = self._made.get(key)
        if made is None or made[0] is not strip:
            if len(self._made) > self._most:
                self._made.clear()
            made = self._made[key] = (strip, make())
        return made[1]

    def clear(self) -> None:
        self._made.clear()


def with_styles(strip: Strip, marks: Iterable[tuple[int, int, Style]]) -> Strip:
    """The strip with styles added, each to its cells from one column to before another."""
    for left, right, style in marks:
        middle = [
            Segment(text, (own or Style.null()) + style, control) for text, own, control in strip.crop(left, right)
        ]
        strip = Strip([*strip.crop(0, left), *middle, *strip.crop(right, strip.cell_length)], strip.cell_length)
    return strip


def with_words(strip: Strip, columns: range, words: Segment) -> Strip:
    """The strip with words in these columns, which they fill."""
    before, after = strip.crop(0, columns.start), strip.crop(columns.stop, strip.cell_length)
    return Strip([*before, words, *after], strip.cell_length)
