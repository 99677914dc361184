"""How a model is shown in lists and in detail. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.content import Content

from stepchat.catalogue.models import format_context_length, format_price_per_million
from stepchat.parameters.table import EFFORTS
from stepchat.text.sanitize import sanitize_for_display as plain
from stepchat.text.widths import pad

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.catalogue.models import Model
    from stepchat.servers.api import Provider
    from stepchat.tui.dialogs.list_view import Piece

_PRICE, _CONTEXT = 7, 6
WIDE, MIDDLE = 76, 48
"""Columns from which the abilities, and from which context and prices, have room."""
_ABILITIES = "think tools image"


def heading(width: int) -> list[Piece]:
    """Above the columns of `row`."""
    facts = f"{'in $/M':>{_PRICE}}{'out':>{_PRICE}}{'context':>{_CONTEXT + 2}}" if width >= MIDDLE else ""
    facts += "  " + " " * len(_ABILITIES) if width >= WIDE else ""
    return [(f"{'  model':<{max(0, width - cell_len(facts))}}{facts}", "dim")]


def row(model: Model, places: Sequence[int], width: int, *, favourite: bool, current: bool) -> list[Piece]:
    """One line: mark, name with the letters that were found, prices per million, context, abilities."""
    sign = "★" if favourite else "›" if current else " "
    facts = ""
    if width >= MIDDLE:
        prices = (format_price_per_million(model.prices.prompt), format_price_per_million(model.prices.completion))
        facts = "".join(f"{price[:_PRICE]:>{_PRICE}}" for price in prices)
        facts += f"{format_context_length(model.context_length):>{_CONTEXT + 2}}"
    if width >= WIDE:
        abilities = zip(
            _ABILITIES.split(), (model.supports_reasoning, model.supports_tools, model.supports_images), strict=True
        )
        facts += "  " + " ".join(word if able else " " * len(word) for word, able in abilities)
    room = max(8, width - cell_len(facts) - 2)
    name = _name(pad(plain(model.id), room), places)
    return [(f"{sign} ", "sign"), *name, (facts, "dim")]


def _name(shown: str, places: Sequence[int]) -> list[Piece]:
    """With the letters that were found; the last one may be the sign of what is cut."""
    pieces: list[Piece] = []
    at = 0
    for place in places:
        if place < len(shown) and shown[place] != "…":
            pieces.append((shown[at:place], "text"))
            pieces.append((shown[place], "found"))
            at = place + 1
    return [*pieces, (shown[at:], "text")]


def detail(model: Model) -> Content:
    """What the model is, what it allows and takes."""
    facts = [
        f"runs with {format_context_length(model.context_length)} of {format_context_length(model.max_context_length)}"
        if model.max_context_length
        else "",
        f"up to {format_context_length(model.max_completion_tokens)} tokens out" if model.max_completion_tokens else "",
        f"takes {', '.join(model.input_modalities)}" if model.input_modalities else "",
        _reasoning(model),
        f"cached {format_price_per_million(model.prices.cache_read)} $/M"
        if model.prices.cache_read is not None
        else "",
        f"gone after {model.expires}" if model.expires else "",
    ]
    lines = [Content.styled(_plain(model.name or model.id), "bold")]
    lines += [Content.styled(" · ".join(fact for fact in map(_plain, facts) if fact), "$dim")]
    if model.description:
        lines.append(Content(_plain(model.description)))
    if model.supported_parameters:
        lines.append(Content.styled(f"Parameters: {_plain(', '.join(sorted(model.supported_parameters)))}", "$dim"))
    return Content("\n").join(line for line in lines if line.plain)


def _reasoning(model: Model) -> str:
    if model.reasoning is None:
        return "thinks" if model.supports_reasoning else ""
    words = "always thinks" if model.reasoning.mandatory else "thinks if asked"
    if not model.reasoning.mandatory and model.reasoning.default_enabled:
        words = "thinks unless told not to"
    efforts = model.reasoning.supported_efforts
    if not efforts:
        return words
    return f"{words}, any effort" if len(efforts) >= len(EFFORTS) - 1 else f"{words}, effort {'/'.join(efforts)}"


def provider_lines(providers: Sequence[Provider], width: int = 100) -> Content:
    """A line each: name, speed, time to the first token, prices, and with room uptime, context, quantization."""
    if not providers:
        return Content.styled("The server names no providers of this model.", "$dim")
    name_width = min(24 if width >= WIDE else 14, max(cell_len(_plain(provider.name)) for provider in providers))
    head = f"{'':{name_width}}{'tok/s':>8}{'first':>9}{'in $/M':>9}{'out':>8}"
    head += f"{'uptime':>9}{'context':>9}" if width >= WIDE else ""
    rows = [Content(_provider(provider, name_width, width)) for provider in providers]
    return Content("\n").join([Content.styled(head, "$dim"), *rows])


def _provider(provider: Provider, name_width: int, width: int) -> str:
    speed, first, uptime = provider.tokens_per_second, provider.first_token_seconds, provider.uptime
    facts = (
        f"{'' if speed is None else f'{speed:.0f}':>8}",
        f"{'' if first is None else f'{first:.1f} s':>9}",
        f"{format_price_per_million(provider.prices.prompt):>9}",
        f"{format_price_per_million(provider.prices.completion):>8}",
    )
    more = (
        f"{'' if uptime is None else f'{uptime:.1f} %':>9}",
        f"{format_context_length(provider.context_length):>9}",
        f"  {_plain(provider.quantization)}",
    )
    return pad(_plain(provider.name), name_width) + "".join(facts + (more if width >= WIDE else ()))


def _plain(text: str) -> str:
    return " ".join(plain(text).split())
