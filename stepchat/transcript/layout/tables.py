"""Table rows in the available width: cells wrap, and columns keep their width until a cell needs more.

Where columns do not fit, the cells of a row are stacked, each after the name of its column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stepchat.text.widths import cells
from stepchat.transcript.layout.wrap import Wrapper, chop, longest_word
from stepchat.transcript.markdown.block_starts import split_row
from stepchat.transcript.markdown.blocks import numbers_width
from stepchat.transcript.markdown.inline import spans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.style import Style
    from textual.strip import Strip

    from stepchat.transcript.layout.strips import StripBuilder
    from stepchat.transcript.layout.wrap import Line
    from stepchat.transcript.markdown.blocks import Block, Table
    from stepchat.transcript.markdown.inline import Span

_BETWEEN: Final = " │ "
_CROSSING: Final = "─┼─"
_LIGHT_CROSSING: Final = "╌┼╌"
_LEAST: Final = 3
_LONGEST_WORD: Final = 24
"""Columns are not widened for longer words."""
_WHOLE_WORD: Final = 12
"""Columns are given up if they would break a word of at most this length."""
LONGEST_ROW: Final = 4000
"""A longer row is not parsed again with every token; it is shown as its source."""


def columns(table: Table, builder: StripBuilder, block: Block) -> tuple[int, ...] | None:
    """The width of each column; None if columns do not fit. `table.token` changes whenever rows may."""
    last = table.rows[-1]
    growing = last.text if last.open else ""
    known_pen, known_numbers, known_rows, known_growing, was_closed = table.column_widths_for
    numbers = numbers_width(block.path)
    labels = block.links.labels if block.links else None
    relabelled = labels is not table.labels
    same = known_pen is builder and known_numbers == numbers and not relabelled
    if same and known_rows == len(table.rows) and known_growing is growing and was_closed == table.closed:
        return table.column_widths
    if relabelled:
        table.labels, table.measured, table.widths, table.words = labels, 0, [], []
    _measure_closed(table, builder)
    widths, words = table.widths, table.words
    if growing:
        widths, words = _widened(table, last, builder)
    available = (
        builder.geometry.wide
        - builder.edge(block, builder.geometry.wide).width
        - len(_BETWEEN) * (len(table.aligns) - 1)
    )
    least = sum(max(_LEAST, min(_WHOLE_WORD, word)) for word in words)
    found = share_width(widths, words, available) if available >= least else None
    if same and not table.closed and table.column_widths is not None and table.shared_width == available:
        # The full width is in use: rows already shown do not move until the table is complete.
        found = table.column_widths
    table.shared_width = available if sum(widths) > available else 0
    if found != table.column_widths or not same:
        table.column_widths, table.token = found, object()
    table.column_widths_for = (builder, numbers, len(table.rows), growing, table.closed)
    return table.column_widths


def rows(block: Block, builder: StripBuilder) -> list[Strip]:
    """The screen rows of one table row; the head has a rule below it."""
    table: Table = block.group  # pyright: ignore[reportAssignmentType]
    widths = columns(table, builder, block)
    edge = builder.edge(block, builder.geometry.wide)
    base = builder.base(block.voice)
    available = builder.geometry.wide - edge.width
    if len(block.text) > LONGEST_ROW:
        lines = chop([(builder.shown(block.text), base)], available)
    elif widths is None:
        lines = _stacked(block, table, builder, available)
    else:
        lines = _in_columns(block, table, widths, builder)
    return [builder.strip([*(edge.others if index else edge.first), *line]) for index, line in enumerate(lines)]


def _in_columns(block: Block, table: Table, widths: Sequence[int], builder: StripBuilder) -> list[Line]:
    """A row in columns. If it or the one above wraps, a light rule separates them; otherwise they would run together."""
    base = builder.base(block.voice)
    cell_lines = [
        _wrapped(cell, width, builder, base, head=not block.level)
        for cell, width in zip(_cells(block, table, builder), widths, strict=True)
    ]
    high = max(map(len, cell_lines))
    lines = [_joined(cell_lines, row, widths, table.aligns, builder, base) for row in range(high)]
    if not block.level:
        lines.append([(_CROSSING.join("─" * width for width in widths), builder.palette.table_rule)])
    elif block.level > 1 and (high > 1 or _wraps(table.rows[block.level - 1], table, widths, builder)):
        lines.insert(0, [(_LIGHT_CROSSING.join("╌" * width for width in widths), builder.palette.table_rule)])
    return lines


def _wraps(block: Block, table: Table, widths: Sequence[int], builder: StripBuilder) -> bool:
    """Whether a row takes more than one screen row."""
    if len(block.text) > LONGEST_ROW:
        return True
    texts = ("".join(span.text for span in cell) for cell in _cells(block, table, builder))
    return any("\n" in text or cells(text) > width for text, width in zip(texts, widths, strict=True))


def _stacked(block: Block, table: Table, builder: StripBuilder, available: int) -> list[Line]:
    """A row without columns: each cell with text after the name of its column, rows separated by rules."""
    base = builder.base(block.voice)
    strong, rule = base + builder.palette.strong, builder.palette.table_rule
    names = _cells(table.rows[0], table, builder)
    if not block.level:
        wrapper = Wrapper(available)
        for index, name in enumerate(names):
            if index:
                wrapper.add(" · ", rule)
            _add(wrapper, name, builder, strong)
        return [*wrapper.all_lines(), [("─" * available, rule)]]
    lines: list[Line] = [] if block.level == 1 else [[("╌" * available, rule)]]
    for name, cell in zip(names, _cells(block, table, builder), strict=True):
        if not _says_something(cell):
            continue
        wrapper = Wrapper(available)
        if _says_something(name):
            _add(wrapper, name, builder, strong)
            wrapper.add(": ", rule)
        _add(wrapper, cell, builder, base)
        lines += wrapper.all_lines()
    return lines or [[]]


def _says_something(cell: Sequence[Span]) -> bool:
    return any(span.text.strip() for span in cell)


def _cells(block: Block, table: Table, builder: StripBuilder) -> list[list[Span]]:
    labels: Mapping[str, Any] = block.links.labels if block.links else {}
    found = [
        spans(cell, labels, growing=block.open, display=builder.display)
        for cell in split_row(block.text)[: len(table.aligns)]
    ]
    return found + [[] for _ in range(len(table.aligns) - len(found))]


def cell_text(block: Block, table: Table, number: int, builder: StripBuilder) -> str:
    """The text of one cell of a row."""
    return "".join(span.text for span in _cells(block, table, builder)[number])


def _measure_closed(table: Table, builder: StripBuilder) -> None:
    """Widens the columns for closed rows that are not measured yet."""
    count = len(table.rows) - table.rows[-1].open
    for block in table.rows[table.measured : count]:
        table.widths, table.words = _widened(table, block, builder)
    table.measured = max(table.measured, count)


def _widened(table: Table, block: Block, builder: StripBuilder) -> tuple[list[int], list[int]]:
    """The widest cells and words, including this row."""
    if len(block.text) > LONGEST_ROW:
        return table.widths or [0] * len(table.aligns), table.words or [0] * len(table.aligns)
    widths: list[int] = []
    words: list[int] = []
    for cell in _cells(block, table, builder):
        text = "".join(span.text for span in cell)
        widths.append(max(map(cells, text.split("\n"))))
        words.append(min(_LONGEST_WORD, longest_word(text)))
    if not table.widths:
        return widths, words
    return list(map(max, widths, table.widths)), list(map(max, words, table.words))


def _wrapped(cell: Sequence[Span], width: int, builder: StripBuilder, base: Style, *, head: bool) -> list[Line]:
    wrapper = Wrapper(width)
    _add(wrapper, cell, builder, base + builder.palette.strong if head else base)
    return wrapper.all_lines()


def _add(wrapper: Wrapper, cell: Sequence[Span], builder: StripBuilder, style: Style) -> None:
    for span in cell:
        wrapper.add(span.text, builder.styled(style, span))


def _joined(
    columns: Sequence[Sequence[Line]],
    row: int,
    widths: Sequence[int],
    aligns: Sequence[str],
    builder: StripBuilder,
    base: Style,
) -> Line:
    """One screen row across all columns."""
    line: Line = []
    for index, (column, width, align) in enumerate(zip(columns, widths, aligns, strict=True)):
        if index:
            line.append((_BETWEEN, builder.palette.table_rule))
        part = column[row] if row < len(column) else []
        space = width - sum(cells(text) for text, _ in part)
        left = {"right": space, "center": space // 2}.get(align, 0)
        line += [(" " * left, base), *part, (" " * (space - left), base)]
    return line


def share_width(wanted: Sequence[int], words: Sequence[int], available: int) -> tuple[int, ...]:
    """Column widths with a sum of at most `available`: as wanted if that fits, otherwise narrow columns whole and the rest evenly.

    No column gets less than one cell, so the sum is larger if there are more columns than cells.
    """
    if sum(wanted) <= available:
        return tuple(max(1, width) for width in wanted)
    widths = [0] * len(wanted)
    left, columns = available, sorted(range(len(wanted)), key=lambda column: wanted[column])
    for index, column in enumerate(columns):
        fair = left // (len(columns) - index)
        widths[column] = max(1, min(wanted[column], fair))
        left -= widths[column]
    return _keep_words(widths, words)


def _keep_words(widths: list[int], words: Sequence[int]) -> tuple[int, ...]:
    """Gives columns that would break a word what others can spare."""
    for column, word in enumerate(words):
        need = word - widths[column]
        for other in sorted(range(len(widths)), key=lambda index: words[index] - widths[index]):
            spare = min(need, widths[other] - words[other])
            if spare > 0:
                widths[other] -= spare
                widths[column] += spare
                need -= spare
    return tuple(widths)
