from __future__ import annotations

from stepchat.transcript.document import RowPosition
from tests.transcript.chat import answered, asked, page, shown, tool
from tests.transcript.find.test_search import marked, search

LONG = "\n\n".join(f"Paragraph {number} with some **strong** words." for number in range(60))
THOUGHT = "\n".join(["thinking"] * 50 + ["the needle"])


def top(viewport):
    return RowPosition(viewport.document.top.message, viewport.document.top.block, viewport.document.top.row)


def test_goes_to_the_first_hit_from_the_top_of_the_screen_on():
    viewport = page(asked(), answered(LONG), asked("last"))
    viewport.document.top = RowPosition(1, 30, 0)
    viewport.follow = False
    first = next(row for row in shown(viewport) if "Paragraph" in row)
    finder = search(viewport, "strong")
    assert finder.search.total == 60
    assert finder.search.current.block == int(first.split()[1])


def test_the_search_wraps_around_to_earlier_hits():
    viewport = page(asked(), answered(LONG), asked("last"))
    finder = search(viewport, "paragraph 7")
    assert any("Paragraph 7 with" in row for row in shown(viewport))
    assert marked(viewport, finder) == (["Paragraph 7"], "Paragraph 7")
    assert not viewport.follow


def test_next_and_previous_go_round():
    viewport = page(asked(), answered(LONG))
    viewport.to_start()
    finder = search(viewport, "strong")
    assert finder.search.number == 1
    finder.step(1)
    assert finder.search.number == 2
    for _ in range(2):
        finder.step(-1)
    assert finder.search.number == 60
    assert any("Paragraph 59 with" in row for row in shown(viewport))
    finder.step(1)
    assert finder.search.number == 1


def test_a_hit_that_is_on_screen_moves_nothing():
    viewport = page(asked(), answered(LONG))
    before = shown(viewport)
    search(viewport, "paragraph 57")
    assert shown(viewport) == before


def test_typing_opens_no_fold_the_next_hit_does():
    viewport = page(asked(), answered("Short needle.", THOUGHT, folded=True))
    finder = search(viewport, "needle")
    assert (finder.search.number, finder.search.total, finder.passed) == (2, 2, 1)
    assert viewport.document.messages[1].answer.panel == "folded"
    finder.step(-1)
    assert finder.passed == 0
    assert finder.search.number == 1
    assert viewport.document.messages[1].answer.panel == "open"
    assert marked(viewport, finder)[1] == "needle"
    assert finder.leave() == [1]
    assert viewport.document.messages[1].answer.panel == "open"


def test_folds_passed_on_the_way_close_again():
    viewport = page(asked(), answered("x", THOUGHT, folded=True), asked("needle"))
    viewport.to_start()
    finder = search(viewport, "needle")
    finder.step(-1)
    assert viewport.document.messages[1].answer.panel == "open"
    finder.step(1)
    assert finder.leave() == []
    answer = viewport.document.messages[1].answer
    assert (answer.panel, answer.fold_chosen) == ("folded", True)


def test_with_hits_in_folds_only_the_page_stays_until_the_next_hit():
    viewport = page(asked(), answered(LONG, THOUGHT, folded=True))
    before = shown(viewport)
    finder = search(viewport, "needle")
    assert (finder.search.number, finder.search.total, finder.passed, shown(viewport)) == (0, 1, 1, before)
    finder.step(1)
    assert marked(viewport, finder)[1] == "needle"


def test_leaving_without_a_choice_returns():
    viewport = page(asked(), answered(LONG), asked("last"))
    before, follow = shown(viewport), viewport.follow
    finder = search(viewport, "paragraph 3 with")
    assert shown(viewport) != before
    finder.leave()
    assert (shown(viewport), viewport.follow) == (before, follow)


def test_words_that_are_not_there_and_no_words_return():
    viewport = page(asked(), answered(LONG), asked("last"))
    before = shown(viewport)
    finder = search(viewport, "paragraph 3 with")
    for typed in ("paragraph 3 without", ""):
        finder.search_for("paragraph 3 with")
        finder.search_for(typed)
        assert shown(viewport) == before


def test_leaving_stays_at_the_chosen_hit():
    viewport = page(asked(), answered(LONG), asked("last"))
    finder = search(viewport, "paragraph")
    finder.step(-1)
    finder.step(-1)
    finder.step(-1)
    there = shown(viewport)
    finder.leave()
    assert shown(viewport) == there


def test_after_a_search_there_is_a_way_back_until_the_page_moves():
    viewport = page(asked(), answered(LONG, THOUGHT, folded=True), asked("last"))
    viewport.scroll(-10)
    before = shown(viewport)
    finder = search(viewport, "needle")
    assert not finder.can_go_back
    finder.step(1)
    assert shown(viewport) != before
    finder.leave()
    assert finder.can_go_back
    finder.go_back()
    assert shown(viewport) == before
    assert not finder.can_go_back
    for gone in (lambda: viewport.scroll(3), viewport.to_end, finder.accept_position, lambda: finder.search_for("p")):
        viewport.to_end()
        viewport.render()
        finder.search_for("paragraph 3 with")
        finder.step(0)
        finder.leave()
        assert finder.can_go_back
        gone()
        assert not finder.can_go_back
        finder.leave()


def test_what_is_only_typed_is_taken_by_a_step():
    viewport = page(asked(), answered(LONG), asked("last"))
    finder = search(viewport, "paragraph 3 with")
    assert finder.only_typed
    there, number = shown(viewport), finder.search.number
    finder.step(0)
    assert not finder.only_typed
    assert (shown(viewport), finder.search.number) == (there, number)
    finder.leave()
    assert shown(viewport) == there


def test_after_scrolling_the_search_continues_from_there():
    viewport = page(asked(), answered(LONG), asked("last"))
    finder = search(viewport, "paragraph 3 with")
    viewport.document.top = RowPosition(1, 40, 0)
    there = shown(viewport)
    finder.search_for("strong")
    assert finder.search.current.block > 20
    finder.leave()
    assert shown(viewport) == there


def test_the_hit_stays_in_sight_at_another_size():
    viewport = page(asked(), answered(LONG), asked("last"))
    finder = search(viewport, "paragraph 9")
    viewport.height = 4
    viewport.document.reset(viewport.document.layout.builder.palette, 20)
    finder.keep_hit_visible()
    shown(viewport)
    assert marked(viewport, finder)[1].replace(" ", "") == "Paragraph9"


def test_what_a_tool_gave_back_opens_for_a_hit_and_is_remembered():
    viewport = page(asked(), tool("\n".join(f"line {number}" for number in range(40)) + "\nneedle"))
    finder = search(viewport, "needle")
    assert (finder.search.number, finder.search.total) == (0, 1)
    assert any("… 35 more lines" in row for row in shown(viewport))
    finder.step(1)
    assert marked(viewport, finder)[1] == "needle"
    assert finder.leave() == [1]
    assert viewport.document.messages[1].tool.panel == "open"


def test_an_empty_page_has_no_message_to_focus():
    viewport = page()
    finder = search(viewport, "needle")
    finder.step(1)
    finder.step(-1)
    assert (finder.search.total, finder.leave()) == (0, [])
