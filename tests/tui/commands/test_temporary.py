from __future__ import annotations

from dataclasses import replace

import pytest

from stepchat.chat.workspace import StartOptions
from stepchat.demo.server import DemoServer
from tests.tui.screen import screen_text
from tests.tui.window import say, wait_until, window


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


async def test_a_temporary_session_is_marked(tmp_path, server):
    async with window(tmp_path, server, replace(StartOptions(), temporary=True), size=(60, 16)) as pilot:
        assert "temporary" in screen_text(pilot.app)


async def test_temporary_leaves_the_window_for_another(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        assert "temporary" not in screen_text(pilot.app)
        await say(pilot, "/temporary")
        await wait_until(pilot, lambda: pilot.app.wants_temporary)
