from __future__ import annotations

import re

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from stepchat.text.widths import EXTRA_CELL, pad_for_rich
from stepchat.tui.terminal.output import joins_emoji, sanitize_output

HINDI = "हिन्दी में किताबें"


def drawn(data: str, columns: int = 40) -> str:
    """The row that an emulator shows of it. pyte gives spacing marks no cell, unlike xterm."""
    screen = pyte.Screen(columns, 1)
    pyte.Stream(screen).feed(data)
    return screen.display[0]


def test_an_ordinary_row_is_written_as_it_is():
    for data in ("\x1b[1;1Hhello", "\x1b[1;1H─── 中文 é 👍 │ ❯"):
        assert sanitize_output(data) is data


def test_what_stands_right_of_marks_beside_their_letter_is_where_we_think():
    data = f"\x1b[2;5H\x1b[0;1m{pad_for_rich(HINDI)}   \x1b[2m│\x1b[0m x"
    size = cell_len(pad_for_rich(HINDI))
    assert sanitize_output(data) == f"\x1b[2;5H\x1b[0;1m{' ' * size}\x1b[5G{HINDI}\x1b[{5 + size}G   \x1b[2m│\x1b[0m x"
    assert drawn(sanitize_output(data.replace("[2;5H", "[1;5H"))).index("│") == 4 + size + 3


def test_the_columns_of_a_table_stand_each_for_itself():
    data = f"\x1b[1;3H{pad_for_rich('কি')} │ ab │ {pad_for_rich('তি')}"
    assert sanitize_output(data) == "\x1b[1;3H  \x1b[3Gকি\x1b[5G │ ab │   \x1b[13Gতি\x1b[15G"


@pytest.mark.parametrize("sign", ["☰", "⚊", "\U0001fae8", "\U0001fadc", "\U0001f6dc"])
def test_signs_that_not_every_terminal_knows_shift_nothing(sign):
    assert sanitize_output(f"\x1b[1;1Ha {sign} b  c") == f"\x1b[1;1H      \x1b[1Ga {sign} b\x1b[7G  c"


def test_a_link_is_no_text():
    data = f"\x1b[1;1H\x1b]8;id=1;https://a.b/\x1b\\{pad_for_rich('कि')}\x1b]8;;\x1b\\ y"
    assert sanitize_output(data) == "\x1b[1;1H\x1b]8;id=1;https://a.b/\x1b\\  \x1b[1Gकि\x1b[3G\x1b]8;;\x1b\\ y"


def test_where_the_cursor_is_not_known_it_is_not_set():
    assert sanitize_output(pad_for_rich("कि") + " a") == "कि a"
    assert sanitize_output(f"\x1b[1;1Ha\r\n{pad_for_rich('कि')}") == "\x1b[1;1Ha\r\nकि"


def test_marks_that_were_given_no_cell_take_one_of_the_blanks_that_follow():
    assert sanitize_output("\x1b[1;3H\x1b[1mकि क\x1b[0m    │ a") == "\x1b[1;3H\x1b[1mकि क\x1b[0m    \x1b[10G│ a"
    assert sanitize_output("\x1b[1;3Hकि │   a") == "\x1b[1;3Hकि │   \x1b[9Ga"
    assert sanitize_output("\x1b[1;3Hकि│a\x1b[1;9H  b") == "\x1b[1;3Hकि│a\x1b[1;9H  b"


def test_harmful_characters_do_not_reach_the_terminal():
    assert sanitize_output("a\u202eb\u2066c\u200fd\u3164e\x9bf\U000e0041g") == "abcdefg"
    assert sanitize_output("a\u115fb\ufffec") == "a\ufffd b\ufffdc"


@given(
    st.lists(
        st.sampled_from(["कि", "ா", "a", " ", "  ", "│", "☰", "中", "\u202e", "\x1b[1m", "\x1b[1;9H"]), max_size=15
    )
)
def test_rows_end_where_we_think(pieces):
    data = "\x1b[1;1H" + "".join(map(pad_for_rich, pieces))
    after = sanitize_output(data + "\x1b[0m")
    assert EXTRA_CELL not in after
    ends = re.split(r"\x1b\[\d+;(\d+)H", data)
    text = re.sub(r"\x1b\[\d*m|\u202e", "", ends[-1])
    screen = pyte.Screen(200, 1)
    pyte.Stream(screen).feed(after)
    assert screen.cursor.x == int(ends[-2]) - 1 + cell_len(text)


def test_what_stands_right_of_joined_emoji_cannot_shift():
    joined = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
    assert sanitize_output(f"\x1b[5;3H{joined}  8 d") == f"\x1b[5;3H{joined}\x1b[5G  8 d"


@pytest.mark.parametrize(
    ("environ", "joins"),
    [
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-ghostty"}, True),
        ({"TERM": "foot-extra"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, True),
        ({"TERM": "xterm-256color", "WT_SESSION": "x"}, True),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "tmux-256color", "TMUX": "x", "TERM_PROGRAM": "WezTerm"}, False),
        ({"TERM": "screen", "STY": "x", "WT_SESSION": "x"}, False),
        ({}, False),
    ],
)
def test_terminals_known_to_draw_emoji_whole(environ, joins):
    assert joins_emoji(environ) is joins
