"""The inspector in the window."""

from __future__ import annotations

import sqlite3

from stepchat import lossless_json
from stepchat.config.file import Config, Table
from stepchat.demo.server import DemoServer
from tests.tui.screen import screen_rows, screen_text
from tests.tui.window import ask, branch, busy, draft, say, wait_until, window


async def section(pilot, name: str) -> str:
    """Go to a section of the inspector; returns the screen."""
    for _ in range(6):
        if pilot.app.screen._section == name:
            break
        await pilot.press("tab")
    await pilot.pause()
    return screen_text(pilot.app)


async def test_every_section_of_the_last_answer(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, size=(120, 40)) as pilot:
            await ask(pilot, "demo:haiku")
            await say(pilot, "/debug")
            await ask(pilot, "demo:details")
            await pilot.press("f3")
            shown = await wait_until(pilot, "Answer 2 of 2 · step-3.5-flash · status 200")
            assert f"POST {server.url}/chat/completions" in shown
            assert "Authorization: Bearer [key removed]" in shown
            shown = await section(pilot, "Events")
            assert "first byte" in shown
            assert "reasoning" in shown
            assert "cost" in await section(pilot, "Usage")
            await wait_until(pilot, lambda: pilot.app.screen._account is not None)
            shown = await section(pilot, "Ledger")
            assert "sent back unchanged" in shown
            assert "identical" in shown
            assert "received 5 entries" in shown
            assert '"reasoning_content": "' in await section(pilot, "Upstream")
            await pilot.press("alt+up")
            await wait_until(pilot, "Answer 1 of 2")
            assert "No upstream request recorded" in await section(pilot, "Upstream")
            await pilot.press("escape")
            assert pilot.app.screen is pilot.app.screen_stack[0]


async def test_the_filter_and_an_open_event(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, size=(120, 40)) as pilot:
            await ask(pilot, "demo:haiku")
            await pilot.press("f3")
            await wait_until(pilot, "status 200")
            await section(pilot, "Events")
            await pilot.press(*"finish_reason stop")
            shown = await wait_until(pilot, '"stop"')
            assert "reasoning  " not in shown
            await pilot.press("enter")
            await wait_until(pilot, '"native_finish_reason": "stop"')
            await pilot.press("enter")
            await wait_until(pilot, lambda: '"native_finish_reason": "stop"' not in screen_text(pilot.app))
            # The first Esc clears the filter.
            await pilot.press("escape")
            await wait_until(pilot, "reasoning  ")


async def test_many_events_are_filtered_when_nothing_more_is_typed(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, size=(120, 40)) as pilot:
            await ask(pilot, "demo:long tokens=2500")
            await pilot.press("f3")
            await wait_until(pilot, "status 200")
            await section(pilot, "Events")
            await pilot.press(*"finish_reason")
            await pilot.press("space", *'"stop"')
            await wait_until(pilot, lambda: screen_text(pilot.app).count(" s  ") == 1)
            await wait_until(pilot, "finish     ")
            await pilot.press("escape")
            await wait_until(pilot, "reasoning  ")


async def test_what_is_copied(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, size=(120, 40)) as pilot:
            await ask(pilot, "demo:http502 times=1")
            await pilot.press("f3")
            await wait_until(pilot, "attempt 2 of 2 · status 200")
            await pilot.press("ctrl+x", "j")
            await wait_until(pilot, "characters")
            assert pilot.app.clipboard == lossless_json.dumps(server.requests[-1].body)
            await pilot.press("ctrl+x", "c")
            assert pilot.app.clipboard.startswith("curl ")
            assert "$OPENROUTER_API_KEY" in pilot.app.clipboard
            assert "sk-or-test" not in pilot.app.clipboard
            await pilot.press("ctrl+x", "e")
            assert pilot.app.clipboard.endswith("data: [DONE]\n\n")
            await pilot.press("ctrl+t")
            await wait_until(pilot, "attempt 1 of 2 · status 502")


async def test_the_command_names_the_variable_of_the_servers_own_key(tmp_path):
    with DemoServer(speed=0) as server:
        box = Config(servers=(Table("box", {"base_url": server.url, "key_variable": "BOX_KEY"}),), server="box")
        async with window(tmp_path, server, size=(120, 40), config=box, BOX_KEY="sk-box") as pilot:
            await ask(pilot, "demo:haiku")
            await pilot.press("f3")
            await wait_until(pilot, "status 200")
            await pilot.press("ctrl+x", "c")
            await wait_until(pilot, "characters")
            assert 'Bearer $BOX_KEY"' in pilot.app.clipboard


async def test_hostile_text_reaches_no_terminal(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, size=(120, 40)) as pilot:
            await ask(pilot, "demo:hostile")
            await ask(pilot, "demo:surrogates \u202e\x1b[2J\x9b31m [bold]x[/]")
            await pilot.press("f3")
            await wait_until(pilot, "status 200")
            for name in ("Request", "Events", "Usage", "Ledger", "Upstream"):
                await section(pilot, name)
                for _ in range(4):
                    assert not {char for row in screen_rows(pilot.app) for char in row if not char.isprintable()}
                    await pilot.press("pagedown")


async def test_the_request_of_an_answer_that_has_not_come_yet(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, size=(120, 40)) as pilot:
            await ask(pilot, "demo:haiku")
            await say(pilot, "demo:slow wait=60")
            await wait_until(pilot, lambda: len(server.requests) == 2)
            await pilot.press("f3")
            shown = await wait_until(pilot, "Answer 2 of 2 · step-3.5-flash · ")
            # The headers of the response may have come, and nothing of the answer.
            assert "no response yet" in shown or "status 200" in shown
            await wait_until(pilot, "POST")
            await section(pilot, "Events")
            await wait_until(pilot, "Events appear here when the answer is complete.")
            await section(pilot, "Ledger")
            await wait_until(pilot, "sent back unchanged")
            await pilot.press("escape")
            await wait_until(pilot, lambda: hasattr(pilot.app.screen, "conversation"))
            await pilot.press("escape")
            await wait_until(pilot, lambda: not busy(pilot))


async def test_an_answer_of_which_nothing_is_kept_says_so(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await pilot.press("f3")
            await wait_until(pilot, "There is no answer to inspect yet.")
            await ask(pilot, "demo:haiku")
            with sqlite3.connect(pilot.app.workspace.store.file) as connection:
                connection.execute("DELETE FROM exchange")
            connection.close()
            await pilot.press("f3")
            await wait_until(pilot, "No recording for this answer")


async def test_the_menu_of_a_message_opens_it_on_that_message(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, size=(120, 40)) as pilot:
            await ask(pilot, "demo:haiku")
            await ask(pilot, "demo:haiku")
            await pilot.press("alt+up", "alt+up", "alt+up", "alt+up", "i")
            await wait_until(pilot, "Answer 1 of 2")


async def test_a_turn_is_whole_when_nothing_of_it_can_be_kept_or_read(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            with sqlite3.connect(pilot.app.workspace.store.file) as connection:
                connection.execute("DROP TABLE exchange")
            connection.close()
            shown = await ask(pilot, "demo:haiku")
            assert "soon there is a stream." in shown
            assert draft(pilot) == ""
            assert len(branch(pilot)) == 2
            await pilot.press("f3")
            await wait_until(pilot, "Answer 1 of 1")
            await wait_until(pilot, "The recording of this answer cannot be read")
            await pilot.press("escape")
