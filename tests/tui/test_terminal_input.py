from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from textual.events import Key, Paste

from stepchat.tui.paste import clean_text
from stepchat.tui.terminal_input import TerminalInput

HOSTILE = "say look first line \x1b[31mred text\x1b[0m more\rsecond line\rthird \x1b line"
PLAIN = "say look first line red text more\nsecond line\nthird  line"


def said(*parts: bytes) -> list[tuple[str, str]]:
    """What the messages are: one key each, or a paste with its text."""
    terminal = TerminalInput()
    messages = [message for part in parts for message in terminal.feed(part)]
    assert all(isinstance(message, (Key, Paste)) for message in messages)
    return [("paste", message.text) if isinstance(message, Paste) else ("key", message.key) for message in messages]


def pasted(text: str) -> bytes:
    return f"\x1b[200~{text}\x1b[201~".encode()


def test_an_escape_sequence_in_a_paste_does_not_end_it():
    assert said(b"a" + pasted(HOSTILE) + b"\rb") == [("key", "a"), ("paste", PLAIN), ("key", "enter"), ("key", "b")]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_a_paste_cut_anywhere_is_one_paste(size):
    data = b"\x1b[A" + pasted(HOSTILE) + pasted("漢\x1b[20") + b"x"
    wanted = [("key", "up"), ("paste", PLAIN), ("paste", "漢[20"), ("key", "x")]
    assert said(*(data[at : at + size] for at in range(0, len(data), size))) == wanted


@pytest.mark.parametrize("character", ["\u3000", "\xa0", "\u2003", "\u200d", "\ue0b0"])
def test_a_character_that_textual_takes_for_none_is_not_lost(character):
    assert said(f"x{character}y".encode()) == [("key", "x"), ("paste", character), ("key", "y")]


def test_time_that_passes_in_a_paste_does_not_end_it():
    terminal = TerminalInput()
    found = [*terminal.feed(b"\x1b[200~one\x1b"), *terminal.tick(), *terminal.feed(b"[31m\rtwo\x1b[201~")]
    assert [message.text for message in found] == ["one\ntwo"]


def test_a_key_misread_in_typing_is_text_in_a_paste():
    assert said(pasted("one\x1b\rtwo") + b"\x1b\r") == [("paste", "one\ntwo"), ("key", "alt+enter")]


@pytest.mark.parametrize(("key", "name"), [(b"\x03", "ctrl+c"), (b"\x11", "ctrl+q"), (b"\x1b[113;5u", "ctrl+q")])
def test_one_can_leave_a_paste_that_does_not_end(key, name):
    terminal = TerminalInput()
    assert not [*terminal.feed(b"\x1b[200~one\r"), *terminal.feed(key), *terminal.feed(b"two"), *terminal.tick()]
    paste, pressed = terminal.feed(key)
    assert paste.text.startswith("one\n")
    assert paste.text.endswith("two")
    assert pressed.key == name
    assert [message.key for message in terminal.feed(b"a\x1b[A")] == ["a", "up"]


@given(st.text(st.sampled_from("ab漢\r\n\x1b[]201~0;m\x07\x9b\u202e"), max_size=40), st.data())
def test_whatever_is_pasted_no_key_comes_of_it(text, data):
    assume("\x1b[201~" not in text)
    whole = pasted(text)
    cuts = sorted({0, len(whole), *data.draw(st.lists(st.integers(0, len(whole)), max_size=8))})
    assert said(*(whole[start:end] for start, end in itertools.pairwise(cuts))) == [("paste", clean_text(text))]


def test_alt_with_a_letter_is_known_at_once_and_in_a_burst():
    assert said(b"\x1bk") == [("key", "alt+k")]
    assert said(b"\x1bk\x1bk\x1b[5~\x1bjx") == [("key", key) for key in ("alt+k", "alt+k", "pageup", "alt+j", "x")]
    assert said(b"\x1bb\x1bf\x1bb") == [("key", "ctrl+left"), ("key", "ctrl+right"), ("key", "ctrl+left")]
    assert said(b"\x1bOA\x1b[1;3B\x1b\x1bk")[:2] == [("key", "up"), ("key", "alt+down")]
