"""The tools of all sources in one list. They are imported and started only when needed. Add a source in `_start`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from stepchat.config.file import Table
    from stepchat.tools.approvals import Settings
    from stepchat.tools.base import Tool
    from stepchat.tools.mcp.source import McpServers
    from stepchat.tools.source import Source, WaitingFile


@dataclass(slots=True)
class ToolSources:
    """All tools, whether they are on or off."""

    folders: Sequence[str] = ()
    """Folders that may be read, from config.toml; the working directory if empty."""
    user_folder: Path | None = None
    """Where the user's functions are."""
    settings: Settings | None = None
    """Where approvals are kept."""
    servers: Sequence[Table] = ()
    """The MCP servers of config.toml."""
    logs: Path | None = None
    """The folder for the logs of MCP servers; None if there can be none."""
    files: Path | None = None
    """The folder for images and other data in results."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    waiting: tuple[WaitingFile, ...] = ()
    """Files of the user that have to be approved first, as `tools` found them."""
    problems: tuple[str, ...] = ()
    """What is wrong with others, each with its place, as `tools` found it."""
    known: Mapping[str, str] = field(default_factory=dict[str, str])
    """The names that `tools` found last, those of groups included, each with its group or ""."""
    mcp: McpServers | None = None
    _started: list[Source] = field(default_factory=list["Source"])

    async def tools(self, wanted: Collection[str] | None = None) -> list[Tool]:
        """All of them, in the order in which they are listed. Raises StoreError.

        If only some names are wanted, of tools or groups, sources start nothing for others, whose tools may be missing.
        """
        if not self._started:
            self._started = self._start()
        found: list[Tool] = []
        waiting: list[WaitingFile] = []
        problems: list[str] = []
        for source in self._started:
            part = await source.read(self.settings, {tool.name for tool in found}, wanted)
            found += part.tools
            waiting += part.waiting
            problems += part.problems
        self.waiting, self.problems = tuple(waiting), tuple(problems)
        groups = dict.fromkeys(() if self.mcp is None else self.mcp.tables, "")
        listed = {tool.name: tool.group for tool in found}
        others = {name: group for name, group in self.known.items() if group in groups and group not in listed.values()}
        self.known = listed | groups | others
        return found

    def servers_to_start(self, wanted: Collection[str]) -> list[str]:
        """The MCP servers that `tools` would start first, which can take long."""
        from stepchat.tools.mcp.source import is_wanted

        names = [table.name for table in self.servers] if self.mcp is None else self.mcp.tables
        return [name for name in names if is_wanted(name, wanted) and (self.mcp is None or not self.mcp.is_open(name))]

    async def close(self) -> None:
        """End what the sources have started."""
        for source in self._started:
            await source.close()

    def _start(self) -> list[Source]:
        from stepchat.tools.builtin import BuiltIn, Surroundings, builtin_tools
        from stepchat.tools.folders import Folders

        sources: list[Source] = [BuiltIn(builtin_tools(Surroundings(Folders.of(self.folders or [Path.cwd()]))))]
        if self.user_folder is not None:
            from stepchat.tools.user import UserFunctions

            sources.append(UserFunctions(self.user_folder))
        if self.logs is not None and self.files is not None:
            from stepchat.tools.mcp.source import McpServers

            self.mcp = McpServers(self.servers, Path.cwd() / ".mcp.json", self.logs, self.files, self.environ)
            sources.append(self.mcp)
        return sources
