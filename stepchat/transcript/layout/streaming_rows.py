"""Rows of a block that grows: those that are finished, which are many, are never put into a list anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from textual.strip import Strip


class StreamingRows(Sequence["Strip"]):
    """The first `count` of `finished`, to which more may be added later, and then the `tail`. It never changes itself."""

    __slots__ = ("_count", "_finished", "_tail")

    def __init__(self, finished: list[Strip], count: int, tail: list[Strip]) -> None:
        self._finished = finished
        self._count = count
        self._tail = tail

    def __len__(self) -> int:
        return self._count + len(self._tail)

    def __iter__(self) -> Iterator[Strip]:
        return chain(islice(self._finished, self._count), self._tail)

    @overload
    def __getitem__(self, place: int) -> Strip: ...
    @overload
    def __getitem__(self, place: slice) -> list[Strip]: ...
    def __getitem__(self, place: int | slice) -> Strip | list[Strip]:
        if isinstance(place, slice):
            return [*self][place]
        at = place + len(self) if place < 0 else place
        if not 0 <= at < len(self):
            raise IndexError(place)
        return self._finished[at] if at < self._count else self._tail[at - self._count]
