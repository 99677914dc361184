"""The effects of readline's editing keys on a text. Positions are offsets into the text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_WORD: Final = re.compile(r"[^\W_]+")
"""Letters and digits, as in readline: the same for moving and for killing."""


def word_left(text: str, at: int) -> int:
    """The start of the word before the cursor."""
    start = 0
    for word in _WORD.finditer(text, 0, at):
        start = word.start()
    return start


def word_right(text: str, at: int) -> int:
    """The end of the word after the cursor."""
    found = _WORD.search(text, at)
    return found.end() if found else len(text)


def line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def line_end(text: str, at: int) -> int:
    """The end of the line, or of the line break if the cursor is there already."""
    found = text.find("\n", at)
    return len(text) if found < 0 else found + (found == at)


def change_word(text: str, at: int, change: Callable[[str], str]) -> tuple[str, int]:
    """Change the word after the cursor, for instance to upper case. Returns the text, and the cursor after the word."""
    end = word_right(text, at)
    changed = change(text[at:end])
    return text[:at] + changed + text[end:], at + len(changed)


def capitalized(part: str) -> str:
    """The word with the first letter in upper case and the rest in lower case; characters before the word stay."""
    found = _WORD.search(part)
    start = found.start() if found else len(part)
    return part[:start] + part[start : start + 1].upper() + part[start + 1 :].lower()


def transposed(text: str, at: int) -> tuple[str, int]:
    """Swap the two characters around the cursor, or the two before it at the end of a line."""
    start = line_start(text, at)
    if at == len(text) or text[at] == "\n":
        at -= 1
    if at <= start:
        return text, min(at + 1, len(text))
    return text[: at - 1] + text[at] + text[at - 1] + text[at + 1 :], at + 1


class KillRing:
    """Killed texts, the newest last. Consecutive kills are one entry."""

    MAX: Final = 60

    def __init__(self) -> None:
        self._entries: list[str] = []
        self._shown = 0
        """The number of entries that `previous` has gone back."""

    def kill(self, text: str, *, append: bool, before: bool) -> None:
        """Add a text. `append` joins it with the last kill, after it or `before` it."""
        if append and self._entries:
            last = self._entries[-1]
            self._entries[-1] = text + last if before else last + text
        elif text:
            self._entries = [*self._entries[1 - self.MAX :], text]
        self._shown = 0

    def newest(self) -> str:
        """The text that a yank inserts; "" if nothing was killed."""
        self._shown = 0
        return self._entries[-1] if self._entries else ""

    def previous(self) -> str:
        """The entry before the last one returned; after the oldest comes the newest again."""
        self._shown += 1
        return self._entries[-1 - self._shown % len(self._entries)] if self._entries else ""
