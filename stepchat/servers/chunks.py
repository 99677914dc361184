"""Chunk JSON to Delta (WIRE.md 2.2-2.8, 3.5, 4.1-4.3). Every key is optional and may have any type."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING, Any, cast

from stepchat import lossless_json
from stepchat.errors import ServerError, StepchatError
from stepchat.events import Delta, ToolCallFragment
from stepchat.reasoning.think_tags import ThinkTagSplitter
from stepchat.servers.errors import from_error
from stepchat.servers.sse import SseEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stepchat.messages import Json

_REASONING_FIELDS = ("reasoning", "reasoning_content")
_HIDDEN = ("reasoning.encrypted", "reasoning.server_tool_call")
_FAILED_NATIVELY = ("network_error", "error", "malformed_function_call", "abort")


@dataclass(slots=True)
class _Gathered:
    """What the events of one read add up to."""

    text: list[str] = field(default_factory=list[str])
    reasoning: list[str] = field(default_factory=list[str])
    refusal: list[str] = field(default_factory=list[str])
    details: list[Json] | None = None
    tool_calls: list[ToolCallFragment] = field(default_factory=list[ToolCallFragment])
    logprobs: list[Json] = field(default_factory=list[Any])
    text_was_reasoning: bool = False
    facts: dict[str, Any] = field(default_factory=dict[str, Any])

    def delta(self) -> Delta | None:
        delta = Delta(
            text="".join(self.text),
            reasoning="".join(self.reasoning),
            refusal="".join(self.refusal),
            details=None if self.details is None else tuple(self.details),
            tool_calls=tuple(self.tool_calls),
            logprobs=tuple(self.logprobs),
            text_was_reasoning=self.text_was_reasoning,
            **self.facts,
        )
        return None if delta == _NOTHING else delta


_NOTHING = Delta()


class ChunkReader:
    """Reads one stream. `failure` is set by an error inside it, `done` by [DONE]; `bad_chunks` counts what was skipped."""

    def __init__(self, *, starts_in_thinking: bool = False, redact: Callable[[str], str] = str) -> None:
        """`redact` takes secrets out of what becomes an error, before anything is cut off."""
        self._redact = redact
        self.done = False
        self.failure: StepchatError | None = None
        self.finish_reason: str | None = None
        self.bad_chunks = 0
        self._native: str | None = None
        self.produced = False
        self._shown = _ShownReasoning()
        self._tags: ThinkTagSplitter | None = ThinkTagSplitter(starts_in_thinking=starts_in_thinking)

    @property
    def complete(self) -> bool:
        """Whether the stream ended as the server meant it to."""
        return self.done or self.finish_reason is not None

    def read(self, events: Iterable[SseEvent]) -> Delta | None:
        """What these events say. Stops at [DONE] and at an error."""
        gathered = _Gathered()
        for event in events:
            if self.done or self.failure:
                break
            if event.data.strip() == "[DONE]":
                self.done = True
            elif event.data.strip():
                chunk = self._parse(event)
                if chunk is not None:
                    self._chunk(chunk, gathered)
        return gathered.delta()

    def _parse(self, event: SseEvent) -> Json | None:
        try:
            value = lossless_json.loads(event.data)
        except ValueError:
            if event.event == "error":
                self.fail(event.data)
            else:
                self.bad_chunks += 1
            return None
        if event.event == "error":
            self.fail((cast("Json", value).get("error") if isinstance(value, dict) else None) or value)
            return None
        return cast("Json", value) if isinstance(value, dict) else None

    def _chunk(self, chunk: Json, out: _Gathered) -> None:
        for name, key in (("generation_id", "id"), ("model", "model"), ("provider", "provider")):
            if isinstance(value := chunk.get(key), str) and value:
                out.facts[name] = value
        if isinstance(usage := chunk.get("usage"), dict) and usage:
            out.facts["usage"] = usage
        choices = chunk.get("choices")
        for choice in cast("list[Any]", choices) if isinstance(choices, list) else []:
            if isinstance(choice, dict):
                self._choice(cast("Json", choice), out)
        # The error last: what came with it is still worth keeping.
        if chunk.get("error") is not None:
            self.fail(chunk["error"])
        elif self.finish_reason == "error" and self.failure is None:
            reason = self._native or "error"
            self.fail({"message": f"the model ended with {reason}", "code": reason})

    def fail(self, error: Any) -> None:
        """Take an error of any shape as the end of the stream."""
        self.failure = from_error(lossless_json.loads(self._redact(lossless_json.dumps(error))))

    def _choice(self, choice: Json, out: _Gathered) -> None:
        # Only one of them: a chunk that brings both says the same twice.
        part = choice.get("delta")
        if not isinstance(part, dict):
            part = choice.get("message")
        if isinstance(part, dict):
            self._part(cast("Json", part), out)
        if isinstance(logprobs := choice.get("logprobs"), dict):
            out.logprobs += _tokens(cast("Json", logprobs))
        if choice.get("error") is not None:
            self.fail(choice["error"])
        if isinstance(reason := choice.get("finish_reason"), str) and reason:
            self.finish_reason = out.facts["finish_reason"] = reason
        if isinstance(native := choice.get("native_finish_reason"), str) and native:
            self._native = out.facts["native_finish_reason"] = native

    def _part(self, part: Json, out: _Gathered) -> None:
        self._reasoning(part, out)
        if text := _text(part.get("content")):
            self._content(text, out)
        if isinstance(refusal := part.get("refusal"), str) and refusal:
            out.refusal.append(refusal)
            self.produced = True
        calls = part.get("tool_calls")
        for call in cast("list[Any]", calls) if isinstance(calls, list) else []:
            if isinstance(call, dict):
                out.tool_calls.append(_fragment(cast("Json", call)))
                self.produced = True

    def _reasoning(self, part: Json, out: _Gathered) -> None:
        plain, plain_field = "", None
        for name in _REASONING_FIELDS:
            if isinstance(value := part.get(name), str) and value:
                plain, plain_field = value, name
                break
        details = part.get("reasoning_details")
        entries = cast("list[Any]", details) if isinstance(details, list) else None
        if entries is not None:
            out.details = out.details or []
            out.details += [cast("Json", entry) for entry in entries if isinstance(entry, dict)]
        if plain or entries:
            self.produced = True
            self._switch_tags_off(out)
        shown = self._shown.add(plain, _details_text(entries or ()))
        if shown:
            out.reasoning.append(shown)
        if plain_field:
            out.facts.setdefault("reasoning_field", plain_field)

    def _switch_tags_off(self, out: _Gathered) -> None:
        if self._tags is not None:
            held = self._tags.switch_off()
            out.reasoning.append(held.reasoning)
            out.text.append(held.text)
            self._tags = None

    def _content(self, text: str, out: _Gathered) -> None:
        self.produced = True
        if self._tags is None:
            out.text.append(text)
            return
        split = self._tags.feed(text)
        if split.text_was_reasoning:
            out.text_was_reasoning = True
            out.reasoning.extend(out.text)
            out.text.clear()
        out.reasoning.append(split.reasoning)
        out.text.append(split.text)
        if split.reasoning or split.text_was_reasoning:
            out.facts.setdefault("reasoning_field", "think_tags")

    def close(self) -> Delta | None:
        """The end of the stream: what was held back, and a failure that looked like success (WIRE.md 2.5)."""
        native = (self._native or "").lower()
        if self.failure is None and not self.produced and native.startswith(_FAILED_NATIVELY):
            self.failure = ServerError(
                f"The model gave nothing and ended with {self._native}.",
                "Ask again.",
                code=self._native,
                retryable=True,
            )
        if self._tags is None:
            return None
        held = self._tags.close()
        if held.reasoning or held.text_was_reasoning:
            return Delta(
                text=held.text,
                reasoning=held.reasoning,
                text_was_reasoning=held.text_was_reasoning,
                reasoning_field="think_tags",
            )
        return Delta(text=held.text) if held.text else None


class _ShownReasoning:
    """Decides what of a chunk's reasoning is new to the eye: the words usually come twice (WIRE.md 3.5)."""

    def __init__(self) -> None:
        self._visible = StringIO()
        self._details = StringIO()
        self._details_length = 0
        self._same = 0
        """How far the two are known to agree."""
        self._differ = False

    def add(self, plain: str, details: str) -> str:
        """What of one chunk is to be shown: the plain words, else those of the details unless they were shown before."""
        _append(self._visible, plain)
        _append(self._details, details)
        self._details_length += len(details)
        if plain or not details or self._shown_before():
            return plain
        _append(self._visible, details)
        return details

    def _shown_before(self) -> bool:
        """Whether what is visible starts with all words of the details so far."""
        if not self._differ:
            self._visible.seek(self._same)
            self._details.seek(self._same)
            new = self._details.read()
            seen = self._visible.read(len(new))
            self._differ = not new.startswith(seen)
            self._same += len(seen)
        return not self._differ and self._same == self._details_length


def _append(to: StringIO, text: str) -> None:
    if text:
        to.seek(0, 2)
        to.write(text)


def _text(content: Any) -> str:
    """A content string, or the text parts of a list (WIRE.md 2.3)."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [cast("Json", part).get("text") for part in cast("list[Any]", content) if isinstance(part, dict)]
    return "".join(part for part in parts if isinstance(part, str))


def _tokens(logprobs: Json) -> list[Json]:
    """Each token with its probability; what else a server puts there is left."""
    content = logprobs.get("content")
    entries = cast("list[Any]", content) if isinstance(content, list) else []
    return [cast("Json", entry) for entry in entries if isinstance(entry, dict) and "token" in entry]


def _details_text(entries: Iterable[Any]) -> str:
    found: list[str] = []
    for entry in entries:
        if isinstance(entry, dict) and cast("Json", entry).get("type") not in _HIDDEN:
            value = cast("Json", entry).get("text") or cast("Json", entry).get("summary")
            if isinstance(value, str):
                found.append(value)
    return "".join(found)


def _fragment(call: Json) -> ToolCallFragment:
    raw = call.get("function")
    function = cast("Json", raw) if isinstance(raw, dict) else {}
    arguments = function.get("arguments")
    if isinstance(arguments, dict | list):
        arguments = lossless_json.dumps(arguments)
    index, identity, name = call.get("index"), call.get("id"), function.get("name")
    return ToolCallFragment(
        index=index if isinstance(index, int) else None,
        id=identity if isinstance(identity, str) else None,
        name=name if isinstance(name, str) else None,
        arguments=arguments if isinstance(arguments, str) else None,
    )


def read_body(body: Json, reader: ChunkReader) -> Delta | None:
    """A 200 with one JSON object although a stream was asked for: an answer or an error (WIRE.md 6, end)."""
    delta = reader.read([SseEvent(lossless_json.dumps(body))])
    if isinstance(body.get("choices"), list):
        reader.done = reader.failure is None
    elif reader.failure is None:
        words = body.get("message") or body.get("detail") or "this is JSON, but no answer; check the base URL"
        reader.fail(words)
    return delta
