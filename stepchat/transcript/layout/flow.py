"""Wrapped text of one block. While it grows, finished rows are never made again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, overload

from stepchat.transcript.layout.strips import task_box
from stepchat.transcript.layout.wrap import Wrapper
from stepchat.transcript.markdown.blocks import alert, numbers_width
from stepchat.transcript.markdown.inline import PIECE_LENGTH, Span, next_piece, spans

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.style import Style
    from textual.strip import Strip

    from stepchat.transcript.layout.strips import StripBuilder
    from stepchat.transcript.layout.wrap import Line
    from stepchat.transcript.markdown.blocks import Block


class Flow:
    """The rows of a paragraph, a heading or plain text, after the blank rows above it."""

    def __init__(self, builder: StripBuilder, block: Block, base: Style, above: Sequence[Strip] = ()) -> None:
        self.builder = builder
        self.labels: Mapping[str, Any] = block.links.labels if block.links else {}
        self._block = block
        self._base = base
        self._fill = builder.palette.user if block.voice == "user" else None
        # A line break of the model stays one: poems, addresses and lists of facts depend on it.
        self._keep_breaks = True
        self._edge = builder.edge(block, builder.geometry.column)
        self._numbers = numbers_width(block.path)
        self._wrapper = Wrapper(builder.geometry.column - self._edge.width, keeps_indents=block.voice == "user")
        if found := alert(block):
            style: Style = getattr(builder.palette, found.role)
            self._wrapper.add(found.label + "\n", style + builder.palette.strong)
        self._start = _start(block)
        self._done = self._start
        """How much of the text is in the wrapper."""
        self._above = len(above)
        self._finished: list[Strip] = [*above]
        self._tail: list[tuple[Line, Strip]] = []
        self._made_of: tuple[int, bool] | None = None
        self._rows: Sequence[Strip] = ()

    def fits(self, builder: StripBuilder) -> bool:
        """Whether this can be continued: same width, palette and link definitions, no task box, nothing cut off."""
        labels = self._block.links.labels if self._block.links else self.labels
        same = labels is self.labels or "[" not in self._block.text
        same = same and numbers_width(self._block.path) == self._numbers
        same = same and self._done <= len(self._block.text)
        return self.builder is builder and same and _start(self._block) == self._start

    def rows(self) -> Sequence[Strip]:
        """The current rows. A line with the same content is the same strip."""
        text, is_open = self._block.text, self._block.open
        made_of = (self._block.version, is_open)
        if self._made_of != made_of:
            self._made_of = made_of
            before, first = self._tail, len(self._finished) - self._above
            self._commit(text)
            wrapper = self._wrapper.continued()
            self._wrap(wrapper, self._spans(text[self._done :], growing=is_open))
            made = [
                before[index]
                if index < len(before) and before[index][0] == line
                else (line, self._strip(line, first + index))
                for index, line in enumerate([*self._wrapper.lines[first:], *wrapper.all_lines()])
            ]
            finished = len(self._wrapper.lines) - first
            self._finished += [strip for _, strip in made[:finished]]
            self._tail = made[finished:]
            self._rows = StreamingRows(self._finished, len(self._finished), [strip for _, strip in self._tail])
        return self._rows

    def _commit(self, text: str) -> None:
        """Wraps the pieces whose meaning can no longer change."""
        block = self._block
        stable = block.stable if block.open else len(text)
        while stable - self._done > PIECE_LENGTH:
            found = self._next_piece(text, stable)
            if found is None:
                break
            self._done, piece = found
            self._wrap(self._wrapper, piece)

    def _next_piece(self, text: str, stable: int) -> tuple[int, list[Span]] | None:
        if self._block.kind == "plain":
            end = self._done + PIECE_LENGTH
            return (end, self._spans(text[self._done : end], growing=False)) if end <= stable else None
        return next_piece(
            text,
            self._done,
            stable,
            self.labels,
            keep_breaks=self._keep_breaks,
            display=self.builder.display,
        )

    def _spans(self, source: str, *, growing: bool) -> list[Span]:
        if self._block.kind == "plain":
            return [Span(self.builder.shown(source))]
        return spans(
            source,
            self.labels,
            keep_breaks=self._keep_breaks,
            growing=growing,
            display=self.builder.display,
        )

    def _wrap(self, wrapper: Wrapper, found: list[Span]) -> None:
        for span in found:
            wrapper.add(span.text, self.builder.styled(self._base, span))

    def _strip(self, line: Line, index: int) -> Strip:
        edge = self._edge
        left = edge.others if index else edge.first
        return self.builder.strip([*left, *line], fill=self._fill, fill_to=self.builder.geometry.column)


def _start(block: Block) -> int:
    """Where the text begins: after the box of a task, which is drawn with the marker, or the label of an alert."""
    if found := alert(block):
        return found.end
    box = task_box(block)
    return box.end() if box is not None else 0


class StreamingRows(Sequence["Strip"]):
    """The first `count` of `finished`, which may get more later, followed by the `tail`. Immutable."""

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
    def __getitem__(self, index: int) -> Strip: ...
    @overload
    def __getitem__(self, index: slice) -> list[Strip]: ...
    def __getitem__(self, index: int | slice) -> Strip | list[Strip]:
        if isinstance(index, slice):
            return [*self][index]
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(index)
        return self._finished[at] if at < self._count else self._tail[at - self._count]
