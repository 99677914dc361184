from __future__ import annotations

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.chat.workspace import StartOptions
from stepchat.config.paths import Paths
from stepchat.demo.server import DemoServer
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.sessions.store import SessionStore
from stepchat.tui.dialogs.sessions import SessionScreen
from tests.tui.screen import screen_text
from tests.tui.window import ask, draft, open_session, say, wait_until, window

FILLING = "\n\n".join(f"Paragraph {number} of something else." for number in range(40))


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


async def talked(home, *, branch=False):
    """A long session: a word in an answer at the top, another in a thought below; and one on a branch aside."""
    store = SessionStore.open(Paths(home, home, home), accumulate=accumulate)
    session = await store.create(model="m", server="s", system=None)
    asked = await store.append(session.id, None, UserMessage("Tell me"))
    if branch:
        await store.append(session.id, asked.id, AssistantMessage(text="A narwhal.", model="m"))
    last = await store.append(
        session.id, asked.id, AssistantMessage(text=f"An ocelot and its Whiskers.\n\n{FILLING}", model="m")
    )
    for text, thought in (("one", f"{FILLING}\n\nperhaps a wombat\n\n{FILLING}"), ("two", "")):
        asked = await store.append(session.id, last.id, UserMessage(text))
        last = await store.append(session.id, asked.id, AssistantMessage(text=FILLING, reasoning=thought, model="m"))
    await store.close()
    return session.id


async def search(pilot, *keys):
    await pilot.press("ctrl+o")
    await wait_until(pilot, "Type to search")
    await pilot.press(*keys)
    await wait_until(pilot, "1 found")
    await pilot.press("enter")


async def test_a_session_opens_at_what_was_found(tmp_path, server):
    await talked(tmp_path)
    async with window(tmp_path, server) as pilot:
        await search(pilot, *"ocelot whisk")
        # The words are apart, so one of them is marked.
        await wait_until(pilot, "An ocelot and its Whiskers.")
        await wait_until(pilot, "1/1")
        await pilot.press("escape")
        await wait_until(pilot, "Press Esc again to return to where you were.")
        assert pilot.app.focused is pilot.app.screen.prompt
        assert "An ocelot" in screen_text(pilot.app)


async def test_what_is_typed_where_a_hit_is_goes_to_the_prompt_until_the_find_bar_is_used(tmp_path, server):
    await talked(tmp_path)
    async with window(tmp_path, server) as pilot:
        await search(pilot, *"ocelot whisk")
        await wait_until(pilot, "1/1  Ctrl+F more hits")
        await pilot.press(*"and")
        await wait_until(pilot, lambda: not pilot.app.screen.query("FindBar"))
        assert draft(pilot) == "and"
        assert "An ocelot" in screen_text(pilot.app)
        await pilot.press("ctrl+c")
        await search(pilot, *"ocelot whisk")
        await wait_until(pilot, "1/1")
        await pilot.press("ctrl+f", *"paragraph")
        await wait_until(pilot, "Find: paragraph")
        assert draft(pilot) == ""


async def test_a_hit_in_a_thought_is_opened(tmp_path, server):
    await talked(tmp_path)
    async with window(tmp_path, server) as pilot:
        await search(pilot, "ctrl+t", *"wombat")
        await wait_until(pilot, "perhaps a wombat")
        await wait_until(pilot, "1/1")


async def test_who_finds_a_title_goes_on_at_the_end(tmp_path, server):
    await talked(tmp_path)
    async with window(tmp_path, server) as pilot:
        await search(pilot, *"tell me")
        await wait_until(pilot, "Paragraph 39")
        assert not pilot.app.screen.query("FindBar")


async def test_words_of_a_command_lead_to_them_on_their_branch(tmp_path, server):
    await talked(tmp_path, branch=True)
    async with window(tmp_path, server) as pilot:
        await say(pilot, "/sessions narwhal")
        await wait_until(pilot, "A narwhal.")
        await wait_until(pilot, "Last match. Search again with /find narwhal")
        assert pilot.app.focused is pilot.app.screen.prompt
        await say(pilot, "/sessions whiskers")
        await wait_until(pilot, "An ocelot and its Whiskers.")


async def test_words_of_several_sessions_open_the_list(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        for question in (
            "demo:haiku of ocelots",
            "demo:haiku with bytearrays",
            "demo:haiku and bytearrays",
            "demo:haiku ocelots",
        ):
            await say(pilot, "/new")
            await ask(pilot, question)
        chat = pilot.app.screen
        # By whole words, and by parts of words, which a search does not find.
        for words in ("ocelots", "tearray"):
            await say(pilot, f"/sessions {words}")
            await wait_until(pilot, lambda: isinstance(pilot.app.screen, SessionScreen))
            await wait_until(pilot, "2 found")
            titles = [entry.summary.title for entry in pilot.app.screen._rows.entries]
            assert all(words in title for title in titles)
            await pilot.press("down", "enter")
            await wait_until(pilot, lambda: pilot.app.screen is chat)
            await wait_until(pilot, lambda titles=titles: open_session(pilot).title == titles[1])


async def test_the_words_of_resume_lead_to_them(tmp_path, server):
    session = await talked(tmp_path)
    async with window(tmp_path, server, StartOptions(latest=True, resume="ocelot")) as pilot:
        await wait_until(pilot, "An ocelot and its Whiskers.")
        await pilot.press("x")
        assert draft(pilot) == "x"
    async with window(tmp_path, server, StartOptions(latest=True, resume=session[:6])) as pilot:
        await wait_until(pilot, "Paragraph 39")
        assert "ocelot" not in screen_text(pilot.app)
