"""The tools of all sources in one list. They are imported and started only when needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.tools.approvals import Settings
    from stepchat.tools.base import Tool
    from stepchat.tools.user import UserFile, UserFunctions


@dataclass(slots=True)
class ToolSources:
    """All tools, whether they are on or off."""

    folders: Sequence[str] = ()
    """Folders that may be read, from config.toml; the working directory if empty."""
    user_folder: Path | None = None
    """Where the user's functions are."""
    settings: Settings | None = None
    """Where approvals are kept."""
    waiting: tuple[UserFile, ...] = ()
    """Files of the user that have to be approved first, as `tools` found them."""
    problems: tuple[str, ...] = ()
    """What is wrong with others, each with its place, as `tools` found it."""
    known: tuple[str, ...] = ()
    """The names that `tools` found last."""
    _builtin: tuple[Tool, ...] = ()
    _user: UserFunctions | None = None

    async def tools(self) -> list[Tool]:
        """All of them, in the order in which they are listed. Raises StoreError."""
        if not self._builtin:
            from stepchat.tools.builtin import Surroundings, builtin_tools
            from stepchat.tools.folders import Folders

            self._builtin = builtin_tools(Surroundings(Folders.of(self.folders or [Path.cwd()])))
        found = [*self._builtin, *await self._functions()]
        self.known = tuple(tool.name for tool in found)
        return found

    async def _functions(self) -> tuple[Tool, ...]:
        if self.user_folder is None or not self.user_folder.is_dir():
            return ()
        if self._user is None:
            from stepchat.tools.user import UserFunctions

            self._user = UserFunctions(self.user_folder)
        found = await self._user.read(self.settings, {tool.name for tool in self._builtin})
        self.waiting, self.problems = found.waiting, found.problems
        return found.tools
