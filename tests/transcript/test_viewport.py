import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepchat.events import Delta
from stepchat.transcript.document import RowPosition
from stepchat.transcript.palette import colourless
from tests.transcript.chat import answered, asked, everything, page, shown, stream, thoughts, words
from tests.transcript.forms import lines

LONG = "\n\n".join(f"Paragraph {number} with some words." for number in range(60))
THOUGHT = "".join(f"Thought number {number}.\n" for number in range(30))


def conversation(turns=20, **size):
    messages = [message for _ in range(turns) for message in (asked(), answered(LONG, THOUGHT))]
    return page(*messages, **size)


def test_opens_at_the_end_with_one_blank_row_below():
    viewport = conversation()
    rows = shown(viewport)
    assert rows[-1] == ""
    assert rows[-2].startswith("  step-3.5-flash")
    assert viewport.follow
    assert viewport.at_end


def test_short_conversation_begins_at_the_top():
    viewport = page(asked(), height=10)
    assert shown(viewport) == ["", "  ▌ How many primes are there?", *[""] * 8]
    assert viewport.scrollbar_thumb() == (0, 0)


def test_empty_page():
    viewport = page(height=4)
    assert shown(viewport) == [""] * 4
    for move in (viewport.to_end, viewport.to_start, lambda: viewport.scroll(5), lambda: viewport.scroll(-5)):
        move()
        assert shown(viewport) == [""] * 4
    assert viewport.follow


def test_scrolling_goes_row_by_row_through_everything():
    viewport = conversation(3, height=10)
    all_rows = everything(viewport)
    viewport.to_start()
    seen = shown(viewport)
    while not viewport.at_end:
        viewport.scroll(1)
        seen.append(shown(viewport)[-1])
    assert seen == [*all_rows, ""]
    back = shown(viewport)[::-1]
    while viewport.document.rows_above(viewport.document.top):
        viewport.scroll(-1)
        back.append(shown(viewport)[0])
    assert back[::-1] == [*all_rows, ""]


@given(st.lists(st.integers(-60, 60), max_size=30))
@settings(max_examples=60, deadline=None)
def test_scrolling_there_and_back(moves):
    viewport = conversation(2, height=10)
    all_rows = [*everything(viewport), ""]
    top = len(all_rows) - 10
    for move in moves:
        viewport.scroll(move)
        top = max(0, min(len(all_rows) - 10, top + move))
        assert shown(viewport) == all_rows[top : top + 10]
        assert viewport.follow == (top == len(all_rows) - 10)


def test_new_text_is_followed():
    viewport = page(asked(), height=10)
    stream(viewport, words(LONG))
    assert shown(viewport)[-2] == "  Paragraph 59 with some words."


def test_new_text_moves_nothing_when_the_reader_has_scrolled_up():
    viewport = page(asked(), height=10)
    now = stream(viewport, words(LONG))
    viewport.scroll(-7)
    assert not viewport.follow
    before = shown(viewport)
    stream(viewport, words("\n\n".join(["more words"] * 30)), begin=now)
    assert shown(viewport) == before
    viewport.document.finish_answer(answered(LONG + "\n\n".join(["more words"] * 30)))
    assert shown(viewport) == before
    viewport.document.add(asked())
    assert shown(viewport) == before


def test_following_resumes_at_the_end():
    viewport = page(asked(), height=10)
    stream(viewport, words(LONG))
    viewport.scroll(-3)
    viewport.scroll(2)
    assert not viewport.follow
    viewport.scroll(1)
    assert viewport.follow
    stream(viewport, words("\n\nthe newest"), begin=9.0)
    assert shown(viewport)[-2] == "  the newest"


def test_growing_text_does_not_move_a_scrolled_page():
    viewport = page(height=8)
    now = stream(viewport, words("word " * 200))
    viewport.scroll(-5)
    before = shown(viewport)
    stream(viewport, words("**more** " * 100), begin=now)
    assert shown(viewport) == before


def test_header_keeps_its_row_when_the_panel_folds_by_itself():
    viewport = conversation(2, height=14)
    viewport.document.add(asked())
    viewport.to_end()
    now = stream(viewport, thoughts(THOUGHT))
    row = next(place for place, line in enumerate(shown(viewport)) if "Thinking" in line)
    assert row < 8
    stream(viewport, words("The answer."), begin=now)
    rows = shown(viewport)
    assert "Thought for" in rows[row]
    assert rows[row + 2 :] == ["  The answer.", *[""] * (14 - row - 3)]
    stream(viewport, words("\n\n" + LONG), begin=now + 1)
    assert shown(viewport)[-2] == "  Paragraph 59 with some words."


def test_header_above_the_screen_comes_to_the_top_when_its_panel_folds():
    viewport = page(asked(), height=10)
    viewport.document.reasoning_view = "full"
    now = stream(viewport, thoughts(THOUGHT))
    assert not any("Thinking" in line for line in shown(viewport))
    stream(viewport, words("The answer."), begin=now)
    assert shown(viewport)[1].startswith("  ▸ Thought for")
    assert shown(viewport)[3] == "  The answer."


def test_a_panel_the_user_is_reading_does_not_fold():
    viewport = page(asked(), height=10)
    viewport.document.reasoning_view = "full"
    now = stream(viewport, thoughts(THOUGHT))
    viewport.scroll(-8)
    before = shown(viewport)
    stream(viewport, words("The answer."), begin=now)
    assert shown(viewport) == before
    viewport.document.finish_answer(answered("The answer.", THOUGHT))
    assert shown(viewport) == before


def test_a_panel_the_user_has_toggled_does_not_fold():
    viewport = page(asked(), height=40)
    now = stream(viewport, thoughts(THOUGHT))
    place = viewport.visible_panel()
    assert viewport.toggle(place) is True
    assert viewport.toggle(place) is False
    stream(viewport, words("The answer."), begin=now)
    assert "  │ Thought number 0." in shown(viewport)


def test_toggling_keeps_the_header_where_it_is():
    viewport = conversation(3, height=12)
    viewport.to_start()
    row = next(place for place, line in enumerate(shown(viewport)) if "Thought for" in line)
    place = viewport.header_at(row)
    assert place == 1
    before = shown(viewport)
    viewport.toggle(place)
    assert shown(viewport)[row].startswith("  ▾ Thought for")
    assert shown(viewport)[row + 1] == "  │ Thought number 0."
    viewport.toggle(place)
    assert shown(viewport) == before


def test_opening_at_the_end_keeps_the_header_where_it_is():
    viewport = page(asked(), answered("Short answer.", THOUGHT), height=12)
    row = next(place for place, line in enumerate(shown(viewport)) if "Thought for" in line)
    viewport.toggle(viewport.visible_panel())
    assert shown(viewport)[row].startswith("  ▾ Thought for")
    assert not viewport.follow


def test_opening_a_panel_whose_header_is_out_of_sight_shows_it():
    viewport = page(asked(), answered(LONG, THOUGHT), height=12)
    assert not any("Thought for" in line for line in shown(viewport))
    viewport.toggle(viewport.visible_panel())
    assert shown(viewport)[1].startswith("  ▾ Thought for")


def test_opening_live_thinking_goes_on_following():
    viewport = page(asked(), height=12)
    viewport.document.reasoning_view = "hidden"
    now = stream(viewport, thoughts(THOUGHT))
    viewport.toggle(viewport.visible_panel())
    viewport.render()
    assert viewport.follow
    stream(viewport, thoughts("The newest thought."), begin=now)
    assert shown(viewport)[-2] == "  │ The newest thought."


def test_newest_panel_in_sight_is_chosen():
    viewport = conversation(3, height=12)
    viewport.to_start()
    viewport.render()
    assert viewport.visible_panel() == 1
    viewport.to_end()
    viewport.render()
    assert viewport.visible_panel() == 5
    assert page(asked()).visible_panel() is None


def test_resize_keeps_the_text_at_the_top():
    viewport = conversation(4, height=12)
    viewport.jump(viewport.document.height // 2)
    top = next(line for line in shown(viewport) if line)
    for width in (100, 40, 33, 80):
        viewport.document.reset(colourless(), width)
        assert next(line for line in shown(viewport) if line).split()[:1] == top.split()[:1]


def test_a_jump_lands_near_its_target():
    viewport = conversation(30, height=12)
    total = viewport.document.height
    for share in (0.0, 0.25, 0.5, 0.9):
        viewport.jump(int(total * share))
        viewport.render()
        assert abs(viewport.document.rows_above(viewport.document.top) - total * share) < 0.2 * total
    viewport.jump(10 * total)
    assert viewport.follow


def test_thumb_of_the_scrollbar():
    viewport = conversation(10, height=20)
    assert viewport.scrollbar_thumb()[1] == 20
    viewport.to_start()
    assert viewport.scrollbar_thumb()[0] == 0
    for thumb in range(20):
        viewport.drag(thumb)
        viewport.render()
        first, end = viewport.scrollbar_thumb()
        assert 0 <= first < end <= 20
        assert abs(first - min(thumb, 20 - (end - first))) <= 2


def test_a_long_session_is_parsed_only_where_it_is_visible():
    viewport = conversation(200, height=20)
    viewport.render()
    built = [part.blocks.is_built for part in viewport.document.messages]
    assert sum(built) < 5


@pytest.mark.parametrize("height", [1, 2, 3, 200])
def test_every_height_works(height):
    viewport = conversation(2, height=height)
    assert len(viewport.render()) == height
    viewport.scroll(-1)
    viewport.scroll(-100)
    viewport.scroll(1000)
    assert len(viewport.render()) == height
    assert viewport.at_end


def test_a_burst_larger_than_the_screen_is_followed():
    viewport = page(asked(), height=8)
    stream(viewport, [Delta(text=LONG * 5), Delta(text="\n\nend")])
    assert shown(viewport)[-2] == "  end"


def test_unchanged_rows_are_the_same_strips():
    viewport = conversation(2, height=12)
    first = viewport.render()
    assert all(new is old for new, old in zip(viewport.render(), first, strict=True))
    viewport.scroll(-1)
    assert viewport.render()[1:] == first[:-1]
    assert lines(first)[-1] == ""


def test_unfolding_an_offscreen_panel_and_folding_it_restores_the_screen():
    viewport = page(asked(), answered(LONG, THOUGHT), height=12)
    viewport.scroll(-30)
    before = shown(viewport)
    viewport.toggle(1)
    assert shown(viewport)[0] != before[0]
    assert any(row.startswith("  ▾ Thought") for row in shown(viewport))
    viewport.toggle(1)
    assert shown(viewport) == before
    viewport.toggle(1)
    viewport.scroll(3)
    viewport.toggle(1)
    assert shown(viewport) != before


def test_only_the_header_itself_can_be_clicked():
    viewport = page(asked(), answered("Yes.", "Hm."), height=12)
    rows = shown(viewport)
    header = next(y for y, row in enumerate(rows) if "Thought" in row)
    assert [y for y in range(len(rows)) if viewport.header_at(y) is not None] == [header]


def test_there_and_back_again_in_width_changes_nothing():
    viewport = page(answered("word " * 3000), width=80, height=12)
    viewport.to_start()
    viewport.scroll(41)
    before = shown(viewport)
    for width in (61, 33, 70, 80):
        viewport.document.reset(colourless(), width)
        viewport.render()
    assert shown(viewport) == before


@pytest.mark.parametrize("others", [[], [answered("word " * 3000)]])
def test_another_session_begins_at_its_top_after_changes_of_width(others):
    viewport = page(asked("word " * 20), width=20, height=3)
    viewport.to_start()
    viewport.scroll(1)
    document = viewport.document
    document.reset(colourless(), 400)
    assert document.top.row == 0
    document.show(others)
    document.reset(colourless(), 20)
    assert document.top == RowPosition()
