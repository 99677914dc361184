"""Normalizes text for search: no case, no accents, and one word for each character of scripts without spaces.

The index contains folded text and queries are folded the same way, so they agree, however SQLite classifies a character.
Changes here need a new `index.VERSION`.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from functools import cache
from itertools import accumulate
from typing import Final

# Ranges, because patterns would take longer to compile than this package takes to load.
_MARKS: Final = (
    ("\u0300", "\u036f"),
    ("\u0483", "\u0487"),
    ("\u0591", "\u05bd"),
    ("\u05bf", "\u05bf"),
    ("\u05c1", "\u05c2"),
    ("\u064b", "\u065f"),
    ("\u0670", "\u0670"),
)
"""Accents, and vowel points that writers omit; other scripts need their marks."""

_ALONE: Final = (
    ("\u0e00", "\u0eff"),  # Thai, Lao
    ("\u1000", "\u109f"),  # Myanmar
    ("\u1780", "\u17ff"),  # Khmer
    ("\u3005", "\u3007"),  # Japanese, Chinese
    ("\u3041", "\u30ff"),
    ("\u3400", "\u4dbf"),
    ("\u4e00", "\u9fff"),
    ("\uac00", "\ud7a3"),  # Korean
    ("\U00020000", "\U0003fffd"),  # more Chinese
)
"""Scripts without spaces between words: each character becomes a word, and several become a phrase."""

BETWEEN: Final = r"\x00-/:-@\[-`{-\x7f"
"""For a pattern: characters that are in no word of folded text. (Classes beyond ASCII take long to compile.)"""

WORD: Final = re.compile(f"[^{BETWEEN}]+")
"""A word of a folded text."""

_CHUNK: Final = 1024


def fold(text: str) -> str:
    """The words of the text, separated by characters that are in no word. Can always be encoded."""
    if text.isascii():
        return text.lower().replace("\0", " ")
    return text.translate(_table())


def is_word_character(char: str) -> bool:
    """Whether a character of folded text belongs to a word."""
    return not char.isascii() or char.isalnum()


class Folding:
    """A folded text that maps its characters to those of the source."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._starts: list[int] | None = None
        if source.isascii():
            self.text = fold(source)
            return
        chunks = [source[at : at + _CHUNK].translate(_table()) for at in range(0, len(source), _CHUNK)]
        self._starts = list(accumulate((len(chunk) for chunk in chunks), initial=0))
        self.text = "".join(chunks)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The range in the source of a non-empty range of the folded text."""
        if self._starts is None:
            return start, end
        chunk, inside = self._chunk_at(start)
        first = chunk * _CHUNK + bisect_right(inside, start) - 1
        chunk, inside = self._chunk_at(end - 1)
        last = chunk * _CHUNK + bisect_left(inside, end)
        # Omitted marks belong to the letter before them.
        while last < len(self._source) and _is_in(_MARKS, self._source[last]):
            last += 1
        return first, last

    def _chunk_at(self, position: int) -> tuple[int, list[int]]:
        """The chunk, and where each of its characters starts in the folded text."""
        starts = self._starts or [0]
        chunk = bisect_right(starts, position) - 1
        source = self._source[chunk * _CHUNK : (chunk + 1) * _CHUNK]
        table = _table()
        return chunk, list(accumulate((len(table[ord(char)]) for char in source), initial=starts[chunk]))


class _Table(dict[int, str]):
    """A table for str.translate, filled on demand."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _folded(chr(code))
        return folded


@cache
def _table() -> _Table:
    return _Table()


def _folded(char: str) -> str:
    if char.isascii():
        return char.lower() if char != "\0" else " "
    if _is_in(_MARKS, char):
        return ""
    if unicodedata.category(char) in {"So", "Sm", "Sc"}:
        # SQLite does not treat symbols as words.
        return f" u{ord(char):x} "
    whole = char if _is_in(_ALONE, char) else unicodedata.normalize("NFKD", char).casefold()
    return "".join(_part(part) for part in whole)


def _is_in(ranges: tuple[tuple[str, str], ...], char: str) -> bool:
    return any(first <= char <= last for first, last in ranges)


def _part(char: str) -> str:
    if _is_in(_ALONE, char):
        return f" {char} "
    if _is_in(_MARKS, char):
        return ""
    return char if unicodedata.category(char)[0] in "LNM" else " "
