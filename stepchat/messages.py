"""What a conversation is made of. Frozen values; every one can be written as JSON and read back without loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, TypeAlias, cast

from stepchat.exact_json import Number

Json: TypeAlias = dict[str, Any]

Stop: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "cancelled", "cut", "error"]
"""Why an answer ended: the first four as the server meant it to, the others not."""

COMPLETE: frozenset[str] = frozenset({"stop", "length", "tool_calls", "content_filter"})


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A finished call. `arguments` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str

    def to_wire(self) -> Json:
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts and cost of one answer, over the object the server sent (WIRE.md 2.6)."""

    raw: Json = field(default_factory=dict[str, Any])

    def _count(self, name: str, group: str | None = None) -> int | None:
        source: Any = self.raw if group is None else self.raw.get(group)
        value: Any = cast("Json", source).get(name) if isinstance(source, dict) else None
        return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    @property
    def prompt_tokens(self) -> int | None:
        return self._count("prompt_tokens")

    @property
    def completion_tokens(self) -> int | None:
        """Everything the model produced, reasoning included."""
        return self._count("completion_tokens")

    @property
    def reasoning_tokens(self) -> int | None:
        return self._count("reasoning_tokens", "completion_tokens_details")

    @property
    def cached_tokens(self) -> int | None:
        return self._count("cached_tokens", "prompt_tokens_details")

    @property
    def cost(self) -> Decimal | None:
        """USD charged; with the user's own provider key the upstream's price is added (WIRE.md section 0, 10)."""
        cost = _decimal(self.raw.get("cost"))
        if self.raw.get("is_byok") is True:
            details = self.raw.get("cost_details")
            upstream = (
                _decimal(cast("Json", details).get("upstream_inference_cost")) if isinstance(details, dict) else None
            )
            if upstream is not None:
                return (cost or Decimal()) + upstream
        return cost


def _decimal(value: Any) -> Decimal | None:
    match value:
        case bool():
            return None
        case Number():
            return Decimal(value.literal)
        case int() | float():
            return Decimal(str(value))
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds since the request left; `started` is Unix time."""

    started: float = 0.0
    first_reasoning: float | None = None
    first_text: float | None = None
    ended: float | None = None

    @property
    def thinking(self) -> float | None:
        """How long the reasoning took."""
        if self.first_reasoning is None:
            return None
        end = self.first_text if self.first_text is not None else self.ended
        return None if end is None else max(0.0, end - self.first_reasoning)

    @property
    def first(self) -> float | None:
        """Time to the first token of either kind."""
        times = [t for t in (self.first_reasoning, self.first_text) if t is not None]
        return min(times) if times else None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an answer failed, in words without secrets."""

    code: int | str | None
    message: str
    hint: str = ""
    """What the reader can do next."""


@dataclass(frozen=True, slots=True)
class UserMessage:
    text: str
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class AssistantMessage:
    """One reply of a model. `reasoning` is for the eye, `reasoning_details` for the wire."""

    text: str = ""
    reasoning: str = ""
    reasoning_details: tuple[Json, ...] | None = None
    """The merged list in order of arrival; None when no list came, () when an empty one did."""
    tool_calls: tuple[ToolCall, ...] = ()
    refusal: str = ""
    stop: Stop = "stop"
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    model_asked: str = ""
    model: str = ""
    provider: str = ""
    server: str = ""
    """Base URL of the server that answered."""
    generation_id: str = ""
    reasoning_field: str | None = None
    """The name under which the reasoning text came, and goes back to servers without reasoning_details."""
    usage: Usage = field(default_factory=Usage)
    timing: Timing = field(default_factory=Timing)
    error: Failure | None = None

    @property
    def complete(self) -> bool:
        """True when the stream ended as the server meant it to."""
        return self.stop in COMPLETE


@dataclass(frozen=True, slots=True)
class ToolMessage:
    call_id: str
    name: str
    text: str
    is_error: bool = False


Message: TypeAlias = UserMessage | AssistantMessage | ToolMessage


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message in the tree. `parent` is None for the first of a session."""

    id: str
    session: str
    parent: str | None
    message: Message
    folded: bool | None = None
    """The reader's choice for the reasoning panel; None when it was never touched."""


def to_json(message: Message) -> Json:
    """The form on disk and in exports; `from_json` reads it back to an equal value."""
    match message:
        case UserMessage():
            return {"role": "user", "content": message.text, "time": message.time}
        case ToolMessage():
            return {
                "role": "tool",
                "tool_call_id": message.call_id,
                "name": message.name,
                "content": message.text,
                "is_error": message.is_error,
            }
        case AssistantMessage():
            details = message.reasoning_details
            return {
                "role": "assistant",
                "content": message.text,
                "reasoning": message.reasoning,
                "reasoning_details": None if details is None else list(details),
                "tool_calls": [call.to_wire() for call in message.tool_calls],
                "refusal": message.refusal,
                "stop": message.stop,
                "finish_reason": message.finish_reason,
                "native_finish_reason": message.native_finish_reason,
                "model_asked": message.model_asked,
                "model": message.model,
                "provider": message.provider,
                "server": message.server,
                "generation_id": message.generation_id,
                "reasoning_field": message.reasoning_field,
                "usage": message.usage.raw,
                "timing": {
                    "started": message.timing.started,
                    "first_reasoning": message.timing.first_reasoning,
                    "first_text": message.timing.first_text,
                    "ended": message.timing.ended,
                },
                "error": None
                if message.error is None
                else {"code": message.error.code, "message": message.error.message, "hint": message.error.hint},
            }


def from_json(data: Json) -> Message:
    """Read the form of `to_json`. Raises ValueError for anything else."""
    try:
        match data["role"]:
            case "user":
                return UserMessage(data["content"], data["time"])
            case "tool":
                return ToolMessage(data["tool_call_id"], data["name"], data["content"], data["is_error"])
            case "assistant":
                return _assistant(data)
            case role:
                raise ValueError(f"unknown role {role!r}")
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a stored message: {error!r}") from error


def _assistant(data: Json) -> AssistantMessage:
    details = data["reasoning_details"]
    error = data["error"]
    return AssistantMessage(
        text=data["content"],
        reasoning=data["reasoning"],
        reasoning_details=None if details is None else tuple(details),
        tool_calls=tuple(
            ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in data["tool_calls"]
        ),
        refusal=data["refusal"],
        stop=data["stop"],
        finish_reason=data["finish_reason"],
        native_finish_reason=data["native_finish_reason"],
        model_asked=data["model_asked"],
        model=data["model"],
        provider=data["provider"],
        server=data["server"],
        generation_id=data["generation_id"],
        reasoning_field=data["reasoning_field"],
        usage=Usage(data["usage"]),
        timing=Timing(**data["timing"]),
        error=None if error is None else Failure(error["code"], error["message"], error["hint"]),
    )
