"""The facts that the status bar shows about the turn and the session. Pure: times are arguments."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from stepchat.events import (
    Delta,
    MessageSaved,
    Preparing,
    RequestStarted,
    Retrying,
    Silence,
    ToolCallProgress,
    ToolCallStarted,
)
from stepchat.messages import AssistantMessage, StoredMessage, ToolMessage, Usage, UserMessage
from stepchat.parameters.budget import NAME as THINK_AT_MOST
from stepchat.parameters.budget import parse_budget
from stepchat.parameters.values import format_value
from stepchat.reasoning.effort import AUTO, effort_of, without_unsupported_effort
from stepchat.reasoning.loops import RepetitionDetector
from stepchat.text.format import money, short_count, tokens_per_second
from stepchat.text.sanitize import sanitize_title
from stepchat.transcript.answer import no_estimate
from stepchat.tui.chat.status_bar import Fact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.catalogue.models import Model
    from stepchat.chat.conversation import ConversationEvent
    from stepchat.messages import Json
    from stepchat.parameters.scopes import Scopes
    from stepchat.transcript.answer import Estimate

CHARACTERS_PER_TOKEN = 4
"""For the running estimate only; the server's count replaces it."""

NOTHING = Decimal()
FULL = 80
"""Percent of the context window from which the status bar warns."""
_LONGEST_PROGRESS = 60
_LONGEST_SETTING = 40
"""Cells of a parameter with its value."""
_OWN_FACT = frozenset({"reasoning.effort", "reasoning_effort", THINK_AT_MOST})
"""Parameters that have a fact of their own."""
Phase = Literal["waiting", "thinking", "answering", "running"]


class TurnProgress:
    """Follows the events of one turn, at constant cost per delta."""

    def __init__(self, started: float) -> None:
        self.started = started
        self.phase: Phase = "waiting"
        self.provider = ""
        self.repetition = RepetitionDetector()
        self.is_asking = False
        """A question about a tool waits for the user."""
        self._first: float | None = None
        self._characters = 0
        self._retry_at = started
        self._silence = Silence(0, 0)
        self._running: dict[str, tuple[str, float]] = {}
        """The names of the tools that run and when they began, by the ID of the call."""
        self._preparing = ""
        """What the question waits for."""
        self._said: dict[str, str] = {}
        """What they last said about their progress."""

    def add(self, event: ConversationEvent, now: float) -> None:
        """Handle one event at the time `now`, in seconds of the same clock as `started`."""
        match event:
            case Delta():
                self._delta(event, now)
            case Retrying():
                self._retry_at = now + event.delay
            case Silence():
                self._silence = event
            case Preparing(text):
                self._preparing = text
            case ToolCallStarted(call):
                self._running[call.id] = (call.name, now)
                self.phase = "running"
            case ToolCallProgress(call, text):
                self._said[call.id] = sanitize_title(text)[:_LONGEST_PROGRESS]
            case MessageSaved(StoredMessage(message=UserMessage())):
                self._preparing = ""
            case MessageSaved(StoredMessage(message=ToolMessage() as result)):
                self._running.pop(result.call_id, None)
                self._said.pop(result.call_id, None)
            case RequestStarted():
                self._running.clear()
                self._said.clear()
                self.phase, self._first, self._characters = "waiting", None, 0
            case _:
                pass

    def _delta(self, delta: Delta, now: float) -> None:
        self.provider = delta.provider or self.provider
        added = len(delta.text) + len(delta.reasoning)
        if not added:
            return
        self._silence, self._preparing = Silence(0, 0), ""
        self._retry_at = now
        self._characters += added
        if self._first is None:
            self._first = now
        self.phase = "answering" if delta.text else "thinking"

    @property
    def tokens(self) -> int:
        """Estimated tokens so far."""
        return round(self._characters / CHARACTERS_PER_TOKEN)

    def speed(self, now: float) -> float | None:
        """Estimated tokens per second since the first one."""
        if self._first is None or now - self._first < 0.5:
            return None
        return self.tokens / (now - self._first)

    def facts(self, now: float) -> list[Fact]:
        """What the turn is doing."""
        state, speed = self._state(now), self.speed(now)
        # The transcript counts the seconds, and the tokens of the reasoning.
        if self.phase == "answering" and speed is not None and state.kind == "state":
            return [Fact(f"{state.text} ~{tokens_per_second(speed)}", state.kind)]
        return [state]

    def _state(self, now: float) -> Fact:
        if now < self._retry_at:
            return Fact(f"retrying in {self._retry_at - now:.0f} s", "warning")
        if self._silence.seconds:
            silent, limit = self._silence.seconds, self._silence.limit
            return Fact(f"nothing arrives for {silent:.0f} s, giving up at {limit:.0f} s", "warning")
        if self.is_asking:
            return Fact("waiting for your answer", "warning")
        if self._running:
            names = ", ".join(dict.fromkeys(name for name, _ in self._running.values()))
            seconds = int(now - min(began for _, began in self._running.values()))
            said = "".join(f": {text}" for text in list(self._said.values())[-1:])
            return Fact(f"running {names}{f' {seconds} s' if seconds else ''}{said}", "state")
        return Fact(self._preparing or self.phase, "state")


def idle_hints() -> tuple[tuple[str, str], ...]:
    """The keys of an idle session; the first frame shows them as well."""
    return (("{key:reasoning}", "reasoning"), ("{key:commands}", "commands"))


def hints(meter: TurnProgress | None) -> tuple[tuple[str, str], ...]:
    """The keys that are most useful now."""
    if meter is None:
        return idle_hints()
    if meter.is_asking:
        return (("{key:approve}", "answer the question"), ("{key:stop}", "stop"))
    way_out = (("{key:answer-now}", "answer now"),) if meter.phase == "thinking" else ()
    return (("{key:stop}", "stop"), *way_out, ("{key:reasoning}", "reasoning"))


def effort_facts(parameters: Json, model: Model | None, *, rejected: bool = False) -> list[Fact]:
    """The effort that is sent. A model without levels gets none, so there is nothing to show."""
    parameters, _ = without_unsupported_effort(parameters, model, "")
    levels = () if model is None or model.reasoning is None else model.reasoning.supported_efforts
    asked = effort_of(parameters)
    if asked == AUTO and not levels:
        return []
    return [Fact(f"effort {asked}, rejected", "warning") if rejected else Fact(f"effort {asked}")]


def settings_facts(scopes: Scopes) -> list[Fact]:
    """The session's profile and preset, and the parameters set for it or for the next question."""
    facts = [
        Fact(f"{kind} {name}")
        for kind, name in (("profile", scopes.profile_name), ("preset", scopes.preset_name))
        if name
    ]
    if limit := parse_budget(scopes.resolve(THINK_AT_MOST).value):
        facts.append(Fact(f"thinks ≤ {limit}"))
    own = [(name, value) for name, value in scopes.session if name not in _OWN_FACT and value is not None]
    if len(own) == 1:
        facts.append(Fact(f"{own[0][0]}={format_value(own[0][1])}"[:_LONGEST_SETTING]))
    elif own:
        facts.append(Fact(f"{len(own)} parameters set"))
    facts += [Fact(f"once {name}={format_value(value)}"[:_LONGEST_SETTING], "state") for name, value in scopes.once]
    return facts


def session_facts(
    path: Sequence[StoredMessage],
    model: Model | None = None,
    estimate: Estimate = no_estimate,
    spent: Decimal = NOTHING,
    today: str = "",
) -> list[Fact]:
    """The used share of the context window, the cost of the session and, if there is space, the cost of today.

    `estimate` is for answers whose cost is unknown; `spent` is the known cost of all branches, shown or not.
    """
    answers = [stored.message for stored in path if isinstance(stored.message, AssistantMessage)]
    if not answers:
        return [Fact(f"today {today}")] if today else []
    facts: list[Fact] = []
    # An answer that is being written, or that failed, has no counts.
    counted = next((answer.usage for answer in reversed(answers) if answer.usage.prompt_tokens), Usage())
    used = (counted.prompt_tokens or 0) + (counted.completion_tokens or 0)
    if used:
        facts.append(context_fact(used, model))
    if cost := cost_of(answers, estimate, spent):
        facts.append(Fact(cost, longer=f"{cost} · today {today}" if today not in {"", cost} else ""))
    return facts


def context_fact(used: int, model: Model | None) -> Fact:
    """The used share of the context window; a warning if it is almost full."""
    if model is None or not model.context_length:
        return Fact(f"{short_count(used)} tokens")
    share = 100 * used / model.context_length
    words = f"context {'<1' if share < 1 else f'{share:.0f}'} %"
    return Fact(words, "warning" if share >= FULL else "plain")


def cost_of(answers: Sequence[AssistantMessage], estimate: Estimate, spent: Decimal = NOTHING) -> str:
    """The cost of these answers, with ~ before it if part of it is estimated; "" if unknown.

    `spent` is the least cost, as reported for these answers and those of other branches.
    """
    reported, estimated, known = Decimal(), Decimal(), bool(spent)
    for answer in answers:
        if (cost := answer.usage.cost) is not None:
            reported, known = reported + cost, True
        elif (cost := estimate(answer)) is not None:
            estimated, known = estimated + cost, True
    return f"{'~' if estimated else ''}{money(max(reported, spent) + estimated)}" if known else ""
