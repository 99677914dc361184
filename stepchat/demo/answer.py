"""What one answer has become so far: for the whole completion, for the counts, and for the comparison later."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from stepchat.demo.catalogue import price
from stepchat.lossless_json import Number, dumps

if TYPE_CHECKING:
    from decimal import Decimal

    from stepchat.demo.catalogue import Model
    from stepchat.demo.steps import Say, Think
    from stepchat.messages import Json

_JOINED = ("text", "summary")


@dataclass(slots=True)
class Answer:
    """Grows while a script is played."""

    model: Model
    prompt_tokens: int
    cached_tokens: int
    text: list[str] = field(default_factory=list[str])
    reasoning: list[str] = field(default_factory=list[str])
    reasoning_field: str = "reasoning"
    merged: list[Json] | None = None
    """As `details`, but text is still in pieces: joining them at every step would be quadratic."""
    tool_calls: list[Json] = field(default_factory=list[Any])
    refusal: str = ""
    text_tokens: int = 0
    reasoning_tokens: int = 0
    finish: str | None = None
    native: str | None = None
    started: float = 0.0
    first_token: float | None = None
    ended: float | None = None

    @property
    def tokens(self) -> int:
        return self.text_tokens + self.reasoning_tokens

    def think(self, step: Think, text: str) -> None:
        """Take over what was played of a step."""
        self.reasoning.append(text)
        self.reasoning_field = step.field
        if step.details != "none":
            kind = step.details
            entry = {"type": f"reasoning.{kind}", kind: text, "format": step.format, "index": step.index}
            self._merge([entry])

    def say(self, step: Say, text: str) -> None:
        """Take over what was played of a step."""
        self.text.append(text)
        if step.details:
            self._merge([])

    def delta(self, fields: Json) -> None:
        """Take over a whole delta."""
        self.text.append(fields.get("content") or "")
        self.reasoning.append(fields.get("reasoning") or "")
        self.refusal += fields.get("refusal") or ""
        if "reasoning_details" in fields:
            self._merge(fields["reasoning_details"])
        for call in fields.get("tool_calls", ()):
            self._call(call)

    def _merge(self, entries: list[Json]) -> None:
        """Join as WIRE.md 3.3 asks; the demo's own scripts give every text an index."""
        if self.merged is None:
            self.merged = []
        for entry in entries:
            known = next((held for held in self.merged if _same(held, entry)), None)
            if known is None:
                known = cast("Json", dict.fromkeys(entry))
                self.merged.append(known)
            for key, value in entry.items():
                if key in _JOINED:
                    known[key] = known.get(key) or list[str]()
                    known[key].append(value)
                elif value is not None:
                    known[key] = value

    @property
    def details(self) -> list[Json] | None:
        """The merged reasoning_details so far; None when no list was sent."""
        if self.merged is None:
            return None
        joined: list[Json] = [dict(entry) for entry in self.merged]
        for entry in joined:
            entry.update({key: "".join(entry[key]) for key in _JOINED if isinstance(entry.get(key), list)})
        return joined

    def forget_words(self) -> None:
        """Keep only the counts."""
        self.text, self.reasoning, self.merged, self.tool_calls = [], [], None, []

    def _call(self, fragment: Json) -> None:
        function = fragment["function"]
        if "id" in fragment:
            call = {"id": fragment["id"], "type": "function", "function": {"name": function["name"], "arguments": ""}}
            self.tool_calls.append(call)
        self.tool_calls[fragment["index"]]["function"]["arguments"] += function.get("arguments", "")

    def usage(self) -> Json:
        """The usage object (WIRE.md 2.6)."""
        prompt_cost, completion_cost = self.costs()
        cost = plain_number(prompt_cost + completion_cost)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.tokens,
            "total_tokens": self.prompt_tokens + self.tokens,
            "cost": cost,
            "is_byok": False,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens, "cache_write_tokens": 0, "audio_tokens": 0},
            "cost_details": {
                "upstream_inference_cost": cost,
                "upstream_inference_prompt_cost": plain_number(prompt_cost),
                "upstream_inference_completions_cost": plain_number(completion_cost),
            },
            "completion_tokens_details": {"reasoning_tokens": self.reasoning_tokens, "image_tokens": 0},
        }

    def costs(self) -> tuple[Decimal, Decimal]:
        return price(self.model, self.prompt_tokens, self.cached_tokens, self.tokens)

    def message(self) -> Json:
        """The assistant message of a completion that is not streamed."""
        text = "".join(self.text)
        reasoning = "".join(self.reasoning)
        message: Json = {
            "role": "assistant",
            "content": text if text or not self.tool_calls else None,
            "refusal": self.refusal or None,
            self.reasoning_field: reasoning or None,
        }
        if self.merged is not None:
            message["reasoning_details"] = self.details
        if self.tool_calls:
            message["tool_calls"] = self.tool_calls
        return message


def _same(held: Json, entry: Json) -> bool:
    if entry.get("type") not in {"reasoning.text", "reasoning.summary"}:
        return False
    ids = {held.get("id"), entry.get("id")} - {None}
    return held.get("type") == entry["type"] and held.get("index") == entry.get("index") and len(ids) < 2


def plain_number(value: Decimal) -> Number:
    """A JSON number without an exponent, as money is written."""
    text = format(value.normalize(), "f")
    return Number(text if "." in text else f"{text}.0")


def fingerprint(details: list[Json] | None) -> str:
    """Two lists have the same fingerprint only if they are the same JSON, spelling of numbers included."""
    return sha256(dumps(details).encode()).hexdigest()
