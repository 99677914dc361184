from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, contextmanager
from types import SimpleNamespace

import pytest

from stepchat.chat.drafts import without_sent
from stepchat.config.paths import Paths
from stepchat.demo.server import DemoServer
from stepchat.errors import StoreError
from stepchat.messages import UserMessage
from stepchat.parameters.scopes import Scopes
from tests.tui.refusing import RefusingStore
from tests.tui.window import ask, branch, busy, draft, open_session, say, wait_until, window, write


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


async def test_each_session_keeps_what_was_written_in_it(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        store = chat.workspace.store
        await ask(pilot, "demo:haiku")
        first = open_session(pilot)
        write(pilot, "for the first")
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: open_session(pilot) is None and not draft(pilot))
        assert await store.draft(first.id) == "for the first"
        write(pilot, "for a new one")
        await chat.open(first)
        assert draft(pilot) == "for the first"
        assert await store.draft(None) == "for a new one"
        await pilot.press("ctrl+c")
        await chat.open(None)
        assert (draft(pilot), await store.draft(first.id)) == ("for a new one", "")


async def test_a_draft_is_forgotten_once_its_question_is_on_disk(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        store = chat.workspace.store
        write(pilot, "demo:silent at=3 wait=60")
        await wait_until(pilot, lambda: chat._drafts.kept == "demo:silent at=3 wait=60")
        await pilot.press("enter")
        await wait_until(pilot, lambda: busy(pilot) and len(branch(pilot)) == 1)
        await wait_until(pilot, lambda: chat._drafts.kept == "")
        session = open_session(pilot)
        await store.session(session.id)
        assert (await store.draft(None), await store.draft(session.id)) == ("", "")
        # What waits for its turn is a draft, too, and does not go to another session.
        await say(pilot, "demo:haiku waits")
        write(pilot, "and this")
        await chat.open(None)
        assert await store.draft(session.id) == "demo:haiku waits\n\nand this"
        assert (chat.conversation.queue, draft(pilot)) == ([], "")
        assert len(server.requests) == 1


async def test_text_typed_while_a_session_opens_is_kept_behind_its_draft(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        await ask(pilot, "demo:haiku")
        first = open_session(pilot)
        write(pilot, "draft")
        await chat.open(None)
        # Called when the session is there and its draft is not.
        chat.refresh_costs = lambda: write(pilot, "typed")
        await chat.open(first)
        assert draft(pilot) == "draft\n\ntyped"


@pytest.mark.parametrize("refused", ["complete_path", "sibling_positions", "draft"])
@pytest.mark.parametrize(("question", "busy"), [("demo:haiku", False), ("demo:silent at=3 wait=60", True)])
async def test_a_session_that_cannot_be_opened_changes_nothing(tmp_path, server, question, busy, refused):
    async with window(tmp_path, server, wrapped=RefusingStore) as pilot:
        chat = pilot.app.screen
        store = chat.workspace.store
        await ask(pilot, "demo:haiku")
        other = open_session(pilot)
        await chat.open(None)
        await store.set_draft(other.id, "its own")
        await say(pilot, question)
        at = 1 if busy else 2
        await wait_until(pilot, lambda: len(branch(pilot)) == at and chat.conversation.busy == busy)
        session, view, first = open_session(pilot), chat.view, branch(pilot)[0]
        write(pilot, "half a question")
        store.refused = {refused}
        with pytest.raises(StoreError):
            await chat.open(other)
        store.refused = set()
        await chat.composer.keep()
        assert draft(pilot) == "half a question"
        assert (open_session(pilot).id, branch(pilot)[0], chat.view) == (session.id, first, view)
        assert chat.view.display
        assert [await store.draft(one.id) for one in (session, other)] == ["half a question", "its own"]
        await chat.open(other)
        assert draft(pilot) == "its own"


async def test_an_edit_outlives_a_session_that_cannot_be_opened(tmp_path, server):
    async with window(tmp_path, server, wrapped=RefusingStore) as pilot:
        chat = pilot.app.screen
        await ask(pilot, "demo:haiku")
        chat.edit(branch(pilot)[0])
        write(pilot, "demo:haiku in other words")
        chat.workspace.store.refused = {"draft"}
        with pytest.raises(StoreError):
            await chat.open(None)
        assert (draft(pilot), chat.composer.editing) == ("demo:haiku in other words", branch(pilot)[0])


async def test_text_that_the_disk_refuses_goes_along(tmp_path, server):
    async with window(tmp_path, server, wrapped=RefusingStore) as pilot:
        chat = pilot.app.screen
        store = chat.workspace.store
        await ask(pilot, "demo:haiku")
        first = open_session(pilot)
        await store.set_draft(None, "its own")
        write(pilot, "nowhere else")
        store.refused = {"set_draft"}
        await chat.open(None)
        assert draft(pilot) == "its own\n\nnowhere else"
        store.refused = set()
        await chat.composer.keep()
        assert (await store.draft(None), await store.draft(first.id)) == ("its own\n\nnowhere else", "")


async def test_two_sessions_opened_at_once_keep_their_texts(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        store = chat.workspace.store
        sessions = []
        for number in range(2):
            await ask(pilot, "demo:haiku")
            sessions.append(open_session(pilot))
            await chat.open(None)
            await store.set_draft(sessions[number].id, f"draft {number}")
        write(pilot, "new")
        await asyncio.gather(*(chat.open(session) for session in sessions))
        assert open_session(pilot).id == sessions[1].id
        assert draft(pilot) == "draft 1"
        await chat.composer.keep()
        drafts = [await store.draft(key) for key in (None, sessions[0].id, sessions[1].id)]
        assert drafts == ["new", "draft 0", "draft 1"]


async def test_what_is_set_once_stays_until_its_question_is_on_disk(tmp_path, server):
    async with window(tmp_path, server, wrapped=RefusingStore) as pilot:
        chat = pilot.app.screen
        store, conversation = chat.workspace.store, chat.conversation
        await conversation.set_scopes(conversation.scopes.with_setting("once", "temperature", 0.7))
        store.refused = {"begin_answer", "insert"}
        await say(pilot, "demo:haiku")
        await wait_until(pilot, lambda: draft(pilot) == "demo:haiku")
        assert conversation.scopes.once == (("temperature", 0.7),)
        store.refused = {"begin_answer"}
        await pilot.press("enter")
        await wait_until(pilot, lambda: len(conversation.path) == 1 and not conversation.busy)
        assert conversation.scopes.once == ()
        # Asked again it is for the answer.
        await conversation.set_scopes(conversation.scopes.with_setting("once", "temperature", 0.8))
        await pilot.press("alt+r")
        await wait_until(pilot, lambda: store.called.count("begin_answer") == 3 and not conversation.busy)
        assert conversation.scopes.once == (("temperature", 0.8),)
        store.refused = set()
        await pilot.press("alt+r")
        await wait_until(pilot, lambda: len(conversation.path) == 2 and not conversation.busy)
        await ask(pilot, "demo:haiku")
        assert [request.body.get("temperature") for request in server.requests] == [0.8, None]


def test_only_what_was_asked_with_is_no_longer_set():
    scopes = Scopes(once=(("temperature", 0.7), ("top_p", 0.5)))
    assert scopes.after_turn((("temperature", 0.7),)).once == (("top_p", 0.5),)


@contextmanager
def locked(home):
    """Another program keeps the database from being written."""
    with closing(sqlite3.connect(Paths(home, home, home).database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


async def test_a_question_stopped_before_it_is_on_disk_comes_back(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        with locked(tmp_path):
            await say(pilot, "demo:haiku")
            await say(pilot, "queued")
            write(pilot, "begun")
            await pilot.press("escape")
            await wait_until(pilot, lambda: not busy(pilot))
            assert draft(pilot) == "demo:haiku\n\nqueued\n\nbegun"
            # Nor when it is stopped before its first step.
            write(pilot, "")
            chat.pane.ask("at once")
            await chat.conversation.stop()
            await wait_until(pilot, lambda: draft(pilot) == "at once")
        assert (branch(pilot), chat.conversation.unsaved, server.requests) == ([], [], [])


async def test_a_question_left_before_it_is_on_disk_is_the_draft(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        with locked(tmp_path):
            await say(pilot, "demo:haiku")
            assert busy(pilot)
            leaving = asyncio.create_task(pilot.app.action_quit())
            await wait_until(pilot, lambda: not busy(pilot))
        await leaving
    async with window(tmp_path, server) as pilot:
        assert draft(pilot) == "demo:haiku"


async def test_a_question_that_does_not_fit_is_a_draft_until_it_is_decided(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        await wait_until(pilot, lambda: chat.workspace.catalogue.find(chat.conversation.model) is not None)
        await chat.conversation.set_scopes(chat.conversation.scopes.with_setting("session", "max_tokens", 10_000_000))
        await say(pilot, "demo:haiku")
        await wait_until(pilot, "Back to the prompt")
        await wait_until(pilot, lambda: chat._drafts.kept == "demo:haiku")
        await pilot.press("escape")
        await wait_until(pilot, lambda: draft(pilot) == "demo:haiku")
        await pilot.press("enter")
        await wait_until(pilot, "Back to the prompt")
        await pilot.app.action_quit()
        await wait_until(pilot, lambda: not pilot.app.is_running)
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        assert draft(pilot) == "demo:haiku"
        await wait_until(pilot, lambda: chat.workspace.catalogue.find(chat.conversation.model) is not None)
        await chat.conversation.set_scopes(chat.conversation.scopes.with_setting("session", "max_tokens", 10_000_000))
        await pilot.press("enter")
        await wait_until(pilot, "Send it anyway")
        await pilot.press("enter")
        await wait_until(pilot, lambda: bool(branch(pilot)))
        await wait_until(pilot, lambda: chat._drafts.kept == "" == draft(pilot))


def test_a_draft_that_was_asked_already_is_not_offered_again():
    path = [SimpleNamespace(message=UserMessage("asked", 0.0))]
    assert without_sent("asked\n", path) == ""
    assert without_sent("asked more", path) == "asked more"
    assert without_sent("asked", []) == "asked"
