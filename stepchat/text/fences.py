"""Fenced code blocks that their content cannot end."""

from __future__ import annotations

import re
from typing import Final

_BACKTICKS: Final = re.compile("`+")


def fenced(text: str, info: str = "") -> str:
    """The text as a code block, whose fence is longer than any run of backticks in it."""
    longest = max(map(len, _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{info}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{fence}"
