"""Whatever ends or suspends the window, every mode of the terminal that it set is reset."""

from __future__ import annotations

import re
import signal
import sys

import pytest

from tests.e2e.terminal import Terminal, is_stopped

SEQUENCE = re.compile(rb"\x1b\[(?:\?([\d;]+)([hl])|>([\d;]*)u|<([\d;]*)u|>4(;\d)?m)")
ON_BY_DEFAULT = {7, 25}
BOOM = """
import sys
from stepchat.tui.composer.composer import Composer
def boom(self):
    if self.prompt.text:
        raise ValueError("boom")
Composer.schedule_keep = boom
from stepchat.__main__ import main
sys.argv = ["stepchat", "--demo"]
main()
"""


def left_on(output: bytes) -> set[str]:
    """What the sequences in the output leave set: modes, pushed keyboard flags of each screen, modifyOtherKeys."""
    modes, other_keys = set(ON_BY_DEFAULT), False
    pushed = {True: 0, False: 0}
    for numbers, way, push, pop, other in SEQUENCE.findall(output):
        if way:
            changed = {int(number) for number in numbers.split(b";")}
            modes = modes | changed if way == b"h" else modes - changed
        elif push:
            pushed[1049 in modes] += 1
        elif pop or not other:
            pushed[1049 in modes] = max(0, pushed[1049 in modes] - int(pop or 1))
        other_keys = other not in {b"", b";0"} if other or not (way or push or pop) else other_keys
    found = {str(mode) for mode in modes ^ ON_BY_DEFAULT if mode != 2026}
    found |= {f"keyboard of {'alternate' if where else 'main'} screen" for where, count in pushed.items() if count}
    return found | ({"modifyOtherKeys"} if other_keys else set())


@pytest.fixture
def terminal(tmp_path):
    with Terminal([sys.executable, "-m", "stepchat", "--demo"], tmp_path) as running:
        running.wait_for("This is the demo")
        assert {"1049", "2004", "1000"} <= left_on(running.output())
        yield running


@pytest.mark.parametrize("end", ["ctrl+q", signal.SIGTERM, signal.SIGHUP])
def test_after_the_end(terminal, end):
    if isinstance(end, str):
        terminal.press(end)
    else:
        terminal.kill(end)
    terminal.wait_exit()
    assert left_on(terminal.output()) == set()
    assert terminal.attributes() == terminal.attributes_before


def test_while_an_answer_is_written(terminal):
    terminal.type("demo:long tokens=5000 speed=100\r")
    terminal.wait_for("answering")
    terminal.kill(signal.SIGTERM)
    terminal.wait_exit()
    assert left_on(terminal.output()) == set()


def test_while_it_is_suspended(terminal):
    terminal.press("ctrl+z")
    terminal.wait_for(is_stopped)
    terminal.wait_for(lambda terminal: not left_on(terminal.output()))
    terminal.kill(signal.SIGCONT)
    terminal.wait_for(lambda terminal: {"1049", "2004", "1000"} <= left_on(terminal.output()))
    terminal.wait_for("This is the demo")
    terminal.press("ctrl+q")
    terminal.wait_exit()
    assert left_on(terminal.output()) == set()


def test_after_a_crash(tmp_path):
    with Terminal([sys.executable, "-c", BOOM], tmp_path) as terminal:
        terminal.wait_for("This is the demo")
        for letter in "abcdef":
            terminal.type(letter)
            terminal.process_wait(0.05)
        assert terminal.wait_exit() == 1
        assert left_on(terminal.output()) == set()
        assert terminal.attributes() == terminal.attributes_before
