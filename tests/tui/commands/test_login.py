"""Beginning without a key, and the key itself: it is on no screen and in no file but its own."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from textual.events import AppBlur, Paste
from textual.widgets import Input

from stepchat.demo.server import DemoServer
from tests.tui.screen import screen_text
from tests.tui.window import ask, draft, say, wait_until, window

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-or-v1-abcdefghijklmnop-0123456789"


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer(speed=0) as running:
        yield running


@pytest.fixture(autouse=True)
def quiet_browser(monkeypatch):
    monkeypatch.setenv("BROWSER", "true")
    monkeypatch.setitem(__import__("sys").modules, "keyring", None)


@asynccontextmanager
async def keyless(home, server):
    """A window without a key, with the ways to begin on it."""
    async with window(home, server, OPENROUTER_API_KEY="") as pilot:
        await wait_until(pilot, "How do you want to start?")
        yield pilot


async def test_the_first_start_offers_the_ways_to_begin(tmp_path, server):
    async with keyless(tmp_path, server) as pilot:
        shown = screen_text(pilot.app)
        for way in ("Log in with the browser", "Paste a key", "A server on this machine", "The demo"):
            assert way in shown
        await pilot.press("escape")
        await say(pilot, "hello")
        await wait_until(pilot, "How do you want to start?")
        await pilot.press("escape")
        await pilot.pause()
        assert draft(pilot) == "hello"
        assert server.requests == []


async def test_a_dialog_that_opened_behind_another_window_gets_the_keys(tmp_path, server):
    async with window(tmp_path, server, OPENROUTER_API_KEY="") as pilot:
        pilot.app.post_message(AppBlur())
        await wait_until(pilot, "How do you want to start?")
        await pilot.press(*"paste a key", "enter")
        await wait_until(pilot, "Key for OpenRouter")


async def test_the_demo_is_one_way(tmp_path, server):
    async with keyless(tmp_path, server) as pilot:
        await pilot.press(*"the demo", "enter")
        await wait_until(pilot, "Server: the demo")
        await ask(pilot, "demo:haiku")
        assert server.requests == []


def browse(address: str) -> None:
    """Open the address, as the person's browser would."""
    with httpx.Client(trust_env=False) as browser:
        browser.get(browser.get(address).headers["location"].replace("localhost", "127.0.0.1"))


async def test_a_key_by_the_browser(tmp_path, server):
    async with keyless(tmp_path, server) as pilot:
        await pilot.press("enter")
        await wait_until(pilot, "Waiting for the browser")
        browser = threading.Thread(target=browse, args=(pilot.app.screen._lines(80)[-1].text,))
        browser.start()
        await wait_until(pilot, "The key for OpenRouter is saved in the file")
        browser.join()
        await wait_until(pilot, lambda: pilot.app.workspace.key_error is None)
        assert (tmp_path / "keys" / "openrouter").read_text().startswith("sk-or-demo-")
        await ask(pilot, "demo:haiku")
        assert len(server.requests) == 2


async def test_waiting_for_the_browser_can_be_given_up(tmp_path, server):
    async with keyless(tmp_path, server) as pilot:
        await pilot.press("enter")
        await wait_until(pilot, "Waiting for the browser")
        await pilot.press("escape")
        await wait_until(pilot, "No key was created.")


async def test_a_code_that_is_not_taken_leaves_the_dialog_open(tmp_path, server):
    async with keyless(tmp_path, server) as pilot:
        await pilot.press(*"elsewhere", "enter")
        await wait_until(pilot, "it is not shown")
        address = pilot.app.screen._text.split()[-1]
        with httpx.Client(trust_env=False) as browser:
            code = browser.get(address).text.partition("<code>")[2].partition("</code>")[0]
        await pilot.press(*"nonsense", "enter")
        shown = await wait_until(pilot, "The server rejected the code.")
        assert "The code" in shown
        pilot.app.post_message(Paste(code))
        await wait_until(pilot, lambda: pilot.app.screen.query_one(Input).value == code)
        await pilot.press("enter")
        await wait_until(pilot, "The key for OpenRouter is saved in the file")


async def test_what_cannot_be_a_key_leaves_the_dialog_open(tmp_path, server):
    async with keyless(tmp_path, server) as pilot:
        await pilot.press(*"paste", "down", "enter")
        await wait_until(pilot, "it is not shown")
        pilot.app.screen.query_one(Input).value = f'"{KEY}"'
        await pilot.press("enter")
        await wait_until(pilot, "contains invalid characters. Copy it again")
        pilot.app.post_message(Paste(KEY))
        await wait_until(pilot, lambda: pilot.app.screen.query_one(Input).value == KEY)
        await pilot.press("enter")
        await wait_until(pilot, "is saved in the file")
        assert draft(pilot) == ""


async def test_a_pasted_key_is_nowhere_but_in_its_file(tmp_path, server):
    screens = []
    async with keyless(tmp_path, server) as pilot:
        await pilot.press(*"paste", "down", "enter")
        await wait_until(pilot, "it is not shown")
        pilot.app.screen.query_one(Input).value = KEY
        await pilot.pause()
        screens.append(screen_text(pilot.app))
        await pilot.press("enter")
        screens.append(await wait_until(pilot, "is saved in the file"))
        for line in ("demo:haiku", "demo:http402", "/balance", "/usage", "/server"):
            await say(pilot, line)
            await pilot.pause(0.2)
            screens.append(screen_text(pilot.app))
            await pilot.press("escape")
            await pilot.pause(0.05)
    kept = tmp_path / "keys" / "openrouter"
    assert kept.read_text().strip() == KEY
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path != kept]
    assert any(path.name == "sessions.db" for path in files)
    assert any(path.suffix == ".jsonl" for path in files)
    everything = "".join([*screens, *(path.read_bytes().decode("latin-1") for path in files)])
    assert KEY[:12] not in everything
    assert KEY[-12:] not in everything


async def test_what_is_told_of_a_fault_holds_no_values(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        held = KEY
        try:
            pilot.app.no_such_thing(held)
        except AttributeError:
            pilot.app._fatal_error()
        told = "".join(segment.text for part in pilot.app._exit_renderables for segment in part.segments)
        pilot.app._exit_renderables.clear()
    assert "no_such_thing" in told
    assert "AttributeError" in told
    assert KEY not in told
