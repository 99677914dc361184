"""Parses a query as the user typed it into an FTS5 expression, and finds its terms in texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from stepchat.sessions.search.normalize import BETWEEN, WORD, Folding, fold, is_word_character
from stepchat.text.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TERM: Final = re.compile(r'"([^"]*)("?)|([^\s"]+)')
_WORDS_AT_MOST: Final = 32
_READ_AT_MOST: Final = 2000
_PREFIX_AT_LEAST: Final = 2
"""Letters. A shorter prefix would match too many words."""

_MATCHES_AT_MOST: Final = 200
_BEFORE: Final = 40
_SNIPPET: Final = 160


@dataclass(frozen=True, slots=True)
class Term:
    """Adjacent words; the last may be the beginning of one."""

    words: tuple[str, ...]
    unfinished: bool = False

    def expression(self) -> str:
        # Folded words contain no quotes.
        return f'"{" ".join(self.words)}"' + ("*" if self.unfinished else "")

    def pattern(self) -> re.Pattern[str]:
        end = "" if self.unfinished else f"(?![^{BETWEEN}])"
        return re.compile(f"[{BETWEEN}]+".join(map(re.escape, self.words)) + end)


@dataclass(frozen=True, slots=True)
class Snippet:
    """One line of a text. `ranges` are its matches as (start, end), in order and not overlapping."""

    text: str
    ranges: tuple[tuple[int, int], ...] = ()


def parse(typed: str) -> tuple[Term, ...]:
    """Terms that must all match: words, and phrases in double quotes. Empty if there is nothing to search for.

    The last word matches as a prefix until a space or a quote ends it.
    """
    terms: list[Term] = []
    typed = typed[:_READ_AT_MOST]
    left = _WORDS_AT_MOST
    for match in _TERM.finditer(typed):
        phrase, closed, word = match.groups()
        folded = fold(word or phrase or "")
        words = WORD.findall(folded)[:left]
        unfinished = match.end() == len(typed) and not closed and is_word_character(folded[-1:] or " ")
        if unfinished and words[-1].isascii() and len(words[-1]) < _PREFIX_AT_LEAST:
            # A single letter is ignored, unless there is nothing else.
            unfinished = False
            if terms or len(words) > 1:
                words.pop()
        if words:
            terms.append(Term(tuple(words), unfinished))
        left -= len(words)
        if not left:
            break
    return tuple(terms)


def expression(terms: Iterable[Term], columns: Iterable[str]) -> str:
    """The query in FTS5 syntax, valid for any input."""
    return f"{{{' '.join(columns)}}} : ({' AND '.join(term.expression() for term in terms)})"


@dataclass(frozen=True, slots=True)
class _Match:
    term: int
    start: int
    end: int


class TermFinder:
    """Finds the terms of one query in texts."""

    def __init__(self, terms: tuple[Term, ...]) -> None:
        self._first = [term.words[0] for term in terms]
        self._patterns = [term.pattern() for term in terms]

    def terms_in(self, text: str) -> frozenset[int]:
        """The numbers of the terms that the text contains."""
        folded = fold(text)
        return frozenset(
            term for term in range(len(self._patterns)) if next(self._spans(term, folded), None) is not None
        )

    def snippet(self, text: str) -> Snippet:
        """The part of the text with the most terms, with some context; its beginning if there are none."""
        return _around(text, self._matches(text))

    def whole(self, text: str) -> Snippet:
        """The whole of a short text, such as a title."""
        return _cut(text, 0, len(text), self._matches(text))

    def _matches(self, text: str) -> list[_Match]:
        folding = Folding(text)
        matches = (
            _Match(term, *folding.span(start, end))
            for term in range(len(self._patterns))
            for start, end in islice(self._spans(term, folding.text), _MATCHES_AT_MOST)
        )
        return sorted(matches, key=lambda match: match.start)

    def _spans(self, term: int, folded: str) -> Iterator[tuple[int, int]]:
        first, pattern = self._first[term], self._patterns[term]
        at = folded.find(first)
        while at >= 0:
            found = pattern.match(folded, at)
            if found and (at == 0 or not is_word_character(folded[at - 1])):
                yield found.span()
                at = found.end()
            at = folded.find(first, at + 1)


class WordFinder:
    """Checks whether a text contains all words of a query, as whole words."""

    def __init__(self, typed: str) -> None:
        # The space says that the last word is complete. A query that is too long to be parsed whole has no words.
        terms = parse(typed + " ") if len(typed) < _READ_AT_MOST else ()
        self._terms = terms if sum(len(term.words) for term in terms) < _WORDS_AT_MOST else ()
        self._finder = TermFinder(self._terms)

    def is_in(self, text: str) -> bool:
        """False if the query has no words."""
        return bool(self._terms) and len(self._finder.terms_in(text)) == len(self._terms)


class SymbolFinder:
    """Finds symbols that are not part of words, such as `->`, literally, as one term."""

    def __init__(self, symbols: str) -> None:
        self._symbols = symbols

    def terms_in(self, text: str) -> frozenset[int]:
        return frozenset({0} if self._symbols in text else ())

    def snippet(self, text: str) -> Snippet:
        return _around(text, self._matches(text))

    def whole(self, text: str) -> Snippet:
        return _cut(text, 0, len(text), self._matches(text))

    def _matches(self, text: str) -> list[_Match]:
        found = re.finditer(re.escape(self._symbols), text)
        return [_Match(0, *match.span()) for match in islice(found, _MATCHES_AT_MOST)]


def symbols_in(typed: str) -> str:
    """The symbols to search for if `parse` finds no word, without quotes around them; "" if nothing was typed."""
    symbols = typed[:_READ_AT_MOST].strip()
    return symbols.strip('"').strip() or symbols


def _around(text: str, matches: list[_Match]) -> Snippet:
    start = max(0, _best_start(matches) - _BEFORE)
    if start:
        # Start at a word, unless it is a very long one.
        start = _after_space(text, start, start + _BEFORE // 2)
    return _cut(text, start, min(len(text), start + _SNIPPET), matches)


def _best_start(matches: list[_Match]) -> int:
    best = most = 0
    for number, first in enumerate(matches):
        near = {
            match.term
            for match in islice(matches, number, number + _SNIPPET)
            if match.end - first.start < _SNIPPET - _BEFORE
        }
        if len(near) > most:
            best, most = first.start, len(near)
    return best


def _after_space(text: str, start: int, limit: int) -> int:
    for at in range(start, limit):
        if text[at - 1].isspace():
            return at
    return start


def _cut(text: str, start: int, end: int, matches: list[_Match]) -> Snippet:
    out = "…" if start else ""
    ranges: list[tuple[int, int]] = []
    at = start
    for match in matches:
        if match.start < at or match.end > end:
            continue
        out += _one_line(text[at : match.start])
        begun = len(out)
        out += _one_line(text[match.start : match.end])
        if len(out) > begun:
            ranges.append((begun, len(out)))
        at = match.end
    return Snippet(out + _one_line(text[at:end]) + ("…" if end < len(text) else ""), tuple(ranges))


def _one_line(text: str) -> str:
    return sanitize(re.sub(r"\s+", " ", text), keep_newlines=False)
