"""Numbers of tokens in few characters; the same everywhere, so that they can be compared at a glance."""

from __future__ import annotations


def short_count(number: int) -> str:
    """512, 1.2k, 42k, 262k, 1M, 1.1M: two digits at least, four characters at most up to a billion."""
    if number < 1000:
        return str(number)
    amount, unit = (number / 1000, "k") if number < 999_500 else (number / 1_000_000, "M")
    return (f"{amount:.1f}" if amount < 9.95 else f"{amount:.0f}").removesuffix(".0") + unit
