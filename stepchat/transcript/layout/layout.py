"""Lays out blocks as rows, each a strip of the full width. Rows of closed blocks are cached within bounds."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.style import Style

from stepchat.text.sanitize import sanitize, sanitize_for_display
from stepchat.text.widths import cells
from stepchat.transcript.layout import tables
from stepchat.transcript.layout.flow import Flow
from stepchat.transcript.layout.strips import StripBuilder, page_geometry
from stepchat.transcript.layout.wrap import Wrapper, chop, hanging
from stepchat.transcript.markdown import blocks, highlighting, inline, tex
from stepchat.transcript.markdown.block_starts import LINE_LIMIT
from stepchat.transcript.markdown.blocks import Fence, Links, MetaLine, Table, Tail
from stepchat.transcript.markdown.highlighting import HighlightCache, load_at_once
from stepchat.transcript.markdown.inline import USUAL, Display, take_definitions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.strip import Strip

    from stepchat.transcript.layout.wrap import Line
    from stepchat.transcript.markdown.blocks import Block
    from stepchat.transcript.markdown.highlighting import StartLoading
    from stepchat.transcript.palette import Palette

MAX_ROWS: Final = 4000
"""Rows in the cache: about a hundred screens."""
_COUNTED_AT_ONCE: Final = 200
"""Blocks of a tail that are counted at a time."""
_NEWEST: Final = 3
"""Blocks at the end of a tail that the parser may still replace."""
_CODE_PAD: Final = 2
_UNNAMED: Final = "code"
_TAB: Final = 4
_FORMULA_INDENT: Final = 4
_HEADINGS: Final = (
    Style(bold=True, underline=True),
    Style(bold=True),
    Style(bold=True, italic=True),
    Style(italic=True),
    Style(italic=True),
    Style(),
)
"""By level."""
_FLOWING: Final = frozenset({"paragraph", "heading", "plain"})
_PLAIN_HEADING: Final = 3
"""Headings have the accent colour up to this level."""
_QUIET_HEADING: Final = 5
"""Headings are dim from this level on."""


class _Kept(NamedTuple):
    """Rows, and what they were made from."""

    version: int
    is_open: bool
    token: object
    surface: int
    numbers: int
    rows: Sequence[Strip]


class Layout:
    """Lays out blocks for one palette and one width at a time."""

    def __init__(
        self, palette: Palette, width: int, *, display: Display = USUAL, start_loading: StartLoading = load_at_once
    ) -> None:
        self._earlier = blocks.Block("plain", voice="reasoning", gap=0)
        self._earlier.open = False
        self._kept: OrderedDict[Block, _Kept] = OrderedDict()
        self.kept_rows = 0
        self._highlights = HighlightCache(shown_code, start_loading)
        self.builder = StripBuilder(palette, page_geometry(width), display)

    @property
    def width(self) -> int:
        return self.builder.geometry.width

    def reset(self, palette: Palette, width: int, display: Display | None = None) -> None:
        """Changes palette, width or the display of characters, and drops all rows."""
        self.builder = StripBuilder(palette, page_geometry(width), display or self.builder.display)
        self._kept.clear()
        self.kept_rows = 0

    def work(self, seconds: float) -> bool:
        """Continues deferred work. Returns whether rows may look different now."""
        return self._highlights.work(seconds)

    @property
    def has_work(self) -> bool:
        return self._highlights.has_work

    def rows(self, block: Block) -> Sequence[Strip]:
        """The rows of a block, including the blank ones above it. The same objects as last time if nothing has changed."""
        kept = self._kept.get(block)
        token = self._token(block)
        surface = self.code_block_width(block) if isinstance(block.group, Fence) else 0
        numbers = blocks.numbers_width(block.path) if block.path else 0
        if (
            kept is not None
            and kept.version == block.version
            and kept.is_open == block.open
            and kept.token is token
            and kept.surface == surface
            and kept.numbers == numbers
        ):
            self._kept.move_to_end(block)
            return kept.rows
        match block.group:
            case Tail():
                return self._tail_rows(block.group)
            case _ if _is_definition(block):
                rows: Sequence[Strip] = []
            case _:
                rows = self._flow(block) if block.kind in _FLOWING else [*self._gap(block), *self._content(block)]
        if kept:
            self.kept_rows -= len(kept.rows)
        self._kept[block] = _Kept(block.version, block.open, token, surface, numbers, rows)
        self.kept_rows += len(rows)
        while self.kept_rows > MAX_ROWS and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self.kept_rows -= len(dropped.rows)
        return rows

    def estimate(self, block: Block) -> int:
        """The approximate number of rows of the block."""
        column = max(8, self.builder.geometry.column - 2 * len(block.path))
        match block.kind:
            case "paragraph" | "heading" | "plain":
                return block.gap + 1 + len(block.text) // column
            case "row":
                return block.gap + (1 if block.level else 2)
            case "tail":
                return len(self.rows(block))
            case _:
                return block.gap + 1

    def code_block_width(self, block: Block) -> int:
        """The column of the page where a code block's background ends: that of text, or the full width if a line needs it."""
        page, fence = self.builder.geometry, block.group
        if page.wide == page.column or not isinstance(fence, Fence):
            return page.wide
        numbers = blocks.numbers_width(block.path)
        if fence.column_cells[0] is not self.builder or fence.column_cells[1] != numbers:
            fence.column_cells = (
                self.builder,
                numbers,
                page.column - self.builder.edge(block, page.wide).width - 2 * _CODE_PAD,
            )
        return page.column if _widest(fence) <= fence.column_cells[2] else page.wide

    def _token(self, block: Block) -> object:
        """What the rows depend on besides the text of the block; compared by identity."""
        match block.group:
            case None:
                labels = block.links.labels if block.links is not None else None
                return labels if labels and "[" in block.text else None
            case Fence():
                return self._highlights.line(block.group, block.level) if block.kind == "code" else None
            case Table():
                tables.columns(block.group, self.builder, block)
                return block.group.token
            case _:
                return None

    def _gap(self, block: Block) -> list[Strip]:
        if not block.gap:
            return []
        edge = (
            self.builder.edge(block, self.builder.geometry.column) if block.path or block.voice == "reasoning" else None
        )
        blank = self.builder.strip(edge.gap) if edge and edge.gap else self.builder.blank
        return [blank] * block.gap

    def _content(self, block: Block) -> list[Strip]:
        palette = self.builder.palette
        match block.kind:
            case "code" | "label":
                return self._code(block)
            case "row":
                return tables.rows(block, self.builder)
            case "html":
                return self._verbatim(block)
            case "rule":
                edge = self.builder.edge(block, self.builder.geometry.column)
                line = "─" * (self.builder.geometry.column - edge.width)
                return [self.builder.strip([*edge.first, (line, palette.rule)])]
            case "empty":
                return [self.builder.strip(self.builder.edge(block, self.builder.geometry.column).first)]
            case "meta":
                return self._fact(block)
            case _:
                return []

    def _flow(self, block: Block) -> Sequence[Strip]:
        """Includes the blank rows above."""
        flow: Flow | None = block.flow
        if flow is None or not flow.fits(self.builder):
            flow = Flow(self.builder, block, self._flow_style(block), self._gap(block))
        rows = flow.rows()
        block.flow = flow if block.open else None
        return rows

    def _flow_style(self, block: Block) -> Style:
        base, palette = self.builder.base(block.voice), self.builder.palette
        if block.kind != "heading":
            return base
        if block.voice == "answer":
            base = palette.heading if block.level < _PLAIN_HEADING else palette.text
            base = base if block.level < _QUIET_HEADING else palette.dim
        return base + _HEADINGS[block.level - 1]

    def _code(self, block: Block) -> list[Strip]:
        builder, page = self.builder, self.builder.geometry
        edge = builder.edge(block, page.wide)
        pad = (" " * _CODE_PAD, builder.palette.code_block)
        available = page.wide - edge.width - 2 * _CODE_PAD
        if block.kind == "label":
            name = [(builder.shown(block.text or _UNNAMED)[:available], builder.palette.code_label)]
            return [
                builder.strip(
                    [*edge.first, pad, *name], fill=builder.palette.code_label, fill_to=self.code_block_width(block)
                )
            ]
        hang = hanging(shown_code(block.text), available)
        distance = (" " * (_CODE_PAD + hang), builder.palette.code_block)
        return [
            builder.strip(
                [*(edge.others if index else edge.first), distance if index else pad, *line],
                fill=builder.palette.code_block,
                fill_to=self.code_block_width(block),
            )
            for index, line in enumerate(chop(self._colored(block), available, hang))
        ]

    def _colored(self, block: Block) -> Line:
        """A line of code in its colours, plain while they are unknown."""
        palette = self.builder.palette
        line = self._highlights.line(block.group, block.level) if isinstance(block.group, Fence) else None
        if line is None:
            return [(shown_code(block.text), palette.code_block)]
        return [(text, palette.syntax.get(name, palette.code_block)) for text, name in line]

    def _verbatim(self, block: Block) -> list[Strip]:
        """A line of HTML, or of a formula, which is indented and has dim delimiters."""
        builder, column = self.builder, self.builder.geometry.column
        edge, indent = builder.edge(block, column), formula_indent(block)
        base = builder.base(block.voice)
        match block.level:
            case blocks.FORMULA:
                base += builder.palette.emphasis
            case blocks.FORMULA_MARK:
                base = builder.palette.dim
            case _:
                pass
        text = shown_line(block, builder.display)
        if block.text and not text:
            return []
        lines = chop([(text, base)], column - edge.width - indent)
        blank = (" " * indent, base)
        return [
            builder.strip([*(edge.others if index else edge.first), blank, *line]) for index, line in enumerate(lines)
        ]

    def _fact(self, block: Block) -> list[Strip]:
        fact = block.group
        if not isinstance(fact, MetaLine):
            return []
        pieces = [(sanitize(text, keep_newlines=False), self._role(role)) for text, role in fact.parts]
        if fact.wraps:
            wrapper = Wrapper(self.builder.geometry.column)
            for text, style in pieces:
                wrapper.add(text, style)
            return [self.builder.strip(line) for line in wrapper.all_lines()]
        left = list(range(len(pieces)))
        while len(left) > 1 and sum(cells(pieces[index][0]) for index in left) > self.builder.geometry.column:
            left.remove(min(left, key=lambda index: fact.needs[index] if fact.needs else -index))
        return [self.builder.strip([pieces[index] for index in left])]

    def _role(self, role: str) -> Style:
        style: Style = getattr(self.builder.palette, role)
        return style

    def _tail_rows(self, tail: Tail) -> list[Strip]:
        """Without the blank rows between blocks: the little space is for text."""
        rows: list[Strip] = []
        shown = 0
        for block in reversed(tail.blocks):
            rows[:0] = self.rows(block)[block.gap :]
            shown += 1
            if len(rows) > tail.rows:
                break
        if len(rows) <= tail.rows and shown == len(tail.blocks):
            return rows
        text = _earlier_lines(self._count_tail(tail), tail.rows - 1)
        if text != self._earlier.text:
            self._earlier.text = text
        return [*self.rows(self._earlier), *rows[1 - tail.rows :]]

    def _count_tail(self, tail: Tail) -> int | None:
        """The rows of all blocks of a tail. None while many are uncounted: each call counts some, so none of them is slow.

        A block is counted once, when it is finished, so the cost does not grow with the reasoning.
        """
        finished = max(0, len(tail.blocks) - _NEWEST)
        if tail.counted_for is not self.builder or tail.counted > finished:
            tail.counted, tail.counted_rows, tail.counted_for = 0, 0, self.builder
        for block in tail.blocks[tail.counted : min(finished, tail.counted + _COUNTED_AT_ONCE)]:
            tail.counted_rows += self._rows_of_text(block)
            tail.counted += 1
        if tail.counted < finished:
            return None
        return tail.counted_rows + sum(map(self._rows_of_text, tail.blocks[finished:]))

    def _rows_of_text(self, block: Block) -> int:
        """The rows of a block without the blank ones above it."""
        return max(0, len(self.rows(block)) - block.gap)


def _earlier_lines(rows: int | None, shown: int) -> str:
    if rows is None:
        return "⋯ earlier lines"
    earlier = rows - shown
    return f"⋯ {earlier:,} earlier line{'' if earlier == 1 else 's'}"


def _is_definition(block: Block) -> bool:
    """A paragraph that so far only defines links: it will be gone when it is finished."""
    if not block.open or block.kind != "paragraph" or block.text[:1] != "[" or len(block.text) > LINE_LIMIT:
        return False
    return not take_definitions(block.text, Links())


def _widest(fence: Fence) -> int:
    """Cells of the widest line. The last one may still change, or disappear, while the block is open."""
    count = len(fence.lines) if fence.closed else len(fence.lines) - 1
    if fence.measured == count == len(fence.lines):
        return fence.widest
    if fence.measured < count:
        new = fence.lines[fence.measured : count]
        fence.measured, fence.widest = count, max(fence.widest, *[cells(shown_code(line.text)) for line in new])
    return max([fence.widest, *[cells(shown_code(line.text)) for line in fence.lines[max(0, count) :]]])


def formula_indent(block: Block) -> int:
    """The indentation of a line that is shown verbatim."""
    return _FORMULA_INDENT if block.level == blocks.FORMULA else 0


def shown_line(block: Block, display: Display) -> str:
    """A line of code, of HTML or of a formula as it is shown."""
    if not (display.formulas and block.kind == "html" and block.level):
        return shown_code(block.text)
    return shown_code(tex.readable(block.text)) if block.level == blocks.FORMULA else ""


def shown_code(text: str) -> str:
    """A line of code as it is shown: tabs expanded, hostile characters visible."""
    if "\t" in text and len(text) <= LINE_LIMIT:
        if text.isascii():
            text = text.expandtabs(_TAB)
        else:
            first, *parts = text.split("\t")
            text = first
            for part in parts:
                text += " " * (_TAB - cells(text) % _TAB) + part
    return sanitize_for_display(text)


def warm_up() -> None:
    """Loads what the first answer would wait for. Slow; meant for a thread."""
    inline.warm_up()
    tex.warm_up()
    highlighting.load("python")
