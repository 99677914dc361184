"""The tools of one conversation: which are on, and which the user approved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final, TypeAlias

from stepchat.chat.tool_calls import TurnTools
from stepchat.errors import UsageError
from stepchat.tools.approvals import Approvals, Ask, Decision
from stepchat.tools.calls import Limits, Toolset

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from stepchat.config.file import ToolSettings
    from stepchat.sessions.store import SessionStore
    from stepchat.tools.approvals import ApprovalRequest, Decides
    from stepchat.tools.base import Tool
    from stepchat.tools.sources import ToolSources

ConfirmRounds: TypeAlias = Callable[[int], Awaitable[bool]]

_NOBODY: Final = "Nobody can approve calls here, so this one did not run."


async def _refuse(_request: ApprovalRequest) -> Decision:
    return Decision("no", _NOBODY, origin="option")


async def _end_turn(_rounds: int) -> bool:
    return False


@dataclass(slots=True)
class Toolbox:
    """The tools of one conversation."""

    sources: ToolSources
    settings: ToolSettings
    asked_for: tuple[str, ...] = ()
    """The names of tools that the command line switched on."""
    has_none: bool = False
    """Whether the command line switched all tools off."""
    on: tuple[str, ...] = ()
    """The names of the tools, or groups of them, that are on."""
    ask: Ask = _refuse
    """Asks the user about a call. Set by the front end."""
    confirm_rounds: ConfirmRounds = _end_turn
    """Asks the user whether a turn may go on. Set by the front end."""
    is_chosen: bool = False
    """Whether the user has chosen the tools of this session."""
    approved: set[str] = field(default_factory=set[str])
    """Fingerprints of tools that are approved in this session."""

    def start_session(self, on: Collection[str] | None) -> None:
        """Change to another session, with the tools chosen for it; None uses those of config.toml."""
        chosen = self.settings.on if on is None else on
        self.on = () if self.has_none else tuple(dict.fromkeys([*chosen, *self.asked_for]))
        self.approved, self.is_chosen = set(), on is not None

    def choose(self, names: Sequence[str]) -> None:
        """Switch these tools on, and all others off."""
        self.on, self.is_chosen = tuple(names), True

    async def enabled(self) -> list[Tool]:
        """The tools that are on and exist."""
        return [tool for tool in await self.sources.tools(self.on) if tool.is_named_in(self.on)] if self.on else []

    def is_on(self, name: str) -> bool:
        """Whether a tool or group is on, as far as it is known."""
        return name in self.on or self.sources.known.get(name) in self.on

    def servers_to_start(self) -> list[str]:
        """The MCP servers for which the next turn has to wait."""
        return self.sources.servers_to_start(self.on) if self.on and self.sources.servers else []

    async def for_turn(self, store: SessionStore, approvals: Decides | None = None) -> TurnTools | None:
        """The tools of a turn; None if none is on. Without `approvals`, the user is asked."""
        enabled = await self.enabled()
        problems = self.sources.problems if self.on else ()
        if not enabled and not problems:
            return None
        limits = Limits(self.settings.timeout, int(self.settings.output))
        return TurnTools(
            Toolset({tool.name: tool for tool in enabled}, limits),
            approvals or Approvals(store, self.ask, self.settings.trusted, self.approved),
            self.confirm_rounds,
            int(self.settings.rounds),
            problems,
        )


async def check_names(names: Sequence[str], sources: ToolSources) -> None:
    """Raises UsageError for a name that no tool has."""
    await sources.tools(names)
    known = sources.known
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"Known tools: {', '.join(known)}."
            if sources.waiting:
                files = ", ".join(file.name for file in sources.waiting)
                hint = f"{files} is new or has changed: approve it with /tools in the window."
            elif sources.problems:
                hint = " ".join(sources.problems)
            raise UsageError(f"There is no tool {name!r}.", hint)
