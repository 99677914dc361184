"""The terminal window's title, and what it does to call its reader back: a bell, or a notification."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from stepchat.messages import AssistantMessage
from stepchat.text.sanitize import sanitize
from stepchat.tui import workers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual.app import App

    from stepchat.messages import StoredMessage
    from stepchat.tui.chat.screen import ChatScreen as Chat

LONGEST = 60
BELL_AFTER = 10.0
"""Seconds of a turn after which its end is worth a bell when the window is not in front."""
NOTIFICATIONS: Mapping[str, str] = {
    "osc9": "\x1b]9;stepchat: {text}\x07",
    "osc777": "\x1b]777;notify;stepchat;{text}\x07",
}
"""What terminals understand: the first iTerm2, kitty, Ghostty, WezTerm, Windows Terminal; the second urxvt, foot, Konsole."""


def set_title(app: App[Any], title: str, *, busy: bool) -> None:
    """Show a session's title, with a mark while an answer is on its way."""
    text = sanitize(title, keep_newlines=False)[:LONGEST]
    _write(app, f"\x1b]0;{'● ' if busy else ''}{text or 'stepchat'}\x07")


def show_title(chat: Chat) -> None:
    """Show the title that the session on the screen has now."""

    async def show() -> None:
        session = chat.conversation.session
        title = "" if session is None else (await chat.workspace.store.session(session.id)).title
        set_title(chat.app, title, busy=chat.conversation.busy)

    workers.run_task(chat.prompt, show, group="title", exclusive=True)


def took_long(path: Sequence[StoredMessage]) -> bool:
    """Whether the last turn took so long that nobody waited for it."""
    last = path[-1].message if path else None
    return isinstance(last, AssistantMessage) and (last.timing.total_seconds or 0) >= BELL_AFTER


def notify_answer_ready(app: App[Any], how: str, title: str, environ: Mapping[str, str] = os.environ) -> None:
    """Tell the reader, who is elsewhere, that this session has its answer; `how` is the setting `notify`."""
    if how == "bell":
        app.bell()
    elif how in NOTIFICATIONS:
        _write(app, notification(how, title, in_tmux="TMUX" in environ))


def notification(how: str, title: str, *, in_tmux: bool = False) -> str:
    """The sequence by which a terminal shows one; tmux hands it on where `allow-passthrough` is on."""
    # A ; would end the field.
    text = sanitize(title, keep_newlines=False).replace(";", ",")[:LONGEST].strip() or "untitled"
    sequence = NOTIFICATIONS[how].format(text=f"“{text}” has its answer")
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\" if in_tmux else sequence


def _write(app: App[Any], sequence: str) -> None:
    driver = app._driver  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - Textual has no public way
    if driver is not None and not app.is_headless:
        driver.write(sequence)
