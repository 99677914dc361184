"""A full disk or a damaged database: whatever the store refuses, the window stays."""

from __future__ import annotations

import ast
import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.chat.workspace import StartOptions
from stepchat.config.paths import Paths
from stepchat.demo.server import DemoServer
from stepchat.messages import UserMessage
from stepchat.sessions.store import SessionStore
from stepchat.tui import workers
from tests.tui.refusing import RefusingStore, methods
from tests.tui.window import ask, busy, say, wait_until, window, write

NEVER = {
    "insert",
    "append",
    "children",
    "finish_index",
    "latest",
    "find_unique",
    "session_ids",
    "close",
    "forget_unpriced",
    "save_page",
    "start_call",
    "finish_call",
}
"""What the window does not call, or not before an hour has passed, or not before it has gone; `insert` is in test_internal_errors.py, and calls are in chat/test_tool_calls.py."""

HALF = "demo:silent at=3 wait=60"
"""An answer that begins and does not go on."""


@dataclass(frozen=True)
class Walk:
    """What is typed, and what the store is asked for by it. Steps that begin with / or demo: are sent."""

    steps: tuple[str, ...]
    methods: tuple[str, ...]
    before: tuple[str, ...] = ()
    """The same, while nothing is refused yet."""


WALKS = (
    Walk(("ctrl+r", "escape"), ("prompts",)),
    Walk(
        ("ctrl+n", "demo:haiku"),
        (
            "create",
            "begin_answer",
            "finish_answer",
            "reasoning_outcomes",
            "last_complete_message",
            "session",
        ),
    ),
    Walk(("demo:haiku",), ("has_concurrent_question", "spending", "session_cost")),
    Walk((HALF, "/inspect"), ("add_part", "last_requested_answer")),
    Walk((HALF, "escape"), ("unpriced", "set_usage")),
    Walk(("/sessions haiku",), ("find", "complete_path", "draft")),
    Walk(
        ("ctrl+o", "h", "ctrl+end", "escape"),
        ("sessions", "count_sessions", "preview", "search", "setting"),
    ),
    Walk(("ctrl+o", "ctrl+x", "p"), ("set_pinned",)),
    Walk(("ctrl+o", "ctrl+x", "a", "ctrl+x", "z"), ("set_archived",)),
    Walk(("ctrl+o", "ctrl+x", "d", "ctrl+x", "z"), ("delete", "undelete")),
    Walk(("h",), ("set_draft",)),
    Walk(("ctrl+o", "f2", "x", "enter", "ctrl+x", "s", "escape"), ("set_title", "set_setting")),
    Walk(("/set temperature=0.5", "/set temperature="), ("update_parameters",)),
    Walk(("ctrl+l", "ctrl+x", "f", "escape"), ("update_setting",)),
    Walk(("alt+up", "left", "right"), ("siblings", "deepest_leaf", "set_leaf", "sibling_positions"), ("alt+r",)),
    Walk(("ctrl+t",), ("set_folded",)),
    Walk(("/inspect", "tab"), ("exchanges", "reasoning_sent")),
    Walk(("alt+i", "escape", "/keep all"), ("interrupted_answers", "dismiss_interrupted")),
    Walk(("/undo", "/redo", "f5"), ("exchange_after", "path", "messages")),
    Walk(("/fork",), ("fork",)),
    Walk(("/usage",), ("spending",)),
    Walk(("/model a/b", "demo:haiku", "/model c/d"), ("set_model",)),
    Walk(("/sessions haiku", "escape"), ("summaries",), ("ctrl+n", "demo:haiku")),
    Walk(("/tools on current_time",), ("set_tools",)),
    Walk(("/export --force haiku.md", "/attach haiku.md", "demo:haiku"), ("add_attachment", "attachments")),
    Walk(("/export --force haiku.json", "/import haiku.json"), ("content", "add")),
)
AT_THE_START = (
    *((StartOptions(), method) for method in ("sessions", "interrupted_answers", "unpriced")),
    *((StartOptions(latest=True), method) for method in ("sibling_positions", "reasoning_outcomes")),
)


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


async def settled(pilot, store):
    """Wait until the store has nothing to do, and is given nothing more."""
    before = -1
    while before != len(store.called) or store.running:
        before = len(store.called)
        await asyncio.sleep(0.002)


async def walk(pilot, store, steps):
    for step in steps:
        if step.startswith(("/", "demo:")):
            await say(pilot, step)
        else:
            await pilot.press(step)
        await settled(pilot, store)


async def back(pilot, chat):
    """To the prompt, which is empty then."""
    assert pilot.app.is_running
    while pilot.app.screen is not chat:
        deep = len(pilot.app.screen_stack)
        await pilot.press("escape")
        await wait_until(pilot, lambda deep=deep: len(pilot.app.screen_stack) < deep)
    chat.leave_message()
    await chat.conversation.stop()
    await wait_until(pilot, lambda: not busy(pilot))
    write(pilot, "")


@pytest.mark.parametrize("row", WALKS, ids=lambda row: row.methods[0])
async def test_the_window_stays(tmp_path, server, row, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with window(tmp_path, server, wrapped=RefusingStore) as pilot:
        chat = pilot.app.screen
        store = chat.workspace.store
        await ask(pilot, "demo:haiku")
        await walk(pilot, store, row.before)
        await wait_until(pilot, lambda: not busy(pilot))
        for method in row.methods:
            store.called.clear()
            store.refused = {method}
            await walk(pilot, store, row.steps)
            await wait_until(pilot, lambda wanted=method: wanted in store.called)
            store.refused = set()
            await back(pilot, chat)
        # A fault has ended it by now, and then this raises it.
        await ask(pilot, "demo:haiku and all is well")
        assert chat.conversation.prompts[-1] == "demo:haiku and all is well"


@pytest.mark.parametrize(("asked", "method"), AT_THE_START)
async def test_the_window_begins(tmp_path, server, asked, method):
    store = SessionStore.open(Paths(tmp_path, tmp_path, tmp_path), accumulate=accumulate)
    session = await store.create(model="stepfun/step-3.5-flash", server="demo", system=None)
    await store.append(session.id, None, UserMessage("demo:haiku", 1.0))
    await store.close()

    def refusing(store):
        found = RefusingStore(store)
        found.refused = {method}
        return found

    async with window(tmp_path, server, asked, wrapped=refusing) as pilot:
        chat = pilot.app.screen
        await wait_until(pilot, lambda: method in chat.workspace.store.called)
        # The connection is made ready in the end.
        await wait_until(pilot, lambda: chat.workspace.client._http is not None)
        await ask(pilot, "demo:haiku and all is well")
        assert chat.conversation.prompts[-1] == "demo:haiku and all is well"


def test_every_method_of_the_store_is_met():
    met = [method for row in WALKS for method in row.methods]
    assert sorted({*met, *(method for _, method in AT_THE_START), *NEVER}) == sorted(methods())


def test_whatever_may_fail_is_begun_in_one_place():
    for path in Path(workers.__file__).parents[1].rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = node.name if isinstance(node, ast.AsyncFunctionDef) else ""
            # An error in a handler ends the program, and keys wait for it.
            assert not named.startswith(("on_", "action_")) or named in {
                "action_quit",
                "on_event",
                "action_choose_theme",
                "action_temporary",
            }, (path, named)
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "run_worker":
                in_thread = any(keyword.arg == "thread" for keyword in node.keywords)
                assert in_thread or path.name in {"workers.py", "pane.py"}, path
