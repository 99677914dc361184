from __future__ import annotations

import pytest

from stepchat.demo.server import DemoServer
from tests.tui.screen import screen_rows, screen_text
from tests.tui.window import ask, say, wait_until, window


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


def ids(pilot):
    return [stored.id for stored in pilot.app.screen.conversation.path]


async def again(pilot, server, setting=""):
    """Ask again, and wait for the answer."""
    if setting:
        await say(pilot, f"/set {setting}")
        await pilot.pause(0.05)
    count = len(server.requests)
    await pilot.press("ctrl+r")
    await wait_until(pilot, lambda: len(server.requests) > count and not pilot.app.screen.conversation.busy)
    await pilot.pause(0.05)


async def test_two_answers_stand_side_by_side_and_one_is_gone_on_with(tmp_path, server):
    async with window(tmp_path, server, size=(120, 40)) as pilot:
        await say(pilot, "/compare")
        await wait_until(pilot, "There is no second answer")
        await ask(pilot, "demo:haiku")
        first = ids(pilot)
        await again(pilot, server, "temperature=0.5")
        second = ids(pilot)
        await pilot.press("alt+up")
        assert "= compare" in screen_rows(pilot.app)[-1]
        await pilot.press("=")
        await wait_until(pilot, "Tab side")
        shown = await wait_until(pilot, "≠ temperature")
        row = next(row for row in shown.split("\n") if "Rain on the window" in row)
        assert row.count("Rain on the window") == 2
        assert "‹ 1/2 › · step-3.5-flash" in shown
        assert "▌ ‹ 2/2 › · step-3.5-flash · shown" in shown
        assert [line.split() for line in shown.split("\n") if "temperature" in line] == [["≠", "temperature", "0.5"]]
        await pilot.press("f")
        await wait_until(pilot, lambda: screen_text(pilot.app).count("▾ Thought") == 2)
        await pilot.press("s", "f")
        await wait_until(pilot, lambda: screen_text(pilot.app).count("▾ Thought") == 1)
        await pilot.press("tab", "enter")
        await wait_until(pilot, lambda: hasattr(pilot.app.screen, "conversation") and ids(pilot) == first)
        await wait_until(pilot, "‹ 1/2 ›")
        assert second[1] != first[1]


async def test_sides_walk_over_the_siblings_without_meeting(tmp_path, server):
    async with window(tmp_path, server, size=(120, 40)) as pilot:
        await ask(pilot, "demo:haiku")
        await again(pilot, server)
        await again(pilot, server)
        before = ids(pilot)
        await say(pilot, "/compare")
        await wait_until(pilot, "▌ ‹ 3/3 ›")
        assert "  ‹ 2/3 ›" in screen_text(pilot.app)
        await pilot.press("left")
        await wait_until(pilot, "▌ ‹ 1/3 ›")
        await pilot.press("left", "right")
        await wait_until(pilot, "▌ ‹ 3/3 ›")
        await pilot.press("tab", "left")
        await wait_until(pilot, "▌ ‹ 1/3 ›")
        await pilot.press("c")
        await wait_until(pilot, lambda: pilot.app.clipboard.startswith("Rain on the window"))
        await pilot.press("escape")
        await wait_until(pilot, lambda: hasattr(pilot.app.screen, "conversation"))
        assert ids(pilot) == before


async def test_in_a_small_window_one_stands_above_the_other(tmp_path, server):
    async with window(tmp_path, server, size=(60, 16)) as pilot:
        await ask(pilot, "demo:haiku")
        await again(pilot, server, "temperature=0.5")
        await say(pilot, "/compare")
        shown = await wait_until(pilot, "▌ ‹ 2/2 ›")
        first, second = (next(at for at, row in enumerate(shown.split("\n")) if f"{n}/2" in row) for n in (1, 2))
        assert first < second
        assert ("temperature" in shown, "new text" in shown) == (False, False)
        await pilot.press("down", "down", "down")
        await wait_until(pilot, lambda: screen_text(pilot.app).count("Rain on the window") == 2)
        await pilot.press("tab")
        await wait_until(pilot, "▌ ‹ 1/2 ›")
        await pilot.press("t")
        shown = await wait_until(pilot, "≠ temperature")
        assert "Rain" not in shown
        await pilot.press("down", "t")
        await wait_until(pilot, "Rain")
        await pilot.resize_terminal(120, 40)
        await wait_until(pilot, lambda: screen_text(pilot.app).count("Rain") == 2)
