"""Finds the user's own editor."""

from __future__ import annotations

import shlex
import shutil
from typing import TYPE_CHECKING

from stepchat.errors import StepchatError

if TYPE_CHECKING:
    from collections.abc import Mapping

_FALLBACKS = ("sensible-editor", "nano", "vim", "vi")


def editor_command(environ: Mapping[str, str]) -> list[str]:
    """$VISUAL or $EDITOR with its arguments, else an editor that is installed. Raises StepchatError if there is none."""
    given = environ.get("VISUAL") or environ.get("EDITOR") or ""
    try:
        command = shlex.split(given)
    except ValueError:
        raise StepchatError(f"$VISUAL or $EDITOR cannot be read: {given}", "Fix its quotes.") from None
    command = command or [name for name in _FALLBACKS if shutil.which(name)][:1]
    if not command or not shutil.which(command[0]):
        missing = f"{command[0]!r} is not installed" if command else "no editor was found"
        raise StepchatError(f"Cannot open an editor: {missing}.", "Set $VISUAL or $EDITOR.")
    return command
