"""Formats counts, money, durations, dates and model names in few characters, the same everywhere."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

SMALLEST_AMOUNT: Final = Decimal("0.0000001")
"""USD; the price of one token of the cheapest models."""
CHARACTERS_PER_TOKEN: Final = 4
"""For estimates; the server's count replaces them."""


def short_count(number: int) -> str:
    """512, 1.2k, 42k, 262k, 1M, 1.1M: at least two digits, at most four characters up to a billion."""
    if number < 1000:
        return str(number)
    amount, unit = (number / 1000, "k") if number < 999_500 else (number / 1_000_000, "M")
    return (f"{amount:.1f}" if amount < 9.95 else f"{amount:.0f}").removesuffix(".0") + unit


def token_count(count: int) -> str:
    """`1 token`, `1,234 tokens`."""
    return f"{count:,} token{'' if count == 1 else 's'}"


def estimated_tokens(characters: int) -> str:
    """`~310 tokens` for a text of this length; "" for an empty one."""
    return f"~{token_count(max(1, round(characters / CHARACTERS_PER_TOKEN)))}" if characters else ""


def token_split(total: int | None, reasoning: int | None) -> str:
    """`232 reasoning + 427 output tokens`, without the first part if there was no reasoning; "" if the total is unknown."""
    if total is None:
        return ""
    if not reasoning:
        return f"{short_count(total)} output token{'' if total == 1 else 's'}"
    return f"{short_count(reasoning)} reasoning + {short_count(max(0, total - reasoning))} output tokens"


def result_facts(characters: int, seconds: float | None, *, is_error: bool = False) -> str:
    """`1,234 characters · 0.4 s` about the result of a tool; `error` first if it is one."""
    facts = ["error"] if is_error else []
    facts += [f"{characters:,} character{'' if characters == 1 else 's'}"]
    facts += [duration(seconds)] if seconds is not None else []
    return " · ".join(facts)


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `1 min 15 s`, `1 h 2 min`."""
    if seconds < 1:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def date(time: float) -> str:
    """A Unix time in this machine's time zone; "-" if it is out of range."""
    try:
        return datetime.fromtimestamp(time).astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return "-"


def tokens_per_second(speed: float) -> str:
    """`187 tok/s`, `41,513 tok/s`."""
    return f"{speed:,.0f} tok/s"


def money(amount: Decimal) -> str:
    """US dollars, with two significant digits even for fractions of a cent."""
    if not amount:
        return "$0"
    if abs(amount) < SMALLEST_AMOUNT:
        return f"<${SMALLEST_AMOUNT:f}"
    places = 2 if abs(amount) >= 1 else max(2, 1 - amount.adjusted())
    return f"{'-' if amount < 0 else ''}${abs(amount):,.{places}f}"


def short_model(name: str) -> str:
    """A model's name without its maker: `step-3.5-flash` for `stepfun/step-3.5-flash`."""
    return name.rstrip("/").rpartition("/")[2] or name


def file_size(size: int) -> str:
    """`312 bytes`, `14 kB`, `1.2 MB`."""
    if size < 1000:
        return f"{size} byte{'' if size == 1 else 's'}"
    amount, unit = (size / 1000, "kB") if size < 999_500 else (size / 1_000_000, "MB")
    return f"{amount:.1f}".removesuffix(".0") + f" {unit}" if amount < 9.95 else f"{amount:.0f} {unit}"
