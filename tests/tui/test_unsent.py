from __future__ import annotations

from types import SimpleNamespace

import pytest

from stepchat.demo.server import DemoServer
from stepchat.messages import UserMessage
from stepchat.tui.unsent import fresh
from tests.tui.chat import ask, say, wait_until, window


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


async def test_each_session_keeps_what_was_written_in_it(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        store = chat.workspace.store
        await ask(pilot, "demo:haiku")
        first = chat.conversation.session
        chat.prompt.prefill("for the first")
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: chat.conversation.session is None and not chat.prompt.text)
        assert await store.draft(first.id) == "for the first"
        chat.prompt.prefill("for a new one")
        await chat.open(first)
        assert chat.prompt.text == "for the first"
        assert await store.draft(None) == "for a new one"
        await pilot.press("ctrl+c")
        await chat.open(None)
        assert (chat.prompt.text, await store.draft(first.id)) == ("for a new one", "")


async def test_a_draft_is_forgotten_once_its_question_is_on_disk(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        store = chat.workspace.store
        chat.prompt.prefill("demo:silent at=3 wait=60")
        await wait_until(pilot, lambda: chat._unsent._kept == "demo:silent at=3 wait=60")
        await pilot.press("enter")
        await wait_until(pilot, lambda: chat.conversation.busy and len(chat.conversation.path) == 1)
        await wait_until(pilot, lambda: chat._unsent._kept == "")
        session = chat.conversation.session
        await store.session(session.id)
        assert (await store.draft(None), await store.draft(session.id)) == ("", "")
        # What waits for its turn is a draft, too, and does not go to another session.
        await say(pilot, "demo:haiku waits")
        chat.prompt.prefill("and this")
        await chat.open(None)
        assert await store.draft(session.id) == "demo:haiku waits\n\nand this"
        assert (chat.conversation.queued, chat.prompt.text) == ([], "")
        assert len(server.requests) == 1


async def test_text_typed_while_a_session_opens_is_kept_behind_its_draft(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        await ask(pilot, "demo:haiku")
        first = chat.conversation.session
        chat.prompt.prefill("draft")
        await chat.open(None)
        # Called when the session is there and its draft is not.
        chat.conversation.changed = lambda: chat.prompt.prefill("typed")
        await chat.open(first)
        assert chat.prompt.text == "draft\n\ntyped"


def test_a_draft_that_was_asked_already_is_not_offered_again():
    path = [SimpleNamespace(message=UserMessage("asked", 0.0))]
    assert fresh("asked\n", path) == ""
    assert fresh("asked more", path) == "asked more"
    assert fresh("asked", []) == "asked"
