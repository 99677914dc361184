"""The transcript's own scrollbar: one column at the right edge of its strips."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from textual.strip import Strip

from stepchat.transcript.layout.strips import OverlayCache

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.transcript.palette import Palette

_MOST_STRIPS: Final = 2000


class Scrollbar:
    """Adds the bar to rows."""

    def __init__(self, palette: Palette) -> None:
        self._track = Segment(" ", palette.text)
        self._thumb = Segment("▐", palette.scrollbar_thumb)
        self._overlays = OverlayCache(_MOST_STRIPS)

    def add_to(self, rows: Sequence[Strip], thumb: tuple[int, int]) -> list[Strip]:
        """The rows with the bar; `thumb` is its first row and the one after its last."""
        first, end = thumb
        bars = [self._thumb if first <= place < end else self._track for place in range(len(rows))]
        return [
            self._overlays.over(row, bar.text, partial(_beside, row, bar)) for row, bar in zip(rows, bars, strict=True)
        ]


def _beside(strip: Strip, bar: Segment) -> Strip:
    return Strip([*strip, bar], strip.cell_length + 1)
