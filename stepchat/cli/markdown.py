"""An answer on a terminal: Markdown as the window reads it, in the terminal's own colours, block by block as it streams.

A block that is complete is printed and never touched again. The rows of the last one are printed again with every piece until
it is complete. Words are never broken; a word that is longer than a line is left to the terminal.
"""

from __future__ import annotations

import re
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style
from rich.text import Text

from stepchat.text.sanitize import sanitize_for_display
from stepchat.transcript.markdown import inline
from stepchat.transcript.markdown.block_starts import split_row
from stepchat.transcript.markdown.blocks import FORMULA, Fence, Item, Table, alert
from stepchat.transcript.markdown.highlighting import StreamingHighlighter
from stepchat.transcript.markdown.incremental import IncrementalParser
from stepchat.transcript.markdown.tex import readable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import terminal_size

    from stepchat.transcript.markdown.blocks import Block

_READABLE: Final = 100
"""Columns; longer lines of text are hard to read."""
_LEAST: Final = 12
_TAB: Final = 4
_SHARE: Final = 4
"""Printing rows again may take one part in this many of the time."""
_BETWEEN: Final = "  "
_FORMULA_INDENT: Final = "    "
_PIECE: Final = re.compile(r"\n|[^\S\n]+|\S+")
_WORD: Final = re.compile(r"\S+\s*")
_STYLES: Final = {
    name: Style.parse(definition)
    for name, definition in {
        "dim": "dim",
        "heading 1": "bold underline",
        "heading": "bold",
        "marker": "bold",
        "code": "cyan",
        "keyword": "magenta",
        "string": "green",
        "comment": "dim italic",
        "number": "yellow",
        "function": "blue",
        "type": "cyan",
    }.items()
}
_MARKS: Final = (
    (inline.STRONG, Style(bold=True)),
    (inline.EMPHASIS, Style(italic=True)),
    (inline.STRIKE, Style(strike=True)),
    (inline.CODE, _STYLES["code"]),
    (inline.LINK, Style(underline=True)),
)
_PLAIN: Final = Style.null()


class MarkdownStream:
    """Feed text with `add`; `finish` prints what is left. `write` gets what goes to the terminal."""

    def __init__(self, write: Callable[[str], None], size: Callable[[], terminal_size], *, colour: bool) -> None:
        self._write = write
        self._size = size
        self._console = Console(width=_READABLE, color_system=None, legacy_windows=False)
        self._colour = colour
        self._parser = IncrementalParser()
        self._printed = 0
        """Blocks that are printed for good."""
        self._has_rows = False
        self._highlighter: tuple[Fence, StreamingHighlighter] | None = None
        self._open_text = ""
        """What is on the terminal and will be printed again."""
        self._below = 0
        """Its rows on the terminal."""
        self._next = 0.0

    def add(self, text: str) -> None:
        """Add a piece of the answer."""
        # Blocks are final at the end of a line; what follows it may still change them.
        lines, newline, rest = text.rpartition("\n")
        rows: list[Text] = []
        if newline:
            self._parser.feed(lines + newline)
            rows = self._complete_rows()
        self._parser.feed(rest)
        if rows or monotonic() >= self._next:
            start = monotonic()
            self._print(rows, self._open_rows())
            self._next = monotonic() + _SHARE * (monotonic() - start)

    def add_whole(self, text: str) -> None:
        """Print a complete text."""
        self._parser.feed(text)
        self.finish()

    def finish(self) -> None:
        """Print the rest. The next piece begins another text."""
        self._parser.finish()
        self._print(self._rows(self._parser.blocks[self._printed :]), [])
        self._parser = IncrementalParser()
        self._printed, self._highlighter = 0, None

    def _complete_rows(self) -> list[Text]:
        blocks, first = self._parser.blocks, self._printed
        while self._printed < len(blocks) and _is_final(blocks[self._printed]):
            self._printed += 1
        return self._rows(blocks[first : self._printed])

    def _open_rows(self) -> list[Text]:
        return self._rows(self._parser.blocks[self._printed :])

    def _print(self, rows: list[Text], open_rows: list[Text]) -> None:
        columns, height = self._size()
        # Those at the end, if there are more than the terminal can take back.
        shown: list[Text] = []
        used = 0
        for row in reversed(open_rows):
            used += _terminal_rows(row, columns)
            if used >= height:
                break
            shown.insert(0, row)
        out = [f"{self._styled(row)}\n" for row in rows]
        text = "".join([*out, "\n".join(map(self._styled, shown))])
        # Words that are added at the end need nothing taken back.
        continues = text.startswith(self._open_text)
        new = text[len(self._open_text) :] if continues else _take_back(self._below) + text
        self._open_text = text[sum(map(len, out)) :]
        self._below = sum(_terminal_rows(row, columns) for row in shown)
        self._has_rows = self._has_rows or bool(rows)
        if new:
            self._write(new)

    def _styled(self, row: Text) -> str:
        system = ColorSystem.STANDARD
        segments = ((segment.text, segment.style or _PLAIN) for segment in row.render(self._console))
        return "".join(
            (style if self._colour else style.without_color).render(text, color_system=system)
            for text, style in segments
        ).rstrip()

    # ---- blocks

    def _rows(self, blocks: Sequence[Block]) -> list[Text]:
        width = min(self._size().columns, _READABLE)
        rows: list[Text] = []
        for block in blocks:
            first, others = _edges(block)
            lines = self._lines(block, max(_LEAST, width - cell_len(first.plain)))
            if (lines or block.kind == "html") and (rows or self._has_rows):
                rows += [_outer_edge(block) for _ in range(block.gap)]
            rows += [(others if index else first) + line for index, line in enumerate(lines)]
        return rows

    def _lines(self, block: Block, width: int) -> list[Text]:
        match block.kind:
            case "code":
                return [self._code(block)]
            case "label":
                return [Text(sanitize_for_display(block.text), _STYLES["dim"])] if block.text else []
            case "html" if block.level:
                text = readable(block.text) if block.level == FORMULA else ""
                return [Text(f"{_FORMULA_INDENT}{_verbatim(text)}", Style(italic=True))] if text else []
            case "html":
                return [Text(_verbatim(block.text))]
            case "rule":
                return [Text("─" * width, _STYLES["dim"])]
            case "row" if isinstance(block.group, Table):
                return self._table(block.group, width) if block is block.group.rows[0] else []
            case "empty":
                return [Text()]
            case _:
                style = _PLAIN
                if block.kind == "heading":
                    style = _STYLES["heading 1" if block.level == 1 else "heading"]
                if found := alert(block):
                    text = _inline(block.text[found.end :], block, style)
                    return [Text(found.label, _STYLES["marker"]), *_wrapped(text, width)]
                return _wrapped(_inline(block.text, block, style), width)

    def _code(self, block: Block) -> Text:
        fence = block.group
        if not isinstance(fence, Fence) or not fence.language:
            return Text(_verbatim(block.text))
        if self._highlighter is None or self._highlighter[0] is not fence:
            self._highlighter = (fence, StreamingHighlighter(fence.language, _verbatim))
        coloured = None if block.open else self._highlighter[1].line(fence.lines, block.level)
        if coloured is None:
            return Text(_verbatim(block.text))
        return Text.assemble(*[(piece, _STYLES.get(name, _PLAIN)) for piece, name in coloured])

    def _table(self, table: Table, width: int) -> list[Text]:
        """Columns if every word fits into its own; otherwise the cells of a row below one another."""
        rows = [_cells(row, table) for row in table.rows]
        widths = _column_widths(rows, width)
        if not widths:
            return [line for cells in rows[1:] for line in self._stacked(rows[0], cells, width)]
        lines: list[Text] = []
        for number, cells in enumerate(rows):
            columns = [_wrapped(cell, size) for cell, size in zip(cells, widths, strict=True)]
            for index in range(max(map(len, columns))):
                parts = [column[index] if index < len(column) else Text() for column in columns]
                for part, size, align in zip(parts, widths, table.aligns, strict=True):
                    _align(part, size, align)
                lines.append(Text(_BETWEEN).join(parts))
            if not number:
                lines.append(Text(_BETWEEN.join("─" * size for size in widths), _STYLES["dim"]))
        return lines

    def _stacked(self, head: list[Text], cells: list[Text], width: int) -> list[Text]:
        lines = [Text("─" * width, _STYLES["dim"])]
        for title, cell in zip(head, cells, strict=True):
            if cell.plain.strip():
                label = Text.assemble(title, ": ") if title.plain.strip() else Text()
                lines += _wrapped(label + cell, width)
        return lines


def render(text: str, size: terminal_size, *, colour: bool) -> str:
    """A whole text, in lines."""
    lines: list[str] = []
    stream = MarkdownStream(lines.append, lambda: size, colour=colour)
    stream.add_whole(text)
    return "".join(lines)


class WordWrap:
    """Plain text that streams to a terminal, broken between words. A word is written once it is complete."""

    def __init__(self, write: Callable[[str], None], size: Callable[[], terminal_size]) -> None:
        self._write = write
        self._size = size
        self._word = ""
        """The beginning of the last word."""
        self._column = 0

    def add(self, text: str) -> None:
        """Add a piece of clean text."""
        *pieces, last = _PIECE.findall(self._word + text) or [""]
        self._word = "" if not last or last.isspace() else last
        self._put([*pieces, last] if not self._word else pieces)

    def finish(self) -> None:
        """Write what is left."""
        word, self._word = self._word, ""
        self._put([word])

    def _put(self, pieces: Sequence[str]) -> None:
        width = self._size().columns
        out: list[str] = []
        for piece in pieces:
            size = cell_len(piece)
            if piece == "\n":
                self._column = 0
            elif self._column and self._column + size > width:
                out.append("\n")
                self._column = 0
                piece = piece.lstrip(" ")
                size = cell_len(piece)
            self._column += 0 if piece == "\n" else size
            out.append(piece)
        if text := "".join(out):
            self._write(text)


def _wrapped(text: Text, width: int) -> list[Text]:
    """The lines of a text, broken only at spaces; Rich itself would break or cut a long word."""
    lines: list[Text] = []
    for line in text.split("\n", allow_blank=True):
        breaks: list[int] = []
        used = 0
        for word in _WORD.finditer(line.plain):
            size = cell_len(word[0].rstrip())
            if used and used + size > width:
                breaks.append(word.start())
                used = 0
            used += cell_len(word[0])
        parts = line.divide(breaks)
        for part in parts:
            part.rstrip()
        lines += parts
    return lines


def _is_final(block: Block) -> bool:
    return block.group.closed if isinstance(block.group, Table) else not block.open


def _inline(source: str, block: Block, base: Style) -> Text:
    text = Text(style=base)
    labels: Mapping[str, Any] = block.links.labels if block.links else {}
    for span in inline.spans(source, labels, keep_breaks=True, growing=block.open):
        style = base
        for mark, added in _MARKS:
            if span.marks & mark:
                style += added
        text.append(span.text, style)
        if span.target and not _shows(span.text, span.target):
            text.append(f" ({span.target})", base + _STYLES["dim"])
    return text


def _shows(text: str, target: str) -> bool:
    """Whether the text of a link is its address."""
    return target.removeprefix("mailto:").rstrip("/").endswith(text.strip().rstrip("/"))


def _verbatim(text: str) -> str:
    """A line of code or HTML; nothing in it controls a terminal."""
    return sanitize_for_display(text.expandtabs(_TAB))


def _edges(block: Block) -> tuple[Text, Text]:
    """What precedes the first line of a block, and what precedes its other lines: list markers and the bars of quotes."""
    first, others = Text(), Text()
    old = len(block.path) - block.fresh
    for depth, node in enumerate(block.path):
        if isinstance(node, Item):
            blank = " " * (node.width + 1)
            mark = f"{node.marker.rjust(node.width)} " if depth >= old else blank
        else:
            blank = mark = "│ "
        first.append(mark, _STYLES["dim" if blank == mark else "marker"])
        others.append(blank, _STYLES["dim"])
    return first, others


def _outer_edge(block: Block) -> Text:
    """The blank line above a block, with the bars of the quotes that continue."""
    going_on = block.path[: len(block.path) - block.fresh]
    bars = "".join(" " * (node.width + 1) if isinstance(node, Item) else "│ " for node in going_on)
    return Text(bars.rstrip(), _STYLES["dim"])


def _cells(row: Block, table: Table) -> list[Text]:
    base = Style(bold=True) if not row.level else _PLAIN
    found = [_inline(cell, row, base) for cell in split_row(row.text)[: len(table.aligns)]]
    return found + [Text() for _ in range(len(table.aligns) - len(found))]


def _column_widths(rows: list[list[Text]], width: int) -> list[int]:
    """The width of each column; none if some column would be too narrow for its longest word."""
    columns = list(zip(*rows, strict=True))
    natural = [max(_widest_line(cell) for cell in column) for column in columns]
    words = [max(_longest_word(cell) for cell in column) for column in columns]
    least = [max(word, min(size, _LEAST)) for word, size in zip(words, natural, strict=True)]
    spare = width - len(_BETWEEN) * (len(columns) - 1) - sum(least)
    if spare < 0:
        return []
    wanted = sum(natural) - sum(least)
    return [
        low + min(size - low, spare * (size - low) // wanted if wanted else 0)
        for low, size in zip(least, natural, strict=True)
    ]


def _widest_line(cell: Text) -> int:
    return max((cell_len(line) for line in cell.plain.split("\n")), default=0) or 1


def _longest_word(cell: Text) -> int:
    return max((cell_len(word) for word in cell.plain.split()), default=1)


def _align(part: Text, size: int, align: str) -> None:
    """Pad a cell's line to its column."""
    spare = max(0, size - part.cell_len)
    left = {"right": spare, "center": spare // 2}.get(align, 0)
    part.pad_left(left)
    part.pad_right(spare - left)


def _terminal_rows(row: Text, columns: int) -> int:
    """Rows of the terminal that a row takes; it wraps what is too long."""
    return max(1, -(-row.cell_len // max(1, columns)))


def _take_back(rows: int) -> str:
    """The control sequences that erase the last rows; the cursor is on the last of them.

    Row by row: tmux keeps a copy in its history of a screen that is erased at once.
    """
    return "\r\x1b[K" + "\x1b[A\x1b[K" * (rows - 1) if rows else ""
