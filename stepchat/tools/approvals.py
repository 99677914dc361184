"""Approvals of tool calls, by the user in advance or on request."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from stepchat.messages import Json
    from stepchat.tools.base import Tool
    from stepchat.tools.calls import ReadyCall

ALWAYS: Final = "tools.always"
"""The setting in the database: fingerprints of tools by name."""
SEEN: Final = "tools.seen"
"""The setting in the database: the definitions that the user approved last, by name of the tool."""

NOT_ALLOWED: Final = "The user has not allowed this tool, so it did not run. Answer without it if you can."

Answer: TypeAlias = Literal["once", "session", "always", "no"]
Origin: TypeAlias = Literal["user", "session", "always", "trusted", "option"]


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a call may run. `reason` is the user's explanation, which is sent to the model."""

    answer: Answer
    reason: str = ""
    origin: Origin = "user"
    """Whether the user was asked now, or decided before."""

    @property
    def allows(self) -> bool:
        return self.answer != "no"


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """The question to the user."""

    ready: ReadyCall
    change: tuple[str, ...] = ()
    """What has changed in the tool since the user approved it, as lines of a diff."""


Ask: TypeAlias = "Callable[[ApprovalRequest], Awaitable[Decision]]"


class Decides(Protocol):
    """Decides about each call that is ready to run."""

    async def decide(self, ready: ReadyCall) -> Decision: ...


class Settings(Protocol):
    """The part of the session store that approvals need."""

    async def setting(self, name: str) -> str | None: ...

    async def update_setting(self, name: str, change: Callable[[str | None], str]) -> None: ...


@dataclass(slots=True)
class Approvals:
    """The approvals of one session, and the permanent ones, which are on disk."""

    settings: Settings
    ask: Ask
    trusted: Collection[str] = ()
    """Names of tools from config.toml that need no approval, if they are read-only."""
    session: set[str] = field(default_factory=set[str])
    """Fingerprints of tools that are approved until the program ends."""

    async def decide(self, ready: ReadyCall) -> Decision:
        """The user's decision, now or before. Raises StoreError."""
        tool = ready.tool
        seen = _seen(await self.settings.setting(SEEN)).get(tool.name)
        change = () if seen is None or seen["fingerprint"] == tool.fingerprint else _diff(seen, tool)
        known = await always_approved(self.settings)
        if not change:
            if tool.read_only and tool.is_named_in(self.trusted):
                if tool.group:
                    await self._remember(tool, seen)
                return Decision("always", origin="trusted")
            if tool.fingerprint in self.session:
                return Decision("session", origin="session")
            if known.get(tool.name) == tool.fingerprint:
                return Decision("always", origin="always")
            if seen is None and tool.name in known:
                change = (_UNKNOWN_CHANGE,)
        decision = await self.ask(ApprovalRequest(ready, change))
        if decision.answer == "session":
            self.session.add(tool.fingerprint)
        elif decision.answer == "always":
            await approve_always(self.settings, tool)
        if decision.allows and (tool.group or decision.answer == "always"):
            await self._remember(tool, seen)
        return decision

    async def _remember(self, tool: Tool, seen: Json | None) -> None:
        """Keep the definition, so that a change by its source can be shown."""
        if seen is None or seen["fingerprint"] != tool.fingerprint:
            await self.settings.update_setting(SEEN, lambda kept: json.dumps(_seen(kept) | {tool.name: _facts(tool)}))


@dataclass(frozen=True, slots=True)
class AllowList:
    """Approvals without a user: only what was allowed in advance runs."""

    names: Collection[str] = ()
    everything: bool = False

    async def decide(self, ready: ReadyCall) -> Decision:
        """Whether the tool was allowed."""
        if self.everything or ready.tool.is_named_in(self.names):
            return Decision("once", origin="option")
        return Decision("no", NOT_ALLOWED, origin="option")


async def always_approved(settings: Settings) -> dict[str, str]:
    """Fingerprints of the permanently approved tools, by name. Raises StoreError."""
    return _read(await settings.setting(ALWAYS))


async def approve_always(settings: Settings, tool: Tool) -> None:
    """Approve all calls of a tool as it is now. Raises StoreError."""
    await settings.update_setting(ALWAYS, lambda kept: json.dumps(_read(kept) | {tool.name: tool.fingerprint}))


async def forget_always(settings: Settings, name: str) -> None:
    """Ask again for each call of this tool. Raises StoreError."""
    await settings.update_setting(
        ALWAYS, lambda kept: json.dumps({known: value for known, value in _read(kept).items() if known != name})
    )


def _facts(tool: Tool) -> Json:
    return {"fingerprint": tool.fingerprint, "description": tool.description, "parameters": tool.parameters}


def _diff(seen: Json, tool: Tool) -> tuple[str, ...]:
    """The lines of the definition that were removed or added."""
    from difflib import unified_diff

    before, after = (
        [
            *str(one["description"]).splitlines(),
            *json.dumps(one["parameters"], indent=2, ensure_ascii=False).split("\n"),
        ]
        for one in (seen, _facts(tool))
    )
    lines = [
        line for line in unified_diff(before, after, lineterm="", n=0) if not line.startswith(("---", "+++", "@@"))
    ]
    return tuple(f"{line[0]} {line[1:]}" for line in lines) or (_OTHER_CHANGE,)


_UNKNOWN_CHANGE: Final = "What it was like is not known."
_OTHER_CHANGE: Final = "Its definition is the same, but not what runs."


def _seen(kept: str | None) -> dict[str, Json]:
    try:
        value: Any = json.loads(kept or "{}")
    except ValueError:
        return {}
    rows = cast("dict[str, Any]", value if isinstance(value, dict) else {})
    return {
        name: row
        for name, row in rows.items()
        if isinstance(row, dict) and {"fingerprint", "description", "parameters"} <= set(cast("Json", row))
    }


def _read(kept: str | None) -> dict[str, str]:
    try:
        value: Any = json.loads(kept or "{}")
    except ValueError:
        return {}
    return {
        name: fingerprint
        for name, fingerprint in cast("dict[str, Any]", value if isinstance(value, dict) else {}).items()
        if isinstance(fingerprint, str)
    }
