from __future__ import annotations

import re
import sys

from tests.e2e.terminal import Terminal

PROGRAM = [sys.executable, "-m", "stepchat", "--demo"]
COLOURS = re.compile(rb"\x1b\[[0-9;]*\b[34]8;[25];")


def colours(terminal):
    return {(cell.fg, cell.bg) for row in terminal.cells() for cell in row}


def test_without_colours_everything_is_in_the_terminals_own(tmp_path):
    with Terminal(PROGRAM, tmp_path, {"NO_COLOR": "1"}) as terminal:
        terminal.wait_for("This is the demo")
        assert "Ask, or / for commands" in terminal.screen()  # the prompt
        assert "Ctrl+P commands" in terminal.screen()  # the status line
        assert "─" * 100 in terminal.screen()  # the rule
        assert colours(terminal) == {("default", "default")}
        for key, words in (("f1", "Commands and keys"), ("ctrl+o", "Type to"), ("ctrl+p", "Type to")):
            terminal.press(key)
            terminal.wait_for(words)
            assert colours(terminal) == {("default", "default")}
            terminal.press("escape")
            terminal.wait_for(lambda terminal, words=words: words not in terminal.screen())
        terminal.type("/theme light")
        terminal.press("enter")
        terminal.wait_for("NO_COLOR is set")
        assert COLOURS.search(terminal.output()) is None
        assert colours(terminal) == {("default", "default")}
        terminal.press("ctrl+q")
        terminal.wait_exit()


def test_an_empty_NO_COLOR_does_not_count(tmp_path):
    with Terminal(PROGRAM, tmp_path, {"NO_COLOR": ""}) as terminal:
        terminal.wait_for("This is the demo")
        assert len(colours(terminal)) > 2
        terminal.press("ctrl+q")
        terminal.wait_exit()
