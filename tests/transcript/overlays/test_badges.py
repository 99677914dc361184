from __future__ import annotations

import pytest

from stepchat.events import Delta
from stepchat.text.widths import cells
from stepchat.transcript.overlays.badges import CopyBadges
from stepchat.transcript.overlays.overlays import ClickTarget, Overlays
from stepchat.transcript.palette import colourless
from tests.transcript.chat import answered, asked, page
from tests.transcript.forms import lines


def rows(viewport, known):
    marks = Overlays(viewport.document)
    marks.siblings.known = known
    return marks, lines(marks.add_to(viewport, viewport.render(), colourless()))


def test_the_mark_stands_at_the_right_end_of_the_foot_line_and_of_a_question():
    viewport = page(asked("Why?"), answered("So."), width=100)
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
    viewport = page(asked("Why?"), answered("So."), width=100)
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


CODE = "Look:\n\n```python\none\n```\n\n- item\n\n  ```\n  two\n  three\n  ```\n"


def test_every_code_block_has_a_copy_badge():
    viewport = page(answered(CODE))
    marks = CopyBadges(viewport.document)
    rows = lines(marks.add_to(viewport, viewport.render()))
    found = [(row.index("copy"), y) for y, row in enumerate(rows) if "copy" in row]
    assert [marks.at(viewport, x, y).source for x, y in found] == ["one", "two\nthree"]
    assert [marks.at(viewport, x + 3, y) is not None for x, y in found] == [True, True]
    assert [marks.at(viewport, 4, y).source for _, y in found] == ["one", "two\nthree"]  # on the label, too
    assert [marks.at(viewport, 1, y) for _, y in found] == [None, None]
    assert [marks.at(viewport, x, y + 1) for x, y in found] == [None, None]
    assert all(row.endswith("copy") for row in rows if "python" in row)


def test_the_same_row_is_the_same_strip():
    viewport = page(answered(CODE))
    marks = CopyBadges(viewport.document)
    first = marks.add_to(viewport, viewport.render())
    assert all(new is old for new, old in zip(marks.add_to(viewport, viewport.render()), first, strict=True))


def test_without_space_there_is_no_copy_badge_but_the_label_still_copies():
    viewport = page(answered("```averylongname\nx\n```"), width=16)
    marks = CopyBadges(viewport.document)
    rows = lines(marks.add_to(viewport, viewport.render()))
    assert not any("copy" in row for row in rows)
    label = next(y for y, row in enumerate(rows) if "avery" in row)
    assert marks.at(viewport, 3, label).source == "x"


@pytest.mark.parametrize("width", range(1, 12))
def test_where_there_is_no_room_no_row_is_wider_than_the_page(width):
    viewport = page(answered("```\n1\n```\n\n- ```py\n  2\n  ```"), answered("end"), width=width, height=5)
    viewport.to_start()
    marks = Overlays(viewport.document)
    marks.unread.mark_seen()
    viewport.document.add(asked())
    for row in marks.add_to(viewport, viewport.render(), colourless()):
        assert cells(row.text) == row.cell_length == width


LONG = "\n\n".join(f"Paragraph {number}." for number in range(30))
PALETTE = colourless()


def coming(width=60):
    """The reader is in an earlier answer while a new one comes."""
    viewport = page(asked(), answered(LONG), asked("More?"), width=width, height=10)
    viewport.document.begin_answer(0.0)
    viewport.update_live(0.1, 0)
    viewport.render()
    return viewport, Overlays(viewport.document)


def last_row(viewport, marks):
    return marks.add_to(viewport, viewport.render(), PALETTE)[-1]


def say(viewport, text, now=1.0):
    viewport.document.feed(Delta(text=text), now)
    viewport.update_live(now, 0)


def test_the_badge_shows_only_when_scrolled_up_with_new_text():
    viewport, marks = coming()
    assert "↓" not in last_row(viewport, marks).text
    viewport.scroll(-5)
    assert "↓" not in last_row(viewport, marks).text
    say(viewport, "New.")
    assert last_row(viewport, marks).text.rstrip().endswith("↓ new text · Ctrl+End")
    viewport.to_end()
    assert "↓" not in last_row(viewport, marks).text
    viewport.scroll(-5)
    assert "↓" not in last_row(viewport, marks).text


def test_it_stays_the_same_strip_while_more_comes_and_after_the_end():
    viewport, marks = coming()
    viewport.scroll(-5)
    last_row(viewport, marks)
    say(viewport, "New.")
    first = last_row(viewport, marks)
    for number in range(20):
        say(viewport, f" more {number}", 2.0 + number)
        assert last_row(viewport, marks) is first
    viewport.document.finish_answer(answered(viewport.document.live.text.source))
    assert "↓" in last_row(viewport, marks).text


def test_at_the_end_nothing_is_new():
    viewport, marks = coming()
    viewport.scroll(-5)
    last_row(viewport, marks)
    say(viewport, "New.")
    assert "↓" in last_row(viewport, marks).text
    while not viewport.at_end:
        viewport.scroll(1)
    assert "↓" not in last_row(viewport, marks).text


@pytest.mark.parametrize("width", [8, 20, 40, 120])
def test_a_click_on_it_scrolls_to_the_end(width):
    viewport, marks = coming(width)
    viewport.scroll(-5)
    last_row(viewport, marks)
    say(viewport, "New.")
    row = lines([last_row(viewport, marks)])[0]
    assert len(row) <= width
    x = row.index("↓")
    assert marks.click_target(viewport, x, 9) == ClickTarget("end")
    assert marks.click_target(viewport, x, 8) != ClickTarget("end")
    viewport.to_end()
    last_row(viewport, marks)
    assert marks.click_target(viewport, x, 9) != ClickTarget("end")
