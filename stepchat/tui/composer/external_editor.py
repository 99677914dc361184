"""Edits a text in the user's editor while the window is suspended. A running answer continues and is saved."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from stepchat.chat.editor import editor_command
from stepchat.errors import StepchatError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

    from textual.app import App


async def edit_text(app: App[object], text: str, environ: Mapping[str, str] = os.environ) -> str:
    """Returns the text as the editor saved it. Raises StepchatError; if the text cannot be read, its file is kept."""
    command = editor_command(environ)
    with tempfile.TemporaryDirectory(prefix="stepchat-") as directory:
        path = Path(directory) / "prompt.md"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        try:
            with app.suspend():
                code = await _run([*command, str(path)])
        except SuspendNotSupported:
            raise StepchatError("An editor cannot run in this terminal.", "The prompt is unchanged.") from None
        if code:
            raise StepchatError(f"{command[0]} ended with exit code {code}.", "The prompt is unchanged.")
        try:
            return path.read_bytes().decode("utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise StepchatError(f"Cannot read what {command[0]} saved: {error}.", "The prompt is unchanged.") from None


async def _run(command: list[str]) -> int:
    """Run the editor in the foreground. Ctrl+C there reaches the editor only."""
    # A handler, because the editor would inherit SIG_IGN.
    before = signal.signal(signal.SIGINT, _ignore)
    try:
        process = await asyncio.create_subprocess_exec(*command)
        return await process.wait()
    except OSError as error:
        raise StepchatError(f"Cannot start {command[0]}: {error.strerror}.", "Set $VISUAL or $EDITOR.") from None
    finally:
        signal.signal(signal.SIGINT, before)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    pass
