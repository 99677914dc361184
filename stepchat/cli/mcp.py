"""`stepchat mcp`: the MCP servers whose tools stepchat can use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from stepchat.cli.completion import complete_value
from stepchat.cli.context import HELP, CommandGroup, Invocation, json_option, pass_invocation
from stepchat.config.paths import path_exists
from stepchat.errors import UsageError

if TYPE_CHECKING:
    from stepchat.tools.mcp.check import Report
    from stepchat.tools.mcp.source import McpServers

PROJECT_FILE = ".mcp.json"


@click.group(cls=CommandGroup, context_settings=HELP)
def mcp() -> None:
    """MCP servers, whose tools a model may call. `stepchat help mcp` says how to add one."""


@mcp.command("list")
@json_option
@pass_invocation
def list_servers(invocation: Invocation, *, as_json: bool) -> int:
    """List the servers, without starting them. Files with mistakes are reported, and the exit code is 2."""
    import asyncio

    from stepchat.cli.output import USAGE
    from stepchat.tools.mcp.check import describe

    output = invocation.output
    found = asyncio.run(_find(invocation))
    rows = [describe(found.servers, name) for name in found.servers.tables]
    if as_json:
        output.write_json([row.as_json() for row in rows])
    else:
        width = max((len(row.name) for row in rows), default=0)
        for row in rows:
            output.write_line(f"{row.name:{width}}  {row.problem or row.address}  ({row.origin})")
    for problem in found.problems:
        output.print_notice(problem)
    if not rows and not found.problems and not as_json:
        output.print_notice("No MCP servers. `stepchat help mcp` says how to add one.")
    return USAGE if found.problems else 0


@mcp.command("check")
@click.argument("name", required=False, shell_complete=complete_value("mcp"))
@json_option
@pass_invocation
def check_servers(invocation: Invocation, name: str | None, *, as_json: bool) -> int:
    """Start the servers, or one of them, and print what they offer. Exits with 1 if one fails."""
    import asyncio

    output = invocation.output

    async def check() -> list[Report]:
        from stepchat.tools.mcp.check import check_server

        found = await _find(invocation)
        for problem in found.problems:
            output.print_notice(problem)
        servers = found.servers
        if name is not None and name not in servers.tables:
            raise UsageError(f"There is no MCP server {name!r}.", f"Known ones: {', '.join(servers.tables) or 'none'}.")
        try:
            reports: list[Report] = []
            for one in servers.tables if name is None else (name,):
                reports.append(await check_server(servers, one))
                if not as_json:
                    _print(invocation, reports[-1])
            return reports
        finally:
            await servers.close()

    reports = asyncio.run(check())
    if as_json:
        output.write_json([report.as_json() for report in reports])
    elif not reports:
        output.print_notice("No MCP servers. `stepchat help mcp` says how to add one.")
    return int(any(report.problem for report in reports))


def _print(invocation: Invocation, report: Report) -> None:
    from stepchat.text.sanitize import sanitize_line

    output = invocation.output
    mark = output.styled("!!", "1;31") if report.problem else output.styled("ok", "32")
    output.write(mark)
    output.write_line(f"  {report.name}  {sanitize_line(report.problem or report.summary)}")
    for kind, names in report.offers.items():
        if names:
            output.write_line(f"      {kind}: {sanitize_line(', '.join(names))}")


class _Servers(NamedTuple):
    servers: McpServers
    problems: list[str]


async def _find(invocation: Invocation) -> _Servers:
    """The servers of config.toml and, if the user has approved it, of .mcp.json in the working directory."""
    from stepchat.tools.mcp.source import McpServers

    config, paths = invocation.config, invocation.paths
    servers = McpServers(config.mcp, Path.cwd() / PROJECT_FILE, paths.mcp, paths.results, invocation.environ)
    store = invocation.open_store_for_reading() if path_exists(paths.database) else None
    try:
        found = await servers.find(store)
    finally:
        if store is not None:
            await store.close()
    waiting = [
        f"{file.path} {'is new' if file.is_new else 'has changed'}: approve it with /tools in the window."
        for file in found.waiting
    ]
    return _Servers(servers, [*map(str, config.problems), *found.problems, *waiting])
