"""The reasoning ledger: what arrived with each answer, and what each later request did with it, verified with hashes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from stepchat import lossless_json
from stepchat.messages import AssistantMessage
from stepchat.reasoning.fields import reasoning_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stepchat.messages import Json, StoredMessage

Rule: TypeAlias = Literal[
    "other model", "other server", "stopped", "no answer", "unsigned", "no data", "duplicate", "edited before",
    "refused", "not taken",
]  # fmt: skip
Way: TypeAlias = Literal["unchanged", "in part", "as text", "left out"]

RULES: Mapping[Rule, str] = {
    "other model": "it comes from another model, and only that model can use it",
    "other server": "it comes from another server",
    "stopped": "the answer was interrupted; incomplete reasoning is not replayed",
    "no answer": "no answer followed it",
    "unsigned": "its format requires a signature, and none arrived",
    "no data": "servers reject an encrypted entry without data",
    "duplicate": "the request already contains an encrypted entry with this id",
    "edited before": "its signature covers the messages before it, and they have changed",
    "refused": "the server rejected it, so the request was repeated without it",
    "not taken": "this server does not accept reasoning",
}
"""Why reasoning is withheld, as the end of a sentence. The keys are stored with each recorded request."""

_SHORT: Mapping[Rule, str] = {
    "edited before": "edited history",
    "refused": "rejected",
    "not taken": "not accepted",
}
"""The rules that the screen calls by another name than the stored key."""


@dataclass(frozen=True, slots=True)
class ReceivedReasoning:
    """The reasoning that arrived with one answer. `hash` is the SHA-256 of the exact JSON of reasoning_details."""

    entries: int
    types: tuple[tuple[str, int], ...]
    characters: int
    hash: str


@dataclass(frozen=True, slots=True)
class ReturnedReasoning:
    """What one request did with the reasoning of one earlier answer.

    `rule` is why some or all of it was withheld; `left_out` are the indexes of the withheld entries.
    """

    way: Way
    rule: Rule | None = None
    left_out: tuple[int, ...] = ()

    @property
    def description(self) -> str:
        """A few words for a badge."""
        why = "" if self.rule is None else _SHORT.get(self.rule, self.rule)
        match self.way:
            case "left out":
                return f"not sent back ({why})"
            case "in part":
                return f"sent back in part ({why})"
            case "as text":
                return "sent back as text"
            case _:
                return "sent back unchanged"

    def label(self, times: int) -> str:
        """The badge of an answer: what the newest request did, or how many requests sent the reasoning back."""
        return self.description if self.way in {"left out", "in part"} else f"sent back {times}×"

    def to_json(self) -> Json:
        """The stored form."""
        stored: Json = {"way": self.way}
        if self.rule is not None:
            stored["rule"] = self.rule
        if self.left_out:
            stored["left_out"] = list(self.left_out)
        return stored


def returned_from_json(data: Json) -> ReturnedReasoning:
    """Read `ReturnedReasoning.to_json`."""
    return ReturnedReasoning(data["way"], data.get("rule"), tuple(data.get("left_out", ())))


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One message of a request, and where it came from. Without `wire` the message was withheld."""

    wire: Json | None
    index: int | None = None
    """Its position among the messages to send; None for one the program added."""
    returned: ReturnedReasoning | None = None
    """None if it had no reasoning."""


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A recorded `RequestLine`: `message` is the id of the stored message, `verdict` the JSON of `ReturnedReasoning`."""

    wire: Json | None
    message: str | None = None
    verdict: Json | None = None


@dataclass(frozen=True, slots=True)
class ReasoningSent:
    """A recorded request in which the reasoning of one answer was due. Requests with the same beginning share `line`."""

    request: int
    answer: str
    """The id of the answer the request asked for."""
    started: float
    line: SentMessage


@dataclass(frozen=True, slots=True)
class ReasoningUse:
    """What one request did with the reasoning of one answer; `hash` is that of the list sent, "" if none was."""

    request: int
    answer: str
    """The id of the answer the request asked for."""
    started: float
    returned: ReturnedReasoning
    hash: str
    unchanged: bool
    """Whether what was sent equals what is stored now."""


@dataclass(frozen=True, slots=True)
class ReasoningAccount:
    """The ledger of one answer."""

    id: str
    message: AssistantMessage
    received: ReceivedReasoning
    uses: tuple[ReasoningUse, ...]


def received_reasoning(message: AssistantMessage) -> ReceivedReasoning:
    """Summarizes the reasoning of a stored answer."""
    details = message.reasoning_details or ()
    types = Counter(str(entry.get("type")) for entry in details)
    texts = (entry.get(key) for entry in details for key in ("text", "summary", "data"))
    characters = sum(len(text) for text in texts if isinstance(text, str))
    return ReceivedReasoning(
        len(details),
        tuple(types.items()),
        characters if details else len(message.reasoning),
        "" if message.reasoning_details is None else hash_of(details),
    )


def hash_of(details: Sequence[Json]) -> str:
    """Returns the SHA-256 of the exact JSON of a list of reasoning_details."""
    import hashlib

    return hashlib.sha256(lossless_json.dumps(list(details)).encode()).hexdigest()


def reasoning_accounts(
    messages: Iterable[StoredMessage], sendings: Mapping[str, Sequence[ReasoningSent]]
) -> list[ReasoningAccount]:
    """Returns the account of every answer, in message order. `sendings` are the recorded requests by answer id."""
    accounts: list[ReasoningAccount] = []
    for stored in messages:
        message = stored.message
        if isinstance(message, AssistantMessage):
            received = received_reasoning(message)
            # Requests share lines, so each long list is hashed only once.
            judged: dict[int, tuple[ReturnedReasoning, str, bool]] = {}
            uses: list[ReasoningUse] = []
            for sending in sendings.get(stored.id, ()):
                if id(sending.line) not in judged:
                    judged[id(sending.line)] = _judge(sending.line, message, received)
                uses.append(ReasoningUse(sending.request, sending.answer, sending.started, *judged[id(sending.line)]))
            accounts.append(ReasoningAccount(stored.id, message, received, tuple(uses)))
    return accounts


def _judge(
    line: SentMessage, message: AssistantMessage, received: ReceivedReasoning
) -> tuple[ReturnedReasoning, str, bool]:
    """What was done, the hash of what was sent, and whether that equals what is stored."""
    wire = line.wire or {}
    details: Any = wire.get("reasoning_details")
    hash_sent = hash_of(cast("list[Json]", details)) if isinstance(details, list) else ""
    if hash_sent:
        unchanged = hash_sent == received.hash
    else:
        _, text = reasoning_text(wire)
        unchanged = bool(text) and text == message.reasoning
    return returned_from_json(line.verdict or {}), hash_sent, unchanged


def account_json(account: ReasoningAccount) -> Json:
    """Returns the account for `--json`."""
    received = account.received
    return {
        "answer": account.id,
        "model": account.message.model or account.message.model_asked,
        "server": account.message.server,
        "received": {
            "entries": received.entries,
            "types": dict(received.types),
            "characters": received.characters,
            "sha256": received.hash or None,
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
    """Returns the account as lines of text: what arrived, then what requests did with it, equal outcomes counted."""
    return [describe_received(account.received), *_uses(account.uses)]


def describe_received(received: ReceivedReasoning) -> str:
    """Returns what arrived, in one line."""
    if not received.entries:
        characters = received.characters
        return f"received as text, {_count(characters, 'character')}" if characters else "received none"
    types = ", ".join(f"{count} {kind}" for kind, count in received.types)
    entries = "1 entry" if received.entries == 1 else f"{received.entries} entries"
    return f"received {entries} ({types}), {_count(received.characters, 'character')}, sha256 {received.hash[:16]}"


def _uses(uses: Sequence[ReasoningUse]) -> list[str]:
    outcomes: list[tuple[str, Rule | None, bool]] = [
        (use.returned.description, use.returned.rule, use.unchanged) for use in uses
    ]
    lines: list[str] = []
    for (words, rule, unchanged), count in Counter(outcomes).items():
        proof = ", identical to the stored copy" if unchanged else ""
        why = f": {RULES[rule]}" if rule is not None else ""
        lines.append(f"{words}{proof} in {_count(count, 'request')}{why}")
    return lines or ["not part of a later request yet"]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
