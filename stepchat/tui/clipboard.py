"""Copying: to the terminal (OSC 52, also over SSH) and to this machine's clipboard if a tool for that is installed."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual.app import App

_TOOLS: Final = (
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard")),
    ("DISPLAY", ("xsel", "--clipboard", "--input")),
)
"""What must be set in the environment for a tool, and its command."""
_PATIENCE: Final = 5.0
"""Seconds that a tool may take."""


def copy(app: App[Any], text: str) -> str:
    """Put a text on the clipboard. Returns at once, with a sentence about it; that a tool fails is not told."""
    # Lone surrogates cannot leave the program as UTF-8.
    text = text.encode("utf-8", "replace").decode()
    app.copy_to_clipboard(text)
    if not app.is_headless:
        app.run_worker(partial(hand_to_tool, text, os.environ), thread=True, group="clipboard", exit_on_error=False)
    return f"Copied {len(text):,} character{'' if len(text) == 1 else 's'}."


def hand_to_tool(text: str, environ: Mapping[str, str]) -> bool:
    """Give a text to the first tool that takes it. Returns whether one did."""
    import subprocess

    for command in _commands(environ):
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


def _commands(environ: Mapping[str, str]) -> list[Sequence[str]]:
    from shutil import which

    wanted = [command for variable, command in _TOOLS if environ.get(variable)]
    if sys.platform == "darwin":
        wanted.append(("pbcopy",))
    path = environ.get("PATH", "")
    return [(found, *command[1:]) for command in wanted if (found := which(command[0], path=path))]
