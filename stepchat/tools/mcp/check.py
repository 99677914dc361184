"""What is known about MCP servers: as configured, and as they answer."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from stepchat.tools.base import ToolError
from stepchat.tools.mcp.server import read_server

if TYPE_CHECKING:
    from stepchat.messages import Json
    from stepchat.tools.mcp.connection import Connection
    from stepchat.tools.mcp.source import McpServers

_OFFERS: Final = ("tools", "resources", "prompts")


@dataclass(frozen=True, slots=True)
class Report:
    """A server, and what it offers if it was asked."""

    name: str
    origin: str
    """The file that describes it."""
    address: str = ""
    """The command or the URL."""
    problem: str = ""
    version: str = ""
    protocol: str = ""
    seconds: float | None = None
    """From the start until it was ready."""
    offers: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """The names of its tools and prompts, and the addresses of its resources."""
    size: int = 0
    """Characters of the definitions of its tools, which each request contains."""

    @property
    def summary(self) -> str:
        """One line about a server that was asked."""
        ready = "" if self.seconds is None else f", ready in {self.seconds:.1f} s"
        count = len(self.offers.get("tools", ()))
        tools = f"{count} tool{'s' * (count != 1)}, about {self.size // 4:,} tokens per request"
        return f"{self.version or self.address}, MCP {self.protocol}{ready}: {tools}"

    def as_json(self) -> Json:
        return asdict(self)


def describe(servers: McpServers, name: str) -> Report:
    """A server as configured."""
    table, origin = servers.tables[name]
    try:
        return Report(name, origin, read_server(table, origin, servers.environ).address)
    except ToolError as error:
        return Report(name, origin, problem=str(error))


async def check_server(servers: McpServers, name: str) -> Report:
    """Start a server and ask what it offers."""
    _, origin = servers.tables[name]
    try:
        connection = await servers.connect(name)
        began = monotonic()
        address = connection.server.address
        client = await connection.client()
        seconds = monotonic() - began
        listed = {kind: await _names(connection, kind) for kind in _OFFERS}
        found = await servers.read(None, (), {name})
        size = len(json.dumps([tool.definition for tool in found.tools]))
        info = client.server_info
    except ToolError as error:
        return Report(name, origin, problem=str(error))
    version = "" if info is None else f"{info.name} {info.version}"
    return Report(name, origin, address, "", version, client.protocol_version, round(seconds, 3), listed, size)


async def _names(connection: Connection, kind: str) -> list[str]:
    client = await connection.client()
    if getattr(client.server_capabilities, kind) is None:
        return []
    rows: list[Any] = await connection.pages(
        lambda client, cursor: getattr(client, f"list_{kind}")(cursor=cursor), kind
    )
    return [connection.server.redact(str(row.uri if kind == "resources" else row.name)) for row in rows]
