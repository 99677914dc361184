"""`think_at_most`: the amount of reasoning after which stepchat requests the answer, with any model."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

NAME: Final = "think_at_most"
NO_LIMIT: Final = frozenset({"off", "none", "auto"})
"""What `/think` takes to remove the limit."""
_TEXT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|sec|seconds?|m|min|minutes?|t|tokens?)?", re.IGNORECASE)
_MOST: Final = 10_000_000


class ThinkingBudget(NamedTuple):
    """A limit in seconds or in tokens; the other one is None."""

    seconds: float | None = None
    tokens: int | None = None

    def share(self, seconds: float, tokens: int) -> float:
        """The share of the budget that this reasoning used; from 1 on, the budget is exhausted."""
        if self.tokens is not None:
            return tokens / self.tokens
        return seconds / (self.seconds or 1)

    def __str__(self) -> str:
        return f"{self.tokens:,} tokens" if self.tokens is not None else f"{self.seconds or 0:g} s"


def parse_budget(value: Any) -> ThinkingBudget | None:
    """The budget of `20s`, `2 min`, `2000` or `2000 tokens`; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    found = _TEXT.fullmatch(str(value).strip())
    if found is None:
        return None
    amount, unit = float(found[1]), (found[2] or "t").lower()
    if not 0 < amount <= _MOST:
        return None
    if unit.startswith("t"):
        return ThinkingBudget(tokens=int(amount)) if amount == int(amount) else None
    return ThinkingBudget(seconds=amount * (60 if unit.startswith("m") else 1))
