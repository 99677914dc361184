from __future__ import annotations

import pytest
from rich.style import Style

from stepchat.events import Delta
from stepchat.transcript.search import Search
from stepchat.transcript.spots import Spots
from tests.transcript.chat import answered, asked, page, shown, tool

HIT, CURRENT = Style(reverse=True), Style(reverse=True, bold=True, underline=True)
LONG = "\n\n".join(f"Paragraph {number} with some **strong** words." for number in range(60))


def search(viewport, query):
    found = Search(Spots(viewport.document))
    viewport.render()
    found.look_for(query)
    return found


def marked(viewport, found):
    """What is marked as a hit, and what as the current one."""
    rows = found.mark_rows(viewport, viewport.render(), HIT, CURRENT)
    texts = [(text, bool(style.underline)) for row in rows for text, style, _ in row if style and style.reverse]
    return [text for text, _ in texts], [text for text, current in texts if current]


def test_looks_in_questions_answers_reasoning_and_tools():
    viewport = page(asked("needle"), answered("a Needle here", "and a needle there"), tool("needle"), height=40)
    found = search(viewport, "needle")
    assert len(found.hits) == 4
    found.step(viewport, 1)
    assert found.number == 1
    assert marked(viewport, found) == (["needle", "Needle", "needle"], ["needle"])


def test_an_upper_case_letter_makes_case_matter():
    viewport = page(asked("Prime prime PRIME"))
    assert [len(search(viewport, query).hits) for query in ("prime", "Prime", "pRime", "", "  ")] == [3, 1, 0, 0, 0]


def test_nothing_of_a_query_is_a_pattern():
    viewport = page(asked("a.b axb (a"))
    assert len(search(viewport, "a.b").hits) == 1
    assert len(search(viewport, "(a").hits) == 1


def test_going_to_a_hit_scrolls_to_it_and_goes_round():
    viewport = page(asked(), answered(LONG), asked("last"))
    found = search(viewport, "paragraph 7")
    viewport.to_start()
    found.step(viewport, 1)
    assert any("Paragraph 7 with" in row for row in shown(viewport))
    assert marked(viewport, found) == (["Paragraph 7"], ["Paragraph 7"])
    assert not viewport.follow
    found = search(viewport, "some strong words")
    assert found.hits == []
    found = search(viewport, "strong")
    for number in (1, 2, 3):
        found.step(viewport, 1)
        assert found.number == number
    found.step(viewport, -1)
    found.step(viewport, -1)
    found.step(viewport, -1)
    assert found.number == 60
    assert any("Paragraph 59 with" in row for row in shown(viewport))


def test_a_hit_that_is_on_screen_moves_nothing():
    viewport = page(asked(), answered(LONG))
    before = shown(viewport)
    found = search(viewport, "paragraph 57")
    found.step(viewport, 1)
    assert shown(viewport) == before


@pytest.mark.parametrize("folded", [True, False])
def test_a_hit_in_folded_reasoning_opens_it(folded):
    viewport = page(asked(), answered("Short.", "\n".join(["thinking"] * 50 + ["the needle"]), folded=folded))
    found = search(viewport, "needle")
    found.step(viewport, 1)
    assert marked(viewport, found) == (["needle"], ["needle"])


def test_a_hit_across_a_wrapped_line_is_one():
    viewport = page(answered("word " * 11 + "first second third"), width=62)
    found = search(viewport, "first second")
    found.step(viewport, 1)
    assert "".join(marked(viewport, found)[1]).replace(" ", "") == "firstsecond"


def test_code_tables_and_lists():
    viewport = page(answered("- one needle\n\n| a | needle |\n|--|--|\n| needle | b |\n\n```python\nx  = needle\n```"))
    found = search(viewport, "needle")
    currents = []
    for _ in range(4):
        found.step(viewport, 1)
        hits, current = marked(viewport, found)
        assert (len(hits), current) == (4, ["needle"])
        currents.append(found.current.at)
    assert currents == sorted(currents)


def test_the_address_of_a_link_brings_its_block_into_sight():
    viewport = page(answered(f"See [here](https://example.org/needle).\n\n{LONG}"))
    found = search(viewport, "needle")
    found.step(viewport, 1)
    assert any("See here" in row for row in shown(viewport))


def test_takes_in_what_comes():
    viewport = page(asked("needle"))
    document = viewport.document
    document.begin_answer(0.0)
    found = search(viewport, "needle")
    found.step(viewport, 1)
    for number in range(3):
        document.feed(Delta(text=f"needle {number}\n\n"), float(number))
        viewport.update_live(number + 0.5, number)
        found.refresh()
        assert (found.number, len(found.hits)) == (1, number + 2)
    document.finish_answer(answered("needle"))
    document.add(asked("another needle"))
    found.refresh()
    found.step(viewport, -1)
    shown(viewport)
    assert marked(viewport, found)[1] == ["needle"]


def test_a_row_that_stays_as_it_is_is_the_same_strip():
    viewport = page(answered("needle needle\n\nneedle"))
    found = search(viewport, "needle")
    found.step(viewport, 1)
    first = found.mark_rows(viewport, viewport.render(), HIT, CURRENT)
    again = found.mark_rows(viewport, viewport.render(), HIT, CURRENT)
    assert all(new is old for new, old in zip(again, first, strict=True))
    found.step(viewport, 1)
    moved = found.mark_rows(viewport, viewport.render(), HIT, CURRENT)
    assert sum(new is not old for new, old in zip(moved, first, strict=True)) == 1


def test_a_conversation_that_is_gone_has_no_hits():
    viewport = page(asked("needle"))
    found = search(viewport, "needle")
    found.step(viewport, 1)
    viewport.document.show([asked("other")])
    found.refresh()
    assert (found.hits, found.number) == ([], 0)
