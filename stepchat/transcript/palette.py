"""The styles of the transcript. A theme fills them in; nothing here knows a colour."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rich.style import Style

if TYPE_CHECKING:
    from collections.abc import Mapping

SYNTAX: Final = ("keyword", "string", "comment", "number", "function", "type", "operator", "name")
"""The keys of `Palette.syntax`, and of the [code] table of a theme file."""


@dataclass(frozen=True, slots=True)
class Palette:
    """One style per role, with foreground and background resolved.

    `strong`, `emphasis`, `strike`, `link`, `code`, `selection`, `hit` and `current_hit` are added to the style around them
    (`base + palette.strong`), so they set only what they change. All others are complete.
    """

    text: Style
    dim: Style
    rule: Style
    accent: Style
    reasoning: Style
    reasoning_bar: Style
    user: Style
    user_bar: Style
    heading: Style
    strong: Style
    emphasis: Style
    strike: Style
    link: Style
    code: Style
    """Inline code."""
    code_block: Style
    code_label: Style
    """The language name and `copy`, on the background of the code block."""
    quote_bar: Style
    table_rule: Style
    error: Style
    warning: Style
    selection: Style
    hit: Style
    """Search hits."""
    current_hit: Style
    scrollbar_thumb: Style
    syntax: Mapping[str, Style]
    """By the names of `SYNTAX`, on the background of the code block."""


def colourless() -> Palette:
    """The palette without colours: weight, slant and underline show rank, reversal shows the selection."""
    plain, bold, dim = Style(), Style(bold=True), Style(dim=True)
    return Palette(
        text=plain,
        dim=dim,
        rule=dim,
        accent=bold,
        reasoning=dim,
        reasoning_bar=dim,
        user=bold,
        user_bar=bold,
        heading=Style.null(),
        strong=bold,
        emphasis=Style(italic=True),
        strike=Style(strike=True),
        link=Style(underline=True),
        code=Style(bold=True, italic=True),
        code_block=plain,
        code_label=dim,
        quote_bar=dim,
        table_rule=dim,
        error=bold,
        warning=bold,
        selection=Style(reverse=True),
        hit=Style(reverse=True, dim=True, bold=False, underline=False),
        current_hit=Style(reverse=True, bold=True, underline=True, dim=False, italic=False),
        scrollbar_thumb=plain,
        syntax=MappingProxyType(
            {
                "keyword": bold,
                "string": plain,
                "comment": Style(dim=True, italic=True),
                "number": plain,
                "function": plain,
                "type": plain,
                "operator": plain,
                "name": plain,
            }
        ),
    )
