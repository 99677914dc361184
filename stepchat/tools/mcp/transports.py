"""Connects to an MCP server: starts its program, or prepares requests to its address."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import anyio
import httpx2
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from stepchat.concurrency import run_in_daemon
from stepchat.tools.base import ToolError
from stepchat.tools.mcp import guard
from stepchat.tools.mcp.server import find_program

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path
    from typing import IO

    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.client._transport import TransportStreams

    from stepchat.tools.mcp.server import Server

_CHUNK: Final = 65_536
_LONGEST_MESSAGE: Final = 64_000_000
_CONNECT_SECONDS: Final = 30.0
_EXIT_SECONDS: Final = 0.5
"""How long to wait for the exit code of a program that has closed its output."""

# The package logs to stderr, which is the terminal.
for _name in ("mcp", "client", "httpx2", "httpcore2"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False


class Ended(Exception):  # noqa: N818 - it is not always an error
    """The program has ended, with this exit code if it is known."""

    def __init__(self, code: int | None) -> None:
        super().__init__("" if code is None else f"exit code {code}")


@asynccontextmanager
async def program(server: Server, log: IO[bytes], ended: Callable[[Ended], None]) -> AsyncGenerator[TransportStreams]:
    """Start the program; its stderr goes to the log. Leaving ends it without waiting. Raises ToolError."""
    if sys.platform == "win32":
        raise ToolError(f"The MCP server {server.name} is a program, which works on Unix only. Give its url instead.")
    path = find_program(server)
    theirs, ours = os.pipe()
    # A script of its own: the server's variables must not change what it imports.
    command = [sys.executable, "-I", "-S", guard.__file__, str(theirs), path, *server.command[1:]]
    exited: asyncio.Task[int] | None = None
    try:
        process = await run_in_daemon(_start, command, server, log, theirs)
        exited = asyncio.create_task(run_in_daemon(process.wait))
        async with _pipes(process) as (reader, writer):
            incoming, read_stream = anyio.create_memory_object_stream[SessionMessage | Exception](0)
            write_stream, outgoing = anyio.create_memory_object_stream[SessionMessage](0)

            async def read() -> None:
                async with incoming:
                    await _read_messages(reader, incoming, log)
                    # Before requests fail, so that their errors can say it.
                    await asyncio.wait([exited], timeout=_EXIT_SECONDS)
                    ended(Ended(exited.result() if exited.done() else None))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(read)
                tasks.start_soon(_write_messages, writer, outgoing)
                try:
                    async with read_stream, write_stream:
                        yield read_stream, write_stream
                finally:
                    tasks.cancel_scope.cancel()
    finally:
        os.close(ours)
        if exited is not None:
            exited.cancel()


def _start(command: list[str], server: Server, log: IO[bytes], theirs: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=server.directory,
            env=dict(server.environment),
            start_new_session=True,
            pass_fds=(theirs,),
        )
    except OSError as error:
        raise ToolError(f"Cannot start the MCP server {server.name}: {error.strerror} ({error.filename}).") from None
    finally:
        os.close(theirs)


@asynccontextmanager
async def _pipes(
    process: subprocess.Popen[bytes],
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    output, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), process.stdout)
    given, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, process.stdin)
    try:
        yield reader, asyncio.StreamWriter(given, protocol, None, loop)
    finally:
        output.close()
        given.close()


async def _read_messages(
    reader: asyncio.StreamReader, incoming: MemoryObjectSendStream[SessionMessage | Exception], log: IO[bytes]
) -> None:
    """Deliver messages, one per line, until the output ends. Other lines go to the log."""
    rest: list[bytes] = []
    size = 0
    while chunk := await reader.read(_CHUNK):
        *lines, last = chunk.split(b"\n")
        for line in lines:
            await _deliver(b"".join([*rest, line]), incoming, log)
            rest, size = [], 0
        rest.append(last)
        size += len(last)
        if size > _LONGEST_MESSAGE:
            log.write(b"[stepchat: a message is longer than 64 MB]\n")
            return


async def _deliver(line: bytes, incoming: MemoryObjectSendStream[SessionMessage | Exception], log: IO[bytes]) -> None:
    if not line.strip():
        return
    try:
        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValueError:
        log.write(b"[stdout] " + line + b"\n")
        return
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        await incoming.send(SessionMessage(message))


async def _write_messages(writer: asyncio.StreamWriter, outgoing: MemoryObjectReceiveStream[SessionMessage]) -> None:
    async with outgoing:
        with suppress(OSError):  # then its output ends as well
            async for message in outgoing:
                writer.write(message.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
                await writer.drain()


@asynccontextmanager
async def address(server: Server, note_status: Callable[[int], None]) -> AsyncGenerator[TransportStreams]:
    """Talk to the server's address. `note_status` gets the status of each response."""

    async def note(response: httpx2.Response) -> None:
        note_status(response.status_code)

    limits = httpx2.Timeout(_CONNECT_SECONDS, read=None)
    async with (
        httpx2.AsyncClient(headers=dict(server.headers), timeout=limits, event_hooks={"response": [note]}) as client,
        streamable_http_client(server.url, http_client=client) as streams,
    ):
        yield streams


def open_log(path: Path) -> IO[bytes]:
    """The log of a server, which only its owner can read. A long one begins again. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    file = os.fdopen(descriptor, "ab", buffering=0)
    if os.fstat(descriptor).st_size > _LONGEST_LOG:
        file.truncate(0)
    return file


_LONGEST_LOG: Final = 1_000_000


def last_line(path: Path) -> str:
    """The last line of a log; "" if there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 2000))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
