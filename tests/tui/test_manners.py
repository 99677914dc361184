"""What a newcomer meets in the first ten minutes: keys, notices, advice, two windows."""

from __future__ import annotations

import pytest

from stepchat.chat.workspace import StartOptions
from stepchat.demo.server import DemoServer
from stepchat.tui.commands import COMMANDS
from stepchat.tui.commands.command import applies_now
from tests.tui.screen import screen_text
from tests.tui.window import ask, chat_screen, draft, say, status, wait_until, window


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


async def test_an_alt_key_never_writes_its_letter(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await pilot.press("alt+t")
        await wait_until(pilot, "▾ Thought")
        await pilot.press("alt+x", "alt+c")
        await wait_until(pilot, "characters")
        assert draft(pilot) == ""


async def test_what_is_said_stands_in_the_status_line_and_the_next_takes_its_place(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await pilot.press("ctrl+c")
        await wait_until(pilot, "Press Ctrl+C again to quit.")
        assert status(pilot).split() == ["step-3.5-flash", "·", "Press", "Ctrl+C", "again", "to", "quit."]
        await say(pilot, "/set temperature=0.5")
        await wait_until(pilot, "temperature = 0.5")
        assert "again to quit" not in screen_text(pilot.app)


@pytest.mark.parametrize(
    ("scenario", "advice"),
    [
        ("http402", "Add credits to the account"),
        ("http401", "Check the key"),
        ("length", "The reasoning used up the token limit"),
    ],
)
async def test_a_failure_says_what_to_do_next(tmp_path, server, scenario, advice):
    async with window(tmp_path, server) as pilot:
        shown = " ".join((await ask(pilot, f"demo:{scenario}")).split())
        assert advice in shown
        assert "Alt+R retry" in shown
        assert "saved" in shown or "kept" in shown


async def test_a_command_that_was_refused_can_be_mended(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await say(pilot, "/theme nonsense")
        await wait_until(pilot, "No theme named")
        assert draft(pilot) == "/theme nonsense"


async def test_esc_always_does_one_thing_that_is_seen(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await say(pilot, "/set temperature=9")
        await wait_until(pilot, "must be a number between 0 and 2")
        await pilot.press("escape")
        shown = screen_text(pilot.app)
        assert ("must be a number" in shown, "❯ /set temperature=9" in shown) == (False, True)
        await pilot.press("escape")
        await wait_until(pilot, "Nothing to stop. Ctrl+C clears the prompt, Ctrl+Q quits.")


async def test_the_palette_and_the_leader_offer_what_can_be_done_now(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        screen = chat_screen(pilot)
        sometimes = {
            "stop",
            "interrupted",
            "continue",
            "queue",
            "detach",
            "answer-now",
            "more",
            "approve",
            "answer-call",
            "find",
            "copy",
        }

        def offered():
            return {row.name for row in COMMANDS if row.name in sometimes and applies_now(screen, row)}

        assert offered() == set()
        await pilot.press("ctrl+p")
        shown = await wait_until(pilot, "Start a new session")
        assert "Stop generating" not in shown
        await pilot.press("escape", "ctrl+x")
        assert "continue" not in status(pilot)
        await pilot.press("escape")
        await ask(pilot, "demo:haiku")
        assert offered() == {"find", "copy", "interrupted"}
        await ask(pilot, "demo:length")
        assert offered() == {"find", "copy", "interrupted", "continue", "more", "answer-now"}


async def test_a_palette_entry_that_needs_a_value_asks_for_it_in_the_prompt(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await pilot.press("ctrl+p")
        await wait_until(pilot, "Type to filter")
        await pilot.press(*"next question only", "enter")
        await wait_until(pilot, lambda: pilot.app.screen.id is None and hasattr(pilot.app.screen, "prompt"))
        assert draft(pilot) == "/once "


async def test_turns_of_another_window_come_first(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        async with window(tmp_path, server, StartOptions(latest=True)) as other:
            await ask(other, "demo:primes")
        await ask(pilot, "demo:roundtrip")
        texts = [message["content"] for message in server.requests[-1].body["messages"] if message["role"] == "user"]
        assert texts == ["demo:haiku", "demo:primes", "demo:roundtrip"]
