"""What a server yields (`Delta`) and what a turn tells a front end (`TurnEvent`). Errors are raised, not yielded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from stepchat.messages import Json, StoredMessage


@dataclass(frozen=True, slots=True)
class ToolCallFragment:
    """A piece of a tool call; fields that did not come are None (WIRE.md 2.4)."""

    index: int | None = None
    id: str | None = None
    name: str | None = None
    arguments: str | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """What one read of the stream added. One delta may hold several chunks."""

    text: str = ""
    reasoning: str = ""
    details: tuple[Json, ...] | None = None
    """Fragments of reasoning_details as they came; None when the key was absent, () when it was []."""
    tool_calls: tuple[ToolCallFragment, ...] = ()
    refusal: str = ""
    text_was_reasoning: bool = False
    """All text of earlier deltas was reasoning after all: a lone closing think tag came (WIRE.md 4.3).
    It moves first; then `reasoning` and `text` of this delta are added."""
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    usage: Json | None = None
    model: str | None = None
    provider: str | None = None
    generation_id: str | None = None
    reasoning_field: str | None = None
    logprobs: tuple[Json, ...] = ()
    """Tokens of the text with their probabilities, when they were asked for."""


@dataclass(frozen=True, slots=True)
class MessageSaved:
    """The message is on disk."""

    stored: StoredMessage


@dataclass(frozen=True, slots=True)
class Retrying:
    """Nothing was shown yet and the server may recover: the request goes out again after `delay` seconds."""

    attempt: int
    limit: int
    delay: float
    reason: str


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing arrived, not even a keep-alive, for `seconds`; the turn gives up at `limit`. 0 means life returned."""

    seconds: float
    limit: float


@dataclass(frozen=True, slots=True)
class Notice:
    """One line worth telling that is not an error."""

    text: str
    is_schema_mismatch: bool = False
    """It says where the answer is not what response_format asked for."""


@dataclass(frozen=True, slots=True)
class ConcurrentQuestion:
    """Another process asks, or asked meanwhile, after the same message: its question stands beside this turn's."""


TurnEvent: TypeAlias = Delta | MessageSaved | ConcurrentQuestion | Retrying | Silence | Notice
