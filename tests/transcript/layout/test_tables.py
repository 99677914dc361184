from __future__ import annotations

from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from stepchat.transcript.layout.layout import Layout
from stepchat.transcript.markdown.incremental import IncrementalParser
from stepchat.transcript.palette import colourless
from tests.transcript.forms import laid_out, split

MODELS = """\
| Model | Context | Notes |
|:--|--:|:-:|
| step-3.5-flash | 262,144 | **fast**, a `tool` user |
| 千问 中文模型 | 1,000,000 | 👨‍👩‍👧‍👦 family, 日本語のとても長い説明文 |
| x | | |
"""


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (
            80,
            """
            Model          │   Context │                   Notes
            ───────────────┼───────────┼──────────────────────────────────────────
            step-3.5-flash │   262,144 │             fast, a tool user
            千问 中文模型  │ 1,000,000 │ 👨👩👧👦 family, 日本語のとても長い説明文
            x              │           │
            """,
        ),
        (
            48,
            """
            Model          │   Context │      Notes
            ───────────────┼───────────┼────────────────
            step-3.5-flash │   262,144 │  fast, a tool
                           │           │      user
            ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌┼╌╌╌╌╌╌╌╌╌╌╌┼╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
            千问 中文模型  │ 1,000,000 │    👨👩👧👦
                           │           │ family, 日本語
                           │           │ のとても長い説
                           │           │      明文
            ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌┼╌╌╌╌╌╌╌╌╌╌╌┼╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
            x              │           │
            """,
        ),
        (
            24,
            """
            Model · Context · Notes
            ────────────────────────
            Model: step-3.5-flash
            Context: 262,144
            Notes: fast, a tool user
            ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
            Model: 千问 中文模型
            Context: 1,000,000
            Notes: 👨👩👧👦 family,
            日本語のとても長い説明文
            ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌
            Model: x
            """,
        ),
    ],
)
def test_table_in_each_width(width, expected):
    assert laid_out(MODELS, width) == indented(expected, 0 if width < 30 else 2)


def indented(expected, margin=2):
    return "\n".join(" " * margin + line for line in dedent(expected).strip().split("\n"))


def test_table_inside_a_quote_and_an_item_keeps_their_marks():
    assert laid_out("- > | a | b |\n  > |---|---|\n  > | 1 | 2 |\n", 40) == indented(
        """
        • │ a │ b
          │ ──┼──
          │ 1 │ 2
        """
    )


def test_a_table_without_column_names_is_stacked_too():
    assert laid_out("| | |\n|-|-|\n| unbreakable word | two and three |\n| | |\n", 12).split("\n")[1:] == [
        "────────────",
        "unbreakable",
        "word",
        "two and",
        "three",
        "╌╌╌╌╌╌╌╌╌╌╌╌",
    ]


CELLS = ["", "a", "two words", "中文字符", "👩🏽‍🚀", "e\u0301", "**b**", "x" * 30, "\t", "`c\\|d`", "https://a.b/c/d"]


@given(st.lists(st.lists(st.sampled_from(CELLS), min_size=1, max_size=5), min_size=1, max_size=5), st.integers(1, 90))
@settings(max_examples=200, deadline=None)
def test_table_rows_fill_the_width_with_aligned_bars(rows, width):
    text = "".join("| " + " | ".join(row) + " |\n" for row in [["h"] * 3, ["---"] * 3, *rows])
    layout = Layout(colourless(), width)
    found = [row.text for block in split(text).blocks for row in layout.rows(block)]
    assert all(cell_len(row) == width for row in found)
    bars = {
        tuple(cell_len(row[:at]) for at, letter in enumerate(row) if letter in "│┼") for row in found if row.strip()
    }
    assert len(bars) == 1


def test_row_that_fits_leaves_all_others_as_they_are():
    layout, splitter = Layout(colourless(), 80), IncrementalParser()
    splitter.feed("| name | text |\n|---|---|\n| a long name | a long text |\n")
    for number in range(200):
        before = [layout.rows(block) for block in splitter.blocks]
        splitter.feed(f"| {number} |")
        splitter.feed(" short |\n")
        assert all(layout.rows(block) is rows for block, rows in zip(splitter.blocks, before, strict=False))
    assert len(splitter.blocks) == 202


def test_a_table_that_becomes_too_wide_is_laid_out_again_once():
    layout, splitter = Layout(colourless(), 24), IncrementalParser()
    splitter.feed("| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert "│" in layout.rows(splitter.blocks[1])[0].text
    splitter.feed("| unbreakable-word | another-long-word |\n")
    assert [row.text.rstrip() for row in layout.rows(splitter.blocks[1])] == ["a: 1", "b: 2"]
    splitter.feed("| 1 | 2 |\n")
    assert layout.rows(splitter.blocks[3])[-1].text.rstrip() == "b: 2"


def test_link_defined_below_a_table_reaches_into_it():
    for width in (60, 12):
        layout, splitter = Layout(colourless(), width), IncrementalParser()
        splitter.feed("| name | text |\n|---|---|\n| [a long name][x] | b |\n")
        rows = [layout.rows(block) for block in splitter.blocks]
        splitter.feed("\n[x]: https://a.b\n\n")
        splitter.finish()
        assert [layout.rows(block) for block in splitter.blocks] != rows
        assert "[" not in "".join(row.text for block in splitter.blocks for row in layout.rows(block))
        text = "| name | text |\n|---|---|\n| [a long name][x] | b |\n\n[x]: https://a.b\n\n"
        assert (
            "\n".join(row.text.rstrip() for block in splitter.blocks for row in layout.rows(block)).strip()
            == laid_out(text, width).strip()
        )


def test_a_full_width_table_moves_no_row_while_it_grows():
    head = (
        "| name | what it is |\n| --- | --- |\n| a | " + "words that fill the width of it " * 3 + "|\n| b | short |\n"
    )
    more = "| internationalisation | c |\n| d | " + "and other words " * 8 + "|\n"
    layout = Layout(colourless(), 50)
    splitter = IncrementalParser()
    splitter.feed(head)
    before = [row for block in splitter.blocks for row in layout.rows(block)]
    for letter in more:
        splitter.feed(letter)
        now = [row for block in splitter.blocks for row in layout.rows(block)]
        assert now[: len(before)] == before
    splitter.feed("\nEnd.")
    splitter.finish()
    assert [row.text for block in splitter.blocks for row in layout.rows(block)] == [
        row.text for block in split(head + more + "\nEnd.").blocks for row in Layout(colourless(), 50).rows(block)
    ]


def test_a_break_in_a_cell_breaks_its_line():
    assert laid_out("| a | b |\n|---|---|\n| one<br>two | 3 |\n| x | y<BR/>z |", 40).split("\n")[2:] == [
        "  one │ 3",
        "  two │",
        "  ╌╌╌╌┼╌╌",
        "  x   │ y",
        "      │ z",
    ]
