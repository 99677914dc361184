"""The title of the terminal window, mouse reporting, and the bell or notification when an answer is ready."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from stepchat.messages import AssistantMessage
from stepchat.text.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual.app import App

    from stepchat.messages import StoredMessage

MAX_LENGTH: Final = 60
NOTIFY_AFTER: Final = 10.0
"""Seconds of a turn after which its end is worth a notification if the window has no focus."""
NOTIFICATIONS: Final[Mapping[str, str]] = {
    "osc9": "\x1b]9;stepchat: {text}\x07",
    "osc777": "\x1b]777;notify;stepchat;{text}\x07",
    "osc99": "\x1b]99;;stepchat: {text}\x1b\\",
}
"""OSC 9: iTerm2, kitty, Ghostty, WezTerm, Windows Terminal. OSC 777: urxvt, foot, Konsole. OSC 99: kitty, foot."""
_MOUSE_MODES: Final = (1000, 1003, 1015, 1006)
"""The modes Textual sets: presses, moves, and two encodings."""


def set_title(app: App[Any], title: str, *, busy: bool) -> None:
    """Show a session's title, with a mark while an answer is being written."""
    text = sanitize(title, keep_newlines=False)[:MAX_LENGTH]
    _write(app, f"\x1b]0;{'● ' if busy else ''}{text or 'stepchat'}\x07")


def report_mouse(app: App[Any], *, on: bool) -> None:
    """Turn mouse reporting on or off. The terminal's own selection works only without."""
    _write(app, "".join(f"\x1b[?{mode}{'h' if on else 'l'}" for mode in _MOUSE_MODES))


def repaint(app: App[Any]) -> None:
    """Write every cell again, over what another program left on the screen."""
    screen = app.screen
    update: Any = screen._compositor.render_update(full=True)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage, reportUnknownMemberType]
    app._display(screen, update)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage, reportUnknownMemberType]


def took_long(path: Sequence[StoredMessage]) -> bool:
    """Whether the last turn took long enough for a notification."""
    last = path[-1].message if path else None
    return isinstance(last, AssistantMessage) and (last.timing.total_seconds or 0) >= NOTIFY_AFTER


def notify_answer_ready(app: App[Any], how: str, title: str, environ: Mapping[str, str] = os.environ) -> None:
    """Notify the user that a session has its answer; `how` is the setting `notify`."""
    if how == "bell":
        app.bell()
    elif how in NOTIFICATIONS:
        _write(app, notification(how, title, in_tmux="TMUX" in environ))


def notification(how: str, title: str, *, in_tmux: bool = False) -> str:
    """The sequence that shows a notification. tmux passes it on if `allow-passthrough` is on."""
    # A semicolon would end the field.
    text = sanitize(title, keep_newlines=False).replace(";", ",")[:MAX_LENGTH].strip() or "untitled"
    sequence = NOTIFICATIONS[how].format(text=f"“{text}” has its answer")
    return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\" if in_tmux else sequence


def _write(app: App[Any], sequence: str) -> None:
    driver = app._driver  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - Textual has no public way
    if driver is not None:
        driver.write(sequence)
