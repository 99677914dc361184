from __future__ import annotations

import pytest

from stepchat.demo.server import DemoServer
from stepchat.tui.dialogs.list_view import VirtualList
from tests.tui.screen import screen_rows, screen_text
from tests.tui.window import ask, branch, open_session, say, wait_until, window, write


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


def shown(pilot):
    return [stored.message.text for stored in branch(pilot)][::2]


def listed(pilot):
    """The rows of the list on the screen."""
    place = pilot.app.screen.query_one(VirtualList).region
    rows = [row[place.x : place.right] for row in screen_rows(pilot.app)[place.y : place.bottom]]
    return [row for row in rows if row.strip()]


async def two_branches(pilot, server):
    """demo:haiku, then demo:primes beside demo:compare; the last one is shown."""
    await ask(pilot, "demo:haiku")
    await ask(pilot, "demo:primes")
    await pilot.press("alt+z")
    await wait_until(pilot, lambda: shown(pilot) == ["demo:haiku"])
    await ask(pilot, "demo:compare")


async def test_the_tree_is_drawn_walked_and_gone_to(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await two_branches(pilot, server)
        await say(pilot, "/tree")
        await wait_until(pilot, "Tree · 6 messages · 2 branches")
        await wait_until(pilot, lambda: len(listed(pilot)) == 6)
        rows = listed(pilot)
        assert [" ".join(row.split()[:3]) for row in rows] == [
            "▌ ❯ demo:haiku",
            "▌ · Rain",
            "│ ├─ ❯",
            "│ │ ·",
            "▌ ❯ demo:compare",
            "▌ · Suppose",
        ]
        assert "step-3.5-flash" in rows[1]
        assert "StepFun" in screen_text(pilot.app)  # the preview of the last answer
        await pilot.press("up", "left")
        await pilot.press("enter")
        await wait_until(pilot, lambda: shown(pilot) == ["demo:haiku", "demo:primes"])
        await wait_until(pilot, "question 2 · ←→ 1/2")
        assert "▌ ▌ demo:primes" in screen_text(pilot.app)


async def test_typing_filters_and_a_fork_can_begin_there(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await two_branches(pilot, server)
        first = open_session(pilot).id
        await say(pilot, "/tree")
        await wait_until(pilot, "Tree · 6 messages")
        await pilot.press(*"DEMO primes")
        await pilot.pause()
        assert len(listed(pilot)) == 1
        await pilot.press("ctrl+x", "f")
        await wait_until(pilot, "Forked to a new session")
        assert shown(pilot) == ["demo:haiku", "demo:primes"]
        assert len(branch(pilot)) == 3
        assert open_session(pilot).id != first


async def test_escape_changes_nothing_and_without_a_session_there_is_no_tree(tmp_path, server):
    async with window(tmp_path, server, size=(60, 16)) as pilot:
        await say(pilot, "/tree")
        await wait_until(pilot, "This session has not started yet.")
        write(pilot, "")
        await two_branches(pilot, server)
        before = branch(pilot)
        await say(pilot, "/tree")
        await wait_until(pilot, "Tree · 6 messages")
        await pilot.press(*"nothing like this")
        await wait_until(pilot, "No matches.")
        await pilot.press("enter", "up", "left", "escape")
        await wait_until(pilot, lambda: hasattr(pilot.app.screen, "conversation"))
        assert branch(pilot) == before
