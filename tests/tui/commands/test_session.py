from __future__ import annotations

import pytest

from stepchat.demo.server import DemoServer
from tests.tui.screen import screen_text
from tests.tui.window import ask, branch, draft, open_session, say, wait_until, window, write


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


def texts(pilot):
    return [stored.message.text for stored in branch(pilot)][::2]


async def test_undo_redo_and_asking_on_makes_a_branch(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await ask(pilot, "demo:primes")
        await say(pilot, "/undo")
        await wait_until(pilot, lambda: texts(pilot) == ["demo:haiku"])
        assert "demo:primes" not in screen_text(pilot.app)
        await say(pilot, "/redo")
        await wait_until(pilot, lambda: texts(pilot) == ["demo:haiku", "demo:primes"])
        await say(pilot, "/undo")
        await wait_until(pilot, lambda: texts(pilot) == ["demo:haiku"])
        await ask(pilot, "demo:compare")
        sent = [message["content"] for message in server.requests[-1].body["messages"] if message["role"] == "user"]
        assert sent == ["demo:haiku", "demo:compare"]
        session = open_session(pilot).id
        assert len(await pilot.app.workspace.store.messages(session)) == 6


async def test_fork_goes_on_in_a_session_of_its_own_with_the_reasoning(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:details")
        first = open_session(pilot).id
        details = server.requests[-1]
        await say(pilot, "/fork")
        await wait_until(pilot, lambda: open_session(pilot).id != first)
        await ask(pilot, "demo:haiku")
        answer = branch(pilot)[1].message
        assert server.requests[-1].body["messages"][1]["reasoning_details"] == list(answer.reasoning_details)
        assert server.requests[-1].body["session_id"] != details.body["session_id"]
        assert len(await pilot.app.workspace.store.messages(first)) == 2


async def test_a_fork_keeps_the_model_that_was_chosen_and_not_asked_yet(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        first = open_session(pilot).id
        pilot.app.screen.conversation.model = "z-ai/glm-4.7"
        await say(pilot, "/fork")
        await wait_until(pilot, lambda: open_session(pilot).id != first)
        await wait_until(pilot, "glm-4.7")
        await ask(pilot, "demo:haiku")
        assert server.requests[-1].body["model"] == "z-ai/glm-4.7"


async def test_a_fork_at_a_question_takes_the_prompt_along_and_offers_to_ask(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        store = chat.workspace.store
        await ask(pilot, "demo:haiku")
        await ask(pilot, "demo:primes")
        first = open_session(pilot).id
        write(pilot, "half a question")
        await chat.composer.keep()
        await pilot.press("alt+up", "up", "up", "up", "F")
        await wait_until(pilot, "This question has no answer yet")
        assert texts(pilot) == ["demo:haiku"]
        assert draft(pilot) == "half a question"
        await chat.composer.keep()
        assert [await store.draft(key) for key in (first, open_session(pilot).id)] == ["", "half a question"]
        # What can be brought back with Up is of this session alone.
        write(pilot, "")
        await pilot.press("up")
        assert draft(pilot) == "demo:haiku"


async def test_title_and_delete(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await say(pilot, "/title too early")
        await wait_until(pilot, "This session has not started yet")
        write(pilot, "")
        await ask(pilot, "demo:haiku")
        store, session = pilot.app.workspace.store, open_session(pilot).id
        await say(pilot, "/title Rain poem")
        await wait_until(pilot, "Title: Rain poem")
        assert (await store.session(session)).title == "Rain poem"
        await say(pilot, "/title")
        await wait_until(pilot, f"ID {session}")
        await say(pilot, "/title off")
        await wait_until(pilot, "Title reset to the first question: demo:haiku")
        await say(pilot, "/delete")
        await wait_until(pilot, "Session deleted.")
        assert await store.sessions() == []
        await store.undelete([session])
        assert [row.id for row in await store.sessions()] == [session]


async def test_the_session_list_searches_what_was_said(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:primes")
        await say(pilot, "/new")
        await ask(pilot, "demo:haiku")
        await pilot.press("ctrl+o")
        await wait_until(pilot, lambda: "demo:primes" in screen_text(pilot.app))
        await pilot.press(*"eratosth")
        await wait_until(pilot, lambda: "sieve of Eratosthenes" in " ".join(screen_text(pilot.app).split()))
        # Words that are half typed find both.
        await wait_until(pilot, "1 found")
        await pilot.press("enter")
        await wait_until(pilot, lambda: hasattr(pilot.app.screen, "conversation"))
        await wait_until(pilot, lambda: texts(pilot) == ["demo:primes"])
        await pilot.press("ctrl+o")
        await wait_until(pilot, "Type to search")
        await pilot.press(*"nothinglikethis")
        await wait_until(pilot, "No matches.")
