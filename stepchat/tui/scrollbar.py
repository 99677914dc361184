"""The transcript's own scrollbar: one column at the right edge of its strips."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from textual.strip import Strip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.transcript.palette import Palette

_MOST_STRIPS: Final = 2000


class Scrollbar:
    """Adds the bar to rows. The same row with the same piece of bar is the same strip, so that it is not painted anew."""

    def __init__(self, palette: Palette) -> None:
        self._track = Segment(" ", palette.text)
        self._thumb = Segment("▐", palette.scrollbar_thumb)
        self._made: dict[tuple[int, bool], tuple[Strip, Strip]] = {}

    def add_to(self, rows: Sequence[Strip], thumb: tuple[int, int]) -> list[Strip]:
        """The rows with the bar; `thumb` is its first row and the one after its last."""
        first, end = thumb
        return [self._with_bar(strip, first <= place < end) for place, strip in enumerate(rows)]

    def _with_bar(self, strip: Strip, is_thumb: bool) -> Strip:  # noqa: FBT001 - one of two looks
        key = (id(strip), is_thumb)
        made = self._made.get(key)
        if made is not None and made[0] is strip:
            return made[1]
        if len(self._made) > _MOST_STRIPS:
            self._made.clear()
        whole = Strip([*strip, self._thumb if is_thumb else self._track], strip.cell_length + 1)
        self._made[key] = (strip, whole)
        return whole
