"""Every row is as wide as the terminal thinks, by three ideas of width: ours, wcwidth's and that of an emulator.

The emulator, pyte, adds up the widths of single characters, as terminals do that know nothing of clusters.
Scripts whose letters melt into one another (Devanagari and its relatives) are left out: no two ideas of them agree.
"""

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from wcwidth import wcswidth, wcwidth

from stepchat.transcript.layout import Layout
from stepchat.transcript.palette import colourless
from tests.transcript.forms import split

WIDTHS = (20, 60, 80, 120, 250)
HARD = [
    "中文字符，测试一下。「引号」",
    "日本語のテキスト、カタカナｶﾞ",
    "한국어 텍스트",
    "👨‍👩‍👧‍👦 👩🏽‍🚀 🤷‍♂️ 🏳️‍🌈",
    "🇩🇪🇫🇷 🇯🇵🇺",
    "❤️ ☑️ ✂️ ⏸️ 1️⃣ ©️ ‼️",
    "e\u0301a\u0308\u0323 n\u0303",
    "\u0301first",
    "עברית וערבית العربية",
    "ภาษาไทย ก็",
    "tab\tin\ttext",
    "zero\u200bwidth\u200d\u2060\ufeffjoined",
    "x" * 300,
    "中" * 200,
    "https://example.com/" + "path/" * 30 + "?query=" + "v" * 60,
    "\x1b[31m\x9b\u202e",
    "𓀀𝒳 ﷺ …①½☐",
]
KINDS = [
    "{}",
    "# {}",
    "- {}",
    "> 1. {}",
    "```py\n{}\n```",
    "    {}",
    "| a | b |\n|---|:-:|\n| {} | {} |",
    "**{}** `{}` [{}](https://a.b)",
    "<div>{}",
    "$$\n{}\n$$",
]


def assert_agreed(rows, width):
    screen = pyte.Screen(width, len(rows) + 1)
    stream = pyte.Stream(screen)
    for row in rows:
        assert cell_len(row) == width
        assert wcswidth(row) == width
        assert sum(map(wcwidth, row)) == width
        stream.feed("\x1b[0m\r" + row + "\x1b[E")
    assert screen.cursor.y == len(rows)


def rows_of(text, width):
    layout = Layout(colourless(), width)
    return [row.text for block in split(text).blocks for row in layout.rows(block)]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_hard_text_has_the_width_that_terminals_think(kind, width):
    for text in HARD:
        assert_agreed(rows_of(kind.replace("{}", text), width), width)


@given(
    st.lists(st.sampled_from([*HARD, " ", "a", "中", "👍🏽", "\u200d", "\ufe0f", "🇩", "\u0301"]), max_size=12).map(
        "".join
    ),
    st.sampled_from(KINDS),
    st.integers(8, 90),
)
@settings(max_examples=150, deadline=None)
def test_mixtures_have_the_width_that_terminals_think(text, kind, width):
    assert_agreed(rows_of(kind.replace("{}", text), width), width)


def test_characters_stand_in_the_columns_where_we_think():
    (row,) = [row for row in rows_of("| 中é | 👨‍👩‍👧 |\n|---|---|\n| 🇩🇪 | ❤️x |", 60) if "DE" in row]
    screen = pyte.Screen(60, 1)
    pyte.Stream(screen).feed(row)
    assert screen.display[0].index("│") == row.index("│")
    assert screen.buffer[0][cell_len(row[: row.index("x")])].data == "x"
