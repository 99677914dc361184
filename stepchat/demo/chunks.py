"""Turns steps into the bytes of an event stream. Pure: no clock and no socket."""

from __future__ import annotations

from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, TypeAlias

from stepchat.demo.answer import token_logprobs
from stepchat.demo.steps import Chunk, Delta, Drop, Event, Finish, Framing, Raw, Reply, Say, Think, Wait, split_tokens
from stepchat.lossless_json import dumps_for_storage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepchat.demo.answer import Answer
    from stepchat.demo.steps import Step
    from stepchat.messages import Json

COMMENT = ": OPENROUTER PROCESSING"

Frame: TypeAlias = tuple[bytes, int] | Wait | Drop
"""Bytes and the number of tokens in them, or something other than bytes."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What every chunk repeats, and what limits the answer."""

    id: str
    created: int
    model: str
    provider: str
    limit: int | None = None
    """max_tokens of the request."""
    thinks: bool = True
    """Whether the model reasons: not if the request turns it off, or if the model cannot."""
    hidden: bool = False
    """`reasoning.exclude`: it reasons, but does not return the reasoning."""
    lead: float = 0.0
    """Seconds until the provider responds, unless the script sets them."""
    logprobs: int | None = None
    """How many alternatives to send with each token; None sends no probabilities."""

    def chunk(self, choices: list[Json], **more: Any) -> Json:
        return {
            "id": self.id,
            "provider": self.provider,
            "model": self.model,
            "object": "chat.completion.chunk",
            "created": self.created,
            "choices": choices,
            **more,
        }


def choice(delta: Json, finish: str | None = None, native: str | None = None) -> Json:
    return {"index": 0, "delta": delta, "finish_reason": finish, "native_finish_reason": native, "logprobs": None}


class StreamWriter:
    """Turns steps into frames and adds them to `answer`."""

    def __init__(self, generation: Generation, framing: Framing, answer: Answer) -> None:
        self._generation = generation
        self._framing = framing
        self._answer = answer
        self._end = framing.newline * 2
        # Everything around the token is serialized once.
        mark = "\x00"
        whole = dumps_for_storage(generation.chunk([choice({"role": "assistant", "content": mark})], **framing.extra))
        before, after = whole.split(f'"content":{dumps_for_storage(mark)}')
        self._before = f"data: {before}"
        self._after = f"{after}{self._end}"

    def frames(self, steps: Iterator[Step]) -> Iterator[Frame]:
        """The body of the response."""
        opened = waited = False
        if self._framing.bom:
            yield b"\xef\xbb\xbf", 0
        for step in steps:
            waited = waited or isinstance(step, Wait)
            if not opened and not isinstance(step, Wait | Raw):
                opened = True
                if not waited:
                    yield Wait(self._generation.lead, comments=True)
                yield self._event(self._chunk([choice({"role": "assistant", "content": ""})])), 0
            yield from self._frames_of(step)
            if self._exhausted() and not isinstance(step, Finish):
                yield from self._finish(Finish("length", "length"))
                return

    def _frames_of(self, step: Step) -> Iterator[Frame]:
        match step:
            case Think():
                yield from self._think(step)
            case Say():
                yield from self._say(step)
            case Delta():
                yield from self._delta(step)
            case Event():
                name = f"event: {step.name}{self._framing.newline}" if step.name else ""
                yield f"{name}data: {step.data}{self._end}".encode(), 0
            case Chunk():
                yield self._event(self._chunk([choice({"role": "assistant", "content": ""})]) | step.fields), 0
            case Raw():
                yield step.data, 0
            case Finish():
                yield from self._finish(step)
            case Wait() | Drop():
                yield step
            case Reply() | Framing():
                raise AssertionError(f"{type(step).__name__} must be the first step of a script")

    def _think(self, step: Think) -> Iterator[Frame]:
        if not self._generation.thinks:
            return
        pieces = self._within_limit(split_tokens(step.text))
        start = f'{self._before}"content":"","{step.field}":'
        middle, stop = "", self._after
        if step.details != "none":
            kind = step.details
            middle = f',"reasoning_details":[{{"type":"reasoning.{kind}","{kind}":'
            stop = f',"format":{dumps_for_storage(step.format)},"index":{step.index}}}]{self._after}'
        answer = self._answer
        for piece in pieces:
            answer.reasoning_tokens += 1
            if self._generation.hidden:
                yield b"", 1
                continue
            word = _quote(piece)
            yield self._with_usage(f"{start}{word}{middle}{word if middle else ''}{stop}"), 1
        if not self._generation.hidden:
            answer.think(step, "".join(pieces))

    def _say(self, step: Say) -> Iterator[Frame]:
        pieces = self._within_limit(split_tokens(step.text))
        start = f'{self._before}"content":'
        stop = f',"reasoning_details":[]{self._after}' if step.details else self._after
        answer = self._answer
        for piece in pieces:
            answer.text_tokens += 1
            after = stop if self._generation.logprobs is None else self._with_logprobs(stop, piece)
            yield self._with_usage(f"{start}{_quote(piece)}{after}"), 1
        answer.say(step, "".join(pieces))

    def _with_logprobs(self, after: str, piece: str) -> str:
        logprobs = {"content": [token_logprobs(piece, self._generation.logprobs or 0)], "refusal": None}
        return after.replace('"logprobs":null', f'"logprobs":{dumps_for_storage(logprobs)}', 1)

    def _delta(self, step: Delta) -> Iterator[Frame]:
        fields = {"role": "assistant", **step.fields}
        if self._generation.hidden or not self._generation.thinks:
            fields = {key: value for key, value in fields.items() if not key.startswith("reasoning")}
        if any(key.startswith("reasoning") for key in step.fields):
            self._answer.reasoning_tokens += step.tokens
        else:
            self._answer.text_tokens += step.tokens
        self._answer.delta(fields)
        yield self._event(self._chunk([choice(fields)])), step.tokens

    def _finish(self, step: Finish) -> Iterator[Frame]:
        answer = self._answer
        answer.finish, answer.native = step.reason, step.native
        last: list[bytes] = []
        if step.reason is not None:
            delta = {"role": "assistant", "content": ""}
            last.append(self._event(self._chunk([choice(delta, step.reason, step.native)])))
        if step.usage != "none":
            choices = [choice({"role": "assistant", "content": ""})] if step.usage == "choice" else []
            usage = answer.usage()
            if step.usage == "tokens":
                usage = {name: value for name, value in usage.items() if "cost" not in name}
            last.append(self._event(self._chunk(choices) | {"usage": usage}))
        if step.done:
            last.append(f"data: [DONE]{self._end}".encode())
        body = b"".join(last)
        yield body if self._framing.last_blank else body.rstrip(b"\r\n"), 0

    def _chunk(self, choices: list[Json]) -> Json:
        extra = dict(self._framing.extra)
        if self._framing.usage_on_each:
            extra["usage"] = self._answer.usage()
        return self._generation.chunk(choices, **extra)

    def _with_usage(self, event: str) -> bytes:
        if self._framing.usage_on_each:
            head = event.removesuffix(f"}}{self._end}")
            event = f'{head},"usage":{dumps_for_storage(self._answer.usage())}}}{self._end}'
        return event.encode()

    def _event(self, chunk: Json) -> bytes:
        return f"data: {dumps_for_storage(chunk)}{self._end}".encode()

    def _within_limit(self, pieces: list[str]) -> list[str]:
        limit = self._generation.limit
        return pieces if limit is None else pieces[: max(0, limit - self._answer.tokens)]

    def _exhausted(self) -> bool:
        limit = self._generation.limit
        return limit is not None and self._answer.tokens >= limit and self._answer.finish is None


def completion(generation: Generation, answer: Answer) -> Json:
    """The whole answer as one object, for requests without streaming."""
    whole = choice({}, answer.finish or "stop", answer.native or answer.finish or "stop")
    del whole["delta"]
    whole["message"] = answer.message()
    if generation.logprobs is not None:
        pieces = [piece for text in answer.text for piece in split_tokens(text)]
        whole["logprobs"] = {
            "content": [token_logprobs(piece, generation.logprobs) for piece in pieces],
            "refusal": None,
        }
    return generation.chunk([whole]) | {
        "object": "chat.completion",
        "system_fingerprint": None,
        "usage": answer.usage(),
    }


def _quote(piece: str) -> str:
    return encode_basestring(piece) if piece.isprintable() else dumps_for_storage(piece)
