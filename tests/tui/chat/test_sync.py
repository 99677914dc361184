from __future__ import annotations

import pytest
from textual import events

from stepchat.chat.accumulator import accumulate
from stepchat.demo.server import DemoServer
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.sessions.database import connect
from stepchat.sessions.store import SessionStore
from tests.tui.screen import screen_text
from tests.tui.window import ask, branch, busy, draft, open_session, say, wait_until, window, write


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


async def go_on(chat, text):
    """As another window does, with a store of its own."""
    store = SessionStore.open(chat.workspace.paths, accumulate=accumulate)
    session = await store.session(chat.conversation.session.id)
    asked = await store.append(session.id, session.leaf, UserMessage(text))
    await store.append(session.id, asked.id, AssistantMessage(text=f"About {text}", model="m"))
    await store.close()


def come_back(pilot):
    pilot.app.post_message(events.AppFocus())


def rows(pilot):
    """The upper rows, without the scrollbar."""
    return [row.rstrip(" ▐") for row in screen_text(pilot.app).splitlines()[:10]]


async def looked(pilot):
    """Wait until everything that was begun has ended."""
    await pilot.pause()
    await wait_until(pilot, lambda: not [one for one in pilot.app.workers if one.group == "reload"])
    await pilot.pause()


async def test_what_another_window_added_is_seen_with_the_focus_and_with_a_key(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        await ask(pilot, "demo:haiku")
        await go_on(chat, "apples")
        write(pilot, "half a question")
        come_back(pilot)
        await wait_until(pilot, "Another window continued this session. Its turns are shown above.")
        assert "About apples" in screen_text(pilot.app)
        assert draft(pilot) == "half a question"
        # In a terminal that tells nothing of its focus the first key does the same.
        await go_on(chat, "pears")
        chat.pane._checked -= 60
        await pilot.press("x")
        await wait_until(pilot, "About pears")
        assert draft(pilot) == "half a questionx"
        await ask(pilot, "demo:primes")
        assert [message["content"] for message in server.requests[-1].body["messages"]][2::2] == [
            "apples", "pears", "demo:primes",
        ]  # fmt: skip


async def test_it_disturbs_nobody_who_reads_edits_or_looks_elsewhere(tmp_path, server):
    async with window(tmp_path, server, size=(80, 20)) as pilot:
        chat = pilot.app.screen
        for _ in range(2):
            await ask(pilot, "demo:primes")
        await pilot.press("ctrl+home")
        top = rows(pilot)
        # A question that is edited, a dialog, a search.
        for begin, end in (("alt+q", "escape"), ("f1", "escape"), ("ctrl+f", "escape")):
            await go_on(chat, "apples")
            before = len(branch(pilot))
            chat.pane._checked += 60  # the key itself is not what looks
            await pilot.press(begin)
            await pilot.pause()
            come_back(pilot)
            await looked(pilot)
            assert len(branch(pilot)) == before
            await pilot.press(end)
            await wait_until(pilot, lambda: pilot.app.screen is chat and not chat.query("FindBar"))
            come_back(pilot)
            await wait_until(pilot, lambda before=before: len(branch(pilot)) == before + 2)
            shown = await wait_until(pilot, "Another window continued this session. Ctrl+End shows its…")
            assert "↓ new text" in shown
            assert rows(pilot) == top


async def test_an_answer_that_comes_and_another_branch_stay(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        await ask(pilot, "demo:haiku")
        await say(pilot, "demo:silent at=3 wait=60")
        await wait_until(pilot, "The beginning")
        store = SessionStore.open(chat.workspace.paths, accumulate=accumulate)
        await store.append(open_session(pilot).id, branch(pilot)[1].id, UserMessage("beside"))
        await store.close()
        come_back(pilot)
        await looked(pilot)
        assert busy(pilot)
        assert "beside" not in screen_text(pilot.app)
        await pilot.press("escape")
        await wait_until(pilot, lambda: not busy(pilot))
        ours = [stored.id for stored in branch(pilot)]
        come_back(pilot)
        await looked(pilot)
        assert [stored.id for stored in branch(pilot)] == ours


async def test_a_session_that_another_window_deletes_is_told_and_the_text_stays(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        chat = pilot.app.screen
        await ask(pilot, "demo:haiku")
        session = open_session(pilot).id
        write(pilot, "demo:haiku again")
        await chat.composer.keep()
        store = SessionStore.open(chat.workspace.paths, accumulate=accumulate)
        await store.set_pinned([session], pinned=True)
        await store.set_title(session, "Mine")
        before = await store.session(session)
        await store.delete([session])
        come_back(pilot)
        await wait_until(pilot, "Another window deleted this session.")
        # Undone, it is as it was.
        await store.undelete([session])
        assert await store.session(session) == before
        assert [row.id for row in await store.sessions(pinned_first=True)] == [session]
        await store.delete([session])
        connection = connect(store.file)
        connection.execute("UPDATE session SET deleted = 1")
        connection.close()
        await store.close()
        # The next start removes it for good.
        other = SessionStore.open(chat.workspace.paths, accumulate=accumulate)
        while await other.count_sessions(deleted=True):
            await pilot.pause(0.01)
        await other.close()
        await pilot.press("enter")
        await wait_until(pilot, f"There is no session '{session}'.")
        assert draft(pilot) == "demo:haiku again"
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: open_session(pilot) is None)
        await chat.composer.keep()
        assert chat.composer.unsaved_text == ""
        await pilot.press("enter")
        await wait_until(pilot, lambda: len(server.requests) == 2 and not busy(pilot))
        assert chat.conversation.prompts == ["demo:haiku again"]
