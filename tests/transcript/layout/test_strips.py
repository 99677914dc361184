from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from stepchat.transcript.layout.strips import OverlayCache, with_styles, with_text

ROW = Strip([Segment("one two three", Style(bold=True))], 13)


def test_the_same_row_with_the_same_mark_is_the_same_strip():
    overlays = OverlayCache()
    marked = overlays.over(ROW, "mark", lambda: Strip([*ROW, Segment("!")]))
    assert overlays.over(ROW, "mark", lambda: ROW) is marked
    assert overlays.over(ROW, "other", lambda: ROW) is ROW
    assert overlays.over(Strip(list(ROW), 13), "mark", lambda: ROW) is ROW


def test_selected_characters_all_belong_to_the_text():
    overlays = OverlayCache(most=2)
    rows = [Strip([Segment(str(number))]) for number in range(9)]
    for row in rows:
        overlays.over(row, None, lambda: ROW)
    assert overlays.over(rows[-1], None, lambda: rows[0]) is ROW
    assert overlays.over(rows[0], None, lambda: rows[0]) is rows[0]


def test_styles_are_added_and_text_is_replaced():
    marked = with_styles(ROW, [(4, 7, Style(reverse=True)), (6, 9, Style(italic=True))])
    assert (marked.text, marked.cell_length) == (ROW.text, 13)
    assert [text for text, style, _ in marked if style.reverse] == ["tw", "o"]
    assert [text for text, style, _ in marked if style.italic] == ["o", " t"]
    assert all(style.bold for _, style, _ in marked)
    assert with_text(ROW, range(4, 7), Segment("TWO")).text == "one TWO three"
