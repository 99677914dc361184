"""The text of a block as it reads: without Markdown, a table row cell by cell, and where its links lead."""

from __future__ import annotations

from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from stepchat.text.sanitize import sanitize, sanitize_for_display
from stepchat.transcript.layout.layout import shown_line
from stepchat.transcript.layout.strips import task_box
from stepchat.transcript.layout.tables import LONGEST_ROW
from stepchat.transcript.markdown.block_starts import split_row
from stepchat.transcript.markdown.blocks import MetaLine, Table, alert
from stepchat.transcript.markdown.inline import PIECE_LENGTH, USUAL, Display, Span, next_piece, spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stepchat.transcript.markdown.blocks import Block

_NO_LABELS: Final[Mapping[str, Any]] = MappingProxyType({})


class Link(NamedTuple):
    """The characters of a text that are a link, and its target."""

    first: int
    end: int
    target: str


class TextRun(NamedTuple):
    """A searchable text; no match spans two of them."""

    cell: int
    """The index of the cell in a table row."""
    text: str
    links: Sequence[Link]


class BlockText:
    """The text of one block, which may grow: the settled part is not read again."""

    def __init__(self, block: Block, *, display: Display = USUAL, keep_source: bool = False) -> None:
        """As a page shows it; with `keep_source`, composed emoji stay whole, and so do tabs in code."""
        self._block = block
        self._keep_source = keep_source
        self._display = display._replace(joins_emoji=display.joins_emoji or keep_source)
        self._labels: Mapping[str, Any] = _labels(block)
        self._settled: list[Span] = []
        self._done = 0
        self._made_of: tuple[str, bool] | None = None
        self._runs: list[TextRun] = []

    @property
    def is_current(self) -> bool:
        """Whether the block is unchanged since `runs` was called."""
        block, made_of = self._block, self._made_of
        return made_of is not None and made_of[0] is block.text and made_of[1] == block.open and self._fits

    @property
    def _fits(self) -> bool:
        return "[" not in self._block.text or self._labels is _labels(self._block)

    def runs(self) -> list[TextRun]:
        """The same list as last time if nothing has changed."""
        if not self.is_current:
            if not self._fits:
                self._labels, self._settled, self._done = _labels(self._block), [], 0
            self._made_of = (self._block.text, self._block.open)
            self._runs = self._read()
        return self._runs

    def _read(self) -> list[TextRun]:
        block = self._block
        show = sanitize if self._display.joins_emoji else sanitize_for_display
        match block.kind:
            case "code" | "html":
                is_formula = block.kind == "html" and block.level
                as_it_is = self._keep_source and not (is_formula and self._display.formulas)
                return _runs([block.text if as_it_is else shown_line(block, self._display)])
            case "label":
                return _runs([show(block.text, keep_newlines=False)])
            case "plain":
                return _runs([show(block.text, keep_newlines=False)])
            case "paragraph" | "heading":
                run = _run(0, self._paragraph())
                return [run] if run.text else []
            case "meta" if isinstance(block.group, MetaLine) and block.group.wraps:
                return _runs([sanitize("".join(text for text, _ in block.group.parts), keep_newlines=False)])
            case "row" if isinstance(block.group, Table):
                return self._row(block.group)
            case _:
                return []

    def _paragraph(self) -> list[Span]:
        """Reads it as `Flow` does."""
        block, text = self._block, self._block.text
        box = task_box(block)
        self._done = max(self._done, box.end() if box else 0)
        if not self._done and (found := alert(block)):
            self._settled, self._done = [Span(found.label + "\n")], found.end
        stable = block.stable if block.open else len(text)
        while stable - self._done > PIECE_LENGTH:
            found = next_piece(text, self._done, stable, self._labels, keep_breaks=True, display=self._display)
            if found is None:
                break
            self._done = found[0]
            self._settled += found[1]
        rest = spans(text[self._done :], self._labels, keep_breaks=True, growing=block.open, display=self._display)
        return self._settled + rest

    def _row(self, table: Table) -> list[TextRun]:
        block = self._block
        if len(block.text) > LONGEST_ROW:
            return _runs([sanitize(block.text) if self._display.joins_emoji else sanitize_for_display(block.text)])
        cells = split_row(block.text)[: len(table.aligns)]
        found = [
            _run(number, spans(cell, self._labels, growing=block.open, display=self._display))
            for number, cell in enumerate(cells)
            if cell
        ]
        return [run for run in found if run.text]


def _labels(block: Block) -> Mapping[str, Any]:
    return block.links.labels if block.links else _NO_LABELS


def _runs(texts: Iterable[str]) -> list[TextRun]:
    return [TextRun(0, text, ()) for text in texts if text]


def _run(cell: int, found: Iterable[Span]) -> TextRun:
    texts: list[str] = []
    links: list[Link] = []
    at = 0
    for target, group in groupby(found, key=lambda span: span.target):
        text = "".join(span.text for span in group)
        texts.append(text)
        if target != text and target and text.strip():  # without visible text there is nothing to highlight
            links.append(Link(at, at + len(text), target))
        at += len(text)
    return TextRun(cell, "".join(texts), tuple(links))
