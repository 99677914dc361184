"""What somebody looks for in the conversation, and where it stands in a text."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from stepchat.text.sanitize import sanitize_for_display

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAME: Final = (("[’‘‛ʼ]", "'"), ("[“”„‟]", '"'), ("[‐‑]", "-"), ("ς", "σ"))
"""Characters that no keyboard tells apart."""
_ACCENT: Final = re.compile("[\u0300-\u036f]")
_ACCENTS: Final = f"{_ACCENT.pattern}*"
_RUN: Final = re.compile(r"[^\W_]+")
_MARKUP: Final = ("*", "`", "~", "[", "]", "<", ">", "\\", "\r")
"""What may stand in the source inside of a word, and is not shown."""
_ODD: Final = (re.compile(r"\)\w"), re.compile(r"\]\w"), re.compile(r"&[#\w]"), re.compile(r"!\["))
"""Links, entities and pictures that may stand there, too. Together in one pattern they take longer."""


class Query:
    """Words in a row. Upper-case letters and accents in them are taken as they are; without any they do not matter."""

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
        """All places in a plain text."""
        text = self._cased(text)
        return (self._strict if text.isascii() else self._loose).finditer(text)

    def count(self, text: str) -> int:
        text = self._cased(text)
        return len((self._strict if text.isascii() else self._loose).findall(text))

    def may_be_in(self, source: str) -> bool:
        """Whether Markdown may show this; False only if it cannot. Much quicker than to read it."""
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
    """A text as queries are compared with it: accents apart from their letters, and one kind of quotation marks."""
    if text.isascii():
        return text
    for alike, usual in _SAME:
        text = re.sub(alike, usual, text)
    return unicodedata.normalize("NFD", text)


def source_offsets(text: str) -> list[int]:
    """For every place in the plain form of a text, and its end, the character of the text that it belongs to."""
    if len(plain(text)) == len(text):
        return list(range(len(text) + 1))
    found = [at for at, character in enumerate(text) for _ in (character if character < "\x80" else plain(character))]
    return [*found, len(text)]


def _accented(word: str) -> str:
    """A pattern for a word with accents on letters that have none."""
    parts: list[str] = []
    for at, character in enumerate(word):
        parts.append(re.escape(character))
        if not _ACCENT.match(word, at + 1) and not _ACCENT.match(character):
            parts.append(_ACCENTS)
    return "".join(parts)
