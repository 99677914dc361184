"""Messages: frozen values that can be written as JSON and read back without loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, TypeVar, cast, get_args

from stepchat.lossless_json import Number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")

Json: TypeAlias = dict[str, Any]

Stop: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "cancelled", "answer_now", "cut", "error"]
"""Why an answer ended. The first four are complete answers, the others are not."""

_LIMIT = 1e15
_PLACES = 40
_SMALLEST = Decimal("1e-12")
"""A larger count or cost is an error, infinity included."""

COMPLETE: frozenset[str] = frozenset({"stop", "length", "tool_calls", "content_filter"})


class Ending(NamedTuple):
    """How to describe the end of an answer."""

    word: str
    """For tables."""
    label: str
    """For the line below the answer; "" if the model finished on its own."""


ENDINGS: Mapping[Stop, Ending] = MappingProxyType(
    {
        "stop": Ending("finished normally", ""),
        "tool_calls": Ending("tool calls", ""),
        "length": Ending("truncated by a token limit", "Truncated: token limit reached"),
        "content_filter": Ending("ended by a content filter", "Ended by the provider's content filter"),
        "cancelled": Ending("stopped", "Stopped"),
        "answer_now": Ending("stopped to answer now", "Stopped to answer now"),
        "cut": Ending("interrupted", "Interrupted: stepchat exited before the answer was finished"),
        "error": Ending("failed", "Failed: the server reported an error"),
    }
)
_CUT_OFF = "cut off"
"""For `cut` with an error: the connection ended, not the program."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A finished call. `arguments` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str
    extra: Json = field(default_factory=dict[str, Any])
    """Other keys of the call as received, such as Gemini's thought signature; those of `function` are under that name."""

    def to_wire(self) -> Json:
        """Returns the call as sent and as stored."""
        function = {"name": self.name, "arguments": self.arguments}
        more: Any = self.extra.get("function")
        if isinstance(more, dict):
            function |= cast("Json", more)
        return {"id": self.id, "type": "function", **self.extra, "function": function}


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts and cost of one answer, from the usage object of the server (docs/protocol.md, The stream)."""

    raw: Json = field(default_factory=dict[str, Any])

    def _count(self, name: str, group: str | None = None) -> int | None:
        source: Any = self.raw if group is None else self.raw.get(group)
        value: Any = cast("Json", source).get(name) if isinstance(source, dict) else None
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        return int(value) if abs(value) < _LIMIT else None

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
        """USD charged; with the user's own provider key, plus the provider's price (docs/protocol.md, The stream)."""
        cost = dollars(self.raw.get("cost"))
        if self.raw.get("is_byok") is True:
            details = self.raw.get("cost_details")
            upstream = (
                dollars(cast("Json", details).get("upstream_inference_cost")) if isinstance(details, dict) else None
            )
            if upstream is not None:
                return (cost or Decimal()) + upstream
        return cost


def total_usage(usages: Iterable[Usage]) -> Json:
    """The sums over the requests of a turn, as far as the server reported them."""
    found = list(usages)
    sums: Json = {
        name: sum(getattr(one, name) or 0 for one in found)
        for name in ("prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens")
    }
    costs = [one.cost for one in found if one.cost is not None]
    return {"requests": len(found), **sums, "cost": sum(costs, Decimal()) if costs else None}


def dollars(value: Any) -> Decimal | None:
    """An amount of money as sent by a server; None if it is not a number. Exact, except far below any price."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < _LIMIT:
        return None
    try:
        amount = Decimal(value.literal if isinstance(value, Number) else str(value))
    except InvalidOperation:  # an exponent of many digits
        return None
    return round_amount(amount)


def round_amount(amount: Decimal) -> Decimal:
    """Rounds an amount that has more digits than any price. A short exponent may mean millions of zeros."""
    return amount if amount.as_tuple().exponent >= -_PLACES else amount.quantize(_SMALLEST)  # pyright: ignore[reportOperatorIssue] - a number for what is finite


LATEST = 1e11
"""The latest Unix time that every calendar function supports."""


def valid_time(seconds: float | None) -> float | None:
    """The time, or None if it is not a possible one. Stored numbers come from anywhere and can have any size."""
    # Compared before converting: an integer of 400 digits is too large for a float. NaN compares as false.
    return float(seconds) if seconds is not None and abs(seconds) <= LATEST else None


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds since the request was sent; `started` is Unix time."""

    started: float = 0.0
    first_reasoning: float | None = None
    first_text: float | None = None
    ended: float | None = None

    @property
    def reasoning_seconds(self) -> float | None:
        """The duration of the reasoning."""
        begin, text = valid_time(self.first_reasoning), valid_time(self.first_text)
        end = text if text is not None else self.total_seconds
        return None if begin is None or end is None else max(0.0, end - begin)

    @property
    def first_token_seconds(self) -> float | None:
        """Time to the first token of either kind."""
        times = [t for value in (self.first_reasoning, self.first_text) if (t := valid_time(value)) is not None]
        return min(times) if times else None

    @property
    def total_seconds(self) -> float | None:
        """The duration of the whole answer."""
        return valid_time(self.ended)


SHORTEST = 0.05
"""Seconds below which a speed is meaningless."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an answer failed, without secrets."""

    code: int | str | None
    message: str
    hint: str = ""
    """What the user can do next."""


AttachmentKind: TypeAlias = Literal["text", "image", "pdf", "audio"]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that belongs to a question. What is sent of it is stored once, under its digest."""

    digest: str
    """SHA-256 of the content, in hexadecimal."""
    name: str
    kind: AttachmentKind
    """How it is sent. A PDF of which only the text is sent is `text`."""
    media_type: str
    size: int
    """Bytes of the content."""
    tokens: int = 0
    """An estimate."""
    width: int = 0
    height: int = 0
    """Pixels of an image."""
    pages: int = 0
    """Of a PDF; 0 if unknown."""


@dataclass(frozen=True, slots=True)
class UserMessage:
    text: str
    time: float = 0.0
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class AssistantMessage:
    """One answer of a model. `reasoning` is shown, `reasoning_details` is sent back."""

    text: str = ""
    reasoning: str = ""
    reasoning_details: tuple[Json, ...] | None = None
    """The merged list in order of arrival; None if no list arrived, () if an empty one did."""
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
    """The field in which the reasoning text arrived, and is sent back if there are no reasoning_details."""
    usage: Usage = field(default_factory=Usage)
    timing: Timing = field(default_factory=Timing)
    error: Failure | None = None
    parameters: Json = field(default_factory=dict[str, Any])
    """The request as sent, without model and messages."""
    logprobs: tuple[Json, ...] = ()
    """The tokens of the text with their probabilities as received; empty unless requested."""
    prefix: str = ""
    """A hash of the messages before this answer (wire.compose); "" in old data."""

    @property
    def complete(self) -> bool:
        """Whether the stream ended as the server intended."""
        return self.stop in COMPLETE

    @property
    def ending_word(self) -> str:
        """How the answer ended, in one or two words."""
        return _CUT_OFF if self.stop == "cut" and self.error is not None else ENDINGS[self.stop].word

    @property
    def ending_label(self) -> str:
        """Why the answer is incomplete: the error if there is one; "" if the model finished on its own."""
        reason = self.error.message if self.error is not None else ""
        return reason or ENDINGS[self.stop].label

    @property
    def speed(self) -> float | None:
        """Tokens per second from the first token to the end; None if unknown."""
        tokens, first, ended = self.usage.completion_tokens, self.timing.first_token_seconds, self.timing.total_seconds
        if not tokens or first is None or ended is None or ended - first < SHORTEST:
            return None
        return tokens / (ended - first)


@dataclass(frozen=True, slots=True)
class ToolMessage:
    """The result of a tool call."""

    call_id: str
    name: str
    text: str
    is_error: bool = False
    seconds: float | None = None
    """How long the tool ran; None if it did not run."""
    size: int | None = None
    """Characters that the tool returned, if `text` has fewer."""


Message: TypeAlias = UserMessage | AssistantMessage | ToolMessage


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message in the tree. `parent` is None for the first of a session."""

    id: str
    session: str
    parent: str | None
    message: Message
    folded: bool | None = None
    """The user's choice for the reasoning panel; None if there was none."""


def to_json(message: Message) -> Json:
    """Returns the message as stored and exported; `from_json` reads it back."""
    match message:
        case UserMessage():
            attachments = [attachment_to_json(attachment) for attachment in message.attachments]
            more = {"attachments": attachments} if attachments else {}
            return {"role": "user", "content": message.text, "time": message.time, **more}
        case ToolMessage():
            return {
                "role": "tool",
                "tool_call_id": message.call_id,
                "name": message.name,
                "content": message.text,
                "is_error": message.is_error,
                **_known(seconds=message.seconds, size=message.size),
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
                # Omitted if empty, as in data from before this field existed.
                **({"parameters": message.parameters} if message.parameters else {}),
                **({"logprobs": list(message.logprobs)} if message.logprobs else {}),
                **({"prefix": message.prefix} if message.prefix else {}),
            }


_COUNTS = ("tokens", "width", "height", "pages")


def attachment_to_json(attachment: Attachment) -> Json:
    """The form on disk and in exports. Counts of 0 are left out."""
    counts = {name: count for name in _COUNTS if (count := getattr(attachment, name))}
    return {
        "digest": attachment.digest,
        "name": attachment.name,
        "kind": attachment.kind,
        "media_type": attachment.media_type,
        "size": attachment.size,
        **counts,
    }


def attachment_from_json(data: Any) -> Attachment:
    """Read the form of `attachment_to_json`. Raises ValueError, KeyError and TypeError."""
    fields = _object(data)
    digest, kind = _text(fields["digest"]), fields["kind"]
    if len(digest) != _DIGEST_LENGTH or not set(digest) <= _HEXADECIMAL:
        raise ValueError("the digest of an attachment is not SHA-256")
    if kind not in get_args(AttachmentKind):
        raise ValueError(f"unknown kind of attachment {kind!r}")
    counts = [_count(fields.get(name, 0)) for name in ("size", *_COUNTS)]
    return Attachment(digest, _text(fields["name"]), kind, _text(fields["media_type"]), *counts)


_DIGEST_LENGTH = 64
_HEXADECIMAL = frozenset("0123456789abcdef")


def _count(value: Any) -> int:
    if isinstance(value, bool) or not 0 <= _is(int, value) < _LIMIT:
        raise ValueError(f"{value!r} is not a count")
    return value


def _known(**values: Any) -> Json:
    """The values that are not None: messages of earlier versions lack some."""
    return {name: value for name, value in values.items() if value is not None}


def from_json(data: Json) -> Message:
    """Reads the result of `to_json`. Raises ValueError for anything else."""
    try:
        match data["role"]:
            case "user":
                attachments = tuple(map(attachment_from_json, _list(data.get("attachments", []))))
                return UserMessage(_text(data["content"]), _seconds(data["time"]), attachments)
            case "tool":
                return ToolMessage(
                    _text(data["tool_call_id"]),
                    _text(data["name"]),
                    _text(data["content"]),
                    _is(bool, data["is_error"]),
                    _maybe(_seconds, data.get("seconds")),
                    _maybe(_whole, data.get("size")),
                )
            case "assistant":
                return _assistant(data)
            case role:
                raise ValueError(f"unknown role {role!r}")
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a stored message: {error!r}") from error


def _assistant(data: Json) -> AssistantMessage:
    details = data["reasoning_details"]
    timing = data["timing"]
    error = data["error"]
    if data["stop"] not in get_args(Stop):
        raise ValueError(f"unknown stop {data['stop']!r}")
    return AssistantMessage(
        text=_text(data["content"]),
        reasoning=_text(data["reasoning"]),
        reasoning_details=None if details is None else tuple(_object(entry) for entry in _list(details)),
        tool_calls=tuple(_call(call) for call in _list(data["tool_calls"])),
        refusal=_text(data["refusal"]),
        stop=data["stop"],
        finish_reason=_maybe(_text, data["finish_reason"]),
        native_finish_reason=_maybe(_text, data["native_finish_reason"]),
        model_asked=_text(data["model_asked"]),
        model=_text(data["model"]),
        provider=_text(data["provider"]),
        server=_text(data["server"]),
        generation_id=_text(data["generation_id"]),
        reasoning_field=_maybe(_text, data["reasoning_field"]),
        usage=Usage(_object(data["usage"])),
        timing=Timing(
            _seconds(timing["started"]),
            *(_maybe(_seconds, timing[name]) for name in ("first_reasoning", "first_text", "ended")),
        ),
        error=None if error is None else Failure(_code(error["code"]), _text(error["message"]), _text(error["hint"])),
        parameters=_object(data.get("parameters", {})),
        logprobs=tuple(_object(entry) for entry in _list(data.get("logprobs", []))),
        prefix=_text(data.get("prefix", "")),
    )


def _call(call: Any) -> ToolCall:
    function = _object(call["function"])
    extra = {key: value for key, value in _object(call).items() if key not in {"id", "function"}}
    if extra.get("type") == "function":
        del extra["type"]
    if more := {key: value for key, value in function.items() if key not in {"name", "arguments"}}:
        extra["function"] = more
    return ToolCall(_text(call["id"]), _text(function["name"]), _text(function["arguments"]), extra)


def _is(kind: type[T], value: Any) -> T:
    """Returns the value if it has this type. Raises TypeError otherwise."""
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} instead of {kind.__name__}")
    return value


def _text(value: Any) -> str:
    return _is(str, value)


def _object(value: Any) -> Json:
    return cast("Json", _is(dict, value))


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", _is(list, value))


def _seconds(value: Any) -> float:
    return value if isinstance(value, int) and not isinstance(value, bool) else _is(float, value)


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError("bool instead of int")
    return _is(int, value)


def _code(value: Any) -> int | str | None:
    return value if value is None or isinstance(value, int) else _text(value)


def _maybe(read: Callable[[Any], T], value: Any) -> T | None:
    return None if value is None else read(value)
