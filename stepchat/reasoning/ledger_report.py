"""The ledger of a session: what reasoning came with each answer, and what every later request did with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from stepchat.messages import AssistantMessage
from stepchat.reasoning.ledger import (
    RULES,
    ReceivedReasoning,
    ReturnedReasoning,
    hash_of,
    received_reasoning,
    returned_from_json,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stepchat.messages import Json, StoredMessage
    from stepchat.reasoning.ledger import Rule
    from stepchat.sessions.exchanges import ReasoningSent, SentMessage


@dataclass(frozen=True, slots=True)
class ReasoningUse:
    """What one request did with the reasoning of one answer; `hash` is of the list that it sent, "" if none was."""

    request: int
    answer: str
    """The id of the answer that was asked for."""
    started: float
    returned: ReturnedReasoning
    hash: str
    unchanged: bool
    """What was sent is what is on disk, compared anew."""


@dataclass(frozen=True, slots=True)
class ReasoningAccount:
    """One answer."""

    id: str
    message: AssistantMessage
    received: ReceivedReasoning
    uses: tuple[ReasoningUse, ...]


def reasoning_accounts(
    messages: Iterable[StoredMessage], sendings: Mapping[str, Sequence[ReasoningSent]]
) -> list[ReasoningAccount]:
    """One for every answer, in the order of the messages."""
    found: list[ReasoningAccount] = []
    for stored in messages:
        message = stored.message
        if isinstance(message, AssistantMessage):
            came = received_reasoning(message)
            # Requests share lines, and a long list is hashed once for each.
            judged: dict[int, tuple[ReturnedReasoning, str, bool]] = {}
            used: list[ReasoningUse] = []
            for sending in sendings.get(stored.id, ()):
                if id(sending.line) not in judged:
                    judged[id(sending.line)] = _judge(sending.line, message, came)
                used.append(ReasoningUse(sending.request, sending.answer, sending.started, *judged[id(sending.line)]))
            found.append(ReasoningAccount(stored.id, message, came, tuple(used)))
    return found


def _judge(
    line: SentMessage, message: AssistantMessage, came: ReceivedReasoning
) -> tuple[ReturnedReasoning, str, bool]:
    """What was done, the hash of what was sent, and whether that is what is on disk."""
    wire = line.wire or {}
    details: Any = wire.get("reasoning_details")
    hash_sent = hash_of(cast("list[Json]", details)) if isinstance(details, list) else ""
    if hash_sent:
        unchanged = hash_sent == came.hash
    else:
        words = wire.get("reasoning") or wire.get("reasoning_content") or ""
        unchanged = bool(words) and words == message.reasoning
    return returned_from_json(line.verdict or {}), hash_sent, unchanged


def account_json(account: ReasoningAccount) -> Json:
    """For `--json`."""
    came = account.received
    return {
        "answer": account.id,
        "model": account.message.model or account.message.model_asked,
        "server": account.message.server,
        "received": {
            "entries": came.entries,
            "types": dict(came.types),
            "characters": came.characters,
            "sha256": came.hash or None,
        },
        "requests": [
            {
                "request": use.request,
                "for": use.answer,
                "time": use.started,
                **use.returned.to_json(),
                "sha256": use.hash or None,
                "unchanged": use.unchanged,
            }
            for use in account.uses
        ],
    }


def account_lines(account: ReasoningAccount) -> list[str]:
    """In words: what came, then what became of it, the same said once."""
    return [describe_received(account.received), *_uses(account.uses)]


def describe_received(came: ReceivedReasoning) -> str:
    if not came.entries:
        return f"received as text, {_count(came.characters, 'character')}" if came.characters else "received none"
    types = ", ".join(f"{count} {kind}" for kind, count in came.types)
    entries = "1 entry" if came.entries == 1 else f"{came.entries} entries"
    return f"received {entries} ({types}), {_count(came.characters, 'character')}, sha256 {came.hash[:16]}"


def _uses(uses: Sequence[ReasoningUse]) -> list[str]:
    said: list[tuple[str, Rule | None, bool]] = [
        (use.returned.description, use.returned.rule, use.unchanged) for use in uses
    ]
    found: list[str] = []
    for (words, rule, unchanged), count in Counter(said).items():
        proof = ", the same as on disk" if unchanged else ""
        why = f" ({RULES[rule]})" if rule is not None else ""
        found.append(f"{words}{proof} in {_count(count, 'request')}{why}")
    return found or ["in no later request yet"]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
