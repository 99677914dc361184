"""Every row is as wide as the terminal thinks, by three ideas of width: ours, wcwidth's and that of an emulator.

The emulator, pyte, adds up the widths of single characters, as terminals do that know nothing of clusters.
Of scripts whose letters melt into one another (Devanagari and its relatives) no two ideas agree. In their rows the cursor
must be set behind the words.
"""

from __future__ import annotations

import re

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len, set_cell_size
from rich.style import Style
from wcwidth import wcswidth, wcwidth

from stepchat.text.sanitize import sanitize_line
from stepchat.text.widths import (
    align,
    cells,
    graphemes,
    pad,
    pad_for_rich,
    pad_ranges_for_rich,
    truncate,
    unpad,
)
from stepchat.transcript.layout.layout import Layout
from stepchat.transcript.layout.wrap import chop
from stepchat.transcript.palette import colourless
from stepchat.tui.terminal.output import sanitize_output
from tests.transcript.chat import asked, page
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
MELTING = [
    "कृपया मेरी किताब वापस कीजिए, क्योंकि मुझे उसकी ज़रूरत है",
    "தமிழில் ஒரு வாக்கியம்: தயவுசெய்து",
    "বাংলা বইগুলি",
    "ꦧꦱꦗꦮ ꦲꦏ꧀ꦱꦫ ꦗꦮ ꧀꧀",
    "မြန်မာဘာသာ သိင်္ဟလ සිංහල ភាសាខ្មែរ",
    "क" + "ा" * 30,
    "ிி first",
    "㉈☰⚊🫨🫜🛜",
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
def test_difficult_text_is_as_wide_as_terminals_draw_it(kind, width):
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
def test_mixed_text_is_as_wide_as_terminals_draw_it(text, kind, width):
    assert_agreed(rows_of(kind.replace("{}", text), width), width)


MARKS = re.compile(f"[{''.join(c for c in ''.join(MELTING) if cells(c) > cell_len(c))}]")


@pytest.mark.parametrize("width", WIDTHS)
def test_a_question_is_as_wide_as_terminals_draw_it(width):
    viewport = page(asked(" ".join(HARD)), width=width, height=60)
    assert_agreed([strip.text for _, _, rows in viewport.document.forward(0, 0) for strip in rows], width)


def written(row):
    """What goes to the terminal for a row."""
    return sanitize_output(f"\x1b[1;1H{row}")


def columns(row):
    """Where each line between the columns of a table stands, for a terminal that gives a spacing mark one cell."""
    screen = pyte.Screen(200, 1)
    pyte.Stream(screen).feed(MARKS.sub("x", row))  # pyte has its own idea of the marks
    return [place for place in range(200) if screen.buffer[0][place].data in {"│", "┼"}]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_rows_with_long_clusters_end_where_all_terminals_agree(kind, width):
    for text in MELTING:
        for row in rows_of(kind.replace("{}", text), width):
            assert cell_len(row) == width
            assert cells(unpad(row)) == width
            for words in re.findall(r"\x1b\[(\d+)G([^\x1b]*)\x1b\[(\d+)G", written(row)):
                assert int(words[2]) - int(words[0]) == cells(words[1])
            assert not MARKS.search(re.sub(r"\x1b\[\d+G[^\x1b]*\x1b\[\d+G", "", written(row)))


def test_the_columns_of_a_table_of_melting_scripts_stand_below_one_another():
    words = "| भाषा | शब्द |\n|---|---|\n| हिन्दी | किताबें |\n| தமிழ் | புத்தகங்கள் |\n| 🫨☰ | x |\n| English | books |"
    found = {tuple(columns(written(row))) for row in rows_of(words, 60) if row.strip()}
    assert len(found) == 1


@given(st.text(st.sampled_from("aक中िா்ौ🫨 ㉈é\u0301👍"), max_size=30), st.integers(2, 12))
def test_long_clusters_are_cut_to_fit(text, width):
    assert cell_len(pad_for_rich(text)) == cells(text) == sum(size for _, _, size in graphemes(text))
    assert "".join(text[start:end] for start, end, _ in graphemes(text)) == text
    rows = chop([(text, Style.null())], width)
    assert "".join(part for row in rows for part, _ in row) == text
    assert all(cells("".join(part for part, _ in row)) <= width for row in rows)


def test_characters_are_in_the_computed_columns():
    (row,) = [row for row in rows_of("| 中é | 👨‍👩‍👧 |\n|---|---|\n| 🇩🇪 | ❤️x |", 60) if "DE" in row]
    screen = pyte.Screen(60, 1)
    pyte.Stream(screen).feed(row)
    assert screen.display[0].index("│") == row.index("│")
    assert screen.buffer[0][cell_len(row[: row.index("x")])].data == "x"


@given(st.text(st.sampled_from("aक中िா்")), st.lists(st.integers(0, 20), min_size=2, max_size=2).map(sorted))
def test_marked_ranges_mark_the_same_characters(text, ends):
    first, last = (min(end, len(text)) for end in ends)
    words, ((start, end),) = pad_ranges_for_rich(text, [(first, last)])
    assert words == pad_for_rich(text)
    assert unpad(words[start:end]) == text[first:last]


@given(st.text(st.sampled_from("aक中िா்"), max_size=20), st.integers(0, 20))
def test_a_cut_row_has_the_computed_width(text, width):
    part = set_cell_size(pad_for_rich(text), width)
    assert cells(unpad(part)) == width


@given(st.text(), st.integers(0, 20))
def test_truncated_padded_and_aligned_text_fits(text, width):
    text = sanitize_line(text)
    assert cell_len(truncate(text, width)) <= width
    assert cell_len(pad(text, width)) == cell_len(align(text, width)) == width


def test_a_cut_is_marked():
    assert (truncate("one two", 7), truncate("one two", 5)) == ("one two", "one…")
    assert (pad("漢字漢字", 6), pad("ab", 4), align("ab", 4)) == ("漢字… ", "ab  ", "  ab")
