from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from textual.events import Key, Paste

from stepchat.text.sanitize import sanitize_paste
from stepchat.tui.terminal.input import TerminalInput

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
    assert said(*(whole[start:end] for start, end in itertools.pairwise(cuts))) == [("paste", sanitize_paste(text))]


def test_alt_with_a_letter_is_known_at_once_and_in_a_burst():
    assert said(b"\x1bk") == [("key", "alt+k")]
    assert said(b"\x1bk\x1bk\x1b[5~\x1bjx") == [("key", key) for key in ("alt+k", "alt+k", "pageup", "alt+j", "x")]
    assert said(b"\x1bb\x1bf\x1bb") == [("key", "alt+b"), ("key", "alt+f"), ("key", "alt+b")]
    assert said(b"\x1bOA\x1b[1;3B\x1b\x1bk")[:2] == [("key", "up"), ("key", "alt+down")]


class Clock:
    """Seconds that pass only when told."""

    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def pressed(*parts: bytes | float) -> list[tuple[str, str]]:
    """The same for reads with pauses between them; the last one is followed by a long pause."""
    clock = Clock()
    terminal = TerminalInput(now=clock)
    messages = []
    for part in (*parts, 1.0):
        if isinstance(part, bytes):
            messages += terminal.feed(part)
            continue
        end = clock.seconds + part
        while (wait := terminal.wait) is not None and clock.seconds + wait <= end:
            clock.seconds += wait
            messages += terminal.tick()
        clock.seconds = end
    return [
        ("paste", m.text) if isinstance(m, Paste) else ("key", m.key) for m in messages if isinstance(m, (Key, Paste))
    ]


KITTY = {
    b"\x1b[1089::99;5u": ["ctrl+c"],
    b"\x1b[97:65;2;65u": ["A"],
    b"\x1b[97;1:1;97u": ["a"],
    b"\x1b[97;1:3u": [],
    b"\x1b[1;1:1D": ["left"],
    b"\x1b[99999999;5u": [],
    b"\x1b[97;;99999999u": ["a"],
    b"\x1b[55296;5u": [],
    b"\x1b[0u": [],
    b"\x1b[:::;;;u": [],
    b"\x1b[107;6u": ["ctrl+shift+k"],
    b"\x1b[27;5;100~": ["ctrl+d"],
    b"\x1b[" + b"9" * 4000 + b";5u": [],
    # A layout of another alphabet: the key's own letter where it is told, else its place.
    b"\x1b[1081;5u": ["ctrl+q"],
    b"\x1b[1089;5u": ["ctrl+c"],
    b"\x1b[1076;5u": ["ctrl+l"],
    b"\x1b[964;5u": ["ctrl+t"],
    b"\x1b[1512;3u": ["alt+r"],
    # A Latin layout keeps its letters, wherever they lie.
    b"\x1b[99::106;5u": ["ctrl+c"],
}


@pytest.mark.parametrize("size", [1, 2, 3, 5000])
@pytest.mark.parametrize("data", KITTY, ids=repr)
def test_keys_of_the_kitty_protocol(data, size):
    assert pressed(*(data[at : at + size] for at in range(0, len(data), size))) == [("key", key) for key in KITTY[data]]


REPLIES = [
    b"\x1b]11;rgb:1414/1919/1f1f\x1b\\",
    b"\x1b]11;rgb:1414/1919/1f1f\x07",
    b"\x1b[?62;22;52c",
    b"\x1b[>1;4000;0c",
    b"\x1bP>|iTerm2 3.5\x1b\\",
    b"\x1bP1$r0m\x1b\\",
    b"\x1b[?0u",
    b"\x1b[4;600;800t",
    b"\x1b[?997;1n",
    b"\x1b[<32;NaN;NaNM",
    b"\x1b[<0;99999999;1M",
    b"\x1b[M !!",
    b"\x1b_Gi=31;OK\x1b\\",
    b"\x1b]52;c;aGVsbG8=\x07",
    b"\x1b[48;0;0;0;0t",
    b"\x1b[48;9999999;1;1;1t",
]


@pytest.mark.parametrize("pause", [0.0, 0.3])
@pytest.mark.parametrize("reply", REPLIES, ids=repr)
def test_a_reply_that_nobody_asked_for_is_never_typed_wherever_it_is_cut(reply, pause):
    for cut in range(2, len(reply)):
        found = pressed(b"a", 1.0, reply[:cut], pause, reply[cut:] + b"b")
        # The first two characters alone may be a key with Alt, which types nothing and stops nothing.
        assert [key for key in found if not key[1].startswith("alt+")] == [("key", "a"), ("key", "b")], cut


def test_a_sequence_cut_behind_its_escape_is_not_typed():
    assert pressed(b"\x1b", 0.02, b"[A") == [("key", "up")]
    assert pressed(b"\x1b", 0.3, b"[?62;22;52cx") == [("key", "escape"), ("key", "x")]
    assert pressed(b"\x1b", 0.3, b"]11;rgb:0/0/0\x07x") == [("key", "escape"), ("key", "x")]
    assert pressed(b"\x1b", 0.3, b"[") == [("key", "escape"), ("key", "left_square_bracket")]


def test_two_presses_of_escape_in_one_read_are_two():
    assert pressed(b"\x1b\x1b") == [("key", "escape")] * 2
    assert pressed(b"\x1b\x11") == [("key", "escape"), ("key", "ctrl+q")]
    assert pressed(b"\x1b\x1b\x1b[A") == [("key", "escape")] * 2 + [("key", "up")]


def test_alt_with_what_begins_a_sequence():
    for data, key in (
        (b"\x1b[", "alt+left_square_bracket"),
        (b"\x1bO", "alt+shift+o"),
        (b"\x1b]", "alt+right_square_bracket"),
    ):
        assert pressed(data) == [("key", key)]
    assert pressed(b"\x1b1\x1b=") == [("key", "alt+1"), ("key", "alt+equals_sign")]


@pytest.mark.parametrize("size", [1, 3, 4, 100])
def test_lines_that_come_at_once_are_a_paste_that_sends_nothing(size):
    data = b"AAA\rBBB\r\rCCC\r"
    found = pressed(*(data[at : at + size] for at in range(0, len(data), size)))
    assert ("key", "enter") not in found
    assert "".join(text for _, text in found) == "AAA\nBBB\n\nCCC\n"


def test_what_is_typed_and_sent_is_no_paste():
    for parts in ([b"hello\r"], [b"hello", b"\r"], [*(bytes([c]) for c in b"hello"), b"\r"], [b"hello", 0.2, b"\r"]):
        assert pressed(*parts) == [("key", key) for key in "hello"] + [("key", "enter")]
    assert pressed(b"a\r", 0.02, b"b\r") == [("key", key) for key in ("a", "enter", "b", "enter")]
    assert pressed(b"a\r\x1b[A") == [("key", key) for key in ("a", "enter", "up")]


@given(st.lists(st.binary(max_size=12) | st.sampled_from([*REPLIES, *KITTY, b"\x1b[", b"\x1b", b"\xff"]), max_size=12))
def test_whatever_comes_the_keyboard_goes_on(parts):
    assert pressed(*parts, b"\x1b\\\x07\x1b[201~", 1.0, b"q")[-1:] == [("key", "q")]


@pytest.mark.parametrize(
    ("reply", "is_light"),
    [
        ("\x1b]11;rgb:ffff/ffff/ffff\x1b\\", True),
        ("\x1b]11;rgb:fc/fb/f9\x07", True),
        ("\x1b]11;rgba:0000/2b2b/3636/ffff\x1b\\", False),
        ("\x1b[?997;1n", False),
        ("\x1b[?997;2n", True),
        ("\x1b]11;?\x07", None),
        ("\x1b]10;rgb:ffff/ffff/ffff\x07", None),
    ],
)
@pytest.mark.parametrize("split", [0, 1, 3, 9])
def test_the_terminal_reports_its_background(reply, is_light, split):
    reported: list[bool] = []
    terminal = TerminalInput(background_reported=reported.append)
    data = reply.encode()
    messages = [message for part in (data[:split], data[split:]) for message in terminal.feed(part)]
    assert (messages, reported) == ([], [] if is_light is None else [is_light])
