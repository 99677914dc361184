"""Hands over from the first frame (first_frame/frame.py) to Textual: the type-ahead, and the style of the next first frame.

A screen creates its prompt with the text and cursor of `Handover.type_ahead()`, and calls `Handover.prompt_is_ready()` once
the prompt has the focus. No key is read before that.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from typing import TYPE_CHECKING

from rich.color import ColorSystem
from textual.strip import Strip

from stepchat.config.paths import write_private
from stepchat.first_frame.page import page_key
from stepchat.first_frame.picture import ROLES, clean, colour_depth, read_frame_style
from stepchat.first_frame.type_ahead import TypeAhead
from stepchat.text.sanitize import sanitize_line
from stepchat.tui.terminal.output import joins_emoji

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rich.style import Style

    from stepchat.first_frame.frame import FirstFrame

PATIENCE = 5.0
"""Seconds after which keys are read even without a ready prompt, so that the user can quit."""


class Handover:
    """The state that the first frame passes to the app. Without a frame, there is no type-ahead."""

    def __init__(self, frame: FirstFrame | None) -> None:
        self.frame = frame
        self.joins_emoji = joins_emoji(os.environ)
        """The terminal draws emoji sequences as one emoji. The driver may learn so later."""
        self._taken: TypeAhead | None = None
        self._ready = threading.Event()
        self._wake = -1

    def type_ahead(self) -> TypeAhead:
        """Stop the first frame's echo, and return what was typed into it."""
        if self._taken is None:
            self._taken = self.frame.hand_over() if self.frame else TypeAhead("", (0, 0), ())
        return self._taken

    def prompt_is_ready(self, at_signal: Callable[[], str] | None = None) -> None:
        """Let keys be read: the prompt shows the text and has the focus.

        `at_signal` is called when a signal ends the program; it returns a message for stderr.
        """
        if self.frame is not None:
            self.frame.at_signal = at_signal
        self._ready.set()
        if self._wake >= 0:
            os.write(self._wake, b"r")

    def wait_for_prompt(self, wake: int) -> bool:
        """Wait in the driver's input thread. Returns False if input was stopped meanwhile."""
        while not self._ready.is_set():
            if not select.select([wake], [], [], PATIENCE)[0]:
                return True
            if b"x" in os.read(wake, 64):
                return False
        return True

    def listen(self, wake: int) -> None:
        """Set the pipe that `prompt_is_ready` writes to; -1 for none."""
        self._wake = wake


def write_first_frame(
    path: Path,
    model: str,
    status: Sequence[str],
    hints: Sequence[tuple[str, str]],
    styles: Mapping[str, Style],
) -> None:
    """Save the style of the next first frame; a file that cannot be written is ignored.

    `status` are the items after the model in the status line of a new session, `hints` its keys with a word each; `styles`
    has a style for each of first_frame.ROLES, with foreground and background.
    """
    lines = [f"model {sanitize_line(model[:200])}", *(f"status {clean(item)}" for item in status)]
    lines += [f"hint {clean(key)}\t{clean(word)}" for key, word in hints]
    for depth, system in _SYSTEMS:
        for role in ROLES:
            style = styles[role]
            lines.append(f"{depth} {role} {sgr(style if system else style.without_color, system)}")
    content = "\n".join(lines).encode() + b"\n"
    with contextlib.suppress(OSError):
        if path.is_file() and path.read_bytes() == content:
            return
    write_private(path, content)


def next_page_key(path: Path, size: tuple[int, int], environ: Mapping[str, str]) -> str:
    """The key of a screen that the next first frame can paint; `path` is what `write_first_frame` wrote. Raises OSError."""
    depth = colour_depth(environ)
    return page_key(size, depth, read_frame_style(path.read_bytes(), depth, None), environ)


_SYSTEMS = (
    ("truecolor", ColorSystem.TRUECOLOR),
    ("256", ColorSystem.EIGHT_BIT),
    ("16", ColorSystem.STANDARD),
    ("none", None),
)


def sgr(style: Style, system: ColorSystem | None) -> str:
    """The SGR parameters that Textual would send. From a copy, because a style caches them."""
    return Strip.render_ansi(style.copy(), system or ColorSystem.TRUECOLOR)
