from __future__ import annotations

import pytest
from textual.strip import Strip

from stepchat.transcript.layout.flow import StreamingRows
from stepchat.transcript.layout.layout import Layout
from stepchat.transcript.palette import colourless
from tests.transcript.forms import split


def test_it_is_the_list_of_both_and_stays_so():
    a, b, c, d = (Strip.blank(width) for width in range(1, 5))
    finished = [a, b]
    rows = StreamingRows(finished, 2, [c])
    finished.append(d)
    assert len(rows) == 3
    assert list(rows) == [a, b, c]
    assert [rows[place] for place in (0, 2, -1, -3)] == [a, c, c, a]
    assert (rows[1:], rows[-2:], rows[:0]) == ([b, c], [b, c], [])
    with pytest.raises(IndexError):
        rows[3]


def test_a_block_that_grows_keeps_its_rows():
    splitter = split("word " * 300, finish=False)
    layout, (block,) = Layout(colourless(), 40), splitter.blocks
    before = list(layout.rows(block))
    seen = layout.rows(block)
    splitter.feed("more " * 100)
    assert list(seen) == before
    assert [row for row, old in zip(layout.rows(block), before, strict=False) if row is old] == before[:-1]


@pytest.mark.parametrize("line", ["# A heading", "<div>html", "- ", "$$\nx = 1", "1. one"])
def test_a_line_in_pieces_leaves_the_rows_of_what_is_above_it(line):
    splitter = split("word " * 300 + "\n\n", finish=False)
    layout = Layout(colourless(), 40)
    seen = layout.rows(splitter.blocks[0])
    for letter in line:
        splitter.feed(letter)
        assert layout.rows(splitter.blocks[0]) is seen
