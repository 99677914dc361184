"""MCP servers as a source of tools. A server starts when one of its tools is needed, and ends with stepchat."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from stepchat.concurrency import run_in_daemon
from stepchat.config.file import read_mcp_json
from stepchat.text.sanitize import sanitize
from stepchat.tools.base import Output, Tool, ToolError
from stepchat.tools.mcp.server import read_server, revision_of
from stepchat.tools.source import Found, WaitingFile, approved_files, read_file

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from mcp.client.client import Client

    from stepchat.config.file import Table
    from stepchat.messages import Json
    from stepchat.tools.approvals import Settings
    from stepchat.tools.base import Report
    from stepchat.tools.mcp.connection import Connection

MISSING: Final = "MCP servers need the package mcp. Install it: pip install 'stepchat[mcp]'"
APPROVED: Final = "tools.mcp-json"
"""The setting in the database: hashes of approved files .mcp.json by path."""
SEPARATOR: Final = "__"
"""Between the name of a server and that of its tool."""
_EFFECT: Final = "its servers can be started, and their tools are off"
_MOST_TOOLS: Final = 500
_LONGEST_NAME: Final = 64
_LONGEST_DESCRIPTION: Final = 20_000
_ILLEGAL: Final = re.compile(r"[^a-zA-Z0-9_-]")


def is_wanted(server: str, names: Collection[str] | None) -> bool:
    """Whether any of these names, all if None, is that of a server or of one of its tools."""
    return names is None or any(name == server or name.startswith(server + SEPARATOR) for name in names)


@dataclass(slots=True)
class _Open:
    """A server, and the tools that it listed last."""

    connection: Connection
    revision: str
    tools: tuple[Tool, ...] = ()


@dataclass(slots=True)
class McpServers:
    """The servers of config.toml and of the project, and the connections to those that were needed."""

    configured: Sequence[Table]
    project: Path
    """A file .mcp.json, which may not exist."""
    logs: Path
    """The folder of the servers' logs."""
    files: Path
    """The folder for images and other data in results."""
    environ: Mapping[str, str] = field(repr=False)
    tables: dict[str, tuple[Table, str]] = field(default_factory=dict[str, "tuple[Table, str]"])
    """The configuration of each server by name, and the file it is from, as `find` found them."""
    _open: dict[str, _Open] = field(default_factory=dict[str, _Open])

    async def find(self, settings: Settings | None) -> Found:
        """Read which servers there are. Returns the file that has to be approved first, and problems. Raises StoreError."""
        self.tables = {table.name: (table, "config.toml") for table in self.configured}
        if not self.project.is_file():
            return Found()
        try:
            content, digest = read_file(self.project)
        except OSError as error:
            return Found(problems=(f"{self.project}: {error.strerror}.",))
        key = str(self.project)
        approved = (await approved_files(settings, APPROVED)).get(key)
        if approved != digest:
            return Found(waiting=(WaitingFile(self.project, digest, APPROVED, key, _EFFECT, approved is None),))
        tables, problems = read_mcp_json(self.project, content)
        self.tables = {table.name: (table, str(self.project)) for table in tables} | self.tables
        return Found(problems=tuple(map(str, problems)))

    async def read(self, settings: Settings | None, taken: Collection[str], wanted: Collection[str] | None) -> Found:
        """The tools of the wanted servers, which start if necessary. None wants all, even if they have failed before."""
        found = await self.find(settings)
        needed = [name for name in self.tables if is_wanted(name, wanted)]
        if not needed:
            return found
        results = await asyncio.gather(*(self._attempt(name, restart=wanted is None) for name in needed))
        problems = dict.fromkeys([*found.problems, *(one for one in results if isinstance(one, str))])
        tools: dict[str, Tool] = {}
        for tool in (tool for listed in results if not isinstance(listed, str) for tool in listed):
            tools.setdefault(tool.name, tool)
        usable = tuple(tool for name, tool in tools.items() if name not in taken)
        return Found(usable, found.waiting, tuple(problems))

    def is_open(self, name: str) -> bool:
        """Whether a server runs, or has failed and is not started again."""
        return name in self._open and self._open[name].connection.is_settled

    async def close(self) -> None:
        """End all servers."""
        if self._open:
            from stepchat.tools.mcp.connection import close_all

            await close_all([one.connection for one in self._open.values()])
            self._open.clear()

    async def connect(self, name: str) -> Connection:
        """The connection to a server, which opens when it is used. Raises ToolError."""
        return (await self._server(name)).connection

    async def _attempt(self, name: str, *, restart: bool) -> Sequence[Tool] | str:
        """The tools of a server, or why there are none."""
        try:
            server = await self._server(name)
            if restart:
                server.connection.allow_restart()
            return await self._tools(server)
        except ToolError as error:
            return str(error)

    async def _server(self, name: str) -> _Open:
        try:
            # In a thread: importing the package takes longer than a frame.
            module = await run_in_daemon(import_module, "stepchat.tools.mcp.connection")
        except ImportError:
            raise ToolError(MISSING) from None
        table, origin = self.tables[name]
        server = read_server(table, origin, self.environ)
        known = self._open.get(name)
        if known is not None and known.connection.server == server:
            return known
        self._open[name] = _Open(module.Connection(server, self.logs / f"{name}.log"), revision_of(table))
        if known is not None:
            await known.connection.close()
        return self._open[name]

    async def _tools(self, server: _Open) -> Sequence[Tool]:
        """The tools of a server; they are fetched if it is not running, or if it has said that they changed."""
        connection = server.connection
        if connection.lists_are_stale or not connection.is_open:
            await connection.client()
            connection.lists_are_stale = False
            listed = await connection.pages(_list_tools, "tools")
            server.tools = tuple(self._tool(server, row) for row in listed[:_MOST_TOOLS])
        return server.tools

    def _tool(self, server: _Open, row: Any) -> Tool:
        spec = server.connection.server
        hints = row.annotations
        description = sanitize(row.description or row.title or "")[:_LONGEST_DESCRIPTION]
        name = tool_name(spec.name, row.name)
        return Tool(
            name=name,
            description=spec.redact(description),
            parameters=row.input_schema,
            run=partial(self._call, server, row.name, name),
            source=f"MCP {spec.name}",
            read_only=spec.trusts_hints and hints is not None and hints.read_only_hint is True,
            timeout=spec.timeout,
            revision=server.revision,
            group=spec.name,
        )

    async def _call(self, server: _Open, name: str, public_name: str, arguments: Json, report: Report) -> Output:
        from stepchat.tools.mcp.content import result_text

        connection = server.connection
        known = {tool.name: tool.fingerprint for tool in server.tools}
        now = {tool.name: tool.fingerprint for tool in await self._tools(server)}
        if now.get(public_name) != known.get(public_name):
            raise ToolError("The tool has changed, so it did not run. Call it again in the next turn.")

        async def show(progress: float, total: float | None, message: str | None) -> None:
            share = f"{progress:g}" if total is None else f"{progress:g} of {total:g}"
            report(connection.server.redact(f"{message} ({share})" if message else share))

        async def ask(client: Client) -> Any:
            return await client.call_tool(name, arguments, progress_callback=show)

        result = await connection.request(ask)
        text = connection.server.redact(result_text(result, self.files))
        return Output(text, is_error=bool(result.is_error))


async def _list_tools(client: Client, cursor: str | None) -> Any:
    return await client.list_tools(cursor=cursor)


def tool_name(server: str, name: str) -> str:
    """The name of a tool as every model server accepts it, and as no tool of another server has it."""
    legal = f"{server}{SEPARATOR}{_ILLEGAL.sub('_', name)}"
    if legal == f"{server}{SEPARATOR}{name}" and len(legal) <= _LONGEST_NAME:
        return legal
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{legal[: _LONGEST_NAME - 7]}_{digest}"
