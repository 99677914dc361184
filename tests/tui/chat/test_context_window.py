"""Every way to ask meets the choice before a request that cannot fit."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from stepchat.catalogue.catalogue import Catalogue
from stepchat.chat.connection import find_server
from stepchat.demo.local_servers import MODELS
from stepchat.demo.server import DemoServer
from stepchat.messages import AssistantMessage, UserMessage
from tests.tui.screen import screen_text
from tests.tui.window import ask, branch, busy, draft, say, wait_until, window, write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from textual.pilot import Pilot

HUGE = "word " * 4000
CHOICE = "Send it anyway"


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer(speed=0) as running:
        yield running


@asynccontextmanager
async def small_window(home: Path, server: DemoServer) -> AsyncIterator[Pilot[None]]:
    """The window with a model that takes 3000 tokens."""
    async with window(home, server) as pilot:
        chat = pilot.app.screen
        entry = {"id": chat.conversation.model, "context_length": 3000}
        catalogue = Catalogue(fetch=lambda *_: {"data": [entry]})
        assert catalogue.refresh()
        await wait_until(pilot, lambda: bool(chat.workspace.catalogue.models))
        chat.panes.set_workspace(replace(chat.workspace, catalogue=catalogue))
        yield pilot


async def refuse(pilot: Pilot[None], server: DemoServer, asked: int) -> str:
    """The choice is there; after Esc nothing was sent. Returns the screen with it."""
    chat = pilot.app.screen_stack[0]
    shown = await wait_until(pilot, CHOICE)
    await pilot.press("escape")
    await wait_until(pilot, lambda: pilot.app.screen is chat)
    assert not busy(pilot)
    assert len(server.requests) == asked
    return shown


async def test_what_waited_for_its_turn(tmp_path, server):
    async with small_window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        # As if it was sent while the answer came.
        chat.conversation.queue.append(HUGE)
        await say(pilot, "demo:haiku")
        await refuse(pilot, server, asked=1)
        await wait_until(pilot, "Not sent: it is back in the prompt.")
        assert chat.prompt.unfolded_text == HUGE.strip()
        assert chat.conversation.queue == []


async def test_a_question_in_other_words(tmp_path, server):
    async with small_window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        await ask(pilot, "demo:haiku")
        chat.edit(branch(pilot)[0])
        await say(pilot, HUGE)
        # What stood before the edited question is nothing, so it could not be asked alone any better.
        assert "in a new session" not in await refuse(pilot, server, asked=1)
        assert chat.prompt.unfolded_text == HUGE.strip()


@pytest.mark.parametrize(
    ("answer", "keys"),
    [
        (None, "alt+g"),
        (AssistantMessage(text="Half", stop="cut"), "alt+g"),
        (AssistantMessage(reasoning="Hm.", stop="length"), "alt+g"),
        (AssistantMessage(reasoning="Hm.", stop="cancelled"), "alt+a"),
        (AssistantMessage(text="So.", stop="stop"), "alt+r"),
        (AssistantMessage(text="So.", stop="stop"), "alt+up r"),
        (AssistantMessage(text="So.", stop="stop"), "enter"),
    ],
)
async def test_a_session_that_has_grown_too_long(tmp_path, server, answer, keys):
    async with small_window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        store = chat.workspace.store
        session = await store.create(model=chat.conversation.model, server=server.url, system=None)
        question = await store.append(session.id, None, UserMessage(HUGE))
        if answer is not None:
            await store.append(session.id, question.id, answer)
        await chat.open(await store.session(session.id))
        if keys == "enter":
            write(pilot, "And?")
        await pilot.press(*keys.split())
        shown = await refuse(pilot, server, asked=0)
        assert ("in a new session" in shown) == (keys == "enter")
        assert draft(pilot) == ("And?" if keys == "enter" else "")
        if keys == "alt+r":
            await pilot.press(keys)
            await wait_until(pilot, CHOICE)
            await pilot.press("enter")
            await wait_until(pilot, lambda: len(server.requests) == 1)


async def test_more_takes_no_more_than_there_is_room_for(tmp_path, server):
    async with small_window(tmp_path, server) as pilot:
        await say(pilot, "/once max_tokens=1600")
        await ask(pilot, "demo:length")
        await pilot.press("alt+m")
        await wait_until(pilot, "Retrying with max_tokens = 2,")
        await wait_until(pilot, lambda: len(server.requests) == 2)
        assert 1600 < server.requests[1].body["max_tokens"] < 3000
        assert CHOICE not in screen_text(pilot.app)


async def local_window(pilot: Pilot[None], kind: str, url: str) -> None:
    """Ask a server of this kind from now on; its models are known."""
    chat = pilot.app.screen
    place = replace(find_server(kind, chat.workspace.config), base_url=url, model=MODELS[0])
    await chat.switch_server(place)
    await wait_until(pilot, lambda: bool(chat.workspace.catalogue.models))


async def test_a_server_of_this_machine_has_the_room_it_was_started_with(tmp_path, server):
    with DemoServer(speed=0, imitates="llama.cpp") as local:
        async with window(tmp_path, server) as pilot:
            await local_window(pilot, "llama.cpp", local.url)
            shown = await wait_until(pilot, "with a context window of 4,096 tokens; the model supports 131,072.")
            assert "llama-server -c 32768" in shown
            await ask(pilot, "demo:haiku")
            assert "with a context window" not in screen_text(pilot.app)
            await say(pilot, HUGE)
            shown = await refuse(pilot, local, asked=1)
            assert "demo/talk's context window holds 4.1k" in shown
            assert "llama-server -c 32768" in shown


async def test_what_was_cut_off_unseen_is_told_when_it_shows(tmp_path, server):
    with DemoServer(speed=0, imitates="ollama") as local:
        async with window(tmp_path, server) as pilot:
            await local_window(pilot, "ollama", local.url)
            # Nobody knows yet how large its window will be.
            assert "with a context window" not in screen_text(pilot.app)
            await say(pilot, f"demo:haiku {HUGE}")
            shown = " ".join((await wait_until(pilot, "OLLAMA_CONTEXT_LENGTH")).split())
            assert (
                "runs demo/talk with a context window of 4,096 tokens; the model supports 131,072. It has read no more of the 5,002 tokens"
                in shown
            )
            await say(pilot, "And?")
            await refuse(pilot, local, asked=1)


async def test_that_one_leaves_an_answer_to_itself_is_not_its_end(tmp_path, server):
    """The model is still being loaded: who looked at its window now would not look again."""
    with DemoServer(speed=0, imitates="ollama") as local:
        async with window(tmp_path, server) as pilot:
            chat = pilot.app.screen
            await local_window(pilot, "ollama", local.url)
            told = (chat.workspace.client.base_url, chat.conversation.model, "asked")
            await say(pilot, "demo:long tokens=9000 speed=60")
            await wait_until(pilot, lambda: chat.pane.progress is not None)
            await wait_until(pilot, "Esc stop")
            await chat.open(None)
            await wait_until(pilot, " 1 … ")
            assert told not in chat._warned
            await ask(pilot, "demo:haiku")
            await wait_until(pilot, lambda: told in chat._warned)
