"""Approvals of tool calls, by the user in advance or on request."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from stepchat.tools.base import Tool
    from stepchat.tools.calls import ReadyCall

ALWAYS: Final = "tools.always"
"""The setting in the database: fingerprints of tools by name."""

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
    has_changed: bool = False
    """Whether the tool was approved permanently and has changed since."""


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
        if tool.read_only and tool.is_named_in(self.trusted):
            return Decision("always", origin="trusted")
        if tool.fingerprint in self.session:
            return Decision("session", origin="session")
        known = await always_approved(self.settings)
        if known.get(tool.name) == tool.fingerprint:
            return Decision("always", origin="always")
        decision = await self.ask(ApprovalRequest(ready, has_changed=tool.name in known))
        if decision.answer == "session":
            self.session.add(tool.fingerprint)
        elif decision.answer == "always":
            await approve_always(self.settings, tool)
        return decision


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
