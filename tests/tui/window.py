"""The whole window, headless, against a demo server: what the tests of tui/ start from."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stepchat.chat.accumulator import accumulate
from stepchat.chat.workspace import StartOptions, open_workspace
from stepchat.config.file import Config
from stepchat.config.paths import Paths
from stepchat.sessions.store import SessionStore
from stepchat.tui.app import StepchatApp, prepare
from stepchat.tui.terminal.handover import Handover
from stepchat.tui.themes import choose_theme
from tests.tui.screen import screen_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from textual.pilot import Pilot

    from stepchat.chat.workspace import Workspace
    from stepchat.demo.server import DemoServer


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


async def ask(pilot: Pilot[None], text: str) -> str:
    """Send a message and wait for the end of its answer; returns the screen."""
    chat = pilot.app.screen
    await say(pilot, text)
    await wait_until(pilot, lambda: not chat.conversation.busy)
    await pilot.pause(0.05)
    return screen_text(pilot.app)


async def say(pilot: Pilot[None], text: str) -> None:
    """Type a message and press Enter."""
    pilot.app.screen.prompt.prefill(text)
    await pilot.press("enter")
    await pilot.pause()
