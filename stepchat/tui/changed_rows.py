"""Which rows of the screen are not what they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.strip import Strip


def changed_rows(old: Sequence[Strip], new: Sequence[Strip]) -> list[tuple[int, int]]:
    """Ranges of rows that are other strips than before: first, and one past the last. Both have the same length."""
    runs: list[tuple[int, int]] = []
    for place, (before, now) in enumerate(zip(old, new, strict=True)):
        if before is now:
            continue
        if runs and runs[-1][1] == place:
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
    return runs
