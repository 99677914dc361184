"""What was typed and not sent outlives a kill, a quit and another session."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing

import pytest

from stepchat.chat.drafts import strip_paste_marks
from stepchat.demo.server import DemoServer
from stepchat.sessions import records
from tests.e2e.program import variables
from tests.e2e.terminal import Terminal

STEPCHAT = [sys.executable, "-m", "stepchat"]
LONG = "\n".join(f"line {number} of a long paste" for number in range(60))


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


def drafts(home):
    """All that are on disk just now."""
    path = home / "stepchat" / "sessions.db"
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT draft FROM session").fetchall()
            new = connection.execute("SELECT value FROM setting WHERE name = ?", (records.NEW_SESSION_DRAFT,))
            return [json.loads(text) for (text,) in [*rows, *new]]
    except sqlite3.OperationalError:
        return []


def test_a_draft_survives_kill_and_quit_and_follows_what_is_typed_ahead(tmp_path, server):
    settings = variables(tmp_path, server.url)
    with Terminal([*STEPCHAT], tmp_path, settings) as terminal:
        terminal.wait_for("Ask, or / for commands")
        terminal.type("demo:haiku half a thou")
        terminal.wait_for(lambda _: "demo:haiku half a thou" in drafts(tmp_path))
        terminal.kill()
        terminal.wait_exit()
    with Terminal([*STEPCHAT], tmp_path, settings) as terminal:
        terminal.wait_for("demo:haiku half a thou")
        terminal.type("ght")
        terminal.press("ctrl+q")
        assert terminal.wait_exit() == 0
    with Terminal([*STEPCHAT], tmp_path, settings) as terminal:
        # At once: where the draft is there already this would be typed behind it.
        terminal.type("demo:primes\r")
        terminal.wait_for(lambda _: bool(server.requests))
        assert server.requests[0].body["messages"][-1]["content"] == "demo:primes"
        terminal.wait_for("demo:haiku half a thought")
        terminal.press("enter")
        terminal.wait_for(lambda _: len(server.requests) == 2)
        assert server.requests[1].body["messages"][-1]["content"] == "demo:haiku half a thought"
        terminal.wait_for(lambda _: set(drafts(tmp_path)) == {""})


def test_a_folded_paste_survives_a_kill_as_its_whole_text(tmp_path, server):
    settings = variables(tmp_path, server.url)
    with Terminal([*STEPCHAT], tmp_path, settings) as terminal:
        terminal.wait_for("Ask, or / for commands")
        terminal.type("demo:haiku ")
        terminal.paste(LONG)
        terminal.wait_for("[pasted 60 lines]")
        terminal.wait_for(lambda _: f"demo:haiku {LONG}" in map(strip_paste_marks, drafts(tmp_path)))
        terminal.kill()
        terminal.wait_exit()
    with Terminal([*STEPCHAT], tmp_path, settings) as terminal:
        terminal.wait_for("demo:haiku [pasted 60 lines]")
        terminal.press("enter")
        terminal.wait_for(lambda _: bool(server.requests))
        assert server.requests[0].body["messages"][-1]["content"] == f"demo:haiku {LONG}"
