"""One answer while it is played: its text, token counts and cost; and invented token probabilities."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from math import log
from typing import TYPE_CHECKING, Any, cast
from zlib import crc32

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
    """The answer so far."""

    model: Model
    prompt_tokens: int
    cached_tokens: int
    text: list[str] = field(default_factory=list[str])
    reasoning: list[str] = field(default_factory=list[str])
    reasoning_field: str = "reasoning"
    merged: list[Json] | None = None
    """Like `details`, but with text in pieces: joining them at every step would be quadratic."""
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
        """Add what was played of a step."""
        self.reasoning.append(text)
        self.reasoning_field = step.field
        if step.details != "none":
            kind = step.details
            entry = {"type": f"reasoning.{kind}", kind: text, "format": step.format, "index": step.index}
            self._merge([entry])

    def say(self, step: Say, text: str) -> None:
        """Add what was played of a step."""
        self.text.append(text)
        if step.details:
            self._merge([])

    def delta(self, fields: Json) -> None:
        """Add a whole delta."""
        self.text.append(fields.get("content") or "")
        self.reasoning.append(fields.get("reasoning") or "")
        self.refusal += fields.get("refusal") or ""
        if "reasoning_details" in fields:
            self._merge(fields["reasoning_details"])
        for call in fields.get("tool_calls", ()):
            self._call(call)

    def _merge(self, entries: list[Json]) -> None:
        """Merge fragments of the same entry; the demo's scripts give every text an index."""
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
        """The merged reasoning_details so far; None if no list was sent."""
        if self.merged is None:
            return None
        joined: list[Json] = [dict(entry) for entry in self.merged]
        for entry in joined:
            entry.update({key: "".join(entry[key]) for key in _JOINED if isinstance(entry.get(key), list)})
        return joined

    def discard_text(self) -> None:
        """Keep only the token counts."""
        self.text, self.reasoning, self.merged, self.tool_calls = [], [], None, []

    def _call(self, fragment: Json) -> None:
        function = fragment["function"]
        if "id" in fragment:
            call = {"id": fragment["id"], "type": "function", "function": {"name": function["name"], "arguments": ""}}
            self.tool_calls.append(call)
        self.tool_calls[fragment["index"]]["function"]["arguments"] += function.get("arguments", "")

    def usage(self) -> Json:
        """The usage object."""
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
        """The assistant message of a completion without streaming."""
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
    """A JSON number without an exponent."""
    text = format(value.normalize(), "f")
    return Number(text if "." in text else f"{text}.0")


def fingerprint(details: list[Json] | None) -> str:
    """A hash that is equal only for the same JSON, including the spelling of numbers."""
    return sha256(dumps(details).encode()).hexdigest()


_ALTERNATIVES = (" the", " a", ",", ".", " and", " of", " so", " it", " is", " that", "\n", " in", " to", " maybe")


def requested_logprobs(request: Json) -> int | None:
    """The number of alternatives per token that a request asks for; None if it asks for no probabilities."""
    if request.get("logprobs") is not True:
        return None
    number: Any = request.get("top_logprobs")
    return number if isinstance(number, int) and 0 <= number <= 20 else 0


def token_logprobs(token: str, alternatives: int) -> Json:
    """One entry of `logprobs.content`, invented but always the same for a token. Most are certain; sometimes another is likelier."""
    dice = crc32(token.encode("utf-8", "replace"))
    chance = 0.985 - (dice % 97) / 5000 if dice % 7 else 0.25 + (dice % 61) / 100
    rest = 1 - chance
    words = [word for word in _ALTERNATIVES if word != token]
    others: list[tuple[str, float]] = []
    for place in range(alternatives - 1):
        share = rest * (0.9 if dice % 21 == 0 else 0.55)
        rest -= share
        others.append((words[(dice + place) % len(words)], share))
    ranked = sorted([(token, chance), *others], key=lambda pair: -pair[1]) if alternatives else []
    return {**_logprob_entry(token, chance), "top_logprobs": [_logprob_entry(word, share) for word, share in ranked]}


def _logprob_entry(token: str, chance: float) -> Json:
    return {
        "token": token,
        "logprob": round(log(max(chance, 1e-9)), 6),
        "bytes": list(token.encode("utf-8", "replace")),
    }
