"""The terminal window's title, and its bell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepchat.messages import AssistantMessage
from stepchat.transcript.clean import clean
from stepchat.tui import work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import App

    from stepchat.messages import StoredMessage
    from stepchat.tui.commands.row import Chat

LONGEST = 60
BELL_AFTER = 10.0
"""Seconds of a turn after which its end is worth a bell when the window is not in front."""


def set_title(app: App[Any], title: str, *, busy: bool) -> None:
    """Show a session's title, with a mark while an answer is on its way."""
    driver = app._driver  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - Textual has no public way
    if driver is not None and not app.is_headless:
        text = clean(title, keep_newlines=False)[:LONGEST]
        driver.write(f"\x1b]0;{'● ' if busy else ''}{text or 'stepchat'}\x07")


def show_title(chat: Chat) -> None:
    """Show the title that the session on the screen has now."""

    async def show() -> None:
        session = chat.conversation.session
        title = "" if session is None else (await chat.workspace.store.session(session.id)).title
        set_title(chat.app, title, busy=chat.conversation.busy)

    work.start(chat.prompt, show, group="title", exclusive=True)


def ring_after_long_turn(app: App[Any], path: Sequence[StoredMessage]) -> None:
    """Ring if the last turn took so long that nobody waited for it."""
    last = path[-1].message if path else None
    took = last.timing.took or 0 if isinstance(last, AssistantMessage) else 0
    if took >= BELL_AFTER:
        app.bell()
