"""The panel below the transcript that asks whether a tool may run. Keys typed before it was read do not answer it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, Final

from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from stepchat.text.sanitize import sanitize
from stepchat.tools.approvals import Decision
from stepchat.tui.approval_keys import APPROVAL, APPROVAL_ROWS
from stepchat.tui.dialogs.key_hints import KeyHints
from stepchat.tui.field import Field
from stepchat.tui.keymap import bindings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from stepchat.tools.approvals import Answer, ApprovalRequest

_HINTS: Final = (
    ("approval.once", "once"),
    ("approval.session", "this session"),
    ("approval.always", "always"),
    ("approval.refuse", "no"),
    ("approval.show", "view all"),
    ("stop", "stop"),
)
_ROUND_HINTS: Final = (("approval.once", "continue"), ("approval.refuse", "no"), ("stop", "stop"))
_REASON: Final = "Why not? The model reads it. Enter sends it, also empty."
_SHOWN: Final = 6
"""Lines of arguments."""
_SHOWN_CHANGES: Final = 4
_CHANGED: Final = "This tool has changed since you approved it:"
_LONGEST_LINE: Final = 300
GUARD: Final = 0.8
"""Seconds without a key before letters answer. What the user is still typing when the panel appears goes to the prompt."""


class ApprovalPanel(Vertical, can_focus=True):
    """Asks one question. `decision` waits for the answer."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(
        APPROVAL_ROWS,
        APPROVAL,
        {
            "once": "answer('once')",
            "session": "answer('session')",
            "always": "answer('always')",
            "refuse": "refuse",
            "send-reason": "send_reason",
            "back": "back",
            "show": "show",
            "leave": "leave",
        },
    )

    @dataclass
    class Typed(Message):
        """A letter that is not an answer."""

        text: str

    class Left(Message):
        """The focus returns to the prompt; the panel stays."""

    @dataclass
    class ArgumentsWanted(Message):
        """The user wants to see all of the arguments."""

        title: str
        text: str

    def __init__(
        self,
        title: str,
        fact: str = "",
        arguments: str = "",
        change: Sequence[str] = (),
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`arguments` are lines; without them the question is about going on."""
        super().__init__()
        self._heading = title
        self._fact = fact
        self._arguments = arguments
        self._change = change
        self._clock = clock
        self._quiet_since = clock()
        self._answered: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self._reason = Field(placeholder=_REASON)
        self._reason.display = False

    @classmethod
    def about_call(cls, request: ApprovalRequest) -> ApprovalPanel:
        """Whether a call may run."""
        tool = request.ready.tool
        facts = [tool.source, *(["changes nothing"] if tool.read_only else [])]
        lines = "\n".join(argument_lines(request.ready.arguments))
        return cls(f"Run {tool.name}?", " · ".join(facts), lines or "(no arguments)", request.change)

    @classmethod
    def about_rounds(cls, rounds: int) -> ApprovalPanel:
        """Whether a turn may go on."""
        return cls(f"Go on after {rounds} rounds of tool calls?")

    @property
    def is_about_call(self) -> bool:
        return bool(self._arguments)

    def compose(self) -> ComposeResult:
        title = Content.assemble(
            (_line(self._heading), "$warning"), (f"  {_line(self._fact)}" if self._fact else "", "$dim")
        )
        yield Static(title, markup=False)
        if self._change:
            text = "\n".join([_CHANGED, *_first(self._change, _SHOWN_CHANGES)])
            yield Static(Content.styled(text, "$error"), markup=False)
        if self._arguments:
            text = "\n".join(_first(self._arguments.split("\n"), _SHOWN))
            yield Static(text, markup=False, classes="approval-arguments")
        yield self._reason
        yield KeyHints(_HINTS if self.is_about_call else _ROUND_HINTS)

    async def decision(self) -> Decision:
        """The user's answer."""
        return await self._answered

    def on_key(self, event: events.Key) -> None:
        """Letters that arrive right after the question, or right after such a letter, were meant for the prompt."""
        if self._reason.has_focus:
            return
        if event.is_printable and event.character and not event.key.startswith("alt+"):
            now = self._clock()
            waited, self._quiet_since = now - self._quiet_since, now
            if waited < GUARD or event.key not in self.active_keys:
                event.stop()
                self.post_message(self.Typed(event.character))
        elif event.key == "enter":
            event.stop()

    @property
    def active_keys(self) -> set[str]:
        """The keys that answer."""
        return {key for key, binding in self.screen.active_bindings.items() if binding.node is self}

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in {"send_reason", "back"}:
            return self._reason.has_focus
        if self._reason.has_focus:
            return False
        if not self.is_about_call and (action == "show" or parameters in {("session",), ("always",)}):
            return False
        return super().check_action(action, parameters)

    def action_answer(self, answer: Answer) -> None:
        self._decide(Decision(answer))

    def action_refuse(self) -> None:
        """Ask for a reason, unless the question is whether to continue."""
        if not self.is_about_call:
            self._decide(Decision("no"))
            return
        self._reason.display = True
        self._reason.focus()

    def action_send_reason(self) -> None:
        self._decide(Decision("no", self._reason.value.strip()))

    def action_back(self) -> None:
        self._reason.display = False
        self.focus()

    def action_leave(self) -> None:
        self.post_message(self.Left())

    def action_show(self) -> None:
        change = "\n".join([_CHANGED, *self._change, "", ""]) if self._change else ""
        self.post_message(self.ArgumentsWanted(self._heading, change + self._arguments))

    def _decide(self, decision: Decision) -> None:
        if not self._answered.done():
            self._answered.set_result(decision)


def argument_lines(arguments: dict[str, object]) -> list[str]:
    """The arguments of a call, each with its name; text as it is, anything else as JSON."""
    lines: list[str] = []
    for name, value in arguments.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
        first, *rest = text.split("\n")
        lines += [f"{name}: {first}", *(f"    {line}" for line in rest)]
    return lines


def _first(lines: Sequence[str], count: int) -> list[str]:
    """The first lines, and how many more there are."""
    more = [f"… {len(lines) - count:,} more lines"] if len(lines) > count else []
    return [*map(_line, lines[:count]), *more]


def _line(text: str) -> str:
    shown = sanitize(text, keep_newlines=False)
    return shown if len(shown) <= _LONGEST_LINE else f"{shown[:_LONGEST_LINE]}…"
