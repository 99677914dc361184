"""A page of the manual for the terminal: Rich's Markdown, in the terminal's own colours. Imported when a page is shown."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, ClassVar, Final

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, TableElement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_INDENT: Final = 4
_READABLE: Final = 16
"""The least columns of a cell with prose."""
_STYLES: Final = Theme(
    {
        "markdown.h1": "bold underline",
        "markdown.h2": "bold",
        "markdown.h3": "bold",
        "markdown.code": "cyan",
        "markdown.code_block": "cyan",
        "markdown.table.header": "bold",
        "markdown.table.border": "dim",
    }
)


class _LeftHeading(Heading):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.text


class _IndentedCode(CodeBlock):
    """A comment that makes its line too long goes above it."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines: list[str] = []
        for line in str(self.text).rstrip().split("\n"):
            code, mark, comment = line.partition("  # ")
            too_long = mark and len(line) + _INDENT > options.max_width
            lines += [f"# {comment}", code.rstrip()] if too_long else [line]
        yield Padding(Text("\n".join(lines), style=self.style_name), (0, 0, 0, _INDENT))


class _FittedTable(TableElement):
    """Columns if all of them are readable in the width there is; otherwise the cells of a row below one another."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        head = [cell.content for cell in self.header.row.cells] if self.header and self.header.row else []
        rows = [[cell.content for cell in row.cells] for row in self.body.rows] if self.body else []
        widths = _column_widths([head, *rows], options.max_width)
        if not widths:
            yield from _stacked(head, rows)
            return
        table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True, style="markdown.table.border")
        for title, width in zip(head, widths, strict=True):
            table.add_column(title, width=width, header_style="markdown.table.header", overflow="fold")
        for row in rows:
            table.add_row(*row)
        yield table


def _column_widths(rows: list[list[Text]], width: int) -> list[int]:
    """The width of each column; none if some column would be too narrow to read."""
    columns = list(zip(*rows, strict=True))
    natural = [max(cell.cell_len for cell in column) for column in columns]
    words = [max((cell_len(word) for cell in column for word in cell.plain.split()), default=1) for column in columns]
    least = [max(word, min(size, _READABLE)) for word, size in zip(words, natural, strict=True)]
    spare = width - 2 * (len(columns) - 1) - sum(least)
    if spare < 0:
        return []
    wanted = sum(natural) - sum(least)
    return [
        low + min(size - low, spare * (size - low) // wanted if wanted else 0)
        for low, size in zip(least, natural, strict=True)
    ]


def _stacked(head: list[Text], rows: list[list[Text]]) -> Iterator[RenderableType]:
    """Each row as a line with its first cell, and the others indented below it; the last one needs no label."""
    labels = [f"{title.plain}: " for title in head[1:-1]] + [""]
    for row in rows:
        yield Text.assemble(row[0], style="bold")
        for label, cell in zip(labels, row[1:], strict=True):
            if cell.plain:
                yield Padding(Text.assemble((label, "dim"), cell), (0, 0, 0, _INDENT))
    yield Text()


class _Page(Markdown):
    elements: ClassVar = {
        **Markdown.elements,
        "heading_open": _LeftHeading,
        "table_open": _FittedTable,
        "fence": _IndentedCode,
        "code_block": _IndentedCode,
    }


def render_page(markdown: str, width: int, environ: Mapping[str, str], *, colour: bool) -> str:
    """The page in lines of `width` columns."""
    page = _Page(markdown, hyperlinks=False)
    out = StringIO()
    console = Console(
        file=out, width=width, theme=_STYLES, force_terminal=colour, legacy_windows=False, _environ=environ
    )
    console.print(page)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
