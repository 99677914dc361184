"""The screens of the tests' terminal: what pyte draws, and around it what pyte has no notion of."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING

import pyte

if TYPE_CHECKING:
    from collections.abc import Sequence

TOKEN = re.compile(
    r"\x1b\[(?P<private>[<=>?]?)(?P<numbers>[0-9:;]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    r"|\x1b\](?P<command>[0-9]*);?(?P<text>[^\x07\x1b]*)(?:\x07|\x1b\\)"
    r"|\x1b[P_^X].*?\x1b\\"
    r"|\x1b\[[<=>?]?[0-9:;]*[ -/]*(?=\x1b)"
    r"|\x1b\][^\x07\x1b]*(?=\x1b[^\\])"
    r"|\x1b[()*+][0-9A-Za-z]"
    r"|\x1b[^\[\]P_^X()*+]"
    r"|[^\x1b]+",
    re.DOTALL,
)
"""A whole escape sequence, or text without any; what does not match is not complete yet.

A process that is killed while it writes leaves a sequence in pieces: as in a terminal the next escape ends it.
"""


class Screens:
    """The main and the alternate screen, which pyte has no notion of, and the answers to queries.

    pyte is slow, so what was written is drawn only when someone looks: `draw`.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.size = (columns, rows)
        self.alternate = False
        self.title = ""
        self.modes: set[int] = set()
        self.left_alternate = 0
        self._unread = ""
        self._undrawn: deque[re.Match[str]] = deque()
        self._main = self._new()
        self.current = self._main

    def _new(self) -> pyte.Screen:
        return pyte.Screen(*self.size)

    def feed(self, text: str) -> str:
        """Take the text; return what the terminal answers."""
        self._unread += text
        answers = ""
        while match := TOKEN.match(self._unread):
            self._unread = self._unread[match.end() :]
            self._undrawn.append(match)
            answers += self._answer(match)
        return answers

    def draw(self) -> None:
        while self._undrawn:
            self._token(self._undrawn.popleft())

    def resize(self, columns: int, rows: int) -> None:
        self.size = (columns, rows)
        for screen in {id(self._main): self._main, id(self.current): self.current}.values():
            screen.resize(rows, columns)

    def _token(self, match: re.Match[str]) -> None:
        token = match[0]
        if match["command"] is not None:
            self.title = match["text"] if match["command"] in ("0", "2") else self.title
        elif not match["final"]:
            if token[0] != "\x1b" or token[1] in "78DEHMc":
                pyte.Stream(self.current).feed(token)
        elif match["private"] == "?" and match["final"] in "hl" and not match["between"]:
            self._mode([int(number) for number in match["numbers"].split(";") if number], match["final"] == "h")
        elif not match["private"] and not match["between"] and ":" not in token and match["final"] not in "nctsu":
            pyte.Stream(self.current).feed(token)

    def _answer(self, match: re.Match[str]) -> str:
        if match["command"] in ("10", "11") and match["text"] == "?":
            colour = "d7d7/dada/e0e0" if match["command"] == "10" else "1111/1313/1818"
            return f"\x1b]{match['command']};rgb:{colour}\x1b\\"
        numbers = match["numbers"]
        match (match["private"] or "") + (match["between"] or "") + (match["final"] or ""):
            case "c":
                return "\x1b[?62;22c"
            case ">c":
                return "\x1b[>1;10;0c"
            case ">q":
                return "\x1bP>|stepchat-tests 1\x1b\\"
            case "?$p":
                return f"\x1b[?{numbers};{2 if numbers == '2026' else 0}$y"
            case "n" if numbers == "5":
                return "\x1b[0n"
            case "n" if numbers == "6":
                self.draw()
                return f"\x1b[{self.current.cursor.y + 1};{self.current.cursor.x + 1}R"
            case _:
                return ""

    def _mode(self, numbers: Sequence[int], on: bool) -> None:
        for number in numbers:
            (self.modes.add if on else self.modes.discard)(number)
            if number == 1049:
                self.left_alternate += self.alternate and not on
                self.alternate = on
                self.current = self._new() if on else self._main
            if number in (7, 25):
                pyte.Stream(self.current).feed(f"\x1b[?{number}{'h' if on else 'l'}")
