from __future__ import annotations

import pytest

from stepchat.demo.server import DemoServer
from tests.tui.window import ask, branch, busy, say, status, wait_until, window


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


async def test_answers_follow_a_schema_and_violations_are_sent_back(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await say(pilot, "/schema")
        await wait_until(pilot, lambda: "No schema." in status(pilot))
        await say(pilot, "/schema name, age integre")
        await wait_until(pilot, "did you mean integer?")
        await say(pilot, "/schema name, age int")
        await wait_until(pilot, lambda: "Answers follow the schema" in status(pilot))
        await say(pilot, "/schema")
        await wait_until(pilot, "Schema of the answers")
        await wait_until(pilot, '"additionalProperties": false')
        await pilot.press("escape")
        shown = await ask(pilot, "demo:form wrong=value")
        assert "at $.age" in shown
        assert "/correct sends this back to the model." in shown
        await say(pilot, "/correct")
        await wait_until(pilot, lambda: len(branch(pilot)) == 4 and not busy(pilot))
        assert "at $.age" in server.requests[-1].body["messages"][-1]["content"]
        await say(pilot, "/correct")
        await wait_until(pilot, lambda: "The last answer matches its schema." in status(pilot))
        await say(pilot, "/schema off")
        await wait_until(pilot, lambda: "not bound to a schema" in status(pilot))
        await ask(pilot, "demo:haiku")
        assert "response_format" not in server.requests[-1].body
        await say(pilot, "/correct")
        await wait_until(pilot, lambda: "The last answer was not asked for as JSON." in status(pilot))
