from rich.segment import Segment
from textual.strip import Strip

from stepchat.tui.transcript.row_diff import changed_rows, shift, shifted


def strips(count):
    return [Strip([Segment("abc")]) for _ in range(count)]


def test_neighbours_are_one_range():
    old = strips(6)
    new = old.copy()
    for place in (0, 2, 3, 5):
        new[place] = Strip([Segment("abc")])
    assert changed_rows(old, new) == [(0, 1), (2, 4), (5, 6)]
    assert changed_rows(old, old.copy()) == []


def test_rows_that_moved_are_told():
    old, more = strips(8), strips(2)
    assert shift(old, [*old[2:], *more]) == 2
    assert shift(old, [*more, *old[:6]]) == -2
    assert shifted(old, 2) == [*old[2:], None, None]
    assert shifted(old, -2) == [None, None, *old[:6]]
    assert shifted(old, 20) == shifted(old, -20) == [None] * 8


def test_nothing_is_moved_for_little():
    old, blank = strips(8), strips(1)
    assert shift(old, old) == 0
    assert shift(old, [*old[:6], *strips(2)]) == 0
    assert shift(old, strips(8)) == 0
    assert shift(blank * 8, [*blank * 7, *strips(1)]) == 0
