"""What reasoning came with an answer, and what each later request did with it: sent unchanged, or left out and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from stepchat import lossless_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stepchat.messages import AssistantMessage, Json

Rule: TypeAlias = Literal[
    "other model", "other server", "stopped", "no answer", "unsigned", "no data", "duplicate", "edited before",
    "refused", "not taken",
]  # fmt: skip
Way: TypeAlias = Literal["unchanged", "in part", "as text", "left out"]

RULES: Mapping[Rule, str] = {
    "other model": "another model thought it, and only that one can read it",
    "other server": "it came from another server",
    "stopped": "the answer was stopped or cut, and half a thought helps nobody",
    "no answer": "there was no answer that it could go with",
    "unsigned": "its format asks for a signature, and none came",
    "no data": "an encrypted entry without data is refused",
    "duplicate": "an encrypted entry with this id was in the request already",
    "edited before": "it is signed for what came before it, and that is not the same any more",
    "refused": "the server refused it, so it was asked again without",
    "not taken": "this server takes no reasoning back",
}
"""Each rule of WIRE.md 3.4-3.7 that keeps reasoning from going back, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class ReceivedReasoning:
    """The reasoning that came with one answer. `hash` is the SHA-256 of the exact JSON of reasoning_details."""

    entries: int
    types: tuple[tuple[str, int], ...]
    characters: int
    hash: str


@dataclass(frozen=True, slots=True)
class ReturnedReasoning:
    """What one request did with the reasoning of one earlier answer.

    `rule` says why not all of it went back; `left_out` are the numbers of the entries that stayed here.
    """

    way: Way
    rule: Rule | None = None
    left_out: tuple[int, ...] = ()

    @property
    def description(self) -> str:
        """For a mark: as short as it can be said."""
        match self.way:
            case "left out":
                return f"left out: {self.rule}"
            case "in part":
                return f"sent in part: {self.rule}"
            case "as text":
                return "sent as text"
            case _:
                return "sent unchanged"

    def label(self, times: int) -> str:
        """Beside the reasoning: what the newest request did with it, and how many sent it back."""
        return self.description if self.way in {"left out", "in part"} else f"sent back {times}×"

    def to_json(self) -> Json:
        """The form on disk."""
        kept: Json = {"way": self.way}
        if self.rule is not None:
            kept["rule"] = self.rule
        if self.left_out:
            kept["left_out"] = list(self.left_out)
        return kept


def returned_from_json(data: Json) -> ReturnedReasoning:
    """Read `Returned.to_json`."""
    return ReturnedReasoning(data["way"], data.get("rule"), tuple(data.get("left_out", ())))


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One message of a request, and where it came from. Without `wire` that message stayed here."""

    wire: Json | None
    index: int | None = None
    """Which of the messages that were to be sent; None for what the program added."""
    returned: ReturnedReasoning | None = None
    """None when there was no reasoning to send."""


def received_reasoning(message: AssistantMessage) -> ReceivedReasoning:
    """What came, as it is on disk."""
    details = message.reasoning_details or ()
    types = Counter(str(entry.get("type")) for entry in details)
    words = (entry.get(key) for entry in details for key in ("text", "summary", "data"))
    characters = sum(len(word) for word in words if isinstance(word, str))
    return ReceivedReasoning(
        len(details),
        tuple(types.items()),
        characters if details else len(message.reasoning),
        "" if message.reasoning_details is None else hash_of(details),
    )


def hash_of(details: Sequence[Json]) -> str:
    """SHA-256 of the exact JSON of a list of reasoning_details."""
    import hashlib

    return hashlib.sha256(lossless_json.dumps(list(details)).encode()).hexdigest()
