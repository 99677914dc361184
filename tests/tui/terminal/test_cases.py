"""What real terminals sent and other programs misread."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Key, Paste

from stepchat.tui.terminal.input import TerminalInput

CASES = Path(__file__).parent / "cases"


def lines(name):
    return (CASES / name / "input.bin").read_bytes().removesuffix(b"\n").split(b"\n")


def fed(data, size=None):
    """What comes of these bytes, in reads of this size."""
    terminal = TerminalInput()
    reads = [data] if size is None else [data[at : at + size] for at in range(0, len(data), size)]
    return [message for read in reads for message in terminal.feed(read)] + [*terminal.tick()]


@pytest.mark.parametrize("size", [None, 1, 3])
def test_replies_that_nobody_asked_for_are_not_typed(size):
    for line in lines("replies-of-the-terminal"):
        assert not [message for message in fed(line, size) if isinstance(message, Key | Paste)], line


@pytest.mark.parametrize("size", [None, 1, 3])
def test_subfields_of_keys_are_used_or_ignored(size):
    found = [
        [message.key for message in fed(line, size) if isinstance(message, Key)]
        for line in lines("keys-with-subfields")
    ]
    assert found[:5] == [["ctrl+c"], ["A"], ["a"], [], ["left"]]
    assert all(len(keys) <= 1 for keys in found)


def test_ctrl_works_in_another_alphabet():
    found = [
        [message.key for message in fed(line) if isinstance(message, Key)] for line in lines("ctrl-in-another-alphabet")
    ]
    assert found == [["ctrl+q"], ["ctrl+c"], ["ctrl+l"], ["ctrl+t"]]


def test_lines_in_one_read_are_a_paste():
    (data,) = lines("paste-without-brackets")
    terminal = TerminalInput()
    assert [*terminal.feed(b"x")]  # what the first read returns is no paste
    (paste,) = [message for message in terminal.feed(data) if isinstance(message, Key | Paste)]
    assert isinstance(paste, Paste)
    assert paste.text.splitlines() == ["AAA", "BBB", "", "CCC"]
