"""Several sessions at once: an answer goes on while another session is on the screen."""

from __future__ import annotations

import pytest

from stepchat.demo.server import DemoServer
from tests.tui.screen import screen_text
from tests.tui.window import ask, branch, busy, draft, open_session, say, wait_until, window, write

LONG = "demo:long tokens=200 reasoning=5 speed=60"


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


async def streaming(pilot, question):
    """The session of an answer that has begun to come."""
    chat = pilot.app.screen
    await say(pilot, question)
    await wait_until(pilot, lambda: chat.pane.progress is not None and chat.pane.progress.phase == "answering")
    return open_session(pilot)


async def test_an_answer_goes_on_unseen_and_is_told_of(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        first = await streaming(pilot, LONG)
        await say(pilot, "demo:haiku waits")
        await pilot.press("ctrl+n")
        await wait_until(pilot, "1 … demo:long")
        assert "Chapter" not in screen_text(pilot.app)
        await ask(pilot, "demo:haiku")
        assert "Rain on the window" in screen_text(pilot.app)
        assert open_session(pilot).id != first.id
        await wait_until(pilot, "has its answer · Alt+1 opens it")
        assert len(chat.query("TranscriptView")) == 1
        path = await chat.workspace.store.path(first.id)
        assert [stored.message.stop for stored in path if hasattr(stored.message, "stop")] == ["stop"]
        # What had waited was not sent unseen.
        await chat.open(first)
        assert draft(pilot) == "demo:haiku waits"
        assert len(server.requests) == 2


async def test_coming_back_finds_the_answer_as_it_is(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        first = await streaming(pilot, LONG)
        view, half = chat.view, chat.view.document.live
        assert half is not None
        await chat.open(None)
        await chat.open(first)
        assert chat.view is view
        assert chat.view.document.live is half
        assert len(chat.panes.all) == 1
        assert len(chat.query("TranscriptView")) == 1
        await pilot.press("ctrl+o")
        await wait_until(pilot, " …demo:long")
        await pilot.press("enter")
        await wait_until(pilot, lambda: pilot.app.screen is chat)
        await wait_until(pilot, lambda: not busy(pilot))
        await pilot.pause(0.1)
        assert "tok/s" in screen_text(pilot.app)
        assert [stored.message.stop for stored in branch(pilot)[1:]] == ["stop"]


async def test_two_answers_at_once_stopped_by_quitting_keep_what_came(tmp_path, server):
    question = "demo:long tokens=9000 reasoning=5 speed=60"
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        store = chat.workspace.store
        first = await streaming(pilot, question)
        await chat.open(None)
        second = await streaming(pilot, question)
        await say(pilot, "/server demo")
        await wait_until(pilot, "Still answering.")
        write(pilot, "")
        await pilot.press("escape")
        await wait_until(pilot, lambda: not busy(pilot))
        assert [pane.conversation.session.id for pane in chat.panes.all[1:]] == [first.id]
        await chat.stop_turns()
        for session in (first, second):
            last = (await store.path(session.id))[-1].message
            assert (last.stop, bool(last.text)) == ("cancelled", True)
