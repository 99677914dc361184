"""Runs a program for a tool, with limits, in its own process group, which ends with the call."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepchat.tools.base import ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CHUNK: Final = 65_536


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended. Output over the limit is missing."""

    code: int
    output: bytes
    errors: bytes


def python_command(module: str, *arguments: str) -> list[str]:
    """The command that runs `main` of one of our modules, from this very stepchat and from no file of the current folder."""
    root = str(Path(__file__).parents[2])
    code = f"import sys; sys.path.insert(0, {root!r}); from {module} import main; main()"
    return [sys.executable, "-P", "-c", code, *arguments]


async def run_program(
    command: Sequence[str],
    given: bytes,
    *,
    limit: int,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """Run a program with `given` as its input. Cancelling kills its process group. Raises ToolError."""
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=directory,
            env=None if environment is None else dict(environment),
            start_new_session=True,
        )
    )
    try:
        process = await asyncio.shield(starting)
    except asyncio.CancelledError:
        # It may run already, although nobody knows its number; asyncio would end only the program, not its children.
        await _end_when_started(starting)
        raise
    except OSError as error:
        raise ToolError(f"Cannot start {command[0]}: {error.strerror}.") from None
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise ToolError(f"Cannot connect to {command[0]}.")
    try:
        output, errors, _ = await asyncio.gather(
            _read(process.stdout, limit), _read(process.stderr, limit), _write(process.stdin, given)
        )
        return Finished(await process.wait(), output, errors)
    finally:
        # Also after a regular end: what the program started may still run.
        kill_group(process.pid)
        await asyncio.shield(_reap(process))


async def _end_when_started(starting: asyncio.Future[asyncio.subprocess.Process]) -> None:
    with suppress(OSError):
        process = await starting
        kill_group(process.pid)
        await _reap(process)


async def _read(stream: asyncio.StreamReader, limit: int) -> bytes:
    """Reads everything, because a program that cannot write would hang, but returns only the first `limit` bytes."""
    parts: list[bytes] = []
    size = 0
    while chunk := await stream.read(_CHUNK):
        if size < limit:
            parts.append(chunk[: limit - size])
            size += len(parts[-1])
    return b"".join(parts)


async def _write(stream: asyncio.StreamWriter, given: bytes) -> None:
    # A program that does not read its input is fine.
    with suppress(OSError):
        stream.write(given)
        await stream.drain()
        stream.close()
        await stream.wait_closed()


async def _reap(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        await process.wait()


def kill_group(pid: int) -> None:
    """End a process and everything that it started."""
    with suppress(OSError):
        if sys.platform == "win32":
            os.kill(pid, signal.SIGTERM)
        else:
            os.killpg(pid, signal.SIGKILL)
