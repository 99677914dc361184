"""Reads the clipboard with the tools of the system."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from stepchat.errors import StepchatError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SECONDS: Final = 3
_MAX_CHARACTERS: Final = 10_000_000
_TOOLS: Final = (
    ("WAYLAND_DISPLAY", ("wl-paste", "--no-newline")),
    ("DISPLAY", ("xclip", "-selection", "clipboard", "-out")),
    ("DISPLAY", ("xsel", "--clipboard", "--output")),
    ("", ("pbpaste",)),
    ("", ("powershell.exe", "-NoProfile", "-Command", "Get-Clipboard")),
)
"""The variable that must be set in the environment for a tool to work, and its command."""


_IMAGE_TOOLS: Final = (
    ("WAYLAND_DISPLAY", ("wl-paste", "--type", "image/png")),
    ("DISPLAY", ("xclip", "-selection", "clipboard", "-target", "image/png", "-out")),
    ("", ("pngpaste", "-")),
)


def read_clipboard(environ: Mapping[str, str]) -> str:
    """Returns the text on the clipboard. Raises StepchatError if it cannot be read, as over SSH."""
    content = _first_output(_TOOLS, environ)
    if content is None:
        raise StepchatError("The clipboard cannot be read here.", _hint(environ))
    return content.decode("utf-8", "replace").replace("\r\n", "\n")[:_MAX_CHARACTERS]


def read_clipboard_file(environ: Mapping[str, str]) -> tuple[str, bytes]:
    """Returns the image or the text on the clipboard, with a file name. Raises StepchatError if it cannot be read."""
    image = _first_output(_IMAGE_TOOLS, environ)
    return ("clipboard.png", image) if image else ("clipboard.txt", read_clipboard(environ).encode())


def _first_output(tools: Sequence[tuple[str, Sequence[str]]], environ: Mapping[str, str]) -> bytes | None:
    """The output of the first tool that works; None if there is none."""
    for variable, command in tools:
        if (variable and not environ.get(variable)) or not shutil.which(command[0], path=environ.get("PATH")):
            continue
        try:
            done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False, env=dict(environ))
        except (OSError, subprocess.TimeoutExpired):
            continue
        if not done.returncode:
            return done.stdout
    return None


def _hint(environ: Mapping[str, str]) -> str:
    if environ.get("SSH_CONNECTION"):
        return (
            "Over SSH it belongs to another machine. Paste the text, or copy the file here and attach it by its path."
        )
    return "It needs a desktop with wl-paste, xclip, xsel or pbpaste. Type the text instead."
