from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from stepchat.text.columns import align, pad, printable, truncate


@given(st.text(), st.integers(0, 20))
def test_as_wide_as_there_is_room(text, width):
    text = printable(text)
    assert cell_len(truncate(text, width)) <= width
    assert cell_len(pad(text, width)) == cell_len(align(text, width)) == width


def test_what_is_cut_is_marked():
    assert (truncate("one two", 7), truncate("one two", 5)) == ("one two", "one…")
    assert (pad("漢字漢字", 6), pad("ab", 4), align("ab", 4)) == ("漢字… ", "ab  ", "  ab")
    assert printable(" a\x1b[2J\u202eb\n") == "a[2Jb"
