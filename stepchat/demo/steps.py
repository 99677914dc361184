"""The steps of demo scripts. A script is a function from a `ScenarioRequest` to steps."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha512
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

if TYPE_CHECKING:
    from stepchat.demo.catalogue import Model
    from stepchat.messages import Json

_TOKEN = re.compile(
    r"\n+|[ \t]*(?:[A-Za-z]{1,8}|[0-9]{1,3}|[^\sA-Za-z0-9\u0080-\U0010ffff]{1,3}|[\u0080-\U0010ffff])|\s"
)


def split_tokens(text: str) -> list[str]:
    """Pieces of about four characters, as a model would stream them. Joined, they are the text."""
    return _TOKEN.findall(text)


@dataclass(frozen=True, slots=True)
class Think:
    """Reasoning, token by token: in `field`, and also in reasoning_details unless `details` is "none"."""

    text: str
    field: str = "reasoning"
    details: Literal["text", "summary", "none"] = "text"
    format: str = "unknown"
    index: int = 0


@dataclass(frozen=True, slots=True)
class Say:
    """Content, token by token. `details` adds an empty reasoning_details list to each chunk."""

    text: str
    details: bool = False


@dataclass(frozen=True, slots=True)
class Delta:
    """One chunk with exactly this delta, counted as `tokens` of output."""

    fields: Json
    tokens: int = 1


@dataclass(frozen=True, slots=True)
class Event:
    """One event with this data, between the regular ones."""

    data: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk with these top-level keys."""

    fields: Json


@dataclass(frozen=True, slots=True)
class Raw:
    """Raw bytes of the body."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Silence for some seconds, or only keep-alive comments."""

    seconds: float
    comments: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """A regular end: finish chunk, usage chunk, [DONE]. Without a reason there is no finish chunk."""

    reason: str | None = "stop"
    native: str | None = "stop"
    usage: Literal["choice", "empty", "tokens", "none"] = "choice"
    done: bool = True


@dataclass(frozen=True, slots=True)
class Drop:
    """Break the connection: in the middle of a chunk or, as the first step, before any header."""

    reset: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A plain HTTP response instead of a stream. Only as the first step."""

    status: int
    body: Json | str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Framing:
    """How the stream is written. Only as the first step."""

    newline: str = "\n"
    bom: bool = False
    chopped: bool = False
    last_blank: bool = True
    as_json: bool = False
    extra: Json = field(default_factory=dict[str, Any])
    """Top-level keys added to every chunk."""
    usage_on_each: bool = False


Step: TypeAlias = Think | Say | Delta | Event | Chunk | Raw | Wait | Finish | Drop | Reply | Framing


@dataclass(frozen=True, slots=True)
class Returned:
    """The reasoning of earlier answers that a request sent back."""

    answers: int = 0
    """Earlier assistant messages in the request."""
    with_reasoning: int = 0
    entries: int = 0
    characters: int = 0
    unchanged: int = 0
    """Messages whose list is exactly one that this server sent."""


@dataclass(frozen=True, slots=True)
class ScenarioRequest:
    """A request as a script sees it."""

    body: Json
    model: Model
    question: str
    """The last user message, as text."""
    options: Mapping[str, str]
    turn: int
    """1 for the first question of a conversation."""
    failures: int
    """How often the same request has failed already."""
    returned: Returned

    @property
    def stream(self) -> bool:
        return self.body.get("stream") is True

    @property
    def messages(self) -> list[Json]:
        return [message for message in self.body["messages"] if isinstance(message, dict)]

    def number(self, name: str, default: float) -> float:
        """An option as a non-negative number."""
        try:
            value = float(self.options[name])
        except (KeyError, ValueError):
            return default
        return value if 0 <= value < 1e9 else default

    def count(self, name: str, default: int) -> int:
        return int(self.number(name, default))


Script: TypeAlias = Callable[[ScenarioRequest], Iterator[Step]]


def message_text(content: object) -> str:
    """The text of a message's content, which may be a list of parts."""
    match content:
        case str():
            return content
        case list():
            parts = cast("list[Json]", [part for part in cast("list[Any]", content) if isinstance(part, dict)])
            return "\n".join(part["text"] for part in parts if isinstance(part.get("text"), str))
        case _:
            return ""


def is_hurried(ask: ScenarioRequest) -> bool:
    """Whether the question asks for the answer right away, as stepchat's "answer now" does."""
    return "asked to answer now" in ask.question


def reasoning_steps(ask: ScenarioRequest, text: str) -> Iterator[Step]:
    """Reasoning in the format of the model's developer."""
    if is_hurried(ask):
        text = "They want the answer now."
    match ask.model.thoughts:
        case "signed":
            yield Think(text, format="anthropic-claude-v1")
            signature = {
                "type": "reasoning.text",
                "signature": fake_signature(text),
                "format": "anthropic-claude-v1",
                "index": 0,
            }
            yield Delta({"content": "", "reasoning_details": [signature]}, 0)
        case "summary":
            yield Think(text, details="summary", format="openai-responses-v1")
            blob = {
                "type": "reasoning.encrypted",
                "data": fake_signature(text),
                "id": f"rs_{fake_signature(text)[:24].lower()}",
                "format": "openai-responses-v1",
                "index": 0,
            }
            yield Delta({"content": "", "reasoning_details": [blob]}, 0)
        case "text":
            yield Think(text)


def fake_signature(text: str) -> str:
    """Text that looks like a signature, always the same for the same text."""
    return b64encode(sha512(text.encode("utf-8", "replace")).digest()).decode().replace("/", "0").replace("+", "1")
