"""The text of a selection as it was written: whole blocks as Markdown, parts of blocks as they read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from stepchat.transcript.answer import BODY
from stepchat.transcript.blocks import Fact, Fence, Item, Table
from stepchat.transcript.clean import clean
from stepchat.transcript.starts import html_kind
from stepchat.transcript.wording import wording

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stepchat.transcript.blocks import Block, Path
    from stepchat.transcript.document import Document
    from stepchat.transcript.spots import Spots

_BEGINS_ANOTHER: Final = re.compile(
    r"=+[ \t]*$|#{1,6}(?:[ \t]|$)|>|[-+*](?:[ \t]|$)|1[.)][ \t]|```|~~~|\$\$|\\\[|[-|:*_][-|:*_ \t]*$"
)
"""A line on which a list, a rule, a table ... could begin."""
_TICKS: Final = re.compile("^ *(`{3,})")
_RULES: Final = {"left": ":---", "right": "---:", "center": ":---:"}


class End(NamedTuple):
    """A place between two characters; `place` is the message's, `block` is counted in its section."""

    place: int
    section: int
    block: int
    at: int


class _Piece(NamedTuple):
    place: int
    block: Block
    first: int
    end: int
    total: int

    @property
    def whole(self) -> bool:
        return self.first <= 0 and self.end >= self.total


def text(spots: Spots, first: End, end: End) -> str:
    """Everything between two places. The program's own lines are left out unless there is nothing else."""
    pieces = list(_pieces(spots, first, end))
    said = [piece for piece in pieces if not isinstance(piece.block.group, Fact)]
    pieces = said or pieces
    fences = _whole_fences(pieces)
    mixed = len({id(piece.block.group) for piece in pieces}) > 1
    parts: list[str] = []
    for number, piece in enumerate(pieces):
        own = _told(spots, piece, fences)
        if own is None:
            continue
        if isinstance(piece.block.group, Fence) and piece.block.group.indented and mixed:
            own = f"    {own}" if own else own
        path, fresh = piece.block.path, piece.block.fresh
        if len(pieces) > 1 and path and piece.first <= 0:
            own = _indented(own, path, fresh)
        if parts:
            blank = piece.block.gap or pieces[number - 1].place != piece.place
            parts.append("\n" + _prefix(path[: len(path) - fresh], 0).rstrip() + "\n" if blank else "\n")
        parts.append(own)
    return "".join(parts)


def _pieces(spots: Spots, first: End, end: End) -> Iterator[_Piece]:
    document = spots.document
    for place in range(first.place, end.place + 1):
        for section, number, block in _blocks(document, place, {first[:2], end[:2]}):
            here = (place, section, number)
            if not first[:3] <= here <= end[:3]:
                continue
            total = spots.measured(block).total
            start = first.at if here == first[:3] else 0
            stop = min(total, end.at) if here == end[:3] else total
            inside = first[:3] < here < end[:3]
            if start < stop or (not total and (inside or len({first[:3], end[:3]}) == 1)):
                yield _Piece(place, block, start, stop, total)


def _blocks(document: Document, place: int, wanted: set[tuple[int, int]]) -> Iterator[tuple[int, int, Block]]:
    """Section, number and block. Reasoning that is folded counts only if the selection begins or ends in it."""
    entry = document.open(place)
    answer = document.parts[place].answer
    for section in range(entry.sections):
        start = entry.section_start(section)
        blocks: Sequence[Block] = entry.blocks[start : start + entry.section_size(section)]
        if answer is not None and section == BODY and (blocks or (place, section) in wanted):
            blocks = answer.reasoning.blocks
        for number, block in enumerate(blocks):
            yield section, number, block


def _whole_fences(pieces: Sequence[_Piece]) -> set[Fence]:
    """Code blocks whose label is selected together with code below it, if any: they are copied with their fences."""
    labels = {piece.block.group for piece in pieces if piece.block.kind == "label" and piece.whole}
    coded = {piece.block.group for piece in pieces if piece.block.kind == "code"}
    return {fence for fence in labels if isinstance(fence, Fence) and (fence in coded or not fence.lines)}


def _told(spots: Spots, piece: _Piece, fences: set[Fence]) -> str | None:
    """The text of one piece; None if it has none."""
    block = piece.block
    if not piece.whole:
        return wording(block, spots.measured(block)).part(piece.first, piece.end)
    group = block.group
    match block.kind:
        case "paragraph":
            return _paragraph(block.text)
        case "heading" if "\n" in block.text:
            return f"{block.text}\n{'===' if block.level == 1 else '---'}"
        case "heading":
            return "#" * max(1, block.level) + " " + block.text
        case "label" if isinstance(group, Fence) and group in fences:
            return f"{_mark(group)}{block.text}" + ("" if group.lines else f"\n{_mark(group)}")
        case "label":
            return block.text or None
        case "code" if isinstance(group, Fence) and group in fences and group.lines[-1] is block:
            return f"{block.text}\n{_mark(group)}"
        case "rule":
            return "***" if block.path else "---"  # `- ---` is no item with a rule, but a rule
        case "row" if isinstance(group, Table) and not block.level:
            return f"{block.text}\n|" + "|".join(f" {_RULES.get(align, '---')} " for align in group.aligns) + "|"
        case "fact" if isinstance(group, Fact):
            return clean("".join(words for words, _ in group.parts), keep_newlines=False)
        case _:
            return block.text


def _paragraph(text: str) -> str:
    """Lines that belong to the paragraph only because they were indented are indented again."""
    first, *others = text.split("\n")
    belong = (not _BEGINS_ANOTHER.match(line) and html_kind(line, lone_tag=False) is None for line in others)
    return "\n".join(
        [first, *(line if as_it_is else f"    {line}" for line, as_it_is in zip(others, belong, strict=True))]
    )


def _mark(fence: Fence) -> str:
    """What a code block begins and ends with: longer than any such mark in it."""
    return "`" * max(3, 1 + max((len(found) for line in fence.lines for found in _TICKS.findall(line.text)), default=0))


def _indented(text: str, path: Path, fresh: int) -> str:
    first, *others = text.split("\n")
    rest = _prefix(path, 0)
    return "\n".join([_prefix(path, fresh) + first, *(rest + line for line in others)])


def _prefix(path: Path, fresh: int) -> str:
    """What stands left of a line in these containers; of the last `fresh` ones it is the first line."""
    parts: list[str] = []
    for depth, node in enumerate(path):
        if isinstance(node, Item):
            marker = node.marker if node.ordered else "-"
            parts.append(f"{marker} " if depth >= len(path) - fresh else " " * (len(marker) + 1))
        else:
            parts.append("> ")
    return "".join(parts)
