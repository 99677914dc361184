"""Reads the clipboard with the tools of the system."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from stepchat.errors import StepchatError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS: Final = 3
_MAX_CHARACTERS: Final = 10_000_000
_TOOLS: Final = (
    ("WAYLAND_DISPLAY", ("wl-paste", "--no-newline")),
    ("DISPLAY", ("xclip", "-selection", "clipboard", "-out")),
    ("DISPLAY", ("xsel", "--clipboard", "--output")),
    ("", ("pbpaste",)),
    ("", ("powershell.exe", "-NoProfile", "-Command", "Get-Clipboard")),
)
"""The variable that says whether a tool has something to talk to, and its command."""


def read_clipboard(environ: Mapping[str, str]) -> str:
    """The text in it. Raises StepchatError where it cannot be read, as over SSH."""
    found = [command for variable, command in _TOOLS if not variable or environ.get(variable)]
    for command in found:
        if not shutil.which(command[0], path=environ.get("PATH")):
            continue
        try:
            done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False, env=dict(environ))
        except (OSError, subprocess.TimeoutExpired):
            continue
        if not done.returncode:
            return done.stdout.decode("utf-8", "replace").replace("\r\n", "\n")[:_MAX_CHARACTERS]
    raise StepchatError(
        "The clipboard cannot be read here.",
        "It needs a desktop with wl-paste, xclip, xsel or pbpaste. Type the text instead.",
    )
