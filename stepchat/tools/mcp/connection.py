"""A connection to one MCP server: opened when it is first needed, once at a time, and once more after the server has ended.

One task opens and closes it, because the package requires that; others only send requests.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from mcp import Client, MCPError
from mcp import types as mcp_types
from mcp.types.jsonrpc import CONNECTION_CLOSED

from stepchat import __version__
from stepchat.errors import as_sentence
from stepchat.tools.base import ToolError
from stepchat.tools.mcp.transports import address, last_line, open_log, program

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from stepchat.tools.mcp.server import Server
    from stepchat.tools.mcp.transports import Ended

T = TypeVar("T")

MOST_STARTS: Final = 2
_CLOSE_SECONDS: Final = 1.0
_MOST_PAGES: Final = 50
_LONGEST_ERROR: Final = 300


@dataclass(slots=True)
class Connection:
    """The connection to one server, open or not."""

    server: Server
    log: Path
    """Where the server's stderr goes."""
    lists_are_stale: bool = True
    """Whether the server's lists have to be fetched (again)."""
    _starts: int = 0
    _owner: asyncio.Task[None] | None = None
    _ready: asyncio.Future[Client] | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: str = ""
    """How the program ended."""
    _failure: ToolError | None = None
    """Why it could not be opened."""
    _status: int = 0
    """The last HTTP status."""

    @property
    def is_open(self) -> bool:
        return self._ready is not None and self._ready.done() and not self._owner_has_ended

    @property
    def is_settled(self) -> bool:
        """Whether a request need not wait for the start of the server."""
        return self.is_open or self._failure is not None

    @property
    def _owner_has_ended(self) -> bool:
        return self._owner is None or self._owner.done()

    def allow_restart(self) -> None:
        """The user asks for the server again: start it, even if that has failed."""
        self._starts, self._failure = int(self.is_open), None

    async def client(self) -> Client:
        """The open client. Raises ToolError."""
        if self._failure is not None:
            raise self._failure
        if self._ready is None or self._owner_has_ended or self._stop.is_set():
            if self._starts == MOST_STARTS:
                raise ToolError(f"The MCP server {self.server.name} has ended twice{self._ended}.{self._log_hint()}")
            self._starts += 1
            await self._close()
            self._stop = asyncio.Event()
            self._ready = asyncio.get_running_loop().create_future()
            # Retrieved, even if whoever asked for it has been stopped.
            self._ready.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._owner = asyncio.create_task(self._run(self._ready), name=f"mcp {self.server.name}")
        return await asyncio.shield(self._ready)

    async def request(self, ask: Callable[[Client], Awaitable[T]]) -> T:
        """Send a request and return its answer. If it is cancelled, the server is told. Raises ToolError."""
        client = await self.client()
        try:
            return await ask(client)
        except MCPError as error:
            raise await self._explained(error) from None
        except ToolError:
            raise
        except Exception as error:  # noqa: BLE001 - the package raises many kinds, and the server may send anything
            what = self._brief(f"{type(error).__name__}: {error}")
            raise ToolError(f"The MCP server {self.server.name} sent what cannot be used: {what}") from None

    async def pages(self, fetch: Callable[[Client, str | None], Awaitable[T]], items: str) -> list[Any]:
        """All items of a list that the server sends in pages."""

        async def collect(client: Client) -> list[Any]:
            found: list[Any] = []
            cursor: str | None = None
            for _ in range(_MOST_PAGES):
                page = cast("Any", await fetch(client, cursor))
                found += getattr(page, items)
                cursor = page.next_cursor
                if cursor is None:
                    break
            return found

        return await self.request(collect)

    async def close(self) -> None:
        """End the server, and wait until that is on its way."""
        await self._close()
        self._ready = None

    async def _close(self) -> None:
        if self._owner is not None:
            self._stop.set()
            # It may belong to an event loop that has ended, and then it has ended, too.
            if not self._owner.done():
                await asyncio.wait([self._owner])
            self._owner = None

    async def _run(self, ready: asyncio.Future[Client]) -> None:
        """Open the connection, and close it when it is no longer needed."""
        limit = asyncio.timeout(self.server.start_timeout)
        try:
            async with limit, AsyncExitStack() as stack:
                client = await self._open(stack)
                limit.reschedule(None)
                self.lists_are_stale = True
                ready.set_result(client)
                await self._stop.wait()
                limit.reschedule(asyncio.get_running_loop().time() + _CLOSE_SECONDS)
        except TimeoutError:
            self._fail(ready, f"is not ready after {self.server.start_timeout:g} s.")
        except ToolError as error:
            self._fail(ready, error)
        except Exception as error:  # noqa: BLE001 - as in `request`
            self._fail(ready, self._why(error))
        finally:
            ready.cancel()

    async def _open(self, stack: AsyncExitStack) -> Client:
        if self.server.url:
            transport = address(self.server, self._note_status)
        else:
            try:
                log = stack.enter_context(open_log(self.log))
            except OSError as error:
                raise ToolError(f"Cannot write {self.log}: {error.strerror}.") from None
            transport = program(self.server, log, self._note_end)
        client = Client(
            transport,
            message_handler=self._on_message,
            client_info=mcp_types.Implementation(name="stepchat", version=__version__),
            cache=None,
        )
        return await stack.enter_async_context(client)

    def _note_status(self, status: int) -> None:
        self._status = status

    def _note_end(self, ended: Ended) -> None:
        self._ended = f" ({ended})" if str(ended) else ""
        self._stop.set()

    async def _on_message(self, message: object) -> None:
        match message:
            case (
                mcp_types.ToolListChangedNotification()
                | mcp_types.PromptListChangedNotification()
                | mcp_types.ResourceListChangedNotification()
            ):
                self.lists_are_stale = True
            case _:
                pass

    def _fail(self, ready: asyncio.Future[Client], what: str | ToolError) -> None:
        """Report why the connection could not be opened; once it was open, the next request reports it."""
        if not ready.done():
            error = (
                what
                if isinstance(what, ToolError)
                else ToolError(f"The MCP server {self.server.name} {what}{self._log_hint()}")
            )
            self._failure = error
            ready.set_exception(error)

    def _why(self, error: BaseException) -> str:
        """Why the server cannot be reached, for the end of a sentence that begins with its name."""
        while isinstance(error, BaseExceptionGroup):
            error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
        if self.server.url:
            if self._status >= 400:
                return f"answered with HTTP {self._status} at {self.server.address}."
            return f"cannot be reached at {self.server.address}: {self._brief(str(error) or type(error).__name__)}"
        if self._ended or (isinstance(error, MCPError) and error.code == CONNECTION_CLOSED):
            return f"ended while it was starting{self._ended}."
        return f"cannot be used: {self._brief(str(error) or type(error).__name__)}"

    async def _explained(self, error: MCPError) -> ToolError:
        name = self.server.name
        if error.code == CONNECTION_CLOSED or (self.server.url and error.message == "Session terminated"):
            self._stop.set()
            if self._owner is not None:
                await asyncio.wait([self._owner])
            what = "ended the session" if self.server.url else f"ended{self._ended}"
            return ToolError(
                f"The MCP server {name} {what} during the request, which may have taken effect.{self._log_hint()}"
            )
        if self.server.url and self._status >= 400:
            return ToolError(f"The MCP server {name} answered with HTTP {self._status}: {self._brief(error.message)}")
        return ToolError(f"The MCP server {name} reports: {self._brief(error.message)}")

    def _brief(self, text: str) -> str:
        return as_sentence(self.server.redact(" ".join(text.split()))[:_LONGEST_ERROR])

    def _log_hint(self) -> str:
        if self.server.url or not (said := last_line(self.log)):
            return ""
        return f" Its log, {self.log}, ends with: {self._brief(said)}"


async def close_all(connections: Sequence[Connection]) -> None:
    """Close several at the same time."""
    with suppress(RuntimeError):  # a task of an event loop that has ended
        await asyncio.gather(*(one.close() for one in connections))
