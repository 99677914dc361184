"""What two answers to the same question cost and took, beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepchat.parameters.values import format_value
from stepchat.text.sanitize import sanitize
from stepchat.transcript.labels import duration, money, speed_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stepchat.messages import AssistantMessage

_LONGEST = 200
"""Of a parameter's value so many characters are shown."""

ENDS: Mapping[str, str] = {
    "stop": "by itself",
    "length": "at the limit on its length",
    "cancelled": "stopped by hand",
    "cut": "cut off",
    "content_filter": "by the content filter",
    "tool_calls": "with calls of tools",
    "error": "with an error",
}
"""How an answer ended, by the word for it on disk."""


@dataclass(frozen=True, slots=True)
class FactRow:
    """One fact of both; "" where it is not known."""

    name: str
    left: str
    right: str

    @property
    def differs(self) -> bool:
        return self.left != self.right


def fact_rows(left: AssistantMessage, right: AssistantMessage) -> list[FactRow]:
    """The facts that are known of one at least, and the parameters that one was asked with; first those that differ."""
    rows = [FactRow(name, sanitize(of(left)), sanitize(of(right))) for name, of in _FACTS]
    names = [*left.parameters, *(name for name in right.parameters if name not in left.parameters)]
    rows += [FactRow(sanitize(name), _parameter(left, name), _parameter(right, name)) for name in names]
    return sorted((row for row in rows if row.left or row.right), key=lambda row: not row.differs)


def short_facts(message: AssistantMessage) -> str:
    """What the line below an answer does not say: how long it took, and how it ended if not by itself."""
    facts = (
        _seconds(message.timing.total_seconds),
        "" if message.stop == "stop" else ENDS.get(message.stop, message.stop),
    )
    return " · ".join(fact for fact in facts if fact)


def _parameter(message: AssistantMessage, name: str) -> str:
    return sanitize(format_value(message.parameters.get(name))[:_LONGEST], keep_newlines=False)


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s" if value < 10 else duration(value)


def _tokens(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _said(message: AssistantMessage) -> int | None:
    total, thought = message.usage.completion_tokens, message.usage.reasoning_tokens
    return total if total is None else max(0, total - (thought or 0))


_FACTS: Sequence[tuple[str, Callable[[AssistantMessage], str]]] = (
    ("model", lambda message: message.model or message.model_asked),
    ("provider", lambda message: message.provider),
    ("ended", lambda message: ENDS.get(message.stop, message.stop)),
    ("first token", lambda message: _seconds(message.timing.first_token_seconds)),
    ("thinking", lambda message: _seconds(message.timing.reasoning_seconds)),
    ("duration", lambda message: _seconds(message.timing.total_seconds)),
    ("thought", lambda message: _tokens(message.usage.reasoning_tokens)),
    ("said", lambda message: _tokens(_said(message))),
    ("speed", speed_of),
    ("cost", lambda message: "" if message.usage.cost is None else money(message.usage.cost)),
)
"""Each with its name, in the order of the table."""
