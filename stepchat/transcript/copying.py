"""What gets copied: selected text, the last answer, code, links, the whole conversation.

Whole blocks are copied as Markdown source, parts of blocks as they read. A whole answer is copied letter for letter. Other
whole blocks become Markdown that reads the same: with their markers, code next to other text in a closed fence, parts of
a table's rows next to whole ones as rows. Lines of a single code block are copied without a fence.
"""

from __future__ import annotations

import re
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from stepchat.attachments.detection import describe
from stepchat.messages import AssistantMessage, ToolMessage, UserMessage
from stepchat.text.format import short_model
from stepchat.text.sanitize import sanitize
from stepchat.transcript.answer import REASONING, TEXT
from stepchat.transcript.hit_testing import source_map
from stepchat.transcript.markdown.block_starts import html_kind, split_row
from stepchat.transcript.markdown.blocks import Fence, Item, MetaLine, Table
from stepchat.transcript.markdown.inline import spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stepchat.messages import Message
    from stepchat.transcript.document import Document, MessageView
    from stepchat.transcript.hit_testing import HitTester
    from stepchat.transcript.markdown.blocks import Block, Container

_BEGINS_ANOTHER: Final = re.compile(
    r"=+[ \t]*$|#{1,6}(?:[ \t]|$)|>|[-+*](?:[ \t]|$)|1[.)][ \t]|```|~~~|\$\$|\\\[|[-|:*_][-|:*_ \t]*$"
)
"""A line that could begin a list, a rule, a table and so on."""
_TICKS: Final = re.compile("^ *(`{3,})")


class CopyPosition(NamedTuple):
    """A position between two characters: the index of a message, a section, a block in it, and a character."""

    message_index: int
    section: int
    block: int
    at: int


class _Piece(NamedTuple):
    message_index: int
    section: int
    block: Block
    first: int
    end: int
    total: int

    @property
    def whole(self) -> bool:
        return self.first <= 0 and self.end >= self.total


def selected_text(hit_tester: HitTester, first: CopyPosition, end: CopyPosition, *, as_it_reads: bool = False) -> str:
    """Everything between two positions. With `as_it_reads`, a single block is not copied as Markdown even if it is whole."""
    pieces = list(_pieces(hit_tester, first, end))
    pieces = [piece for piece in pieces if not isinstance(piece.block.group, MetaLine)] or pieces
    if as_it_reads and len(pieces) == 1:
        return _part(hit_tester, pieces[0])
    parts: list[str] = []
    at = 0
    while at < len(pieces):
        until = next((n for n in range(at, len(pieces)) if pieces[n][:2] != pieces[at][:2]), len(pieces))
        run = pieces[at:until]
        parts.append(_source(hit_tester.document, run) or _markdown(hit_tester, run, alone=len(run) == len(pieces)))
        at = until
    return "\n\n".join(parts)


def has_message_text(hit_tester: HitTester, first: CopyPosition, end: CopyPosition) -> bool:
    """Whether there is text of a message between two positions. If so, the program's own lines are not copied."""
    return any(not isinstance(piece.block.group, MetaLine) for piece in _pieces(hit_tester, first, end))


def _pieces(hit_tester: HitTester, first: CopyPosition, end: CopyPosition) -> Iterator[_Piece]:
    document = hit_tester.document
    for index in range(first.message_index, end.message_index + 1):
        for section, blocks in _sections(document, index, {first[:2], end[:2]}):
            start = first.block if (index, section) == first[:2] else 0
            for number, block in enumerate(islice(blocks, start, None), start):
                here = (index, section, number)
                if here < first[:3]:
                    break
                if here > end[:3]:
                    return
                if first[:3] < here < end[:3]:  # whole, whatever it measures
                    yield _Piece(index, section, block, 0, 0, 0)
                    continue
                total = hit_tester.cell_map(block).total
                begin = first.at if here == first[:3] else 0
                stop = min(total, end.at) if here == end[:3] else total
                if begin < stop or (not total and (here != end[:3] or first[:3] == end[:3])):
                    yield _Piece(index, section, block, begin, stop, total)


def _sections(document: Document, index: int, wanted: set[tuple[int, int]]) -> Iterator[tuple[int, Sequence[Block]]]:
    """Sections and their blocks. Folded reasoning counts only if the selection begins or ends in it."""
    entry = document.open(index)
    answer = document.messages[index].answer
    for section in range(entry.sections):
        start = entry.section_start(section)
        blocks: Sequence[Block] = entry.blocks[start : start + entry.section_size(section)]
        if answer is not None and section == REASONING and (blocks or (index, section) in wanted):
            blocks = answer.reasoning.blocks
        yield section, blocks


def _source(document: Document, run: Sequence[_Piece]) -> str:
    """The source, if these are all blocks of an answer, or of its reasoning."""
    answer, section = document.messages[run[0].message_index].answer, run[0].section
    if answer is None or section not in (REASONING, TEXT) or not all(piece.whole for piece in run):
        return ""
    channel = answer.reasoning if section == REASONING else answer.text
    return channel.source.strip("\n") if len(channel.blocks) == len(run) else ""


def _markdown(hit_tester: HitTester, run: Sequence[_Piece], *, alone: bool) -> str:
    """The selected part of one text. `alone`: nothing else is selected."""
    only_code = alone and all(piece.block.kind == "code" and piece.block.group is run[0].block.group for piece in run)
    if alone and len(run) == 1 and (run[0].block.kind == "label" or not run[0].whole):
        return _part(hit_tester, run[0])
    outside = set(run[0].block.path) if only_code else _outside(run[0])
    tables = {piece.block.group for piece in run if piece.whole and isinstance(piece.block.group, Table)}
    parts: list[str] = []
    for number, piece in enumerate(run):
        block, before = piece.block, run[number - 1] if number else None
        after = run[number + 1] if number + 1 < len(run) else None
        text = (
            _row(hit_tester, piece) if block.group in tables and not piece.whole else _piece_markdown(hit_tester, piece)
        )
        if isinstance(block.group, Fence) and not only_code:
            text = _fenced(
                text,
                piece,
                opens=before is None or before.block.group is not block.group,
                closes=after is None or after.block.group is not block.group,
            )
        path = [node for node in block.path if node not in outside]
        fresh = len([node for node in block.path[len(block.path) - block.fresh :] if node not in outside])
        if path and (piece.first <= 0 or isinstance(block.group, Fence)):
            text = _indented(text, path, fresh)
            if block.joint is not None and "\n" not in block.joint:
                text = text.removeprefix(_prefix(path, fresh))
        if before is not None and block.joint is not None:
            parts.append(block.joint)
        elif before is not None:
            parts.append("\n" + _prefix(path[: len(path) - fresh], 0).rstrip() + "\n" if block.gap else "\n")
        parts.append(text)
    return "".join(parts)


def _outside(first: _Piece) -> set[Container]:
    """The containers that begin above the selection: list items, and quotes with only part of a line selected."""
    path = first.block.path
    began = path[: len(path) - first.block.fresh] if first.whole else path
    return {node for node in began if isinstance(node, Item) or not first.whole}


def _part(hit_tester: HitTester, piece: _Piece) -> str:
    """The text as it reads."""
    return source_map(piece.block, hit_tester.cell_map(piece.block)).slice(max(0, piece.first), piece.end)


def _row(hit_tester: HitTester, piece: _Piece) -> str:
    """Part of a row next to whole rows of its table; cells that are not selected are empty."""
    table, cell_map = piece.block.group, hit_tester.cell_map(piece.block)
    if not isinstance(table, Table) or cell_map.cells is None:
        return _part(hit_tester, piece)
    texts = source_map(piece.block, cell_map)
    ends = [*cell_map.cell_starts[1:], cell_map.total]
    cells = [
        texts.slice(max(start, piece.first), min(end, piece.end)).strip().replace("|", "\\|")
        for start, end in zip(cell_map.cell_starts, ends, strict=True)
    ]
    row = f"| {' | '.join(cells)} |"
    return row if piece.block.level else f"{row}\n{table.delimiter}"


def _fenced(text: str, piece: _Piece, *, opens: bool, closes: bool) -> str:
    """A line of a code block next to something else."""
    block, fence = piece.block, piece.block.group
    if not isinstance(fence, Fence):
        return text
    if fence.indented:
        return f"    {text}" if text else text
    if not (opens or closes):  # most lines: finding the fence's length takes a look at the whole block
        return text
    mark = _mark(fence)
    if block.kind == "label":
        return f"{mark}{block.text}" + (f"\n{mark}" if closes else "")
    return (f"{mark}{fence.language}\n" if opens else "") + text + (f"\n{mark}" if closes else "")


def _piece_markdown(hit_tester: HitTester, piece: _Piece) -> str:
    block = piece.block
    if not piece.whole:
        return _part(hit_tester, piece)
    group = block.group
    match block.kind:
        case "paragraph":
            return _paragraph(block.text, continues="\n" in (block.joint or ""))
        case "heading" if block.joint is not None:
            return block.text
        case "heading" if "\n" in block.text:
            return f"{_paragraph(block.text)}\n{'===' if block.level == 1 else '---'}"
        case "heading":
            return "#" * max(1, block.level) + " " + block.text
        case "rule":
            return "***" if block.path else "---"  # `- ---` would be a rule, not an item with a rule
        case "row" if isinstance(group, Table) and not block.level:
            return f"{block.text}\n{group.delimiter}"
        case "meta" if isinstance(group, MetaLine):
            return sanitize("".join(words for words, _ in group.parts), keep_newlines=False)
        case _:
            return block.text


def _paragraph(text: str, *, continues: bool = False) -> str:
    """Restores the indentation of lines that would otherwise begin another block."""
    if continues:
        return _paragraph(f"\n{text}").removeprefix("\n")
    first, *others = text.split("\n")
    belong = (not _BEGINS_ANOTHER.match(line) and html_kind(line, lone_tag=False) is None for line in others)
    return "\n".join(
        [first, *(line if as_it_is else f"    {line}" for line, as_it_is in zip(others, belong, strict=True))]
    )


def _mark(fence: Fence) -> str:
    """The fence of a code block: longer than any run of backticks in it."""
    return "`" * max(3, 1 + max((len(found) for line in fence.lines for found in _TICKS.findall(line.text)), default=0))


def _indented(text: str, path: Sequence[Container], fresh: int) -> str:
    first, *others = text.split("\n")
    rest = _prefix(path, 0)
    return "\n".join([_prefix(path, fresh) + first, *(rest + line for line in others)])


def _prefix(path: Sequence[Container], fresh: int) -> str:
    """What precedes a line in these containers; it is the first line of the last `fresh` ones."""
    parts: list[str] = []
    for depth, node in enumerate(path):
        if isinstance(node, Item):
            # As far in as it was: what follows an item is outside of it only if it is less indented than its content.
            marker = node.marker if node.ordered else "-"
            width = max(node.content, len(marker) + 1)
            first = marker.ljust(min(width, len(marker) + 4)).rjust(width)
            parts.append(first if depth >= len(path) - fresh else " " * width)
        else:
            parts.append("> ")
    return "".join(parts)


_MAY_LINK: Final = re.compile("://|@|www[.]", re.IGNORECASE)


def last_answer(document: Document) -> str:
    """The newest answer, even while it streams."""
    index = _newest_index(document)
    found = document.messages[index].answer if index is not None else None
    return found.text.source if found else ""


def last_code(document: Document) -> str:
    """The last code block of the newest answer."""
    newest = _newest_index(document)
    found = code_blocks(document, newest) if newest is not None else []
    return found[-1].source if found else ""


def code_blocks(document: Document, index: int) -> list[Fence]:
    """The code blocks of one message, in order."""
    answer = document.messages[index].answer
    if answer is None:
        return []
    document.open(index)
    return list(dict.fromkeys(block.group for block in answer.text.blocks if isinstance(block.group, Fence)))


def links_in(part: MessageView) -> Iterator[tuple[str, str] | None]:
    """The links of one message, text and address, with None after each block, where a caller may pause."""
    answer = part.answer
    # Most answers have none, which shows without parsing their Markdown.
    if answer is not None and may_have_links(answer.text.source):
        for block in answer.blocks(TEXT):
            yield from _links(block) if block is not None else ()
            yield None


def may_have_links(source: str) -> bool:
    """False only if a Markdown text has no link."""
    return _MAY_LINK.search(source) is not None


def _links(block: Block) -> Iterator[tuple[str, str]]:
    labels: Mapping[str, Any] = block.links.labels if block.links else {}
    if block.kind not in ("paragraph", "heading", "row") or not (labels or may_have_links(block.text)):
        return
    for cell in split_row(block.text) if block.kind == "row" else [block.text]:
        for target, found in groupby(spans(cell, labels), key=lambda span: span.target):
            if target:
                yield " ".join("".join(span.text for span in found).split()), target


def last_reasoning(document: Document) -> str:
    """The newest reasoning."""
    for part in reversed(document.messages):
        if part.answer is not None and part.answer.has_panel:
            return part.answer.reasoning.source
    return ""


def conversation_markdown(document: Document) -> str:
    """The whole conversation as Markdown, without the reasoning."""
    messages = [_message_markdown(shown.stored.message) for shown in document.messages if shown.stored is not None]
    if document.live is not None and document.live.text:
        messages.append(f"## Answer\n\n{document.live.text.source}")
    return "\n\n".join(messages) + "\n" if messages else ""


def _newest_index(document: Document) -> int | None:
    return next(
        (at for at in range(len(document.messages) - 1, -1, -1) if document.messages[at].answer is not None), None
    )


def _message_markdown(message: Message) -> str:
    match message:
        case UserMessage():
            files = "".join(f"\n@ {one.name} · {describe(one)}" for one in message.attachments)
            return f"## You\n\n{message.text}{files and chr(10)}{files}"
        case ToolMessage():
            return f"## Tool {message.name}\n\n{message.text}"
        case AssistantMessage():
            return f"## {short_model(message.model or message.model_asked) or 'Answer'}\n\n{message.text}"
