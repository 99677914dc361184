"""A place in one line of source, counted in characters and in columns: a tab reaches to the next multiple of four."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 1000
"""A line is judged by its first so many characters, and what takes up a line whole must be shorter: without a bound, a
line that never ends would be read again from its beginning with every token."""


class Cursor:
    """Moves along a line the way CommonMark counts indentation. `find` must be called before `next`, `indent`, `blank`."""

    __slots__ = ("blank", "column", "indent", "line", "next", "next_column", "partial", "pos", "whole")

    def __init__(self, line: str) -> None:
        self.line = line
        self.whole = len(line) < LONGEST
        """False when there may be more of this line than is known here."""
        self.pos = 0
        self.column = 0
        self.partial = False
        """The tab at `pos` is used in part."""
        self.next = 0
        """Place of the next character that is not white space."""
        self.next_column = 0
        self.indent = 0
        """Columns of white space in front of it."""
        self.blank = False

    def find(self) -> None:
        line, at, column = self.line, self.pos, self.column
        end = len(line)
        while at < end:
            match line[at]:
                case " ":
                    column += 1
                case "\t":
                    column += 4 - column % 4
                case _:
                    break
            at += 1
        self.next, self.next_column, self.indent, self.blank = at, column, column - self.column, at == end

    def to_next(self) -> None:
        self.pos, self.column, self.partial = self.next, self.next_column, False

    def skip(self, count: int) -> None:
        """Past `count` characters that are not tabs."""
        self.pos += count
        self.column += count
        self.partial = False

    def skip_columns(self, count: int) -> None:
        """Past `count` columns of white space; a tab may be used in part."""
        line, end = self.line, len(self.line)
        while count > 0 and self.pos < end:
            if line[self.pos] == "\t":
                width = 4 - self.column % 4
                self.partial = width > count
                step = min(count, width)
                self.column += step
                self.pos += 0 if self.partial else 1
                count -= step
            else:
                self.skip(1)
                count -= 1

    def skip_one_space(self) -> None:
        if self.at_space():
            self.skip_columns(1)

    def at_space(self) -> bool:
        return self.pos < len(self.line) and self.line[self.pos] in " \t"

    def rest(self) -> str:
        """What is left, with the unused columns of a partly used tab as spaces."""
        if self.partial:
            return " " * (4 - self.column % 4) + self.line[self.pos + 1 :]
        return self.line[self.pos :]
