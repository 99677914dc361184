"""A page of the manual for the terminal: Rich's Markdown, in the terminal's own colours. Imported when a page is shown."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, ClassVar, Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown
from rich.padding import Padding
from rich.text import Text
from rich.theme import Theme

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Padding(Text(str(self.text).rstrip(), style=self.style_name), (0, 0, 0, 4))


class _Page(Markdown):
    elements: ClassVar = {
        **Markdown.elements,
        "heading_open": _LeftHeading,
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
