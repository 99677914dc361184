from __future__ import annotations

import pytest

from stepchat.events import Delta
from stepchat.transcript.overlays.overlays import ClickTarget, Overlays
from stepchat.transcript.palette import colourless
from tests.transcript.chat import answered, asked, page
from tests.transcript.forms import lines

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


def test_it_is_seen_only_further_up_and_only_when_something_has_come():
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


def test_scrolled_down_to_the_end_nothing_is_new():
    viewport, marks = coming()
    viewport.scroll(-5)
    last_row(viewport, marks)
    say(viewport, "New.")
    assert "↓" in last_row(viewport, marks).text
    while not viewport.at_end:
        viewport.scroll(1)
    assert "↓" not in last_row(viewport, marks).text


@pytest.mark.parametrize("width", [8, 20, 40, 120])
def test_a_click_on_it_wants_the_end(width):
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
