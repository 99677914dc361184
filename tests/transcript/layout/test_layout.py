"""Where text begins and code ends: what may still change while an answer comes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from stepchat.transcript.block_text import BlockText
from stepchat.transcript.layout.layout import MAX_ROWS, Layout
from stepchat.transcript.markdown.blocks import Block, MetaLine, Tail
from stepchat.transcript.markdown.incremental import IncrementalParser
from stepchat.transcript.palette import colourless
from tests.transcript.forms import laid_out, lines, split
from tests.transcript.markdown.test_incremental import FRAGMENTS


def dump(text):
    """Text as written in these tests: the margin of the first line is taken off all of them."""
    found = text.strip("\n").rstrip().split("\n")
    indent = min(len(line) - len(line.lstrip()) for line in found if line.strip())
    return "\n".join("  " + line[indent:].rstrip() if line.strip() else "" for line in found)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "# Title #\n\nA **bold** word and `code` in a line that is too long for sixty columns.\nSame paragraph.\n",
            """
            Title

            A bold word and code in a line that is too long for
            sixty columns.
            Same paragraph.
            """,
        ),
        (
            "- one\n- two\n  wraps when it is long enough to reach the end of the row, as here\n\n  again\n  - inner\n3. x\n4. y\n",
            """
            • one
            • two
              wraps when it is long enough to reach the end of the
              row, as here

              again
              • inner

            3. x
            4. y
            """,
        ),
        (
            "- [ ] open\n- [x] done\n- [link](https://a.b)\n-\n",
            """
            ☐ open
            ☑ done
            • link
            •
            """,
        ),
        (
            "1. [ ] open, with a number that stays, and more than one row of text\n2. [x] done\n\n   more\n3. [ ]\n4. # [x] head\n",
            """
            1. ☐ open, with a number that stays, and more than one
                 row of text
            2. ☑ done

               more

            3. [ ]
            4. [x] head
            """,
        ),
        (
            "> quoted text\n>\n> - item\n> > deeper\n\nafter",
            """
            │ quoted text
            │
            │ • item
            │
            │ │ deeper

            after
            """,
        ),
        (
            "Text\n```python\ndef f():\n\treturn 1\n\nx\n```\nmore",
            """
            Text

              python
              def f():
                  return 1

              x

            more
            """,
        ),
        (
            "1. do\n   ```\n   code\n   ```\n2. done\n",
            """
            1. do
                 code
                 code

            2. done
            """,
        ),
        (
            "| a | right | mid |\n|---|--:|:-:|\n| one `x` | 1 | m |\n| b\\|c | 12345678 |\n",
            """
            a     │    right │ mid
            ──────┼──────────┼────
            one x │        1 │  m
            b|c   │ 12345678 │
            """,
        ),
        (
            "| name | text |\n|--|--|\n| short | a cell that is much too long for a row of sixty columns, so it wraps |\n",
            """
            name  │ text
            ──────┼─────────────────────────────────────────────────
            short │ a cell that is much too long for a row of sixty
                  │ columns, so it wraps
            """,
        ),
        (
            "<details>\n  <b>hi</b>\n</details>\n\n---\n\nHead\n====\n",
            """
            <details>
              <b>hi</b>
            </details>

            ────────────────────────────────────────────────────────

            Head
            """,
        ),
        (
            "so $x_1*y_1$ is\n$$\na_1\n- b *c*\n$$\n\nand \\(n\\), for $5 or $6[^1]\n\n[^1]: a note\n",
            r"""
            so x₁*y₁ is

                a₁
                - b *c*

            and n, for $5 or $6[^1]

            [^1]: a note
            """,
        ),
        (
            "```{.rust .numberLines}\nfn\tf\n```\n> ~~~\n> plain\n> ~~~\n\n~~old~~ see https://a.b/x_y_z. ![a *pic*](https://c.d)\n",
            """
              rust
              fn  f

            │   code
            │   plain

            old see https://a.b/x_y_z. a pic
            """,
        ),
        ("    indented\n\n      code\n", "  indented\n\n    code\n".replace("  indented", "    indented")),
        ("中文字符测试" * 6, "中文字符测试" * 4 + "中文字符\n测试" + "中文字符测试"),
    ],
)
def test_rows_of_each_kind_of_block(source, expected):
    shown = laid_out(source)
    if expected.startswith(" " * 4 + "indented"):
        assert shown == "    indented\n\n      code"
    elif expected.startswith("中"):
        assert shown == "\n".join("  " + line for line in expected.split("\n"))
    else:
        assert shown == dump(expected)


def test_first_row_above_an_answer_is_blank():
    layout = Layout(colourless(), 40)
    assert lines(layout.rows(split("text").blocks[0])) == ["", "  text"]


def test_text_keeps_to_the_reading_column_and_code_does_not():
    words = "word " * 60
    rows = laid_out(f"{words}\n\n```\n{'x' * 130}\n```\n", width=160).split("\n")
    assert max(len(row) for row in rows if "word" in row) <= 102
    assert "    " + "x" * 130 in rows


def test_long_code_lines_are_cut_without_a_mark():
    rows = laid_out("```\n" + "0123456789" * 8 + "\n```\n", width=40).split("\n")
    assert [row.strip() for row in rows[1:]] == [
        "01234567890123456789012345678901",
        "234567890123456789012345678901",
        "234567890123456789",
    ]


@pytest.mark.parametrize("width", [1, 2, 5, 12, 20, 29, 30, 60, 120, 250])
def test_every_width_gives_rows_of_that_width(width):
    text = "# H\n\n> - deep\n>   1. deeper 中文\n\n| a | b | c |\n|-|-|-|\n| 1 | 2 | long cell |\n\n```py\nx = 1 # 中文\n```\n\n---\n- a\n"
    layout = Layout(colourless(), width)
    for block in split(text).blocks:
        for row in layout.rows(block):
            assert row.cell_length == width
            assert sum(cell_len(segment.text) for segment in row) == width


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join), st.integers(4, 50))
@settings(max_examples=200, deadline=None)
def test_rows_have_the_width_and_no_control_character(text, width):
    layout = Layout(colourless(), width)
    for block in split(text).blocks:
        for row in layout.rows(block):
            assert cell_len(row.text) == width
            assert row.text.isprintable()


@given(st.lists(st.sampled_from([*FRAGMENTS, "**", "`", "word " * 90]), max_size=14), st.integers(8, 50))
@settings(max_examples=200, deadline=None)
def test_streamed_rows_are_those_of_the_whole_text(pieces, width):
    layout = Layout(colourless(), width)
    splitter = IncrementalParser()
    for piece in pieces:
        splitter.feed(piece)
        for block in splitter.blocks:
            layout.rows(block)
    splitter.finish()
    streamed = [row.text for block in splitter.blocks for row in layout.rows(block)]
    whole = [row.text for block in split("".join(pieces)).blocks for row in Layout(colourless(), width).rows(block)]
    assert streamed == whole


def test_rows_that_do_not_change_stay_the_same_strips():
    layout = Layout(colourless(), 40)
    splitter = IncrementalParser()
    before = []
    for _ in range(120):
        splitter.feed("some more words ")
        rows = layout.rows(splitter.blocks[0])
        assert all(new is old for new, old in zip(rows, before[:-2], strict=False))
        before = rows
    assert len(before) > 40


def test_columns_of_a_growing_table_only_widen():
    layout = Layout(colourless(), 80)
    splitter = IncrementalParser()
    places = []
    for piece in ("| a | b |\n|---|---|\n", "| lo", "nger | x |\n", "| y | z |\n"):
        splitter.feed(piece)
        places.append([layout.rows(block)[-1].text.find("│") for block in splitter.blocks if block.kind == "row"][-1])
    assert all(a <= b for a, b in pairwise(place for place in places if place > 0))


def test_a_reference_defined_later_reaches_the_text_above():
    layout = Layout(colourless(), 60)
    splitter = IncrementalParser()
    splitter.feed("see [the page][p]\n\n")
    assert lines(layout.rows(splitter.blocks[0]))[1] == "  see [the page][p]"
    splitter.feed("[p]: https://a.b\n\n")
    assert lines(layout.rows(splitter.blocks[0]))[1] == "  see the page"


def styles_of(row, text):
    return [segment.style for segment in row if text in segment.text]


def test_links_carry_their_target():
    row = Layout(colourless(), 60).rows(split("go [there](https://a.b/c)").blocks[0])[1]
    assert [style.link for style in styles_of(row, "there")] == ["https://a.b/c"]


def test_code_without_states_is_coloured_when_its_fence_closes():
    palette = colourless()
    layout = Layout(palette, 60)
    splitter = IncrementalParser()
    splitter.feed("```json\n[true]\n")
    code = splitter.blocks[1]
    assert styles_of(layout.rows(code)[0], "true") == [palette.code_block]
    splitter.feed("```\n")
    assert styles_of(layout.rows(code)[0], "true") == [palette.syntax["number"]]


def test_long_code_is_coloured_in_slices():
    palette = colourless()
    layout = Layout(palette, 60)
    code = split("```python\n" + "def f(): pass\n" * 1000 + "```\n").blocks[1]
    assert styles_of(layout.rows(code)[0], "def") == [palette.code_block]
    assert layout.has_work
    slices = 0
    while layout.has_work:
        layout.work(0.0005)
        slices += 1
    assert slices > 1
    assert styles_of(layout.rows(code)[0], "def") == [palette.syntax["keyword"]]


def test_hostile_text_stays_text_everywhere():
    evil = "\x1b[31m\x07\u202e"
    source = f"# {evil}\n\n{evil}\n\n- {evil}\n\n```{evil}\n{evil}\n```\n\n| {evil} |\n|---|\n| {evil} |\n\n<div>{evil}\n\n    {evil}\n"
    for row in Layout(colourless(), 60).rows(split(evil).blocks[0]):
        assert row.text.isprintable()
    for block in split(source).blocks:
        for row in Layout(colourless(), 60).rows(block):
            assert row.text.isprintable()


def test_another_palette_or_width_makes_new_rows():
    layout = Layout(colourless(), 60)
    block = split("word " * 30).blocks[0]
    wide = layout.rows(block)
    assert layout.rows(block) is wide
    layout.reset(colourless(), 30)
    assert len(layout.rows(block)) > len(wide)


def test_kept_rows_are_bounded():
    layout = Layout(colourless(), 40)
    blocks = split("line\n\n" * 5000).blocks
    first = layout.rows(blocks[0])
    for block in blocks:
        layout.rows(block)
    assert layout.kept_rows <= MAX_ROWS
    assert layout.rows(blocks[0]) is not first
    assert layout.rows(blocks[-1]) is layout.rows(blocks[-1])


def test_facts_that_do_not_fit_are_dropped_whole():
    parts = (("model", "dim"), (" · provider", "dim"), (" · 12 tokens", "dim"))
    by_need = Block("meta", gap=0, group=MetaLine(parts, needs=(2, 0, 1)))
    from_right = Block("meta", gap=0, group=MetaLine(parts))
    layout = Layout(colourless(), 24)
    assert lines(layout.rows(by_need)) == ["model · 12 tokens"]
    assert lines(layout.rows(from_right)) == ["model · provider"]
    layout.reset(colourless(), 60)
    assert lines(layout.rows(by_need)) == ["  model · provider · 12 tokens"]


def test_tail_has_the_last_rows_without_blank_ones():
    layout = Layout(colourless(), 40)
    blocks = split("\n\n".join(f"line {number}" for number in range(9))).blocks
    tail = Block("tail", gap=0, group=Tail(blocks, 3))
    assert lines(layout.rows(tail)) == ["  │ ⋯ 7 earlier lines", "  line 7", "  line 8"]
    whole = Block("tail", gap=0, group=Tail(blocks[:3], 3))
    assert lines(layout.rows(whole)) == ["  line 0", "  line 1", "  line 2"]


def test_rows_above_a_tail_are_counted_once_and_again_after_a_resize():
    layout = Layout(colourless(), 40)
    text = split("\n\n".join(["word " * 20] * 500))
    tail = Block("tail", gap=0, group=Tail(text.blocks, 3))
    shown = [layout.rows(tail)[0].text.strip() for _ in range(4)]
    assert shown == ["│ ⋯ earlier lines", "│ ⋯ earlier lines", "│ ⋯ 1,498 earlier lines", "│ ⋯ 1,498 earlier lines"]
    layout.reset(colourless(), 60)
    assert [layout.rows(tail)[0].text.strip() for _ in range(3)][-1] == "│ ⋯ 998 earlier lines"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("> [!NOTE]\n> Save *often*.", ["  │ Note", "  │ Save often."]),
        ("> [!caution]\n> One.\n>\n> Two.", ["  │ Caution", "  │ One.", "  │", "  │ Two."]),
        ("> [!TIP]", ["  │ [!TIP]"]),
        ("> [!NOTE] is text", ["  │ [!NOTE] is text"]),
        ("> [!OTHER]\n> text", ["  │ [!OTHER]", "  │ text"]),
        ("[!NOTE]\ntext", ["  [!NOTE]", "  text"]),
    ],
)
def test_alerts_have_a_label(source, shown):
    layout = Layout(colourless(), 40)
    blocks = split(source).blocks
    found = [line for block in blocks for line in lines(layout.rows(block))]
    assert [line for line in found if line.strip()] == shown
    read = " ".join(run.text for block in blocks for run in BlockText(block).runs()).split()
    assert read == [word for line in shown for word in line.replace("│", "").split()]


def test_user_text_has_its_bar_and_its_surface():
    palette = colourless()
    layout = Layout(palette, 40)
    row = layout.rows(Block("plain", "hello *there*", voice="user", gap=0))[0]
    assert row.text == "  ▌ hello *there*".ljust(40)
    assert sum(len(segment.text) for segment in row if segment.style in (palette.user, palette.user_bar)) == 36
    assert isinstance(palette.user, Style)


def test_heading_levels_look_different():
    layout = Layout(colourless(), 60)
    blocks = split("# a\n\n## a\n\n### a\n\n#### a\n\n##### a\n\n###### a\n\n**a**").blocks
    styles = [str(styles_of(layout.rows(block)[-1], "a")[0]) for block in blocks]
    assert styles == ["bold underline", "bold", "bold italic", "italic", "dim italic", "dim", "bold"]


def test_definitions_at_the_end_never_appear():
    layout = Layout(colourless(), 60)
    splitter = split("See [a] and [b].\n\n[a]: https://a.example\n[b]: https://b.exam", finish=False)
    rows = sum(len(layout.rows(block)) for block in splitter.blocks)
    splitter.feed("ple\n")
    splitter.finish()
    assert sum(len(layout.rows(block)) for block in splitter.blocks) == rows == 2
    assert layout.rows(split("[a]: https://a b c", finish=False).blocks[0])


def test_spaces_before_a_closing_fence_are_not_code():
    splitter = split("- a\n  ```\n  x\n  ", finish=False)
    assert [block.text for block in splitter.blocks if block.kind == "code"] == ["x"]


def test_list_numbers_are_right_aligned():
    text = "8. eight\n9. nine,\n   - on two lines\n\n     | a |\n     |---|\n     | b |\n10. ten\n\nend\n\n9. nine"
    layout = Layout(colourless(), 40)
    splitter = IncrementalParser()
    splitter.feed(text[:58])
    before = [row for block in splitter.blocks for row in lines(layout.rows(block))]
    assert before[1:4] == ["  8. eight", "  9. nine,", "     • on two lines"]
    splitter.feed(text[58:])
    now = [row for block in splitter.blocks for row in lines(layout.rows(block))]
    assert now[1:4] == ["   8. eight", "   9. nine,", "      • on two lines"]
    assert now[5:] == ["        a", "        ─", "        b", "", "  10. ten", "", "  end", "", "  9. nine"]


def test_the_surface_of_code_ends_with_the_text_unless_a_line_goes_further():
    surface = Style(bgcolor="red")
    layout = Layout(replace(colourless(), code_block=surface, code_label=surface), 160)
    splitter = IncrementalParser()

    def ends() -> list[int]:
        rows = [layout.rows(block)[-1] for block in splitter.blocks]
        return [4 + sum(segment.cell_length for segment in row if segment.style == surface) for row in rows]

    splitter.feed("- a\n\n  ```\n  short\n  " + "x" * 94)
    assert ends()[1:] == [102, 102, 102]
    splitter.feed("x")
    assert ends()[1:] == [158, 158, 158]
