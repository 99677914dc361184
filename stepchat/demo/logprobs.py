"""Probabilities for the tokens of an answer: made up, but the same for the same words."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    from stepchat.messages import Json

_OTHERS = (" the", " a", ",", ".", " and", " of", " so", " it", " is", " that", "\n", " in", " to", " maybe")


def wanted(request: Json) -> int | None:
    """How many alternatives a request asks for; None when it asks for no probabilities."""
    if request.get("logprobs") is not True:
        return None
    number: Any = request.get("top_logprobs")
    return number if isinstance(number, int) and 0 <= number <= 20 else 0


def token_logprobs(token: str, alternatives: int) -> Json:
    """One entry of `logprobs.content`. Most tokens are certain, some are not, and now and then another was likelier."""
    dice = crc32(token.encode("utf-8", "replace"))
    chance = 0.985 - (dice % 97) / 5000 if dice % 7 else 0.25 + (dice % 61) / 100
    rest = 1 - chance
    words = [word for word in _OTHERS if word != token]
    others: list[tuple[str, float]] = []
    for place in range(alternatives - 1):
        share = rest * (0.9 if dice % 21 == 0 else 0.55)
        rest -= share
        others.append((words[(dice + place) % len(words)], share))
    ranked = sorted([(token, chance), *others], key=lambda pair: -pair[1]) if alternatives else []
    return {**_entry(token, chance), "top_logprobs": [_entry(word, share) for word, share in ranked]}


def _entry(token: str, chance: float) -> Json:
    return {
        "token": token,
        "logprob": round(log(max(chance, 1e-9)), 6),
        "bytes": list(token.encode("utf-8", "replace")),
    }
