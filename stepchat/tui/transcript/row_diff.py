"""Which rows of the screen are not what they were, and which of them are there already, some rows further up or down."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.strip import Strip

_LEAST_SAVED: Final = 3
"""Moving what is on the screen is worth it when so many rows less have to be written."""


def changed_rows(old: Sequence[Strip | None], new: Sequence[Strip]) -> list[tuple[int, int]]:
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


def shift(old: Sequence[Strip], new: Sequence[Strip]) -> int:
    """By how many rows most of what was there stands further up now, negative for down; 0 if moving it saves little."""
    stay = sum(before is now for before, now in zip(old, new, strict=True))
    if len(old) - stay < _LEAST_SAVED:
        return 0
    places = {id(strip): place for place, strip in enumerate(old)}
    moves = Counter(places[id(strip)] - place for place, strip in enumerate(new) if id(strip) in places)
    del moves[0]
    if not moves:
        return 0
    by, _ = moves.most_common(1)[0]
    moved = sum(before is now for before, now in zip(shifted(old, by), new, strict=True))
    return by if moved - stay >= _LEAST_SAVED else 0


def shifted(rows: Sequence[Strip], by: int) -> list[Strip | None]:
    """The rows further up by so many, or down if negative; None where they leave a gap."""
    gap: list[Strip | None] = [None] * min(abs(by), len(rows))
    return [*rows[by:], *gap] if by > 0 else [*gap, *rows[: len(rows) + by]]
