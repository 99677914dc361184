"""Text as search sees it: without case and accents, one word for every sign of scripts that put no spaces.

The index holds the folded text and a query is folded the same way, so they agree whatever SQLite thinks of a character.
Changing what is written here needs a new `search_index.VERSION`.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from functools import cache
from itertools import accumulate
from typing import Final

# Ranges and not patterns, which would take longer to compile than the rest of this package to load.
_MARKS: Final = (
    ("\u0300", "\u036f"),
    ("\u0483", "\u0487"),
    ("\u0591", "\u05bd"),
    ("\u05bf", "\u05bf"),
    ("\u05c1", "\u05c2"),
    ("\u064b", "\u065f"),
    ("\u0670", "\u0670"),
)
"""Accents, and vowel points that readers leave out; other scripts need their marks."""

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
"""What stands between spaces here is a sentence, so each sign becomes a word and a search for several a phrase."""

BETWEEN: Final = r"\x00-/:-@\[-`{-\x7f"
"""For a pattern: what is in no word of a folded text. (Classes that name more than ASCII take long to compile.)"""

WORD: Final = re.compile(f"[^{BETWEEN}]+")
"""A word of a folded text."""

_CHUNK: Final = 1024


def fold(text: str) -> str:
    """The words of the text, between characters that are in no word. It can always be encoded."""
    if text.isascii():
        return text.lower().replace("\0", " ")
    return text.translate(_table())


def is_word_character(char: str) -> bool:
    """Of a folded text."""
    return not char.isascii() or char.isalnum()


class Folding:
    """A folded text that remembers where each character came from."""

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
        """Where a part of the folded text, which must not be empty, is in the source."""
        if self._starts is None:
            return start, end
        chunk, inside = self._chunk_at(start)
        first = chunk * _CHUNK + bisect_right(inside, start) - 1
        chunk, inside = self._chunk_at(end - 1)
        last = chunk * _CHUNK + bisect_left(inside, end)
        # Marks that were left out belong to the letter before them.
        while last < len(self._source) and _is_in(_MARKS, self._source[last]):
            last += 1
        return first, last

    def _chunk_at(self, position: int) -> tuple[int, list[int]]:
        """Which chunk, and where each of its characters begins in the folded text."""
        starts = self._starts or [0]
        chunk = bisect_right(starts, position) - 1
        source = self._source[chunk * _CHUNK : (chunk + 1) * _CHUNK]
        table = _table()
        return chunk, list(accumulate((len(table[ord(char)]) for char in source), initial=starts[chunk]))


class _Table(dict[int, str]):
    """For str.translate; learns each character when it comes."""

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
        # SQLite takes no sign for a word.
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
