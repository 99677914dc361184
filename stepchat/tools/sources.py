"""Where tools come from, as one list. Nothing is imported or started before tools are needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.tools.base import Tool


@dataclass(slots=True)
class ToolSources:
    """All tools that stepchat knows, whether they are on or not."""

    folders: Sequence[str] = ()
    """Folders that may be read, from config.toml; the working directory if empty."""
    _builtin: tuple[Tool, ...] = ()

    async def tools(self) -> list[Tool]:
        """All of them, in the order in which they are listed."""
        if not self._builtin:
            from stepchat.tools.builtin import Surroundings, builtin_tools
            from stepchat.tools.folders import Folders

            self._builtin = builtin_tools(Surroundings(Folders.of(self.folders or [Path.cwd()])))
        return [*self._builtin]
