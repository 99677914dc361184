from __future__ import annotations

from contextlib import asynccontextmanager

from stepchat.demo.server import DemoServer
from tests.transcript.chat import answered, asked
from tests.tui.screen import screen_rows, screen_text
from tests.tui.window import ask, branch, busy, draft, say, wait_until, window, write

LONG = "\n\n".join(f"Paragraph {number} with some words." for number in range(60))


async def test_typing_finds_enter_goes_on_and_escape_returns(tmp_path):
    async with window(tmp_path, None) as pilot:
        screen = pilot.app.screen
        screen.pane.welcome.styles.display = "none"
        screen.view.show([asked(), answered(LONG, "a thought with words")])
        write(pilot, "unsent")
        await wait_until(pilot, "Paragraph 59")
        await wait_until(pilot, lambda: "StepFun" in screen_rows(pilot.app)[-5])
        before = screen_rows(pilot.app)
        await pilot.press("ctrl+x", "f")
        await wait_until(pilot, "Find:")
        opened = screen_rows(pilot.app)
        assert [y for y, row in enumerate(before) if row != opened[y]] == [len(before) - 4]
        await pilot.press(*"words")
        first = await wait_until(pilot, "/61")
        assert "Paragraph 59" in first
        assert "60/61" not in first
        await pilot.press("end", *" no")
        await wait_until(pilot, "not found")
        await pilot.press("escape")
        await wait_until(pilot, lambda: "Find:" not in screen_text(pilot.app))
        assert screen_rows(pilot.app) == before
        assert screen.prompt.has_focus
        assert draft(pilot) == "unsent"


async def test_command_with_words(tmp_path):
    async with window(tmp_path, None) as pilot:
        screen = pilot.app.screen
        screen.view.show([asked(), answered(LONG)])
        await say(pilot, "/find Paragraph 3")
        shown = await wait_until(pilot, "1/11")
        assert "Paragraph 3 with" in shown
        await pilot.press("escape")
        await wait_until(pilot, lambda: "Find:" not in screen_text(pilot.app))
        assert "Paragraph 3 with" in screen_text(pilot.app)


async def test_enter_takes_the_hit_and_escape_twice_goes_back(tmp_path):
    async with window(tmp_path, None) as pilot:
        screen = pilot.app.screen
        screen.view.show([asked(), answered(LONG)])
        await wait_until(pilot, "Paragraph 59")
        await pilot.press("ctrl+f", *"words")
        await wait_until(pilot, "Enter keep position · Esc cancel")
        number = screen.view.finder.search.number
        await pilot.press("enter")
        await wait_until(pilot, "Enter next/previous · Esc close")
        assert screen.view.finder.search.number == number
        await pilot.press(*["enter"] * 20)
        await wait_until(pilot, "Paragraph 10 with")
        await pilot.press("escape")
        shown = await wait_until(pilot, "Press Esc again to return to where you were.")
        assert "Paragraph 10 with" in shown
        await pilot.press("escape")
        await wait_until(pilot, "Paragraph 59")
        assert screen.view.follow


async def test_a_fold_that_a_hit_opened_is_remembered(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            screen = pilot.app.screen
            await ask(pilot, "demo:primes")
            stored = branch(pilot)[-1]
            said, thought = stored.message.text, stored.message.reasoning
            await pilot.press("ctrl+f", *next(word for word in thought.split() if word.isalpha() and word not in said))
            await wait_until(pilot, "folded")
            answer = screen.view.document.messages[-1].answer
            assert answer.panel == "folded"
            await pilot.press("up")
            await wait_until(pilot, "1/1")
            await pilot.press("escape")
            await wait_until(pilot, lambda: "Find:" not in screen_text(pilot.app))
            assert answer.panel == "open"
            kept = await screen.workspace.store.path(stored.session)
            assert kept[-1].folded is False


async def test_bar_stays_over_the_last_row_at_every_size(tmp_path):
    async with window(tmp_path, None) as pilot:
        await pilot.press("ctrl+f")
        for size in ((60, 16), (20, 8), (120, 40)):
            await pilot.resize_terminal(*size)
            await wait_until(
                pilot,
                lambda height=size[1]: (
                    "".join(screen_rows(pilot.app)[height - 4 : height - 3]).strip().startswith("Find:")
                ),
            )


@asynccontextmanager
async def searching_what_comes(tmp_path):
    """The view, while an answer comes and the find bar looks for the letter a."""
    with DemoServer(speed=60) as server:
        async with window(tmp_path, server) as pilot:
            await say(pilot, "demo:long tokens=2000 reasoning=5")
            await wait_until(pilot, "answering")
            await pilot.press("ctrl+f", "a")
            yield pilot, pilot.app.screen.view
            await pilot.press("escape", "escape")
            await wait_until(pilot, lambda: not busy(pilot))


async def test_finds_what_is_being_written(tmp_path):
    async with searching_what_comes(tmp_path) as (pilot, view):
        search = view.finder.search
        await wait_until(pilot, lambda: search.total > 3)
        first = search.total
        await wait_until(pilot, lambda: search.total > first)


async def test_the_page_stays_at_the_hit_while_text_comes(tmp_path):
    async with searching_what_comes(tmp_path) as (pilot, view):
        search = view.finder.search
        await wait_until(pilot, lambda: search.current is not None)
        found = search.total
        await wait_until(pilot, lambda: search.total > found + 20)
        assert not view.follow
