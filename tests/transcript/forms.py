"""Blocks and rows in forms that tests can compare and people can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepchat.transcript.layout.layout import Layout
from stepchat.transcript.markdown.blocks import Quote
from stepchat.transcript.markdown.incremental import IncrementalParser
from stepchat.transcript.palette import colourless

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.strip import Strip

    from stepchat.transcript.markdown.blocks import Block


def split(*pieces: str, finish: bool = True) -> IncrementalParser:
    splitter = IncrementalParser()
    for piece in pieces:
        splitter.feed(piece)
    if finish:
        splitter.finish()
    return splitter


def form(block: Block) -> tuple[Any, ...]:
    path = tuple("quote" if isinstance(node, Quote) else node.marker for node in block.path)
    return block.kind, block.text, path, block.fresh, block.gap, block.level, block.open


def forms(splitter: IncrementalParser) -> tuple[list[tuple[Any, ...]], dict[str, Any]]:
    return [form(block) for block in splitter.blocks], dict(splitter.links.labels)


def lines(rows: Iterable[Strip]) -> list[str]:
    return [row.text.rstrip() for row in rows]


def laid_out(text: str, width: int = 60, layout: Layout | None = None) -> str:
    """The rows of a Markdown text, without blanks at their ends; the first, which is blank, is left out."""
    layout = layout or Layout(colourless(), width)
    rows = [row for block in split(text).blocks for row in layout.rows(block)]
    assert all(row.cell_length == width for row in rows)
    return "\n".join(lines(rows)[1:])
