from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from stepchat.text.columns import column, fit, printable, shortened


@given(st.text(), st.integers(0, 20))
def test_as_wide_as_there_is_room(text, width):
    text = printable(text)
    assert cell_len(shortened(text, width)) <= width
    assert cell_len(fit(text, width)) == cell_len(column(text, width)) == width


def test_what_is_cut_is_marked():
    assert (shortened("one two", 7), shortened("one two", 5)) == ("one two", "one…")
    assert (fit("漢字漢字", 6), fit("ab", 4), column("ab", 4)) == ("漢字… ", "ab  ", "  ab")
    assert printable(" a\x1b[2J\u202eb\n") == "a[2Jb"
