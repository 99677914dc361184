"""The open sessions as tabs, and side questions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.config.file import Config
from stepchat.demo.server import DemoServer
from stepchat.tui.chat.tab_bar import MOST_TABS, OpenSessions, Tab, arrange
from tests.tui.screen import screen_rows, screen_text
from tests.tui.window import ask, busy, draft, open_session, say, wait_until, window, write

LONG = "demo:long tokens=150 reasoning=5 speed=60"


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


def row(pilot):
    return screen_rows(pilot.app)[0].rstrip()


SESSIONS = st.sampled_from([None, *"abcdefghijklm"])


@given(st.lists(st.tuples(st.sampled_from(["visit", "close", "step"]), SESSIONS), max_size=40))
def test_the_session_on_screen_always_has_one_tab(steps):
    open_sessions = OpenSessions("a")
    for what, session in steps:
        match what:
            case "visit":
                open_sessions.visit(session, frozenset("bc"))
            case "step":
                open_sessions.visit(open_sessions.beside(1))
            case _:
                open_sessions.visit(open_sessions.close(open_sessions.current))
        assert open_sessions.ids.count(open_sessions.current) == 1
        assert len(set(open_sessions.ids)) == len(open_sessions.ids) <= MOST_TABS
        # An empty session that was left has no tab.
        assert None not in open_sessions.ids or open_sessions.current is None


def test_the_session_that_was_not_shown_for_longest_makes_way_unless_it_answers():
    open_sessions = OpenSessions("a")
    for session in "bcdefghi":
        open_sessions.visit(session)
    open_sessions.visit("j", frozenset("a"))
    assert open_sessions.ids == list("acdefghij")
    assert open_sessions.close("j") == "i"


@pytest.mark.parametrize("width", [1, 10, 40, 100])
def test_the_row_fits_and_marks_are_not_only_colours(width):
    tabs = [
        Tab("first title", is_current=True),
        Tab("日本語の題名" * 9, is_answering=True),
        Tab("\x1b[31m", is_unread=True),
    ]
    text = "".join(cell.text for cell in arrange(tabs, width))
    assert len(text) <= width
    if width == 100:
        assert text.startswith(" 1 first title  2 … 日本語")
        assert "3 ● [31m" in text


async def test_sessions_stay_open_as_tabs(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        assert "demo:haiku" not in row(pilot)
        await pilot.press("ctrl+n")
        await wait_until(pilot, "2 new session")
        assert row(pilot) == " 1 demo:haiku  2 new session"
        await ask(pilot, "demo:table")
        await wait_until(pilot, "2 demo:table")
        write(pilot, "kept")
        await pilot.press("alt+1")
        await wait_until(pilot, "Rain on the window")
        assert draft(pilot) == ""
        await pilot.press("ctrl+x", "tab")
        await wait_until(pilot, lambda: draft(pilot) == "kept")
        await pilot.press("alt+5")
        await wait_until(pilot, "Session 5 is not open.")
        await pilot.click(offset=(3, 0))
        await wait_until(pilot, "Rain on the window")
        await say(pilot, "/close")
        await wait_until(pilot, lambda: "demo:haiku" not in row(pilot))
        assert draft(pilot) == "kept"


async def test_an_answer_that_was_not_seen_is_marked(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await pilot.press("ctrl+n")
        await wait_until(pilot, "2 new session")
        await say(pilot, LONG)
        await wait_until(pilot, lambda: busy(pilot) and open_session(pilot) is not None)
        await pilot.press("alt+1")
        await wait_until(pilot, "2 … demo:long")
        await wait_until(pilot, "2 ● demo:long")
        assert "has its answer · Alt+2 opens it" in screen_text(pilot.app)
        await pilot.press("alt+2")
        await wait_until(pilot, lambda: "●" not in row(pilot))


async def test_a_deleted_session_loses_its_tab(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        await pilot.press("ctrl+n")
        await wait_until(pilot, "2 new session")
        await ask(pilot, "demo:table")
        await say(pilot, "/delete")
        await wait_until(pilot, "Session deleted.")
        await wait_until(pilot, lambda: row(pilot) == " 1 demo:haiku  2 new session")


async def test_tabs_can_be_switched_off(tmp_path, server):
    async with window(tmp_path, server, config=Config(tabs=False)) as pilot:
        await ask(pilot, "demo:haiku")
        await pilot.press("ctrl+n")
        await ask(pilot, "demo:table")
        assert "demo:haiku" not in screen_text(pilot.app)
        await pilot.press("alt+1")
        await wait_until(pilot, "Rain on the window")


async def test_a_side_question_knows_the_conversation_and_interrupts_nothing(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:haiku")
        main = open_session(pilot)
        await say(pilot, LONG)
        await wait_until(pilot, lambda: busy(pilot))
        await say(pilot, "/btw demo:table")
        await wait_until(pilot, "side question, Esc closes it")
        await wait_until(pilot, lambda: not busy(pilot))
        side = open_session(pilot)
        asked = [message["content"] for message in server.requests[-1].body["messages"] if message["role"] == "user"]
        assert asked == ["demo:haiku", "demo:table"]
        await pilot.press("escape")
        await wait_until(pilot, "The side question is closed")
        assert open_session(pilot).id == main.id
        store = pilot.app.screen.workspace.store
        assert (await store.session(side.id)).deleted is not None
        await wait_until(pilot, lambda: not busy(pilot))
        assert [stored.message.stop for stored in (await store.path(main.id))[1::2]] == ["stop", "stop"]


async def test_a_side_session_can_be_kept(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await say(pilot, "/btw")
        await wait_until(pilot, "/btw QUESTION")
        write(pilot, "")
        await say(pilot, "/btw demo:haiku")
        await wait_until(pilot, "Rain on the window")
        await wait_until(pilot, lambda: not busy(pilot))
        side = open_session(pilot)
        await say(pilot, "/keep")
        await wait_until(pilot, "Kept as a separate session.")
        await pilot.press("escape")
        assert open_session(pilot).id == side.id
        assert (await pilot.app.screen.workspace.store.session(side.id)).deleted is None
