"""Messages sent while an answer is running."""

from __future__ import annotations

from stepchat.demo.server import DemoServer
from stepchat.tui.composer.queue_lines import queue_lines
from tests.tui.screen import screen_text
from tests.tui.window import busy, chat_screen, draft, say, wait_until, window


def test_lines_fit_and_count_what_is_left_out():
    assert queue_lines(["one", "two\nthree\nfour"], 60, "Up") == [
        "  queued  one",
        "  queued  two … 2 more lines         Up edits the last one",
    ]
    lines = queue_lines([str(number) for number in range(9)], 40, "Up")
    assert lines[0] == "  queued  0"
    assert lines[3].split("  Up")[0].strip() == "queued  … 6 more"
    assert all(len(line) <= 30 for line in queue_lines(["x" * 99], 30, "Up"))


async def test_up_takes_the_last_one_back_and_escape_the_others_once(tmp_path):
    with DemoServer(speed=1) as server:
        async with window(tmp_path, server) as pilot:
            await say(pilot, "demo:slow wait=9")
            for text in ("first", "second", "third"):
                await say(pilot, text)
            await wait_until(pilot, "queued  third")
            await pilot.press("up")
            assert draft(pilot) == "third"
            assert "queued  third" not in await wait_until(pilot, "queued  second")
            await pilot.press("up")
            assert draft(pilot) != "second"
            await pilot.press("down", "escape")
            await wait_until(pilot, lambda: not busy(pilot))
            assert draft(pilot) == "first\n\nsecond\n\nthird"
            assert "queued" not in screen_text(pilot.app)


async def test_the_queue_is_edited_reordered_and_emptied(tmp_path):
    with DemoServer(speed=1) as server:
        async with window(tmp_path, server) as pilot:
            await say(pilot, "demo:slow wait=9")
            for text in ("first", "second", "third", "fourth"):
                await say(pilot, text)
            queue = chat_screen(pilot).conversation.queue
            await say(pilot, "/queue")
            await wait_until(pilot, "Queued messages")
            await pilot.press("J", "J", "k", "k", "d")
            assert queue == ["third", "first", "fourth"]
            await pilot.press("j", "K", "delete", "e")
            await wait_until(pilot, lambda: draft(pilot) == "third")
            assert queue == ["fourth"]
            await pilot.press("ctrl+c")
            chat_screen(pilot).composer.prompt.prefill("")
            await say(pilot, "/queue")
            await wait_until(pilot, "Queued messages")
            await pilot.press("q", "d")
            await wait_until(pilot, "Nothing is queued any more.")
            await pilot.press("escape", "escape")
            await wait_until(pilot, lambda: not busy(pilot))
            assert draft(pilot) == ""
