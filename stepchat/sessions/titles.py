"""Makes the title of a session from its first question, without a model."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from stepchat.text.sanitize import JOINERS, sanitize_title, without_escape_sequences

if TYPE_CHECKING:
    from collections.abc import Iterator

AUTOMATIC_CELLS: Final = 60
EDITED_CELLS: Final = 200

_CHARACTERS_PER_CELL: Final = 4
"""Limits the number of combining marks, which take no cell."""

_FENCE: Final = re.compile(r"\s*(?:`{3,}|~{3,})")
_LINE_START: Final = re.compile(r"\s*(?:(?:>|#{1,6}(?=\s)|[-*+](?=\s)|\d{1,3}[.)](?=\s)|\[[ xX]\](?=\s))\s*)+")
_MARKDOWN: Final = (
    (re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)"), r"\1"),
    (re.compile(r"`([^`]+)`"), r"\1"),
    (re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*"), r"\1"),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*]+?)(?<=\S)\*(?![\w*])"), r"\1"),
    # Only around several words, because `__init__` is a name.
    (re.compile(r"(?<!\w)__?(?=\S)([^_]+\s[^_]+?)(?<=\S)__?(?!\w)"), r"\1"),
    (re.compile(r"~~(?=\S)(.+?)(?<=\S)~~"), r"\1"),
)
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]*://(?:[^\s/?#@]*@)?([^\s/?#]+)([^\s]*)", re.IGNORECASE)
_LONG_WORD: Final = 30
"""Characters above which addresses, paths and other words are shortened."""

_SENTENCE_END: Final = re.compile(r"[.!?](?=\s)|[。！？]")
_READ_AT_MOST: Final = 20_000
"""Characters of a question to search for a title."""

_LINE_AT_MOST: Final = 1000


def title_from(question: str) -> str:
    """The first line of prose without Markdown, cut at a sentence or a word to at most 60 cells.

    If there is no prose, the first line of code or the first address; otherwise "".
    """
    text = without_escape_sequences(question[:_READ_AT_MOST])
    prose: str = ""
    rest: str = ""
    for line, is_code in _lines(text):
        title = sanitize_title(line if is_code else _without_markdown(line))
        if any(char.isalnum() for char in title):
            if not is_code and not _ADDRESS.fullmatch(title):
                prose = _with_short_words(title).rstrip(" :：") or title
                break
            rest = rest or _with_short_words(title)
    return _fit(prose or rest or sanitize_title(text[:_LINE_AT_MOST]), AUTOMATIC_CELLS)


def _with_short_words(title: str) -> str:
    return " ".join(_short(word) if len(word) > _LONG_WORD else word for word in title.split(" "))


def _short(word: str) -> str:
    """Host and last part of an address, last part of a path, or the beginning of another word.

    Words that are not ASCII stay: many scripts have no spaces.
    """
    if address := _ADDRESS.search(word):
        parts = re.split(r"[?#]", address[2])[0].strip("/").split("/")
        last = parts[-1] if len(parts[-1]) < _LONG_WORD else ""
        way = "/…/" if len(parts) > 1 else "/"
        return word[: address.start()] + address[1].removeprefix("www.") + (f"{way}{last}" if last else "/…")
    if not word.isascii():
        return word
    last = word.rstrip("/").rpartition("/")[2]
    return f"…/{last}" if 0 < len(last) < min(_LONG_WORD, len(word)) else word[: _LONG_WORD - 1] + "…"


def clean_title(title: str) -> str:
    """A title that the user typed: one line of printable characters, at most 200 cells."""
    return _fit(sanitize_title(without_escape_sequences(title[:_READ_AT_MOST])), EDITED_CELLS)


def without_markdown(text: str) -> str:
    """The text without Markdown's markup, for previews."""
    return "\n".join(line if is_code else _without_markdown(line) for line, is_code in _lines(text))


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    in_code = False
    for line in text.splitlines():
        if _FENCE.match(line):
            in_code = not in_code
        else:
            yield line[:_LINE_AT_MOST], in_code


def _without_markdown(line: str) -> str:
    line = _LINE_START.sub("", line, count=1) if _LINE_START.match(line) else line
    for pattern, kept in _MARKDOWN:
        line = pattern.sub(kept, line)
    return line


def _fit(title: str, cells: int) -> str:
    from rich.cells import cell_len

    if len(title) <= cells * _CHARACTERS_PER_CELL and cell_len(title) <= cells:
        return title
    end = width = 0
    while end < min(len(title) - 1, cells * _CHARACTERS_PER_CELL) and width + cell_len(title[end]) < cells:
        width += cell_len(title[end])
        end += 1
    # Never cuts between a letter and its marks, nor inside a composed emoji.
    while end > 0 and (
        unicodedata.category(title[end]).startswith("M") or title[end] in JOINERS or title[end - 1] in JOINERS
    ):
        end -= 1
    cut = title[:end]
    sentences = [found.end() for found in _SENTENCE_END.finditer(title, 0, end + 1)]
    if sentences and end // 2 <= sentences[-1] <= end:
        return cut[: sentences[-1]]
    space = cut.rfind(" ") if not title[end].isspace() else end
    return (cut[:space] if space >= end // 2 else cut).rstrip(" ,;:.-–—") + "…"
