from __future__ import annotations

from stepchat.transcript.overlays.overlays import Overlays
from stepchat.transcript.palette import colourless
from tests.transcript.chat import answered, asked, page
from tests.transcript.forms import lines


def rows(viewport, known):
    marks = Overlays(viewport.document)
    marks.siblings.known = known
    return marks, lines(marks.add_to(viewport, viewport.render(), colourless()))


def test_the_mark_stands_at_the_right_end_of_the_foot_line_and_of_a_question():
    viewport = page(asked("Why?"), answered("So."), width=110)
    _, shown = rows(viewport, {"u": (1, 2), "a": (2, 3)})
    assert next(row for row in shown if "Why?" in row).endswith("‹ 1/2 ›")
    assert next(row for row in shown if "step-3.5-flash" in row).endswith("‹ 2/3 ›")
    assert sum("›" in row for row in shown) == 2


def test_where_the_last_row_is_full_it_goes_above():
    viewport = page(asked("word " * 30), answered("So."), width=60)
    _, shown = rows(viewport, {"u": (1, 2), "a": (2, 3)})
    foot = next(y for y, row in enumerate(shown) if "step-3.5-flash" in row)
    assert "2/3" in shown[foot] or "2/3" in shown[foot - 1]
    assert any("1/2" in row for row in shown)
    assert all(len(row) <= 60 for row in shown)
    viewport = page(asked("Why?"), width=9)
    assert rows(viewport, {"u": (1, 2)})[1] == lines(viewport.render())


def test_a_click_on_an_arrow_goes_that_way():
    viewport = page(asked("Why?"), answered("So."), width=110)
    marks, shown = rows(viewport, {"a": (2, 3)})
    y = next(y for y, row in enumerate(shown) if "2/3" in row)
    left, right = shown[y].index("‹"), shown[y].index("›")
    assert [marks.click_target(viewport, x, y)[:3] for x in (left, right)] == [("message", 1, -1), ("message", 1, 1)]
    assert marks.siblings.at(viewport, left - 1, y) is None
    assert marks.click_target(viewport, left - 1, y)[:3] == ("message", 1, 0)  # only focus: the rest of the foot line
    assert marks.siblings.at(viewport, left, y - 1) is None


def test_the_same_row_is_the_same_strip_until_the_count_changes():
    viewport = page(asked("Why?"), answered("So."), width=80)
    marks = Overlays(viewport.document)
    palette = colourless()
    marks.siblings.known = {"a": (1, 2)}
    first = marks.add_to(viewport, viewport.render(), palette)
    second = marks.add_to(viewport, viewport.render(), palette)
    assert all(new is old for new, old in zip(second, first, strict=True))
    marks.siblings.known = {"a": (1, 3)}
    third = marks.add_to(viewport, viewport.render(), palette)
    assert sum(new is not old for new, old in zip(third, first, strict=True)) == 1
