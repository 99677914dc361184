from __future__ import annotations

import pytest

from stepchat.transcript.overlays import focus
from stepchat.transcript.overlays.focus import Focus
from stepchat.transcript.overlays.overlays import Overlays
from stepchat.transcript.palette import colourless
from tests.transcript.chat import answered, asked, page, stream, words
from tests.transcript.forms import lines

LONG = "\n\n".join(f"Paragraph {number}." for number in range(30))


def turns(count, text="An answer."):
    for number in range(count):
        yield asked(f"Question {number}")
        yield answered(text, "Some thought.")


def marked(viewport, chosen):
    rows = Overlays.add_to
    marks = Overlays(viewport.document)
    marks.focus = chosen
    return [row for row in lines(rows(marks, viewport, viewport.render(), colourless())) if row.startswith("▌")]


def test_up_begins_on_the_screen_and_every_row_of_the_message_has_the_bar():
    viewport = page(*turns(3))
    chosen = Focus(viewport.document)
    viewport.render()
    assert chosen.step(viewport, -1)
    assert chosen.index == 5
    rows = marked(viewport, chosen)
    assert "Thought" in rows[0]
    assert "An answer." in " ".join(rows)
    assert "step-3.5-flash" in rows[-1]
    assert len(rows) == 5
    assert chosen.step(viewport, -1)
    assert marked(viewport, chosen) == ["▌ ▌ Question 2"]


def test_it_walks_over_all_messages_and_stops_at_both_ends():
    viewport = page(*turns(3), height=8)
    chosen = Focus(viewport.document)
    viewport.render()
    seen = []
    while chosen.step(viewport, -1):
        viewport.render()
        assert any(shown.message == chosen.index for shown in viewport.screen_rows)
        seen.append(chosen.index)
    assert seen == [5, 4, 3, 2, 1, 0]
    while chosen.step(viewport, 1):
        viewport.render()
        seen.append(chosen.index)
    assert seen[6:] == [1, 2, 3, 4, 5]


def test_what_is_in_sight_does_not_move():
    viewport = page(*turns(3), height=20)
    chosen = Focus(viewport.document)
    before = lines(viewport.render())
    for _ in range(3):
        chosen.step(viewport, -1)
        assert lines(viewport.render()) == before


def test_a_message_taller_than_the_screen_is_shown_from_its_beginning():
    viewport = page(*turns(2, LONG), height=10)
    chosen = Focus(viewport.document)
    viewport.render()
    chosen.step(viewport, -1)
    assert viewport.follow  # its end is in sight: that is where the reader is
    chosen.step(viewport, -1)
    chosen.step(viewport, -1)
    assert "Thought" in " ".join(lines(viewport.render())[:3])


@pytest.mark.parametrize("width", [24, 60, 120])
def test_it_stays_on_its_message_while_an_answer_comes_and_at_another_width(width):
    viewport = page(*turns(2))
    chosen = Focus(viewport.document)
    viewport.render()
    chosen.choose(viewport, 2)
    stream(viewport, words("New words.\n\nAnd more."))
    viewport.document.reset(colourless(), width)
    assert chosen.index == 2
    row = " ".join(marked(viewport, chosen)) if width >= 30 else " ".join(lines(viewport.render()))
    assert "Question 1" in row


def test_focus_survives_a_branch_with_the_message_and_ends_without_it():
    messages = list(turns(2))
    viewport = page(*messages)
    chosen = Focus(viewport.document)
    chosen.choose(viewport, 0)
    viewport.document.show(messages[:2])
    assert chosen.index == 0
    viewport.document.show([])
    assert chosen.index is None
    assert chosen.message is None


def test_notices_cannot_be_focused():
    viewport = page(*turns(1))
    viewport.document.notice("Something", "happened", "info")
    assert focus.messages(viewport.document) == [0, 1]


def test_the_same_row_is_the_same_strip():
    viewport = page(*turns(2))
    marks = Overlays(viewport.document)
    palette = colourless()
    marks.focus.choose(viewport, 1)
    first = marks.add_to(viewport, viewport.render(), palette)
    second = marks.add_to(viewport, viewport.render(), palette)
    assert all(new is old for new, old in zip(second, first, strict=True))


def test_edge_and_foot_line_are_the_handles():
    viewport = page(*turns(1))
    chosen = Focus(viewport.document)
    rows = lines(viewport.render())
    question = next(y for y, row in enumerate(rows) if "Question 0" in row)
    foot = next(y for y, row in enumerate(rows) if "step-3.5-flash" in row)
    text = next(y for y, row in enumerate(rows) if "An answer" in row)
    assert [chosen.at(viewport, x, question) for x in (0, 3, 4)] == [0, 0, None]
    assert [chosen.at(viewport, x, foot) for x in (0, 20)] == [1, 1]
    assert [chosen.at(viewport, x, text) for x in (1, 2)] == [1, None]
    assert chosen.at(viewport, 0, question - 1) is None
    assert [chosen.at(viewport, x, foot - 1) for x in (0, 20)] == [1, None]  # a blank row within the message
    assert chosen.at(viewport, 0, 99) is None


def test_jumping_goes_to_beginnings():
    viewport = page(*turns(4, LONG), height=10)
    document = viewport.document
    places = []
    for _ in range(8):
        focus.go_to(viewport, -1)
        places.append((document.top.message, document.top.block, document.top.row))
    assert places == [(7, 0, 0), (6, 0, 0), (5, 0, 0), (4, 0, 0), (3, 0, 0), (2, 0, 0), (1, 0, 0), (0, 0, 0)]
    focus.go_to(viewport, 1)
    assert document.top.message == 1
    for _ in range(8):
        focus.go_to(viewport, 1)
    assert viewport.follow


def test_what_comes_does_not_push_the_message_out_of_sight():
    viewport = page(*turns(1))
    chosen = Focus(viewport.document)
    viewport.render()
    chosen.step(viewport, -1)
    chosen.step(viewport, -1)
    stream(viewport, words(LONG))
    assert marked(viewport, chosen) == ["▌ ▌ Question 0"]
    chosen.clear(viewport)
    assert not viewport.follow
    viewport.to_end()
    viewport.render()
    chosen.step(viewport, -1)
    stream(viewport, words("More.\n\n" * 9))
    assert viewport.follow
