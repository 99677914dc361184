"""The whole window, headless, against a demo server: what the tests of tui/ start from."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from stepchat.chat.accumulator import accumulate
from stepchat.chat.workspace import StartOptions, open_workspace
from stepchat.config.file import Config
from stepchat.config.paths import Paths
from stepchat.sessions.store import SessionStore
from stepchat.tui.app import StepchatApp, prepare
from stepchat.tui.terminal.handover import Handover
from stepchat.tui.themes import choose_theme
from tests.tui.screen import screen_rows, screen_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from textual.pilot import Pilot

    from stepchat.chat.workspace import Workspace
    from stepchat.demo.server import DemoServer
    from stepchat.messages import StoredMessage
    from stepchat.sessions.records import Session
    from stepchat.tui.chat.screen import ChatScreen


async def workspace(
    home: Path,
    server: DemoServer | None,
    request: StartOptions | None = None,
    *,
    config: Config | None = None,
    wrapped: Callable[[SessionStore], Any] | None = None,
    **environ: str,
) -> Workspace:
    paths = Paths(home, home, home)
    store = SessionStore.open(paths, accumulate=accumulate)
    if wrapped is not None:
        store = wrapped(store)
    request = request or StartOptions()
    session = await store.latest() if request.latest else None
    # Without a server: an address at which nobody answers, so that no test asks a real one.
    url = "http://127.0.0.1:9/api/v1" if server is None else server.url
    environ = {"STEPCHAT_BASE_URL": url, "OPENROUTER_API_KEY": "sk-or-test", **environ}
    return open_workspace(request, session, store, paths, config or Config(), environ)


@asynccontextmanager
async def window(
    home: Path,
    server: DemoServer | None,
    request: StartOptions | None = None,
    *,
    size: tuple[int, int] = (100, 30),
    config: Config | None = None,
    theme: str = "dark",
    wrapped: Callable[[SessionStore], Any] | None = None,
    faults: bool = False,
    **environ: str,
) -> AsyncIterator[Pilot[None]]:
    """The running app. Its store is closed at the end; `wrapped` makes what the app gets of it.

    An exception that reached no handler, which the window survives, fails the test unless it may have `faults`.
    """
    place = await workspace(home, server, request, config=config, wrapped=wrapped, **environ)
    opening = await prepare(place, lambda _: None)
    opening = replace(opening, theme=choose_theme(theme, home / "themes", lambda _: None))
    app = StepchatApp(place, opening, Handover(None))
    try:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            yield pilot
        assert faults or not app.faults
    finally:
        await app.workspace.close()


async def wait_until(pilot: Pilot[None], wanted: str | Callable[[], bool], seconds: float = 4) -> str:
    """Wait until the text is on the screen, or the predicate holds; returns the screen."""
    end = time.monotonic() + seconds
    while True:
        shown = screen_text(pilot.app)
        if (wanted in shown) if isinstance(wanted, str) else wanted():
            return shown
        assert time.monotonic() < end, f"not seen: {wanted!r}\n{shown}"
        await pilot.pause(0.02)


# What the tests of the window do and see. Only this file knows the parts of the screen.


def chat_screen(pilot: Pilot[None]) -> ChatScreen:
    """The chat, also while a dialog covers it."""
    return cast("ChatScreen", pilot.app.screen_stack[0])


async def ask(pilot: Pilot[None], text: str) -> str:
    """Send a message and wait for the end of its answer; returns the screen."""
    await say(pilot, text)
    await wait_until(pilot, lambda: not busy(pilot))
    await pilot.pause(0.05)
    return screen_text(pilot.app)


async def say(pilot: Pilot[None], text: str) -> None:
    """Type a message and press Enter."""
    write(pilot, text)
    await pilot.press("enter")
    await pilot.pause()


def write(pilot: Pilot[None], text: str) -> None:
    """Replace what is in the prompt."""
    chat_screen(pilot).prompt.prefill(text)


def draft(pilot: Pilot[None]) -> str:
    """What is in the prompt."""
    return chat_screen(pilot).prompt.text


def busy(pilot: Pilot[None]) -> bool:
    """Whether an answer is being written in the session on screen."""
    return chat_screen(pilot).conversation.busy


def branch(pilot: Pilot[None]) -> list[StoredMessage]:
    """The messages of the branch on screen."""
    return chat_screen(pilot).conversation.path


def open_session(pilot: Pilot[None]) -> Session | None:
    return chat_screen(pilot).conversation.session


def focused(pilot: Pilot[None]) -> str | None:
    """The text of the focused message."""
    message = chat_screen(pilot).view.focused_message
    return message.stored.message.text if message is not None and message.stored is not None else None


def status(pilot: Pilot[None]) -> str:
    """The status bar."""
    return screen_rows(pilot.app)[-1]


def notice(pilot: Pilot[None]) -> str:
    """The notice at the end of the transcript; "" if there is none."""
    messages = chat_screen(pilot).view.document.messages
    last = messages[-1] if messages else None
    if last is None or last.stored is not None or last.answer is not None:
        return ""
    return "\n".join(block.text for block in last.blocks.blocks)
