"""In a terminal where Alt+letter types an accented letter, as in stock xterm, the window turns that off while it runs."""

from __future__ import annotations

import signal
import sys

import pytest

from tests.e2e.terminal import Terminal

ALT_MODES = {1036, 1039}
QUERY = b"\x1b[?1036$p\x1b[?1039$p\x1b[?2027$p"
MODIFY_OTHER_KEYS, RESET_OTHER_KEYS = b"\x1b[>4;1m", b"\x1b[>4m"


@pytest.fixture
def terminal(tmp_path):
    with Terminal([sys.executable, "-m", "stepchat", "--demo"], tmp_path) as running:
        running.wait_for(lambda running: QUERY in running.output())
        yield running


def report(terminal, value):
    terminal.send(b"".join(b"\x1b[?%d;%d$y" % (mode, value) for mode in sorted(ALT_MODES)))


@pytest.mark.parametrize("number", [0, signal.SIGTERM])
def test_the_modes_are_set_and_undone_at_the_end(terminal, number):
    report(terminal, 2)
    terminal.wait_for(lambda terminal: terminal.modes >= ALT_MODES)
    terminal.wait_for("demo")
    assert terminal.output().count(MODIFY_OTHER_KEYS) == 1
    terminal.send(b"one\x1b[27;2;13~two")
    terminal.wait_for("  two")
    assert RESET_OTHER_KEYS not in terminal.output()
    if number:
        terminal.kill(number)
    else:
        terminal.press("ctrl+q")
    terminal.wait_exit()
    assert not terminal.modes & ALT_MODES
    assert RESET_OTHER_KEYS in terminal.output()


def test_the_modes_are_undone_while_it_is_suspended(terminal):
    report(terminal, 2)
    terminal.wait_for(lambda terminal: terminal.modes >= ALT_MODES)
    terminal.kill(signal.SIGTSTP)
    terminal.wait_for(lambda terminal: not terminal.modes & ALT_MODES)
    terminal.kill(signal.SIGCONT)
    terminal.wait_for(lambda terminal: terminal.output().count(QUERY) == 2)
    report(terminal, 2)
    terminal.wait_for(lambda terminal: terminal.modes >= ALT_MODES)


@pytest.mark.parametrize("value", [0, 1, 3, 4])
def test_a_terminal_that_needs_nothing_is_left_alone(terminal, value):
    report(terminal, value)
    terminal.wait_for("demo")
    terminal.press("ctrl+q")
    terminal.wait_exit()
    assert b"\x1b[?1036h" not in terminal.output()
    assert b"\x1b[?1036l" not in terminal.output()
    assert MODIFY_OTHER_KEYS not in terminal.output()
