"""Answers on a terminal: what stands on the screen does not depend on how the text arrives, and nothing of it is lost."""

from __future__ import annotations

import os
import re
from itertools import chain
from pathlib import Path

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepchat.cli.markdown import MarkdownStream, WordWrap, render
from stepchat.text.sanitize import sanitize_for_display

LINES = 20_000
SAMPLE = """\
# Title

A paragraph with **bold**, `code` and a [link](https://example.com/a/very/long/path/that/is/longer/than/a/line) in it.
Second line.

1. one
2. two, which is long enough to be wrapped at the right edge
   ```python
   def f():
       return 1  # comment
   ```
- [ ] task

> quote
>
> more

| name | value | meaning |
|---|--:|---|
| a | 1 | a longer text that has to be wrapped somewhere |

---

Snowman ☃ 日本語のとても長い文章はスペースなしで書かれています and <b>html</b> \\(a+b\\)

> [!WARNING]
> Careful.

$$
\\frac{a+b}{2}
$$
"""


def on_screen(written: str, columns: int = 40) -> list[str]:
    """The rows of a terminal that received this, without the blank ones at the end."""
    screen = pyte.HistoryScreen(columns, 200, history=LINES)
    pyte.Stream(screen).feed(written.replace("\n", "\r\n"))
    top = ["".join(row[column].data for column in range(columns)) for row in screen.history.top]
    return [row.rstrip() for row in chain(top, screen.display)]


def stream(pieces: list[str], columns: int = 40, lines: int = 200) -> str:
    out: list[str] = []
    page = MarkdownStream(out.append, lambda: os.terminal_size((columns, lines)), colour=True)
    for piece in pieces:
        page.add(piece)
    page.finish()
    return "".join(out)


@pytest.mark.parametrize("size", [1, 3, 17, 400])
def test_the_screen_does_not_depend_on_the_pieces(size):
    pieces = [SAMPLE[at : at + size] for at in range(0, len(SAMPLE), size)]
    whole = render(SAMPLE, os.terminal_size((40, 200)), colour=True)
    assert on_screen(stream(pieces)) == on_screen(whole)


def test_words_are_not_broken_and_nothing_is_lost():
    rows = [
        re.sub(r"\x1b\[[0-9;]*m", "", row)
        for row in render(SAMPLE, os.terminal_size((40, 24)), colour=True).split("\n")
    ]
    shown = {word for row in rows for word in row.split()}
    for word in (
        "(https://example.com/a/very/long/path/that/is/longer/than/a/line)",
        "wrapped",
        "somewhere",
        "<b>html</b>",
    ):
        assert word in shown
    assert all(len(row) <= 40 for row in rows if "https" not in row and "☃" not in row)


def test_formulas_and_alerts_read_as_in_the_window():
    rows = on_screen(render(SAMPLE, os.terminal_size((80, 24)), colour=False), 80)
    assert [row for row in rows if row][-3:] == ["│ Warning", "│ Careful.", "    (a+b)/2"]


def test_code_is_not_indented_and_not_wrapped():
    line = "x = " + "1 + " * 30 + "1"
    assert render(f"```\n{line}\n```\n", os.terminal_size((40, 24)), colour=True) == f"{line}\n"


def test_colours_are_optional():
    assert "\x1b[3" not in render("`code` and *em*\n", os.terminal_size((40, 24)), colour=False).replace("\x1b[3m", "")


@given(st.text(max_size=200), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_nothing_in_an_answer_controls_the_terminal(text, size):
    written = stream([text[at : at + size] for at in range(0, len(text), size)])
    own = re.sub(r"\x1b\[[0-9;]*m|\r\x1b\[K(?:\x1b\[A\x1b\[K)*", "", written)
    assert own == sanitize_for_display(own, keep_newlines=True)


def test_more_rows_than_the_terminal_has():
    """Rows that have scrolled away cannot be taken back, so only the last ones are shown until the block is complete."""
    text = "\n".join(f"| {number} | row |" for number in ["n", "---", *range(40)])
    text = text.replace("| --- | row |", "|---|---|")
    written = stream([f"{line}\n" for line in text.split("\n")], lines=10)
    assert "39" in written
    assert written.count("\x1b[A") < 40 * 10


@given(st.lists(st.text("ab \n日", max_size=9), max_size=30))
@settings(max_examples=60, deadline=None)
def test_wrapped_words_keep_their_text(pieces):
    out: list[str] = []
    words = WordWrap(out.append, lambda: os.terminal_size((12, 5)))
    for piece in pieces:
        words.add(piece)
    words.finish()
    assert "".join(out).split() == "".join(pieces).split()


def test_the_demo_in_the_manual_renders():
    page = (Path(__file__).parents[2] / "stepchat" / "docs" / "shell.md").read_text("utf-8")
    assert "Exit codes" in render(page, os.terminal_size((80, 24)), colour=False)
