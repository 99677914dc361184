"""`on_answer` of config.toml: a command of the user that gets each answer."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from stepchat.errors import StepchatError
from stepchat.text.sanitize import sanitize_line

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS: Final = 60.0
"""After this time the command is ended."""
_LONGEST_ERROR: Final = 200


async def run_hook(command: str, answer: str, environ: Mapping[str, str] = os.environ) -> None:
    """Run the command in the shell with the answer on stdin; its output is dropped. Raises StepchatError if it fails."""
    hint = "on_answer in config.toml runs it. The answer is saved."
    process = await asyncio.create_subprocess_shell(
        command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=dict(environ),
        start_new_session=True,
    )
    errors = b""
    try:
        async with asyncio.timeout(_SECONDS):
            # A command that does not read all of it is fine.
            with suppress(BrokenPipeError, ConnectionResetError):
                _, errors = await process.communicate(answer.encode("utf-8", "replace"))
    except TimeoutError:
        raise StepchatError(f"The command {command!r} did not end within {_SECONDS:.0f} s.", hint) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        said = sanitize_line(errors.decode("utf-8", "replace").strip())[:_LONGEST_ERROR]
        raise StepchatError(
            f"The command {command!r} failed with {process.returncode}{f': {said}' if said else ''}.", hint
        )
