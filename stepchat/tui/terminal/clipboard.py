"""Copying: to the terminal (OSC 52, also over SSH), to tmux, which by itself passes nothing of that on, and to this machine's
clipboard if a tool for that is installed. Nothing that a shell or a terminal would obey is handed on.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from stepchat.text.sanitize import sanitize_for_clipboard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual.app import App

_TOOLS: Final = (
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard")),
    ("DISPLAY", ("xsel", "--clipboard", "--input")),
)
"""What must be set in the environment for a tool, and its command."""
_TMUX: Final = ("TMUX", ("tmux", "load-buffer", "-w", "-"))
"""Fills tmux's own buffer, and has it tell the terminal around it."""
_PATIENCE: Final = 5.0
"""Seconds that a tool may take."""


def copy(app: App[Any], text: str) -> str:
    """Put a text on the clipboard. Returns at once, with a sentence about it; that a tool fails is not told."""
    text = sanitize_for_clipboard(text)
    app.copy_to_clipboard(text)
    if not app.is_headless:
        app.run_worker(partial(hand_to_tool, text, os.environ), thread=True, group="clipboard", exit_on_error=False)
    return f"Copied {len(text):,} character{'' if len(text) == 1 else 's'}."


def hand_to_tool(text: str, environ: Mapping[str, str]) -> bool:
    """Give a text to tmux, if that is around, and to the first tool that takes it. Returns whether one did."""
    tmux = _give(text, environ, _found([_TMUX], environ))
    tools = _found(_TOOLS, environ)
    if sys.platform == "darwin":
        tools += _found([("PATH", ("pbcopy",))], environ)
    return _give(text, environ, tools) or tmux


def _give(text: str, environ: Mapping[str, str], commands: Sequence[Sequence[str]]) -> bool:
    import subprocess

    for command in commands:
        try:
            done = subprocess.run(
                command,
                input=text.encode(),
                env=dict(environ),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_PATIENCE,
                start_new_session=True,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return True
    return False


def _found(tools: Sequence[tuple[str, Sequence[str]]], environ: Mapping[str, str]) -> list[Sequence[str]]:
    """The commands that are installed and have their variable set."""
    from shutil import which

    path = environ.get("PATH", "")
    wanted = [command for variable, command in tools if environ.get(variable)]
    return [(place, *command[1:]) for command in wanted if (place := which(command[0], path=path))]
