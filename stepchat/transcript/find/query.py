"""What to search for in the conversation, and where it occurs in a text."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from stepchat.text.sanitize import has_composed_emoji, sanitize_for_display, split_emoji

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAME: Final = (("[’‘‛ʼ]", "'"), ("[“”„‟]", '"'), ("[‐‑]", "-"), ("ς", "σ"))
"""Characters that keyboards do not tell apart."""
_ACCENT: Final = re.compile("[\u0300-\u036f]")
_ACCENTS: Final = f"{_ACCENT.pattern}*"
_RUN: Final = re.compile(r"[^\W_]+")
_MARKUP: Final = ("*", "`", "~", "[", "]", "<", ">", "\\", "\r")
"""Markup that may occur inside a word in the source."""
_ODD: Final = (
    re.compile(r"\)\w"),
    re.compile(r"\]\w"),
    re.compile(r"&[#\w]"),
    re.compile(r"!\["),
    re.compile(r"\$|\\[(\[]"),
)
"""Links, entities, images and formulas, which may occur there too. As one pattern they are slower."""


class Query:
    """Words in a row. Upper-case letters and accents must match if the query has any, otherwise they do not matter."""

    def __init__(self, typed: str) -> None:
        words = plain(sanitize_for_display(typed)).split()
        self._exact = any(character.isupper() for word in words for character in word)
        self._strict = re.compile(r"\s+".join(map(re.escape, words)))
        self._loose = re.compile(r"\s+".join(map(_accented, words)))
        runs = [run for word in words for run in _RUN.findall(word)]
        longest = max(runs, key=len, default="")
        self._run = (longest, re.compile(_accented(longest))) if longest and "%" not in typed else None
        self.empty = not words

    def find(self, text: str) -> Iterator[re.Match[str]]:
        """All matches in a plain text."""
        text = self._cased(text)
        return (self._strict if text.isascii() else self._loose).finditer(text)

    def count(self, text: str) -> int:
        text = self._cased(text)
        return len((self._strict if text.isascii() else self._loose).findall(text))

    def may_be_in(self, source: str) -> bool:
        """Whether the rendered Markdown may match; False only if it cannot. Much faster than rendering."""
        if self._run is None:
            return True
        bare = source if source.isascii() else plain(sanitize_for_display(source, keep_newlines=True))
        for mark in _MARKUP:
            bare = bare.replace(mark, "")
        bare = self._cased(bare)
        found = self._run[0] in bare if bare.isascii() else self._run[1].search(bare) is not None
        return found or any(odd.search(source) for odd in _ODD)

    def _cased(self, text: str) -> str:
        if self._exact:
            return text
        return text.lower() if text.isascii() else text.lower().replace("ς", "σ")  # at the end of words


def plain(text: str) -> str:
    """A text as queries are compared with it: accents and emoji separate from what they modify, one kind of quotation marks."""
    if text.isascii():
        return text
    for alike, usual in _SAME:
        text = re.sub(alike, usual, text)
    return unicodedata.normalize("NFD", split_emoji(text))


def source_offsets(text: str) -> list[int]:
    """For every position in the plain form of a text, and its end, the index of the character it came from."""
    if len(plain(text)) == len(text) and not has_composed_emoji(text):
        return list(range(len(text) + 1))
    found = [at for at, character in enumerate(text) for _ in (character if character < "\x80" else plain(character))]
    return [*found, len(text)]


def _accented(word: str) -> str:
    """A pattern for a word whose unaccented letters match accented ones."""
    parts: list[str] = []
    for at, character in enumerate(word):
        parts.append(re.escape(character))
        if not _ACCENT.match(word, at + 1) and not _ACCENT.match(character):
            parts.append(_ACCENTS)
    return "".join(parts)
