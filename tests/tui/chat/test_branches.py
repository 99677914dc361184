"""Branches in the window, and what of the reasoning goes back along them."""

from __future__ import annotations

import asyncio

import pytest

from stepchat.chat.workspace import StartOptions
from stepchat.demo.server import DemoServer
from tests.tui.screen import screen_rows, screen_text
from tests.tui.window import ask, branch, busy, draft, open_session, say, status, wait_until, window


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


def conversation(pilot):
    return pilot.app.screen.conversation


def ids(pilot):
    return [stored.id for stored in conversation(pilot).path]


async def settled(pilot, requests, server):
    await wait_until(pilot, lambda: len(server.requests) == requests and not conversation(pilot).busy)
    await pilot.pause(0.05)


async def test_siblings_are_counted_and_walked_and_nothing_jumps(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        first = ids(pilot)
        await pilot.press("alt+r")
        await settled(pilot, 2, server)
        second = ids(pilot)
        assert first[0] == second[0]
        assert first[1] != second[1]
        assert "‹ 2/2 ›" in screen_text(pilot.app)
        await ask(pilot, "demo:primes")
        longer = ids(pilot)
        for _ in range(3):
            await pilot.press("alt+up")
        before = screen_rows(pilot.app)
        assert "answer 1 · ←→ 2/2" in before[-1]
        await pilot.press("left")
        await wait_until(pilot, lambda: ids(pilot) == first)
        await wait_until(pilot, "‹ 1/2 ›")
        row = next(y for y, line in enumerate(before) if "Thought" in line)
        assert screen_rows(pilot.app)[row].startswith("▌ ▸ Thought")
        assert "answer 1 · ←→ 1/2" in status(pilot)
        await pilot.press("left")  # there is none further on
        await pilot.press("right")
        await wait_until(pilot, lambda: ids(pilot) == longer)
        await wait_until(pilot, lambda: screen_rows(pilot.app) == before)
    async with window(tmp_path, server, StartOptions(latest=True)) as pilot:
        assert ids(pilot) == longer
        await pilot.press("ctrl+home")
        await wait_until(pilot, "‹ 2/2 ›")


async def test_quick_steps_are_all_taken(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        for count in (2, 3, 4):
            await pilot.press("alt+r")
            await settled(pilot, count, server)
        await pilot.press("alt+up", "left", "left", "left")
        await wait_until(pilot, "answer 1 · ←→ 1/4")
        await pilot.press("right", "right")
        await wait_until(pilot, "answer 1 · ←→ 3/4")


async def test_a_click_on_the_mark_walks(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await pilot.press("alt+r")
        await settled(pilot, 2, server)
        rows = screen_rows(pilot.app)
        y = next(y for y, row in enumerate(rows) if "‹ 2/2 ›" in row)
        await pilot.click("#transcript", offset=(rows[y].index("‹"), y))
        await wait_until(pilot, "‹ 1/2 ›")


async def test_while_an_answer_comes_no_branch_is_changed(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await pilot.press("alt+r")
        await settled(pilot, 2, server)
        await say(pilot, "demo:long tokens=2000 reasoning=10 speed=60")
        await wait_until(pilot, "answering")
        before = ids(pilot)
        for _ in range(3):
            await pilot.press("alt+up")
        await pilot.press("left")
        await wait_until(pilot, "Still answering.")
        assert ids(pilot) == before
        await pilot.press("escape", "escape")
        await wait_until(pilot, lambda: not conversation(pilot).busy)


def reasoning_sent(request):
    """Of each answer in a request its text and its reasoning_details."""
    found = [message for message in request.body["messages"] if message["role"] == "assistant"]
    return [(message["content"], message.get("reasoning_details")) for message in found]


def reasoning_kept(pilot, *places):
    messages = [conversation(pilot).path[place].message for place in places]
    return [(message.text, list(message.reasoning_details)) for message in messages]


async def test_reasoning_goes_back_along_the_active_path_only(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:details")
        first = reasoning_kept(pilot, 1)
        await pilot.press("alt+r")
        await settled(pilot, 2, server)
        assert reasoning_sent(server.requests[-1]) == []
        second = reasoning_kept(pilot, 1)
        await ask(pilot, "demo:haiku")
        assert reasoning_sent(server.requests[-1]) == second
        # To the first answer and on from there: its reasoning, not its sibling's.
        await pilot.press("alt+up", "up", "up", "left")
        await wait_until(pilot, lambda: len(ids(pilot)) == 2)
        await pilot.press("escape")
        await ask(pilot, "demo:compare")
        assert reasoning_sent(server.requests[-1]) == first
        both = reasoning_kept(pilot, 1, 3)
        # The question in other words: the answers before it have their reasoning, the one it had is left out.
        await pilot.press("alt+q", *" please", "enter")
        await settled(pilot, 5, server)
        assert reasoning_sent(server.requests[-1]) == first
        await pilot.press("alt+up", "up", "left")
        await wait_until(pilot, lambda: conversation(pilot).path[2].message.text == "demo:compare")
        await pilot.press("escape")
        # Undo, and another question in the place of the one that was put aside.
        await say(pilot, "/undo")
        await wait_until(pilot, lambda: len(ids(pilot)) == 2)
        await ask(pilot, "demo:haiku")
        assert reasoning_sent(server.requests[-1]) == first
        # A fork has the reasoning of what was copied.
        await pilot.press("alt+up", "up", "left", "left")
        await wait_until(pilot, lambda: conversation(pilot).path[2].message.text == "demo:compare")
        await pilot.press("down", "F")
        await wait_until(pilot, "Forked to a new session")
        await ask(pilot, "demo:primes")
        assert reasoning_sent(server.requests[-1]) == both
        assert len({request.body["session_id"] for request in server.requests}) == 2


async def test_undo_and_redo_leave_the_prompt_and_remember_the_branch(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await ask(pilot, "demo:primes")
        await pilot.press("alt+r")
        await settled(pilot, 3, server)
        newest = ids(pilot)
        await pilot.press("alt+up", "left", "escape")
        await wait_until(pilot, lambda: ids(pilot) != newest)
        before = ids(pilot)
        await pilot.press(*"begun")
        await pilot.press("alt+z")
        await wait_until(pilot, lambda: len(ids(pilot)) == 2)
        assert draft(pilot) == "begun"
        await pilot.press("alt+z", "alt+z")
        await wait_until(pilot, "Nothing to undo.")
        assert ids(pilot) == []
        await pilot.press("ctrl+x", "y", "ctrl+x", "y", "ctrl+x", "y")
        await wait_until(pilot, "Nothing to redo.")
        assert ids(pilot) == before
        assert draft(pilot) == "begun"


class Waiting:
    """A store that gives the first path that is wanted only when it may."""

    def __init__(self, store):
        self._store = store
        self.may = asyncio.Event()
        self.may.set()
        self.waiting = False

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def path(self, *arguments):
        found = await self._store.path(*arguments)
        if not self.may.is_set() and not self.waiting:
            self.waiting = True
            await self.may.wait()
        return found


@pytest.mark.parametrize("meanwhile", ["ctrl+n", "question"])
async def test_a_branch_that_comes_late_is_not_put_in_the_place_of_something_else(tmp_path, server, meanwhile):
    async with window(tmp_path, server, wrapped=Waiting) as pilot:
        await ask(pilot, "demo:haiku")
        await ask(pilot, "demo:primes")
        chat = pilot.app.screen
        store = chat.workspace.store
        store.may.clear()
        await pilot.press("alt+z")
        await wait_until(pilot, lambda: store.waiting)
        if meanwhile == "ctrl+n":
            await pilot.press("ctrl+n")
            await wait_until(pilot, lambda: open_session(pilot) is None)
        else:
            await say(pilot, "demo:long tokens=9000 speed=60")
        before = [stored.id for stored in branch(pilot)]
        store.may.set()
        if meanwhile == "ctrl+n":
            await wait_until(pilot, "Undid the last exchange")
            assert [stored.id for stored in branch(pilot)] == before
        else:
            # The question waits for the branch that the user asked for.
            await wait_until(pilot, lambda: chat.view.live and len(branch(pilot)) == 3)
            assert [stored.id for stored in branch(pilot)][:2] == before[:2]


async def test_a_question_in_other_words_is_not_asked_in_another_session(tmp_path, server):
    async with window(tmp_path, server, wrapped=Waiting) as pilot:
        await ask(pilot, "demo:haiku")
        await ask(pilot, "demo:primes")
        chat = pilot.app.screen
        store = chat.workspace.store
        await pilot.press("alt+q", "!")
        store.may.clear()
        await pilot.press("enter")
        await wait_until(pilot, lambda: store.waiting)
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: open_session(pilot) is None)
        store.may.set()
        await wait_until(pilot, lambda: draft(pilot) == "demo:primes!")
        assert open_session(pilot) is None
        assert not busy(pilot)
