r"""Where TeX formulas begin and end in a text: `$..$`, `$$..$$`, `\(..\)`, `\[..\]`. Markdown has no meaning inside."""

from __future__ import annotations

import re
from typing import Final

LONGEST_FORMULA: Final = 300
"""Characters of a formula between single dollar signs, at most."""
_SIGN: Final = re.compile(r"[\\^_={}<>+]")
"""Characters that distinguish a formula from words."""
_PAIRS: Final = {"$$": "$$", "\\(": "\\)", "\\[": "\\]"}


def end(text: str, start: int, stop: int) -> int:
    """The end of the formula that begins at `start`; 0 if none does. `$5 and $6` is none."""
    opening = text[start : start + 2]
    if closing := _PAIRS.get(opening):
        found = text.find(closing, start + 2, stop)
        content = text[start + 2 : found] if found >= 0 else ""
        return found + 2 if _is_formula(opening, content) else 0
    return _end_of_short(text, start, stop) if opening[:1] == "$" else 0


def open_at(text: str) -> int:
    """Where a formula begins that later text may end; -1 if there is none."""
    found = [index for opening, closing in _PAIRS.items() if (index := _last_open(text, opening, closing)) >= 0]
    last = text.rfind("$", max(0, len(text) - LONGEST_FORMULA))
    if last >= 0 and text[last - 1 : last] != "$" and _may_open(text, last):
        found.append(last)
    return min(found, default=-1)


def closing_of(text: str) -> str:
    """The delimiter that ends a formula which is open at the end of a text and cannot be anything else; otherwise ""."""
    for opening, closing in _PAIRS.items():
        index = _last_open(text, opening, closing)
        content = text[index + 2 :]
        if index >= 0 and _is_formula(opening, content):
            return closing[1:] if content.endswith(closing[0]) else closing
    return ""


def _is_formula(opening: str, content: str) -> bool:
    """Square brackets may be meant as such: they need a character that words do not have."""
    return any(map(str.isalnum, content)) and (opening != "\\[" or _SIGN.search(content) is not None)


def _last_open(text: str, opening: str, closing: str) -> int:
    if opening == closing:
        return text.rfind(opening) if text.count(opening) % 2 else -1
    index = text.rfind(opening)
    return index if index > text.rfind(closing) and text[index - 1 : index] != "\\" else -1


def _end_of_short(text: str, start: int, stop: int) -> int:
    if not _may_open(text, start):
        return 0
    found = text.find("$", start + 1, min(stop, start + LONGEST_FORMULA))
    while found > 0 and text[found - 1] == "\\":
        found = text.find("$", found + 1, min(stop, start + LONGEST_FORMULA))
    content = text[start + 1 : found] if found >= 0 else ""
    if not content or content[-1].isspace() or "`" in content or _is_word(text[found + 1 : found + 2]):
        return 0
    if any(char.isspace() for char in content) and not _SIGN.search(content):
        return 0
    return found + 1


def _may_open(text: str, at: int) -> bool:
    before, after = text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    return not _is_word(before) and before != "\\" and after != "" and not after.isspace()


def _is_word(char: str) -> bool:
    """Whether the character belongs to a Latin word or a number; Chinese needs no space next to a formula."""
    return char.isalnum() and char.isascii()
