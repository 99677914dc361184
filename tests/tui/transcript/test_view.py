import asyncio
from contextlib import asynccontextmanager

import pytest
from textual import events
from textual.app import App

from stepchat.events import Delta
from stepchat.transcript import copying
from stepchat.tui.transcript.view import TranscriptView
from tests.transcript.chat import answered, asked, thoughts, words

LONG = "\n\n".join(f"Paragraph {number} with some words." for number in range(60))
THOUGHT = "".join(f"Thought number {number}.\n" for number in range(30))


class Watched(TranscriptView):
    """Remembers which regions it wanted to have painted."""

    def __init__(self):
        super().__init__()
        self.painted = []

    def refresh(self, *regions, **rest):
        self.painted.extend(regions)
        return super().refresh(*regions, **rest)


class Window(App):
    def __init__(self):
        super().__init__()
        self.folded = []
        self.view = Watched()

    def compose(self):
        yield self.view

    def on_transcript_view_reasoning_folded(self, event):
        self.folded.append((event.message_id, event.folded))


@asynccontextmanager
async def window(*messages, size=(80, 24)):
    app = Window()
    async with app.run_test(size=size) as pilot:
        app.view.show(messages)
        await pilot.pause()
        yield pilot


def rows(pilot):
    """What is on the screen, as Textual would write it."""
    screen = pilot.app.screen
    return [strip.text.rstrip() for strip in screen._compositor.render_strips()]


def texts(pilot):
    """The rows without the scrollbar."""
    return [row.removesuffix("▐").rstrip() for row in rows(pilot)]


async def settled(pilot, condition):
    for _ in range(200):
        if condition():
            return
        await asyncio.sleep(0.01)
        await pilot.pause()
    raise AssertionError("\n".join(rows(pilot)))


async def feed(pilot, deltas):
    for delta in deltas:
        pilot.app.view.feed(delta)
        await asyncio.sleep(0)


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (200, 60), (20, 6), (3, 3)])
async def test_every_size_shows_the_end(size):
    async with window(asked(), answered(LONG, THOUGHT), size=size) as pilot:
        assert len(rows(pilot)) == size[1]
        if size[0] >= 60:
            assert texts(pilot)[-2].startswith("  step-3.5-flash")
            assert rows(pilot)[-1].endswith("▐")


async def test_first_token_is_shown_without_waiting_for_a_frame():
    async with window(asked()) as pilot:
        view = pilot.app.view
        view.begin_answer(model="stepfun/step-3.5-flash")
        await pilot.pause()
        assert "waiting for step-3.5-flash" in texts(pilot)[3]
        view.feed(Delta(text="It is"))
        await pilot.pause()
        assert texts(pilot)[3] == "  It is"


async def test_stream_is_shown_and_followed():
    async with window(asked()) as pilot:
        view = pilot.app.view
        view.begin_answer(model="m")
        await feed(pilot, words(LONG))
        await settled(pilot, lambda: texts(pilot)[-2] == "  Paragraph 59 with some words.")
        assert view.live
        assert view.follow
        view.finish_answer(answered(LONG))
        await pilot.pause()
        assert not view.live
        assert texts(pilot)[-2].startswith("  step-3.5-flash")


async def test_timer_runs_only_while_something_can_change():
    async with window(asked()) as pilot:
        view = pilot.app.view
        assert view._timer is None
        view.begin_answer(model="m")
        assert view._timer is not None
        await feed(pilot, words("Some words."))
        view.finish_answer(answered("Some words."))
        assert view._timer is None
        view.begin_answer(model="m")
        view.abandon_answer()
        assert view._timer is None


async def test_only_changed_rows_are_painted():
    async with window(asked(), size=(60, 16)) as pilot:
        view = pilot.app.view
        view.begin_answer(model="m")
        await feed(pilot, words("One line of text"))
        await settled(pilot, lambda: texts(pilot)[3] == "  One line of text")
        view.painted.clear()
        await feed(pilot, words(" and more"))
        await settled(pilot, lambda: texts(pilot)[3] == "  One line of text and more")
        assert view.painted
        assert all((region.y, region.height) == (3, 1) for region in view.painted)


async def test_mouse_wheel_lets_go_of_the_end_and_takes_hold_again():
    async with window(asked(), answered(LONG)) as pilot:
        view = pilot.app.view
        before = texts(pilot)
        await pilot._post_mouse_events([events.MouseScrollUp], view, (5, 5))
        await pilot.pause()
        assert texts(pilot)[3:] == before[:-3]
        assert not view.follow
        await pilot._post_mouse_events([events.MouseScrollDown], view, (5, 5))
        await pilot.pause()
        assert texts(pilot) == before
        assert view.follow


async def test_pages_home_and_end():
    async with window(asked(), answered(LONG)) as pilot:
        view = pilot.app.view
        end = texts(pilot)
        view.scroll_page(-1)
        await pilot.pause()
        assert texts(pilot)[-1] == end[0]
        view.scroll_home()
        await pilot.pause()
        assert texts(pilot)[1] == "  ▌ How many primes are there?"
        view.scroll_page(1)
        view.scroll_lines(2)
        view.scroll_to_end()
        await pilot.pause()
        assert texts(pilot) == end


async def test_new_text_moves_nothing_when_scrolled_up():
    async with window(asked()) as pilot:
        view = pilot.app.view
        view.begin_answer(model="m")
        await feed(pilot, words(LONG))
        await settled(pilot, lambda: texts(pilot)[-2] == "  Paragraph 59 with some words.")
        view.scroll_page(-1)
        await pilot.pause()
        before = texts(pilot)
        await feed(pilot, words("\n\nmore" * 40))
        view.finish_answer(answered(LONG + "\n\nmore" * 40))
        await pilot.pause()
        assert texts(pilot)[:-1] == before[:-1]
        assert "↓ new text" in texts(pilot)[-1]
        await pilot.click(view, offset=(texts(pilot)[-1].index("↓"), view.size.height - 1))
        assert view.follow
        assert "↓" not in "".join(texts(pilot))


async def test_own_question_is_always_brought_into_sight():
    async with window(asked(), answered(LONG)) as pilot:
        pilot.app.view.scroll_home()
        pilot.app.view.add(asked("A new question"))
        await pilot.pause()
        assert texts(pilot)[-2] == "  ▌ A new question"


async def test_click_on_the_header_folds_and_tells():
    async with window(asked(), answered("Short.", THOUGHT)) as pilot:
        row = next(place for place, text in enumerate(texts(pilot)) if "Thought for" in text)
        await pilot.click(pilot.app.view, offset=(6, row))
        assert texts(pilot)[row].startswith("  ▾ Thought for")
        await pilot.click(pilot.app.view, offset=(6, row))
        assert texts(pilot)[row].startswith("  ▸ Thought for")
        await pilot.click(pilot.app.view, offset=(6, row + 2))
        assert pilot.app.folded == [("a", False), ("a", True)]


async def test_choice_for_a_live_answer_has_no_message_yet():
    async with window(asked()) as pilot:
        view = pilot.app.view
        view.begin_answer(model="m")
        await feed(pilot, thoughts(THOUGHT))
        view.toggle_reasoning()
        await pilot.pause()
        assert pilot.app.folded == [(None, True)]
        assert texts(pilot)[3].startswith("  ▸ Thinking")


async def test_all_panels_fold_or_open_together():
    async with window(asked(), answered("A", THOUGHT), asked(), answered("B", THOUGHT, folded=False)) as pilot:
        view = pilot.app.view
        view.toggle_all_reasoning()
        await pilot.pause()
        assert sum("▸ Thought for" in text for text in texts(pilot)) == 2
        assert len(pilot.app.folded) == 1
        view.toggle_all_reasoning()
        await pilot.pause()
        assert [folded for _, folded in pilot.app.folded[1:]] == [False, False]


async def test_resize_keeps_what_is_read():
    async with window(asked(), answered(LONG), asked(), answered(LONG)) as pilot:
        view = pilot.app.view
        view.scroll_home()
        view.scroll_page(2)
        await pilot.pause()
        top = next(text for text in texts(pilot) if text.startswith("  Para"))
        await pilot.resize_terminal(50, 18)
        await pilot.pause()
        assert top in texts(pilot)[:3]
        view.scroll_to_end()
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert texts(pilot)[-2].startswith("  step-3.5-flash")


async def test_scrollbar_can_be_dragged():
    async with window(*[message for _ in range(20) for message in (asked(), answered(LONG))]) as pilot:
        view = pilot.app.view
        await pilot.mouse_down(view, offset=(79, 23))
        await pilot.hover(view, offset=(79, 0))
        await pilot.mouse_up(view, offset=(79, 0))
        await pilot.pause()
        assert texts(pilot)[1] == "  ▌ How many primes are there?"
        assert rows(pilot)[0].endswith("▐")
        await pilot.click(view, offset=(79, 12))
        await pilot.pause()
        assert not view.follow
        assert 5 < view._viewport.scrollbar_thumb()[0] < 18


async def test_hostile_text_is_shown_as_text():
    evil = "\x1b[31mred\x1b]0;title\x07 \u202e [bold]x[/bold]"
    async with window(asked(evil), answered(evil, evil, folded=False)) as pilot:
        assert all(row.isprintable() for row in rows(pilot))
        assert sum("[bold]x[/bold]" in row for row in rows(pilot)) == 3


async def test_palette_can_change_at_any_time():
    from stepchat.transcript.palette import colourless

    async with window(asked(), answered(LONG)) as pilot:
        view = pilot.app.view
        view.scroll_page(-1)
        await pilot.pause()
        before = texts(pilot)
        view.set_palette(colourless())
        await pilot.pause()
        assert texts(pilot) == before


async def test_notice_and_sources():
    async with window(asked("Q"), answered("A *b*", "R")) as pilot:
        view = pilot.app.view
        view.notice("It failed.", "Try again.")
        await pilot.pause()
        assert [text for text in texts(pilot) if text][-2:] == ["  ✗ It failed.", "  Try again."]
        assert copying.last_answer(view.document) == "A *b*"
        assert copying.last_reasoning(view.document) == "R"
        assert copying.conversation_markdown(view.document).startswith("## You\n\nQ\n\n##")


async def test_long_code_gets_its_colours_in_the_end():
    async with window(answered("```python\n" + "def f(): pass\n" * 800 + "```\n")) as pilot:
        await settled(pilot, lambda: not pilot.app.view._document.layout.has_work)
        assert pilot.app.view._timer is None


async def test_a_taller_terminal_for_a_while_leaves_the_reader_where_he_was():
    async with window(answered("\n\n".join(f"Paragraph {number}." for number in range(30)))) as pilot:
        pilot.app.view.scroll_home()
        await pilot.pause()
        before = rows(pilot)
        await pilot.resize_terminal(80, 70)
        await pilot.pause()
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert rows(pilot) == before
