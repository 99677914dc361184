"""What a server yields (`Delta`), and what a turn yields to a front end (`TurnEvent`). Errors are raised, not yielded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from stepchat.messages import Json, StoredMessage, ToolCall


@dataclass(frozen=True, slots=True)
class ToolCallFragment:
    """A piece of a tool call; missing fields are None."""

    index: int | None = None
    id: str | None = None
    name: str | None = None
    arguments: str | None = None
    extra: Json | None = None
    """Other keys of the call, such as Gemini's signature; those of its `function` are under that name."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What one read of the stream added. One delta may hold several chunks."""

    text: str = ""
    reasoning: str = ""
    details: tuple[Json, ...] | None = None
    """Fragments of reasoning_details as received; None if the key was absent, () if it was []."""
    tool_calls: tuple[ToolCallFragment, ...] = ()
    refusal: str = ""
    text_was_reasoning: bool = False
    """All text of earlier deltas was reasoning: a closing think tag arrived without an opening one.
    That text moves first; then `reasoning` and `text` of this delta are added."""
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    usage: Json | None = None
    model: str | None = None
    provider: str | None = None
    generation_id: str | None = None
    reasoning_field: str | None = None
    logprobs: tuple[Json, ...] = ()
    """Tokens of the text with their probabilities, if requested."""


@dataclass(frozen=True, slots=True)
class MessageSaved:
    """The message is saved."""

    stored: StoredMessage


@dataclass(frozen=True, slots=True)
class Retrying:
    """Nothing was shown yet and the server may recover: the request is repeated after `delay` seconds."""

    attempt: int
    limit: int
    delay: float
    reason: str


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing arrived for `seconds`, not even a keep-alive; the turn gives up at `limit`. 0 means that data arrives again."""

    seconds: float
    limit: float


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to show that does not end the turn. `hint` says what to do."""

    text: str
    is_schema_mismatch: bool = False
    """It reports where the answer does not match response_format."""
    hint: str = ""
    kind: Literal["error", "warning", "info"] = "warning"


@dataclass(frozen=True, slots=True)
class ConcurrentQuestion:
    """Another process has asked after the same message: its question is a sibling of this turn's."""


@dataclass(frozen=True, slots=True)
class Preparing:
    """The question waits for this, in a few words; it is not saved yet."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallReceived:
    """A call is about to be decided on. `source` is that of its tool, "" if there is none: then it becomes an error."""

    call: ToolCall
    source: str = ""


@dataclass(frozen=True, slots=True)
class ToolCallDecided:
    """Whether a call may run, and who says so. `reason` is what the model gets to read."""

    call: ToolCall
    allowed: bool
    origin: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ToolCallStarted:
    """A call runs. It ends with MessageSaved of its result."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class ToolCallProgress:
    """A few words by the tool about a running call; from anyone, like its result."""

    call: ToolCall
    text: str


@dataclass(frozen=True, slots=True)
class CallsLeft:
    """The turn ends with calls that have no result: no tool is on, the limit of rounds was reached, or the user stopped it."""

    calls: tuple[ToolCall, ...]
    why: Literal["no tool", "round limit", "stopped"]


@dataclass(frozen=True, slots=True)
class RequestStarted:
    """The turn goes on with another request: with the results of the calls, or for the answer after stopped reasoning."""

    number: int
    """The first of these is 2."""


TurnEvent: TypeAlias = (
    Delta
    | MessageSaved
    | ConcurrentQuestion
    | Retrying
    | Silence
    | Notice
    | Preparing
    | ToolCallReceived
    | ToolCallDecided
    | ToolCallStarted
    | ToolCallProgress
    | CallsLeft
    | RequestStarted
)
