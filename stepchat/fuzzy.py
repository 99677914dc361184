"""Fuzzy search: every word must be found, as it stands, or else with letters left out between its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WHOLE, _START, _INSIDE, _SCATTERED = 100.0, 80.0, 60.0, 20.0
_LONGEST = 200
"""Characters of a text that are looked at for scattered letters."""


@dataclass(frozen=True, slots=True)
class Match:
    """How well it fits (more is better), and the places of the letters that were found."""

    score: float
    places: tuple[int, ...] = ()


def words_of(typed: str) -> tuple[str, ...]:
    """What is looked for: words in any order, upper or lower case."""
    return tuple(typed.casefold().split())


def match(words: Sequence[str], text: str) -> Match | None:
    """How all the words are found in the text, or None when one is not. `words` are as `words_of` gives them."""
    lower = text.casefold()
    if len(lower) != len(text):
        # Some letters become two; then places would lie.
        lower = text.lower() if len(text.lower()) == len(text) else text
    score = 0.0
    places: list[int] = []
    for word in words:
        found = _as_it_stands(word, lower) or _scattered(word, lower)
        if found is None:
            return None
        score += found.score
        places += found.places
    # Of two that fit alike the shorter has less else in it.
    return Match(score - len(text) / 100, tuple(sorted(set(places))))


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
    """The letters in order. Each begins a word, follows the one before, or is the next there is."""
    places: list[int] = []
    score = _SCATTERED
    at = -1
    for letter in word:
        following = text.find(letter, at + 1, _LONGEST)
        if following < 0:
            return None
        at = following if following == at + 1 and places else _word_start(letter, text, following)
        begins = at == 0 or not text[at - 1].isalnum()
        adjoins = bool(places) and places[-1] == at - 1
        score += 2.0 if begins or adjoins else -2.0
        places.append(at)
    return Match(max(score, 1.0), tuple(places))


def _word_start(letter: str, text: str, first: int) -> int:
    """The nearest place at which the letter begins a word, if there is one soon, else its first."""
    at = first
    while 0 <= at < first + 12:
        if at == 0 or not text[at - 1].isalnum():
            return at
        at = text.find(letter, at + 1, _LONGEST)
    return first
