from rich.segment import Segment
from textual.strip import Strip

from stepchat.tui.changed_rows import changed_rows


def test_neighbours_are_one_range():
    old = [Strip([Segment("abc")]) for _ in range(6)]
    new = old.copy()
    for place in (0, 2, 3, 5):
        new[place] = Strip([Segment("abc")])
    assert changed_rows(old, new) == [(0, 1), (2, 4), (5, 6)]
    assert changed_rows(old, old.copy()) == []
