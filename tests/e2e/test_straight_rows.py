"""The transcript writes its rows past Textual's compositor. What is on the terminal then must be what Textual would paint."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from tests.e2e.terminal import Terminal

if TYPE_CHECKING:
    from pyte.screens import Char

ROWS = 24
STEPCHAT = [sys.executable, "-m", "stepchat", "--demo"]
MOVED = re.compile(rb"\x1b\[\d+;\d+r\x1b\[\d+H\x1b\[\d+[LM]\x1b\[r")


DIALOG = "Commands and keys"
FRAME, FRAME_END = b"\x1b[?2026h", b"\x1b[?2026l"
HEIGHT = ROWS - 3
"""Rows of the transcript."""
MOVES = (
    (["alt+k"] * 9, -9),
    (["alt+j"] * 4, 4),
    (["pageup"], 1 - HEIGHT),
    (["alt+k", "pagedown"], HEIGHT - 2),
)
"""Keys, and by how many rows they go down."""


def transcript(terminal: Terminal) -> list[list[Char]]:
    """The cells, when no frame is half there."""
    terminal.wait_for(lambda terminal: terminal.output().rfind(FRAME_END) > terminal.output().rfind(FRAME))
    return terminal.cells()[:HEIGHT]


def texts(terminal: Terminal) -> list[str]:
    """The rows without the scrollbar."""
    return [line.removesuffix("▐").rstrip() for line in terminal.lines()[:HEIGHT]]


def as_textual_paints(terminal: Terminal) -> list[list[Char]]:
    """The cells when all of the screen has been painted anew: a dialog was over it."""
    terminal.press("f1")
    terminal.wait_for(DIALOG)
    seen = len(terminal.output())
    terminal.press("escape")
    terminal.wait_for(lambda terminal: terminal.output()[seen:].count(b"\n") >= ROWS - 1)
    terminal.wait_for(lambda terminal: DIALOG not in terminal.screen())
    return transcript(terminal)


def test_the_terminal_shows_what_textual_would_paint(tmp_path):
    with Terminal(STEPCHAT, tmp_path, cols=90, rows=ROWS) as terminal:
        terminal.wait_for("Ask, or / for commands")
        terminal.type("demo:long tokens=1500 reasoning=100 speed=3000")
        terminal.press("enter")
        terminal.wait_for("1.5k output")
        terminal.wait_for("Ctrl+T reasoning")
        assert transcript(terminal) == as_textual_paints(terminal)
        for keys, down in MOVES:
            before = texts(terminal)
            terminal.press(*keys)
            same = slice(down, HEIGHT) if down > 0 else slice(0, HEIGHT + down)
            moved = slice(0, HEIGHT - down) if down > 0 else slice(-down, HEIGHT)
            terminal.wait_for(lambda terminal, wanted=before[same], moved=moved: texts(terminal)[moved] == wanted)
            assert transcript(terminal) == as_textual_paints(terminal)
        # What streams may come by more than a page at a time, what keys move does not.
        assert MOVED.search(terminal.output())
