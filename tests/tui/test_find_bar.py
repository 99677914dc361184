from __future__ import annotations

from stepchat.demo.server import DemoServer
from tests.transcript.chat import answered, asked
from tests.tui.chat import say, wait_until, window
from tests.tui.screen import screen_rows, screen_text

LONG = "\n\n".join(f"Paragraph {number} with some words." for number in range(60))


async def test_typing_finds_enter_goes_on_and_escape_returns(tmp_path):
    async with window(tmp_path, None) as pilot:
        screen = pilot.app.screen
        screen.view.show([asked(), answered(LONG, "a thought with words")])
        screen.prompt.prefill("unsent")
        await wait_until(pilot, "Paragraph 59")
        await wait_until(pilot, lambda: "StepFun" in screen_rows(pilot.app)[-5])
        before = screen_rows(pilot.app)
        await pilot.press("ctrl+f")
        await wait_until(pilot, "Find:")
        opened = screen_rows(pilot.app)
        assert [y for y, row in enumerate(before) if row != opened[y]] == [len(before) - 4]
        await pilot.press(*"words")
        await wait_until(pilot, "1/61")
        assert "▾ Thought for" in screen_text(pilot.app)
        await pilot.press("enter")
        await wait_until(pilot, "2/61")
        await pilot.press("shift+f3", "up")
        await wait_until(pilot, "61/61")
        assert "Paragraph 59" in screen_text(pilot.app)
        await pilot.press(*" no")
        await wait_until(pilot, "not found")
        await pilot.press("escape")
        await wait_until(pilot, lambda: "Find:" not in screen_text(pilot.app))
        assert screen.prompt.has_focus
        assert screen.prompt.text == "unsent"


async def test_command_with_words(tmp_path):
    async with window(tmp_path, None) as pilot:
        screen = pilot.app.screen
        screen.view.show([asked(), answered(LONG)])
        await say(pilot, "/find Paragraph 30")
        shown = await wait_until(pilot, "1/1")
        assert "Paragraph 30 with" in shown


async def test_bar_stays_over_the_last_row_at_every_size(tmp_path):
    async with window(tmp_path, None) as pilot:
        await pilot.press("ctrl+f")
        for size in ((60, 16), (20, 8), (120, 40)):
            await pilot.resize_terminal(*size)
            await wait_until(
                pilot, lambda height=size[1]: screen_rows(pilot.app)[height - 4].strip().startswith("Find:")
            )


async def test_finds_what_is_being_written(tmp_path):
    with DemoServer(speed=400) as server:
        async with window(tmp_path, server) as pilot:
            await say(pilot, "demo:long tokens=5000 reasoning=20")
            await wait_until(pilot, "answering")
            await pilot.press("ctrl+f", "a")
            search = pilot.app.screen.view.marks.search
            await wait_until(pilot, lambda: len(search.hits) > 3)
            first = len(search.hits)
            await wait_until(pilot, lambda: len(search.hits) > first)
            await pilot.press("escape", "escape")
            await wait_until(pilot, lambda: not pilot.app.screen.conversation.busy)
