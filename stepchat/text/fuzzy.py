"""Fuzzy search: every word must match, with or without other letters in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WHOLE, _START, _INSIDE, _SCATTERED = 100.0, 80.0, 60.0, 20.0
_LONGEST = 200
"""Characters of a text that are searched for scattered letters."""


@dataclass(frozen=True, slots=True)
class Match:
    """The quality of a match (higher is better), and the positions of the matched characters."""

    score: float
    positions: tuple[int, ...] = ()


def words_of(typed: str) -> tuple[str, ...]:
    """The words to search for, in any order and either case."""
    return tuple(typed.casefold().split())


def match(words: Sequence[str], text: str) -> Match | None:
    """The match of all words in the text, or None if one is missing. `words` come from `words_of`."""
    lower = text.casefold()
    if len(lower) != len(text):
        # Some letters become two, and positions would be wrong.
        lower = text.lower() if len(text.lower()) == len(text) else text
    score = 0.0
    positions: list[int] = []
    for word in words:
        found = _as_it_stands(word, lower) or _scattered(word, lower)
        if found is None:
            return None
        score += found.score
        positions += found.positions
    # Of two equal matches the shorter text wins.
    return Match(score - len(text) / 100, tuple(sorted(set(positions))))


def _as_it_stands(word: str, text: str) -> Match | None:
    best = None
    start = text.find(word)
    while start >= 0:
        end = start + len(word)
        begins = start == 0 or not text[start - 1].isalnum()
        ends = end == len(text) or not text[end].isalnum()
        score = (_WHOLE if ends else _START) if begins else _INSIDE
        if best is None or score > best.score:
            best = Match(score, tuple(range(start, end)))
        if score == _WHOLE:
            break
        start = text.find(word, start + 1)
    return best


def _scattered(word: str, text: str) -> Match | None:
    """The better of two ways to match letters in order: preferring beginnings of words, or letters of the same word."""
    found = [match for inside in (False, True) if (match := _walk(word, text[:_LONGEST], inside_first=inside))]
    return max(found, key=lambda match: match.score, default=None)


def _walk(word: str, text: str, *, inside_first: bool) -> Match | None:
    """The first letter begins a word; each other one is adjacent, further on in the same word, or begins a later one."""
    positions: list[int] = []
    score = _SCATTERED
    for char in word:
        last = positions[-1] if positions else -1
        if positions and text.startswith(char, last + 1):
            at = last + 1
        else:
            inside = _inside(char, text, last) if positions else -1
            begins = _begins(char, text, last + 1)
            at = inside if begins < 0 or (inside_first and inside >= 0) else begins
            score -= 3.0 if at == inside else 1.0
        if at < 0:
            return None
        positions.append(at)
    return Match(max(score, 1.0), tuple(positions))


def _inside(char: str, text: str, last: int) -> int:
    end = last + 1
    while end < len(text) and text[end].isalnum():
        end += 1
    return text.find(char, last + 1, end)


def _begins(char: str, text: str, start: int) -> int:
    at = text.find(char, start)
    while at > 0 and text[at - 1].isalnum():
        at = text.find(char, at + 1)
    return at
