"""What the status bar says about the turn and the session. Pure: times are arguments."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from stepchat.events import Delta, Retrying, Silence
from stepchat.messages import AssistantMessage
from stepchat.reasoning.effort import effort_of
from stepchat.reasoning.loops import RepetitionDetector
from stepchat.text.format import money, short_count
from stepchat.transcript.answer import no_estimate
from stepchat.tui.chat.status_bar import Fact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.catalogue.models import Model
    from stepchat.events import TurnEvent
    from stepchat.messages import Json, StoredMessage
    from stepchat.transcript.answer import Estimate

CHARACTERS_PER_TOKEN = 4
"""Only for the running estimate; the server's count replaces it."""

NOTHING = Decimal()
FULL = 80
"""Percent of the model's window from which the meter warns."""
Phase = Literal["waiting", "thinking", "answering"]


class TurnProgress:
    """Follows one turn. Adding costs the same for every delta."""

    def __init__(self, started: float) -> None:
        self.started = started
        self.phase: Phase = "waiting"
        self.provider = ""
        self.repetition = RepetitionDetector()
        self._since = started
        self._first: float | None = None
        self._characters = 0
        self._retry_at = started
        self._silence = Silence(0, 0)

    def add(self, event: TurnEvent, now: float) -> None:
        """Take one event at the time `now`, in seconds of the same clock as `started`."""
        match event:
            case Delta():
                self._delta(event, now)
            case Retrying():
                self._retry_at = now + event.delay
            case Silence():
                self._silence = event
            case _:
                pass

    def _delta(self, delta: Delta, now: float) -> None:
        self.provider = delta.provider or self.provider
        added = len(delta.text) + len(delta.reasoning)
        if not added:
            return
        self._silence = Silence(0, 0)
        self._retry_at = now
        self._characters += added
        if self._first is None:
            self._first = now
        phase: Phase = "answering" if delta.text else "thinking"
        if phase != self.phase:
            self.phase, self._since = phase, now

    @property
    def tokens(self) -> int:
        """Estimated tokens so far."""
        return round(self._characters / CHARACTERS_PER_TOKEN)

    def speed(self, now: float) -> float | None:
        """Estimated tokens a second since the first one."""
        if self._first is None or now - self._first < 0.5:
            return None
        return self.tokens / (now - self._first)

    def facts(self, now: float) -> list[Fact]:
        """What the turn is doing, in words."""
        facts = [self._state(now)]
        # While it thinks the header of the reasoning counts them.
        if self.tokens and self.phase == "answering":
            facts.append(Fact(f"~{short_count(self.tokens)} tokens"))
        if (speed := self.speed(now)) is not None:
            facts.append(Fact(f"~{speed:.0f} tok/s"))
        return facts

    def _state(self, now: float) -> Fact:
        if now < self._retry_at:
            return Fact(f"trying again in {self._retry_at - now:.0f} s", "warning")
        if self._silence.seconds:
            silent, limit = self._silence.seconds, self._silence.limit
            return Fact(f"nothing arrives for {silent:.0f} s, giving up at {limit:.0f} s", "warning")
        return Fact(f"{self.phase} {self._seconds(now - self._since)}", "state")

    @staticmethod
    def _seconds(seconds: float) -> str:
        return f"{max(0, int(seconds))} s"


def idle_hints() -> tuple[tuple[str, str], ...]:
    """The keys of a session in which nothing runs; the first frame shows them as well."""
    return (("{key:reasoning}", "reasoning"), ("{key:commands}", "commands"))


def hints(meter: TurnProgress | None) -> tuple[tuple[str, str], ...]:
    """Which keys are worth knowing now."""
    if meter is None:
        return idle_hints()
    way_out = (("{key:answer-now}", "answer now"),) if meter.phase == "thinking" else ()
    return (("{key:stop}", "stop"), *way_out, ("{key:reasoning}", "reasoning"))


def effort_fact(parameters: Json, path: Sequence[StoredMessage], *, refused: bool = False) -> Fact:
    """How hard to think was asked for, and, where it tells, how much the last answer was thought about."""
    last = next((stored.message for stored in reversed(path) if isinstance(stored.message, AssistantMessage)), None)
    thought = last.usage.reasoning_tokens if last is not None else None
    words = f"effort {effort_of(parameters)}"
    if refused:
        return Fact(f"{words}, refused", "warning")
    return Fact(words + (f", {short_count(thought)} thought" if thought else ""))


def session_facts(
    path: Sequence[StoredMessage],
    model: Model | None = None,
    estimate: Estimate = no_estimate,
    spent: Decimal = NOTHING,
    today: str = "",
) -> list[Fact]:
    """Room in the model's window, what the session cost and, where there is room, the day, the speed of the last answer.

    `estimate` is for answers whose cost was not told; `spent` was told of all branches, those on show and the others.
    """
    answers = [stored.message for stored in path if isinstance(stored.message, AssistantMessage)]
    if not answers:
        return [Fact(f"today {today}")] if today else []
    facts: list[Fact] = []
    last = answers[-1]
    used = (last.usage.prompt_tokens or 0) + (last.usage.completion_tokens or 0)
    if used:
        facts.append(context_fact(used, model))
    if cost := cost_of(answers, estimate, spent):
        facts.append(Fact(cost, longer=f"{cost} · today {today}" if today not in {"", cost} else ""))
    if (speed := last.speed) is not None:
        facts.append(Fact(f"{speed:.0f} tok/s"))
    return facts


def context_fact(used: int, model: Model | None) -> Fact:
    """How much of the window is used; a warning when little is left."""
    if model is None or not model.context_length:
        return Fact(f"{short_count(used)} tokens")
    share = 100 * used / model.context_length
    words = f"context {'<1' if share < 1 else f'{share:.0f}'} %"
    return Fact(words, "warning" if share >= FULL else "plain")


def cost_of(answers: Sequence[AssistantMessage], estimate: Estimate, spent: Decimal = NOTHING) -> str:
    """What these cost, with ~ before it when a part is estimated by prices; "" when nothing is known.

    `spent` is the least that was told: of these, and of others beside them.
    """
    told, guessed, known = Decimal(), Decimal(), bool(spent)
    for answer in answers:
        if (cost := answer.usage.cost) is not None:
            told, known = told + cost, True
        elif (cost := estimate(answer)) is not None:
            guessed, known = guessed + cost, True
    return f"{'~' if guessed else ''}{money(max(told, spent) + guessed)}" if known else ""
