"""A question that is sent while an undo is on its way to the disk."""

from __future__ import annotations

import asyncio

import pytest

from stepchat.demo.server import DemoServer
from tests.tui.window import ask, branch, busy, open_session, say, wait_until, window


@pytest.mark.parametrize("command", ["/undo", "/redo"])
@pytest.mark.parametrize("where", ["before", "after"])
async def test_what_is_shown_is_what_is_on_disk(tmp_path, command, where):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            for question in ("demo:haiku one", "demo:haiku two"):
                await ask(pilot, question)
            if command == "/redo":
                await say(pilot, "/undo")
                await wait_until(pilot, lambda: len(branch(pilot)) == 2)
            store, held = pilot.app.workspace.store, asyncio.Event()
            set_leaf = store.set_leaf

            async def slow(*arguments):
                if where == "before":
                    await held.wait()
                await set_leaf(*arguments)
                await held.wait()

            store.set_leaf = slow
            await say(pilot, command)
            await say(pilot, "demo:haiku three")
            await pilot.pause(0.1)
            held.set()
            await wait_until(pilot, lambda: not busy(pilot) and len(server.requests) == 3)
            await pilot.pause(0.1)
            shown = [stored.id for stored in branch(pilot)]
            assert shown == [stored.id for stored in await store.path(open_session(pilot).id)]
            assert [message.text for message in (stored.message for stored in branch(pilot))].count(
                "demo:haiku three"
            ) == 1
            assert branch(pilot)[-1].message.complete
