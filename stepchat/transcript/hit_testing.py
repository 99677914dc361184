"""Which character of the conversation is at which cell of the screen. Wrapping, bars, markers and padding do not count.

In code every character counts; elsewhere only those that are not white space, because wrapping changes just that. Table
rows are counted cell by cell. So a position in the text is the same number at every width.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple
from unicodedata import category

from rich.style import Style

from stepchat.text.sanitize import sanitize, sanitize_for_clipboard, sanitize_for_display
from stepchat.text.widths import cells, graphemes, unpad
from stepchat.transcript.block_text import BlockText
from stepchat.transcript.layout.layout import formula_indent, shown_code, shown_line
from stepchat.transcript.layout.tables import LONGEST_ROW, cell_text
from stepchat.transcript.layout.wrap import chop, hanging
from stepchat.transcript.markdown.block_starts import LINE_LIMIT
from stepchat.transcript.markdown.blocks import Table, Tail
from stepchat.transcript.markdown.inline import USUAL, Display

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from textual.strip import Strip

    from stepchat.transcript.document import Document, MessageView
    from stepchat.transcript.layout.layout import Layout
    from stepchat.transcript.layout.strips import StripBuilder
    from stepchat.transcript.markdown.blocks import Block
    from stepchat.transcript.viewport import ScreenRow, Viewport

_MOST_BLOCKS: Final = 300


class TextPosition(NamedTuple):
    """A character of the conversation, from `at` to `end`; both are equal where there is none."""

    message: MessageView
    section: int
    block: int
    """Its index in the section."""
    at: int
    end: int


class CellHit(NamedTuple):
    """What a row of the screen shows: a row of a block, negative in the blank rows above it."""

    message: MessageView
    section: int
    block_index: int
    block: Block
    row: int


class HitTester:
    """Finds positions in one document. Cell maps are cached as long as the rows are the same."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._known: dict[Block, tuple[Sequence[Strip], CellMap]] = {}
        self._source_maps: tuple[CellMap, SourceMap] | None = None

    def hit(self, shown: ScreenRow) -> CellHit:
        document = self.document
        message = document.messages[shown.message]
        section, index = message.blocks.section_of(shown.block)
        block = message.blocks.blocks[shown.block]
        if isinstance(block.group, Tail):
            return self._in_tail(message, section, block, shown.row)
        return CellHit(message, section, index, block, shown.row - block.gap)

    def _in_tail(self, message: MessageView, section: int, block: Block, row: int) -> CellHit:
        """The rows of the tail belong to blocks that are not on the page themselves."""
        layout = self.document.layout
        blocks = block.group.blocks if isinstance(block.group, Tail) else []
        left = len(layout.rows(block)) - row
        for index in range(len(blocks) - 1, -1, -1):
            size = len(layout.rows(blocks[index])) - blocks[index].gap
            if left <= size:
                return CellHit(message, section, index, blocks[index], size - left)
            left -= size
        return CellHit(message, section, 0, block, -1)

    def cell_map(self, block: Block) -> CellMap:
        layout = self.document.layout
        rows = layout.rows(block)
        known = self._known.get(block)
        if known is None or known[0] is not rows:
            if len(self._known) > _MOST_BLOCKS:
                self._known.clear()
            before = (known[0][block.gap :], known[1]) if known is not None else None
            known = self._known[block] = (rows, build_cell_map(block, layout, rows[block.gap :], before))
        return known[1]

    def position_at(self, viewport: Viewport, x: int, y: int) -> TextPosition | None:
        """The character at a cell of the screen, or the nearest one before it."""
        shown = viewport.screen_rows
        if not shown:
            return None
        if y < 0:
            x, y = 0, 0
        elif y >= len(shown):
            x, y = 100_000, len(shown) - 1
        cell_hit = self.hit(shown[y])
        cell_map = self.cell_map(cell_hit.block)
        at, end = cell_map.character(cell_hit.row, x)
        if at < end and not cell_hit.block.text.isascii():
            at, end = self._source_map(cell_hit.block, cell_map).snap(at, end)
        return TextPosition(cell_hit.message, cell_hit.section, cell_hit.block_index, at, end)

    def word_at(self, viewport: Viewport, x: int, y: int) -> TextPosition | None:
        """The word at a cell of the screen, including what continues on other rows."""
        position = self.position_at(viewport, x, y)
        if position is None or not 0 <= y < len(viewport.screen_rows) or position.at == position.end:
            return position
        block = self.hit(viewport.screen_rows[y]).block
        found = self._source_map(block, self.cell_map(block)).word(position.at)
        return position._replace(at=found[0], end=found[1]) if found is not None else position

    def _source_map(self, block: Block, cell_map: CellMap) -> SourceMap:
        """Cached for the block under the mouse."""
        if self._source_maps is None or self._source_maps[0] is not cell_map:
            self._source_maps = (cell_map, source_map(block, cell_map))
        return self._source_maps[1]

    def block_at(self, viewport: Viewport, x: int, y: int) -> TextPosition | None:
        """The block at a cell of the screen."""
        position = self.position_at(viewport, x, y)
        if position is None or not 0 <= y < len(viewport.screen_rows):
            return position
        return position._replace(at=0, end=self.cell_map(self.hit(viewport.screen_rows[y]).block).total)


_CODE_PAD: Final = 2
"""Cells that the layout puts left and right of code."""
_BETWEEN: Final = 3
"""Cells between two columns of a table."""
_SPACE: Final = re.compile(r"\s+")
_RULE: Final = re.compile(r"[─┼╌]+")


class CellRun(NamedTuple):
    """Contiguous text on a row: from column `left` on, with `before` characters of the block before it."""

    left: int
    text: str
    before: int


@dataclass(frozen=True, slots=True)
class CellMap:
    """The text on the rows of a block, from column `start` on, and the number of characters before each row."""

    start: int
    texts: list[str]
    before: list[int]
    total: int
    counts_whitespace: bool
    """White space counts as well."""
    hang: int = 0
    """Extra indentation of rows after the first."""
    cells: list[list[CellRun]] | None = None
    """For a table row, what is on each row, cell by cell."""
    cell_starts: Sequence[int] = (0,)
    """The number of characters before each cell."""
    display: Display = USUAL

    def runs(self, row: int) -> Sequence[CellRun]:
        """The text on a row of the block; nothing for a rule or outside the block."""
        if not 0 <= row < len(self.texts):
            return ()
        if self.cells is not None:
            return self.cells[row]
        return (CellRun(self.start + self.hang if row else self.start, self.texts[row], self.before[row]),)

    def character(self, row: int, column: int) -> tuple[int, int]:
        """The index of the character at a column of the page, or of the nearest one before it, and that of the next one."""
        runs = self.runs(row)
        if not runs:
            at = 0 if row <= 0 else self.total
            return at, at
        run = next((found for found in reversed(runs) if found.left <= column), runs[0])
        column -= run.left
        first, end = _character(run.text, column) if column >= 0 else (0, 0)
        at = run.before + self._count(run.text[:first])
        return at, at + self._count(run.text[first:end])

    def columns(self, row: int, first: int, end: int) -> list[tuple[int, int]]:
        """The columns of a row that show the characters from `first` to before `end`."""
        found: list[tuple[int, int]] = []
        for run in self.runs(row):
            text, last = run.text, end - run.before
            left = self._index(run, first)
            right = 0 if last <= 0 else self._index(run, end - 1) + (last <= self._count(text))
            right = min(len(text), right)
            if left < right:
                found.append((run.left + cells(text[:left]), run.left + cells(text[:right])))
        return found

    def _count(self, text: str) -> int:
        return len(text) if self.counts_whitespace else _count(text)

    def _index(self, run: CellRun, at: int) -> int:
        """Where the character with this index begins in the run; the run's end if it is further on."""
        text, left = run.text, at - run.before
        if self.counts_whitespace or left < 0:
            return min(max(0, left), len(text))
        for index, character in enumerate(text):
            if not character.isspace():
                if not left:
                    return index
                left -= 1
        return len(text)


def build_cell_map(
    block: Block, layout: Layout, rows: Sequence[Strip], known: tuple[Sequence[Strip], CellMap] | None
) -> CellMap:
    """The cell map of a block. Rows that are unchanged are not read again, because a growing block has many of them."""
    builder, page = layout.builder, layout.builder.geometry
    start, available, every, hang = page.margin, page.wide, False, 0
    match block.kind:
        case "code":
            edge = builder.edge(block, page.wide).width
            start, available, every = start + edge + _CODE_PAD, page.wide - edge - 2 * _CODE_PAD, True
            hang = hanging(shown_code(block.text), available)
        case "label":
            edge = builder.edge(block, page.wide).width
            start, available = start + edge + _CODE_PAD, page.wide - edge - 2 * _CODE_PAD
        case "html":
            edge = builder.edge(block, page.column).width + formula_indent(block)
            start, available, every = start + edge, page.column - edge, True
        case "row":
            start += builder.edge(block, page.wide).width
            if isinstance(block.group, Table) and len(block.text) <= LONGEST_ROW:
                return _measure_row(block, block.group, start, rows, builder)
        case "meta" | "rule" | "empty":
            pass
        case _:
            start += builder.edge(block, page.column).width
    if every:
        text = shown_line(block, builder.display)
        lines = chop([(text, Style.null())], available, hang) if text or not block.text else []
        texts = ["".join(text for text, _ in line) for line in lines]
    elif block.kind in ("rule", "empty"):
        texts = [""] * len(rows)
    else:
        old_rows, old_texts = (known[0], known[1].texts) if known is not None else ((), ())
        same = next(
            (at for at, (row, old) in enumerate(zip(rows, old_rows, strict=False)) if row is not old),
            min(len(rows), len(old_rows)),
        )
        right = page.margin + page.wide
        texts = [*old_texts[:same], *(unpad(row.crop(start, right).text).rstrip() for row in rows[same:])]
    before = [0]
    for text in texts:
        before.append(before[-1] + (len(text) if every else _count(text)))
    return CellMap(start, texts, before[:-1], before[-1], every, hang, display=builder.display)


def _measure_row(block: Block, table: Table, start: int, rows: Sequence[Strip], builder: StripBuilder) -> CellMap:
    texts = [unpad(row.crop(start, row.cell_length).text).rstrip() for row in rows]
    numbers = range(len(table.aligns))
    counts = [_count(cell_text(block, table, number, builder)) for number in numbers]
    starts = [sum(counts[:number]) for number in numbers]
    if table.column_widths is not None:
        found = list(_in_columns(table.column_widths, starts, start, rows))
    else:
        names = [_count(cell_text(table.rows[0], table, number, builder)) for number in numbers]
        found = list(_stacked(_owners(counts, names, is_head=not block.level), starts, start, texts))
    return CellMap(
        start,
        texts,
        [0] * len(rows),
        sum(counts),
        counts_whitespace=False,
        cells=found,
        cell_starts=starts,
        display=builder.display,
    )


def _in_columns(
    widths: Sequence[int], starts: Sequence[int], left: int, rows: Sequence[Strip]
) -> Iterator[list[CellRun]]:
    seen = list(starts)
    for row in rows:
        found: list[CellRun] = []
        column = left
        for number, width in enumerate(widths):
            text = unpad(row.crop(column, column + width).text).rstrip()
            if number == 0 and _RULE.fullmatch(text):
                break
            found.append(CellRun(column, text, seen[number]))
            seen[number] += _count(text)
            column += width + _BETWEEN
        yield found


def _owners(counts: Sequence[int], names: Sequence[int], *, is_head: bool) -> Iterator[int | None]:
    """The cell that each character belongs to where cells are stacked; None for column names and separators."""
    for number, count in enumerate(counts):
        if is_head:
            yield from [None] * (number > 0)
        elif count:
            yield from [None] * (names[number] + (names[number] > 0))
        yield from [number] * count


def _stacked(
    owners: Iterator[int | None], starts: Sequence[int], left: int, texts: Sequence[str]
) -> Iterator[list[CellRun]]:
    seen = list(starts)
    for text in texts:
        found: list[CellRun] = []
        runs: list[tuple[int | None, int, int]] = []
        for index, character in enumerate("" if _RULE.fullmatch(text) else text):
            if character.isspace():
                continue
            owner = next(owners, None)
            if runs and runs[-1][0] == owner:
                runs[-1] = (owner, runs[-1][1], index + 1)
            else:
                runs.append((owner, index, index + 1))
        for owner, first, end in runs:
            if owner is not None:
                found.append(CellRun(left + cells(text[:first]), text[first:end], seen[owner]))
                seen[owner] += _count(text[first:end])
        yield found


def _count(text: str) -> int:
    return len(_SPACE.sub("", text))


def _character(text: str, column: int) -> tuple[int, int]:
    """The character at a column of the row's text: its first index, and the one after its last."""
    if text.isascii():
        return (column, column + 1) if column < len(text) else (len(text), len(text))
    used = 0
    for first, end, size in graphemes(text):
        used += size
        if used > column:
            return first, end
    return len(text), len(text)


_WORD: Final = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]}']|\w+(?:[-./\\'’@~+:]+\w+)*|[^\w\s]+")
"""Addresses, paths and names with dots or hyphens are one word, without the punctuation after them."""
_JOINER: Final = "\u200d"
_JOINS: Final = re.compile("[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff]")
"""Belongs to the character before it: variation selectors, keycap, skin tones."""
_LETTER_OF_FLAG: Final = re.compile("[\U0001f1e6-\U0001f1ff]")


@dataclass(frozen=True, slots=True)
class SourceMap:
    """For each character that counts on the screen, where in the text it begins and ends."""

    text: str
    starts: list[int]
    ends: list[int]

    def slice(self, first: int, end: int) -> str:
        """The text of the characters from `first` to before `end`, never part of a grapheme cluster."""
        if not 0 <= first < end <= len(self.starts):
            return ""
        found = self.text[self.starts[first] : self.ends[end - 1]]
        return sanitize_for_clipboard(found)

    def snap(self, first: int, end: int) -> tuple[int, int]:
        """The same range, extended to whole grapheme clusters."""
        if not 0 <= first < end <= len(self.starts):
            return first, end
        return bisect_left(self.starts, self.starts[first]), bisect_right(self.starts, self.starts[end - 1])

    def word(self, at: int) -> tuple[int, int] | None:
        """The characters of the word around this one."""
        if not 0 <= at < len(self.starts):
            return None
        for found in _WORD.finditer(self.text):
            if found.start() <= self.starts[at] < found.end():
                return bisect_left(self.starts, found.start()), bisect_left(self.starts, found.end())
        return None


def source_map(block: Block, cell_map: CellMap) -> SourceMap:
    """The text in one line unless it has line breaks of its own; cells of a table row are separated by tabs."""
    every = cell_map.counts_whitespace
    text = "\t".join(run.text for run in BlockText(block, display=cell_map.display, keep_source=True).runs())
    show = sanitize if cell_map.display.joins_emoji else sanitize_for_display
    found = _counted(text, show, counts_whitespace=every)
    if len(found.starts) == cell_map.total:
        return found
    # Not all of it is on the screen, or the screen has more.
    rows = range(len(cell_map.texts))
    runs = sorted(chain.from_iterable(map(cell_map.runs, rows)), key=lambda run: run.before)
    return _counted(("" if every else " ").join(run.text for run in runs), show, counts_whitespace=every)


def _counted(text: str, show: Callable[[str], str], *, counts_whitespace: bool) -> SourceMap:
    starts: list[int] = []
    ends: list[int] = []
    for first, end in clusters(text):
        if counts_whitespace and text[first] == "\t" and len(text) <= LINE_LIMIT:
            count = len(shown_code(text[:end])) - len(shown_code(text[:first]))
        elif counts_whitespace:
            count = len(sanitize_for_display(text[first:end]))
        else:
            count = len("".join(show(text[first:end]).split()))
        starts += [first] * count
        ends += [end] * count
    return SourceMap(text, starts, ends)


def clusters(text: str) -> Iterator[tuple[int, int]]:
    """Grapheme clusters: letters with their marks, composed emoji, flags."""
    if text.isascii():
        yield from ((index, index + 1) for index in range(len(text)))
        return
    first = flag_letters = 0
    for index, character in enumerate(text):
        before = text[index - 1] if index else ""
        is_letter = _LETTER_OF_FLAG.match(character) is not None
        joins = (
            _JOINER in {before, character}
            or (is_letter and flag_letters % 2 == 1)
            or _JOINS.match(character) is not None
            or category(character)[0] == "M"
        )
        flag_letters = flag_letters + 1 if is_letter else 0
        if index and not joins:
            yield first, index
            first = index
    if text:
        yield first, len(text)
