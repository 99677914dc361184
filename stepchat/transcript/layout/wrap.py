"""Wraps styled text by words into lines of a width in cells. Wrapped text is never read again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

from stepchat.text.widths import cells, graphemes

if TYPE_CHECKING:
    from rich.style import Style

Piece: TypeAlias = "tuple[str, Style]"
Line: TypeAlias = "list[Piece]"

_WIDE: Final = "\u2e80-\u303e\u3041-\ua4cf\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\U00020000-\U0003fffd"
"""Chinese and Japanese, written without spaces: a line may break next to any of these, except as below."""
_COMMON: Final = ("\u4e00", "\u9fff")
"""The first and last of the characters that take two cells and may be at either end of a line."""
_NOT_FIRST: Final = frozenset("、。，．・：；？！）〕］｝〉》」』】〙〗ー々ゝゞ％‰℃,.;:!?)]}%\"'")
_NOT_LAST: Final = frozenset("（〔［｛〈《「『【〘〖￥＄([{")
_HANGING: Final = 2
_IS_WIDE: Final = re.compile(f"[{_WIDE}]")
_PART: Final = re.compile(r"(?<=[A-Za-z0-9])(?=[/?&=#_.,:;+-][A-Za-z0-9/])|^(?=[/?&=#_.,:;+-])")
"""Where a long word may break, in a line read from its end: after such a character, before a letter."""
_WORD: Final = re.compile(rf" +|[{_WIDE}]|[^ {_WIDE}]+")


class Wrapper:
    """Takes styled text piece by piece. `lines` are finished; `open_line` may still grow."""

    __slots__ = ("_break", "_indents", "_keeps_indents", "lines", "open_line", "width", "x")

    def __init__(self, width: int, *, keeps_indents: bool = False) -> None:
        self.width = max(1, width)
        self.lines: list[Line] = []
        self.open_line: Line = []
        self.x = 0
        """Cells used on the open line."""
        self._keeps_indents = keeps_indents
        self._indents = keeps_indents
        """Whether leading spaces on the open line belong to the text, because it was not wrapped here."""
        self._break: tuple[int, int] | None = None
        """The last possible break on the open line: the index of the piece, and of the character in it."""

    def continued(self) -> Wrapper:
        """A wrapper that continues from here without changing this one; it has only the lines that follow."""
        other = Wrapper(self.width)
        other.open_line, other.x, other._break = self.open_line.copy(), self.x, self._break
        other._keeps_indents, other._indents = self._keeps_indents, self._indents
        return other

    def all_lines(self) -> list[Line]:
        return [*self.lines, self.open_line]

    def add(self, text: str, style: Style) -> None:
        """Adds text in which "\\n" breaks the line."""
        if "\n" in text:
            first, *others = text.split("\n")
            self._add_words(first, style)
            for part in others:
                self.new_line()
                self._indents = self._keeps_indents
                self._add_words(part, style)
        else:
            self._add_words(text, style)

    def new_line(self) -> None:
        if self.open_line and self.open_line[-1][0].endswith(" "):
            text, style = self.open_line[-1]
            self.open_line[-1] = (text.rstrip(" "), style)
        self.lines.append(self.open_line)
        self.open_line, self.x, self._break, self._indents = [], 0, None, False

    def _add_words(self, text: str, style: Style) -> None:
        if not self.x and not self._indents:
            text = text.lstrip(" ")
        if not text:
            return
        if not text.isascii():
            self._add_wide(text, style)
            return
        if _breaks_between(self._last_character(), text[0]):
            self._break = (len(self.open_line), 0)
        at, end = 0, len(text)
        while end - at > (available := self.width - self.x):
            cut = text.rfind(" ", at, at + available + 1)
            if cut >= at:
                self._put(text[at:cut], style, cut - at)
                self.new_line()
                at = cut + 1
                while at < end and text[at] == " ":
                    at += 1
            elif not self._carry_word():
                self._put(text[at : at + available], style, available)
                self._end_full_line()
                at += available
        if at < end:
            space = text.rfind(" ", at)
            if space >= 0:
                self._break = (len(self.open_line), space + 1 - at)
            self._put(text[at:], style, end - at)

    def _put(self, text: str, style: Style, size: int) -> None:
        if not text:
            return
        self.x += size
        line = self.open_line
        if not line or line[-1][1] is not style:
            line.append((text, style))
            return
        before = line[-1][0]
        line[-1] = (before + text, style)
        if self._break is not None and self._break[0] == len(line):
            self._break = (len(line) - 1, len(before) + self._break[1])

    def _carry_word(self) -> bool:
        """Breaks the open line at its last possible break; the word after it opens the next line. False if there is none."""
        if self._break is None:
            return False
        index, character = self._break
        kept, carried = self.open_line[:index], self.open_line[index:]
        if carried:
            text, style = carried[0]
            if character:
                kept.append((text[:character], style))
            carried[0] = (text[character:], style)
        self.open_line = kept
        self.new_line()
        for text, style in carried:
            self._put(text, style, cells(text))
        return True

    def _end_full_line(self) -> None:
        """Ends a line that one word fills: after the last part of an address if that is near the end, otherwise anywhere."""
        line = "".join(text for text, _ in self.open_line)
        for found in _PART.finditer(line[::-1], 0, len(line) // 3):
            if not found.start():
                break
            at = len(line) - found.start()
            self._break = self._place(at)
            if self._carry_word():
                return
        self.new_line()

    def _place(self, at: int) -> tuple[int, int]:
        """The piece of the open line that holds a character, and the character's index in it."""
        for index, (text, _) in enumerate(self.open_line):
            if at < len(text):
                return index, at
            at -= len(text)
        return len(self.open_line), 0

    def _add_wide(self, text: str, style: Style) -> None:
        """Adds text with wide characters word by word; `ready` is the part that fits the open line so far."""
        before = self._last_character()
        ready, used, was_common = "", 0, False
        for word in _WORD.findall(text):
            is_common = _COMMON[0] <= word <= _COMMON[1]  # nearly all of Chinese: no need to look at each
            size = 2 if is_common else cells(word)
            blank = word[0] == " "
            if blank and not self._indents and not self.x + used:
                continue
            if (is_common and was_common) or (not blank and _breaks_between(before, word[0])):
                self._break = (len(self.open_line), len(ready))
            before, was_common = word[-1], is_common
            if self.x + used + size > self.width:
                self._put(ready, style, used)
                ready, used = "", 0
                if blank:
                    self.new_line()
                    continue
                self._carry_word()
                if self.x + size > self.width:
                    self._put_graphemes(word, style)
                    continue
            ready, used = ready + word, used + size
            if blank:
                self._break = (len(self.open_line), len(ready))
        self._put(ready, style, used)

    def _put_graphemes(self, word: str, style: Style) -> None:
        """Adds a word that is longer than a line, broken between any two grapheme clusters."""
        from_, used = 0, 0
        for start, _, size in graphemes(word):
            if self.x + used + size > self.width and self.x + used:
                self._put(word[from_:start], style, used)
                self._end_full_line()
                from_, used = start, 0
            used += size
        self._put(word[from_:], style, used)

    def _last_character(self) -> str:
        return self.open_line[-1][0][-1:] if self.open_line else ""


def longest_word(text: str) -> int:
    """Cells of the longest unbreakable part of the text."""
    return max(map(cells, text.split() if text.isascii() else _WORD.findall(text)), default=0)


def hanging(text: str, width: int) -> int:
    """The indentation of the rows after the first of a line of code that does not fit: more than that of the line itself."""
    return min(len(text) - len(text.lstrip(" ")) + _HANGING, width // 2)


def chop(line: Line, width: int, hang: int = 0) -> list[Line]:
    """Cuts a line regardless of words, as code is cut: every row but the last is full.

    Rows after the first have `hang` fewer cells.
    """
    width = max(2, width)
    rows: list[Line] = [[]]
    used = 0
    for text, style in line:
        while text:
            available = width - used
            if text.isascii():
                part, size = text[:available], min(available, len(text))
            else:
                part, size = _fit(text, available)
            if part:
                rows[-1].append((part, style))
                text, used = text[len(part) :], used + size
            if text:
                rows.append([])
                used = min(hang, width - 2)
    return rows


def _fit(text: str, available: int) -> tuple[str, int]:
    """The longest prefix of whole grapheme clusters that fits, and its cells."""
    used = 0
    for start, _, size in graphemes(text):
        if used + size > available:
            return text[:start], used
        used += size
    return text, used


def _breaks_between(before: str, after: str) -> bool:
    """Whether a line may break between two characters without a space."""
    if not before or before == " " or after in _NOT_FIRST or before in _NOT_LAST:
        return False
    return _IS_WIDE.match(before) is not None or _IS_WIDE.match(after) is not None
