from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App

from stepchat.first_frame.picture import draw, prompt_width, read_frame_style
from stepchat.first_frame.type_ahead import ESCAPE_PAUSE, KEYS, MAX_PASTE_CHARACTERS, TypeAhead, TypeAheadReader
from stepchat.tui.terminal.driver import kept_messages
from stepchat.tui.terminal.input import TerminalInput
from tests.e2e.small_prompt import CSS, Prompt, main_screen

WIDE = 200
PASTE = b"\x1b[200~%s\x1b[201~"
LOOK = read_frame_style(b"", "truecolor", None)

# Plain keys several times, so that whole words arise; then every key the frame edits with; then what it must keep.
PLAIN = [letter.encode() for letter in "ab c_ dé漢😀."] * 3
EDITING = [key for key in KEYS if KEYS[key] != "ignore"]
OTHER = [b"\r", b"\t", b"\x1b[A", b"\x1b[1;5D", b"\x1b[1;5C", b"\x04", "🏽".encode(), PASTE % b"x\ty", b"\x1bb"]
PASTES = [PASTE % b"two words", PASTE % "l1\r\nlé2\r".encode(), PASTE % b""]


def typed(*chunks: bytes, width: int = WIDE, pause: float = 0.0) -> TypeAhead:
    typing = TypeAheadReader(width)
    now = 100.0
    for chunk in chunks:
        now += pause
        typing.feed(chunk, now)
    return typing.result(now)


def parts(ahead: TypeAhead) -> tuple[str, tuple[int, int], tuple[bytes, ...]]:
    return ahead.text, ahead.cursor, ahead.pending


@pytest.mark.parametrize(
    ("keys", "text", "cursor"),
    [
        (b"hello", "hello", (0, 5)),
        ("gr\u00fc\u00df 漢字".encode(), "grüß 漢字", (0, 7)),
        (b"ab\x7fc", "ac", (0, 2)),
        (b"ab\x1b[Dx", "axb", (0, 2)),
        (b"ab\x1b[D\x1b[D\x1b[3~", "b", (0, 0)),
        (b"ab\x01x\x05y", "xaby", (0, 4)),
        (b"one two\x17", "one ", (0, 4)),
        (b"one two\x15", "", (0, 0)),
        (b"one\x1b[D\x1b[D\x0b", "o", (0, 1)),
        (b"one\ntwo", "one\ntwo", (1, 3)),
        (b"one\x1b\rtwo", "one\ntwo", (1, 3)),
        (b"one\x1b[13;2utwo", "one\ntwo", (1, 3)),
        (b"one\ntwo\x01\x7f", "onetwo", (0, 3)),
        (b"one\x03", "", (0, 0)),
        (b"\x03\x7f\x0b\x15\x17", "", (0, 0)),
        (PASTE % b"one\rtwo", "one\ntwo", (1, 3)),
        (b"a\x1b[Ib\x1b[Oc", "abc", (0, 3)),
        (b"a\x1b[?62;22cb", "ab", (0, 2)),
    ],
)
def test_plain_editing(keys, text, cursor):
    assert parts(typed(keys)) == (text, cursor, ())


@pytest.mark.parametrize("key", OTHER)
def test_from_the_first_other_key_on_bytes_are_kept(key):
    assert parts(typed(b"one" + key + b"two\x7f")) == ("one", (0, 3), (key + b"two\x7f",))


@pytest.mark.parametrize(
    "pasted",
    [
        b"x" * (MAX_PASTE_CHARACTERS + 1),
        b"\r" * 8,
        b"a\tb",
        b"\xff",
        "a\u2028b".encode(),
        b"esc \x1b[31m",
    ],
)
def test_a_long_or_strange_paste_is_left_to_the_prompt(pasted):
    assert parts(typed(PASTE % pasted)) == ("", (0, 0), (PASTE % pasted,))


def test_an_endless_paste_is_kept_and_bounded_in_time():
    chunks = [b"\x1b[200~", *[b"x" * 4096] * 40]
    assert parts(typed(*chunks)) == ("", (0, 0), (b"".join(chunks),))


@pytest.mark.parametrize(
    "rest", [b"\x1b", b"\x1b[", b"\x1b[1;", b"\x1bO", "漢".encode()[:2], b"\x1b[200~half a pas", b"\x1b[20"]
)
def test_what_is_not_complete_is_kept_for_what_follows(rest):
    assert parts(typed(b"one" + rest)) == ("one", (0, 3), (rest,))


def test_a_byte_that_is_no_utf8_is_kept():
    assert parts(typed(b"a\xffb")) == ("a", (0, 1), (b"\xffb",))
    assert parts(typed(b"a\xc3\rb")) == ("a", (0, 1), (b"\xc3\rb",))


def test_escape_is_told_from_a_sequence_by_the_pause_after_it():
    typing = TypeAheadReader(WIDE)
    typing.feed(b"a\x1b", 1.0)
    typing.feed(b"b\x1b", 1.0 + 2 * ESCAPE_PAUSE)
    typing.feed(b"c", 1.0 + 4 * ESCAPE_PAUSE)
    assert parts(typing.result(2.0)) == ("a", (0, 1), (b"\x1b", b"b\x1b", b"c"))


def test_an_escape_long_before_the_end_is_finished():
    typing = TypeAheadReader(WIDE)
    typing.feed(b"a\x1b", 1.0)
    assert parts(typing.result(1.0 + 2 * ESCAPE_PAUSE)) == ("a", (0, 1), (b"\x1b", b""))


def test_in_a_wrapped_line_keys_that_move_by_row_are_kept():
    assert parts(typed(b"one two\x01", width=5)) == ("one two", (0, 7), (b"\x01",))
    assert parts(typed(b"one two\nx\x01y", width=5)) == ("one two\nyx", (1, 1), ())


@given(st.lists(st.sampled_from(PLAIN + EDITING + OTHER + PASTES), max_size=25).map(b"".join), st.data())
def test_it_does_not_matter_how_the_bytes_are_cut(keys, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(keys)), max_size=6)))
    chunks = [keys[start:end] for start, end in zip([0, *cuts], [*cuts, len(keys)], strict=True)]
    assert parts(typed(*chunks)) == parts(typed(keys))


@given(st.binary(max_size=60))
def test_no_byte_is_lost_or_changed_behind_the_first_other_one(keys):
    ahead = typed(keys)
    assert keys.endswith(b"".join(ahead.pending))


class PromptApp(App[None]):
    CSS = CSS
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, ahead: TypeAhead) -> None:
        super().__init__()
        self.ahead = ahead

    def compose(self):
        yield from main_screen(self.ahead, self.size)

    def on_mount(self) -> None:
        self.query_one(Prompt).focus()


def key_sequences(seed: int):
    rng = random.Random(seed)
    for _ in range(30):
        keys = rng.choices(PLAIN + EDITING + PASTES, k=rng.randint(1, 40))
        if rng.random() < 0.4:
            keys += rng.choices(OTHER, k=1) + rng.choices(PLAIN + EDITING, k=5)
        yield b"".join(keys)


async def feed(prompt: Prompt, pilot, data: bytes) -> None:
    for event in kept_messages([data], TerminalInput()):
        prompt.app._driver.process_message(event)
    await pilot.pause()


@pytest.mark.parametrize("seed", range(2))
async def test_textual_would_have_done_the_same(seed):
    columns, rows = ((100, 24), (34, 14))[seed % 2]
    app = PromptApp(TypeAhead("", (0, 0), ()))
    async with app.run_test(size=(columns, rows)) as pilot:
        prompt = app.query_one(Prompt)
        for keys in key_sequences(seed):
            prompt.text = ""
            prompt.sent.clear()
            await feed(prompt, pilot, keys)
            lived = (prompt.text, prompt.cursor_location, list(prompt.sent))

            ahead = typed(keys, width=prompt_width(columns))
            prompt.text = ahead.text
            prompt.move_cursor(ahead.cursor)
            prompt.sent.clear()
            await pilot.pause()
            seen = prompt.parent.region.y, [prompt.render_line(y).text.rstrip() for y in range(prompt.size.height)]
            assert seen == echoed(ahead, columns, rows), keys
            await feed(prompt, pilot, b"".join(ahead.pending))
            assert (prompt.text, prompt.cursor_location, list(prompt.sent)) == lived, keys


def echoed(ahead: TypeAhead, columns: int, rows: int) -> tuple[int, list[str]]:
    """The row of the rule and the prompt's rows in the first frame."""
    lines = ahead.text.split("\n")
    cursor = sum(len(line) + 1 for line in lines[: ahead.cursor[0]]) + ahead.cursor[1]
    painted = [re.sub(r"\x1b\[[0-9;]*m", "", row) for row in draw(ahead.text, cursor, LOOK, columns, rows).rows]
    rule = next(index for index, row in enumerate(painted) if row.startswith("─"))
    return rule, [row[2:].rstrip() for row in painted[rule + 1 : -1]]
