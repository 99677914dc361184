"""A tool: something the model may call. Their sources are listed in sources.py."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from stepchat.messages import Json

BUILT_IN: Final = "built-in"
"""The source of stepchat's own tools."""


class ToolError(Exception):
    """A tool failed. The message is for the model, which can react to it."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a tool returned."""

    text: str
    is_error: bool = False


Report: TypeAlias = "Callable[[str], None]"
"""Gets a few words about the progress of a call, as often as the tool likes."""
Run: TypeAlias = "Callable[[Json, Report], Awaitable[Output]]"
"""Runs a tool with arguments that fit its schema. Raises ToolError; cancelling it ends everything it started."""


def ignore(_progress: str) -> None:
    """For those who do not want to know."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool."""

    name: str
    description: str
    parameters: Json
    """The JSON schema of its arguments."""
    run: Run
    source: str = BUILT_IN
    read_only: bool = False
    """Whether it changes nothing, so that calls may run concurrently, and config.toml may trust it."""
    timeout: float | None = None
    """Seconds, if other than the configured limit."""
    revision: str = ""
    """Changes when its code does, if that is known."""
    group: str = ""
    """A name that stands for all tools of its source; "" if there is none."""

    def is_named_in(self, names: Collection[str]) -> bool:
        """Whether its name, or that of its group, is among these."""
        return self.name in names or (bool(self.group) and self.group in names)

    @property
    def definition(self) -> Json:
        """The definition as sent to the model."""
        function: Json = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function}

    @property
    def fingerprint(self) -> str:
        """Changes when anything changes that an approval relied on."""
        parts: list[Any] = [self.source, self.name, self.description, self.parameters, self.revision]
        text = json.dumps(parts, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
