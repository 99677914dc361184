from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.style import Style

from stepchat.events import Delta
from stepchat.messages import Failure, ToolCall
from stepchat.transcript.find.navigator import FindNavigator
from stepchat.transcript.find.search import Search
from stepchat.transcript.hit_testing import HitTester
from tests.transcript.chat import answered, asked, page, tool

HIT, CURRENT = Style(reverse=True), Style(reverse=True, bold=True, underline=True)


def search(viewport, query):
    finder = FindNavigator(Search(HitTester(viewport.document)), viewport)
    viewport.render()
    finder.search_for(query)
    while finder.continue_search(1.0):
        pass
    return finder


def marked(viewport, finder):
    """What is marked as a hit, and what as the current one."""
    rows = finder.search.mark_rows(viewport, viewport.render(), HIT, CURRENT)
    texts = [(text, bool(style.underline)) for row in rows for text, style, _ in row if style and style.reverse]
    return [text for text, _ in texts], "".join(text for text, current in texts if current)


def test_it_searches_questions_answers_reasoning_and_tools():
    viewport = page(asked("needle"), answered("a Needle here", "and a needle there"), tool("needle"), height=40)
    finder = search(viewport, "needle")
    assert (finder.search.number, finder.search.total) == (1, 4)
    assert marked(viewport, finder) == (["needle", "Needle", "needle"], "needle")


def test_the_indentation_before_a_hit_is_not_marked():
    viewport = page(asked("for x in y:\n    needle"), height=40)
    assert marked(viewport, search(viewport, "needle")) == (["needle"], "needle")


@pytest.mark.parametrize(
    ("text", "query", "current"),
    [
        ("with **bold needle text** and", "bold needle text and", "bold needle text and"),
        ("run `git push` now", "run git push", "run git push"),
        ("see [the docs](http://x.y) page", "the docs page", "the docs page"),
        ("a snake\\_case name", "snake_case", "snake_case"),
        ("AT&amp;T", "at&t", "AT&T"),
        ("> first line\n> second line", "line second", "linesecond"),
        ("first line\\\nsecond line", "line second", "linesecond"),
        ("- first line\n  second line", "line second", "linesecond"),
        ("| a | b |\n|---|---|\n| x \\| y | z |", "x | y", "x | y"),
        ("| a | b |\n|---|---|\n| x | z **w** k |", "z w k", "z w k"),
        ("## A *nice* heading ##", "a nice heading", "A nice heading"),
        ("- [x] done thing", "done thing", "done thing"),
        ("```python\nx  = needle\n```", "needle", "needle"),
        ("```python\nx = 1\n```", "python", "python"),
        ("see [here](https://needle.org) ok", "needle", "here"),
        ("see [x]\n\n[x]: http://needle.org", "needle", "x"),
        ("<!-- needle -->\n\nfoo", "needle", "needle"),
        ("so $x_1$ is", "x₁ is", "x₁ is"),
        ("foo\u200bbar", "foobar", "foobar"),
        ("it’s fine", "it's", "it’s"),
        ("100\u00a0km", "100 km", "100\u00a0km"),
    ],
)
def test_finds_what_can_be_read(text, query, current):
    viewport = page(answered(text))
    finder = search(viewport, query)
    assert (finder.search.number, finder.search.total) == (1, 1)
    assert marked(viewport, finder)[1] == current


@pytest.mark.parametrize("query", ["get_time", '"zone": "utc"', "line broke"])
def test_finds_tool_calls_and_what_went_wrong(query):
    call = ToolCall("c", "get_time", '{"zone": "UTC",\n "x": 1}')
    broken = answered("Half", stop="error", error=Failure(502, "The line broke."))
    viewport = page(answered("", "Look it up.", stop="tool_calls", tool_calls=(call,)), broken, height=40)
    viewport.document.notice("A notice of the line broken.", "zone", "error")
    finder = search(viewport, query)
    assert (finder.search.number, finder.search.total) == (1, 1)
    assert marked(viewport, finder)[1].casefold() == query
    assert "".join(marked(viewport, finder)[0]).casefold() == query


@pytest.mark.parametrize(
    ("message", "query"),
    [
        (answered("this is **very** important"), "**very"),
        (answered("end here.\n\nNew start"), "here. new"),
        (answered("| a | b |\n|---|---|\n| x | z |"), "x z"),
        (asked("alpha beta\ngamma delta"), "beta gamma"),
    ],
)
def test_what_cannot_be_marked_is_not_counted(message, query):
    assert search(page(message), query).search.total == 0


def test_a_hit_across_a_wrapped_line_is_one():
    viewport = page(answered("word " * 10 + "first second third"), width=62)
    finder = search(viewport, "first second")
    assert finder.search.total == 1
    assert marked(viewport, finder)[1] == "firstsecond"


CELLS = "| name | what it is |\n|---|---|\n" + "\n".join(
    f"| row {n} | a **needle {n}** that needs much room |" for n in range(4)
)


@pytest.mark.parametrize("width", [16, 26, 40, 100])
def test_hits_in_the_cells_of_a_table_at_every_width(width):
    viewport = page(answered(CELLS), width=width, height=90)
    finder = search(viewport, "a needle")
    assert finder.search.total == 4
    for _ in range(4):
        assert marked(viewport, finder)[1].replace(" ", "") == "aneedle"
        finder.step(1)
    finder = search(viewport, "row 2")
    assert marked(viewport, finder)[1].replace(" ", "") == "row2"


PIECES = [
    *(
        "needle",
        "Need",
        "le",
        " ",
        " ",
        "\n",
        "\n\n",
        "**",
        "*",
        "`",
        "[",
        "](http://needle.org)",
        "> ",
        "- ",
        "- [x] ",
    ),
    *(
        "\n\n| needle | b |\n|---|---|\n| b **needle** | needle needle |\n\n",
        "\n```\n",
        "é",
        "素数",
        "हिन्दी",
        "# ",
        "&amp;",
        "\\",
        "~~",
    ),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@settings(max_examples=150, deadline=None)
@example("", "[ ](http://needle.org)", "needle", 20)
@given(TEXTS, TEXTS, st.sampled_from(["needle", "e", "le ne", "b", "素", "न्दी"]), st.sampled_from([20, 41, 90]))
def test_every_hit_that_is_counted_is_marked(text, thought, query, width):
    viewport = page(asked("needle"), answered(text or "x", thought, folded=False), width=width, height=400)
    finder = search(viewport, query)
    total = finder.search.total
    seen = []
    for number in range(total):
        assert finder.search.number == number + 1
        assert marked(viewport, finder)[1]
        seen.append(finder.search.current)
        finder.step(1)
    assert len(set(seen)) == total
    assert bool(marked(viewport, finder)[0]) == bool(total)


@settings(max_examples=40, deadline=None)
@given(TEXTS, st.integers(1, 9))
def test_what_is_found_while_it_comes_is_what_is_found_then(text, size):
    viewport = page(asked("x"), height=200)
    document = viewport.document
    document.begin_answer(0.0)
    finder = search(viewport, "needle")
    for at in range(0, len(text), size):
        document.feed(Delta(text=text[at : at + size]), 1.0)
        viewport.update_live(1.0, 0)
        viewport.render()
        if at % 5 == 0:
            finder.refresh()
    document.finish_answer(answered(text or "x"))
    viewport.render()
    finder.refresh()
    while finder.continue_search(1.0):
        pass
    whole = search(page(asked("x"), answered(text or "x"), height=200), "needle")
    assert finder.search.total == whole.search.total


def test_takes_in_what_comes():
    viewport = page(asked("needle"))
    document = viewport.document
    document.begin_answer(0.0)
    finder = search(viewport, "needle")
    for number in range(3):
        document.feed(Delta(text=f"needle {number}\n\n"), float(number))
        viewport.update_live(number + 0.5, number)
        finder.refresh()
        assert (finder.search.number, finder.search.total) == (1, number + 2)
    document.finish_answer(answered("needle"))
    document.add(asked("another needle"))
    finder.refresh()
    assert finder.search.total == 3
    finder.step(-1)
    viewport.render()
    assert marked(viewport, finder)[1] == "needle"
    assert finder.search.number == 3


def test_an_unchanged_row_is_the_same_strip():
    viewport = page(answered("needle needle\n\nneedle"))
    finder = search(viewport, "needle")
    first = finder.search.mark_rows(viewport, viewport.render(), HIT, CURRENT)
    again = finder.search.mark_rows(viewport, viewport.render(), HIT, CURRENT)
    assert all(new is old for new, old in zip(again, first, strict=True))
    finder.step(1)
    moved = finder.search.mark_rows(viewport, viewport.render(), HIT, CURRENT)
    assert sum(new is not old for new, old in zip(moved, first, strict=True)) == 1


def test_other_words_while_an_answer_comes_and_when_it_is_there():
    viewport = page(asked("x"))
    document = viewport.document
    document.begin_answer(0.0)
    finder = search(viewport, "needle")
    for number in range(2):
        document.feed(Delta(text="needle and pin\n\n"), 1.0)
        viewport.update_live(1.0 + number, 0)
        finder.search_for("pin" if number else "needle")
        assert finder.search.total == number + 1
    document.finish_answer(answered("needle and pin\n\nneedle and pin\n\npin"))
    viewport.render()
    finder.search_for("pins")
    finder.search_for("pin")
    assert finder.search.total == 3


def test_a_closed_conversation_has_no_hits():
    viewport = page(asked("needle"))
    finder = search(viewport, "needle")
    viewport.document.show([asked("other")])
    finder.keep_hit_visible()
    assert not finder.continue_search(1.0)
    assert (finder.search.total, finder.search.number, finder.search.current) == (0, 0, None)
    finder.step(1)
    assert finder.leave() == []
