"""Turns the JSON of chunks into deltas. Every key is optional and may have any type; dropped content is counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING, Any, cast

from stepchat import lossless_json
from stepchat.errors import ServerError, StepchatError
from stepchat.events import Delta, ToolCallFragment
from stepchat.lossless_json import without_surrogates
from stepchat.reasoning.fields import OTHER_FIELDS, REASONING_FIELDS, text_of
from stepchat.reasoning.think_tags import ThinkTagSplitter
from stepchat.servers.errors import find_error, from_error
from stepchat.servers.sse import SseEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stepchat.messages import Json

_HIDDEN = ("reasoning.encrypted", "reasoning.server_tool_call")
_NATIVE_FAILURES = ("network_error", "error", "malformed_function_call", "abort")
_REASONING_PARTS = frozenset({"thinking", "reasoning", "thought", "redacted_thinking"})
_MEDIA = ("images", "audio")
_CONTENT_FIELDS = ("content", "text", "output_text")
_CHOICE_KEYS = frozenset({"delta", "message", "text", "index", "finish_reason"})
_WRAPPERS = ("data", "result", "output", "response", "chunk", "body")
_FOREIGN_KEYS = frozenset(
    {
        "delta",
        "content",
        "content_block",
        "candidates",
        "output",
        "response",
        "completion",
        "token",
        "text",
        "generated_text",
    }
)
"""Where other protocols put what an event says."""
_CALL_KEYS = frozenset({"index", "id", "function"})
_FUNCTION_KEYS = frozenset({"name", "arguments"})
_SEVERAL = 2
"""Pieces in a row that must restate what came before."""


@dataclass(slots=True)
class _Gathered:
    """Collects the contents of the events of one read."""

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
            text=without_surrogates("".join(self.text)),
            reasoning=without_surrogates("".join(self.reasoning)),
            refusal=without_surrogates("".join(self.refusal)),
            details=None if self.details is None else tuple(self.details),
            tool_calls=tuple(self.tool_calls),
            logprobs=tuple(self.logprobs),
            text_was_reasoning=self.text_was_reasoning,
            **self.facts,
        )
        return None if delta == _NOTHING else delta


_NOTHING = Delta()


class ChunkReader:
    """Reads one stream. `failure` is set by an error inside it, `done` by [DONE]."""

    def __init__(self, *, starts_in_thinking: bool = False, redact: Callable[[str], str] = str) -> None:
        """`redact` removes secrets from errors before they are shortened."""
        self._redact = redact
        self.done = False
        self.failure: StepchatError | None = None
        self.finish_reason: str | None = None
        self.bad_chunks = 0
        """Events that are not JSON objects, or are of another protocol."""
        self.lost_text = 0
        """Events and message parts whose text is lost."""
        self.dropped: Counter[str] = Counter()
        """The names of other content that stepchat cannot show."""
        self.produced = False
        self._native: str | None = None
        self._remark = ""
        """An event that is neither a chunk nor clearly an error. If nothing else arrives, it is the error message."""
        self._has_delta = False
        self._has_details = False
        self._has_calls = False
        self._content = _Channel()
        self._plain = _Channel()
        self._refusal = _Channel()
        self._shown = _ShownReasoning()
        self._tags: ThinkTagSplitter | None = ThinkTagSplitter(starts_in_thinking=starts_in_thinking)

    @property
    def complete(self) -> bool:
        """Whether the stream ended as the server intended."""
        return self.done or self.finish_reason is not None

    def read(self, events: Iterable[SseEvent]) -> Delta | None:
        """Returns the content of these events. Stops at [DONE] and at an error."""
        gathered = _Gathered()
        for event in events:
            if self.done or self.failure:
                break
            if event.data.strip() == "[DONE]":
                self.done = True
            elif event.data.strip():
                for chunk in self._parse(event):
                    self._chunk(chunk, gathered)
        return gathered.delta()

    def _parse(self, event: SseEvent) -> list[Json]:
        try:
            value = _loads(event.data)
        except ValueError:
            if event.event == "error":
                self.fail(event.data)
            else:
                self.bad_chunks += 1
                self.lost_text += event.data.lstrip()[:1] in {"{", "["}
            return []
        if isinstance(value, str):
            value = _decoded_again(value)
        if event.event == "error":
            self.fail((cast("Json", value).get("error") if isinstance(value, dict) else None) or value)
            return []
        # Some gateways send a list of chunks.
        chunks = cast("list[Any]", value) if isinstance(value, list) else [value]
        self.bad_chunks += sum(not isinstance(chunk, dict) for chunk in chunks if chunk is not None)
        return [cast("Json", chunk) for chunk in chunks if isinstance(chunk, dict)]

    def _chunk(self, chunk: Json, out: _Gathered) -> None:
        chunk = _unwrapped(chunk)
        for name, key in (("generation_id", "id"), ("model", "model"), ("provider", "provider")):
            if isinstance(value := chunk.get(key), str) and value:
                out.facts[name] = value
        # Groq sends usage in an object of its own.
        _take_usage(chunk, out)
        _take_usage(_object(chunk.get("x_groq")), out)
        choices = _choices(chunk.get("choices"))
        for position, choice in enumerate(choices):
            if not isinstance(choice, dict):
                continue
            if _is_first(cast("Json", choice), position):
                self._choice(cast("Json", choice), out)
            else:
                self.dropped["alternative answer"] = 1
        # The error last: whatever came with it is kept.
        if chunk.get("error"):
            self.fail(chunk["error"])
        elif (not choices or "base_resp" in chunk) and (error := find_error(chunk)) is not None:
            self.fail(error)
        elif self.finish_reason == "error" and self.failure is None:
            reason = self._native or "error"
            self.fail({"message": f"the model ended with {reason}", "code": reason})
        elif not choices and isinstance(remark := chunk.get("message") or chunk.get("detail"), str):
            self._remark = remark
        elif not choices and any(chunk.get(key) for key in _FOREIGN_KEYS):
            self.bad_chunks += 1

    def fail(self, error: Any) -> None:
        """End the stream with an error of any shape."""
        self.failure = from_error(lossless_json.loads(self._redact(lossless_json.dumps(error))))

    def _choice(self, choice: Json, out: _Gathered) -> None:
        # Only one of them: a chunk that has both repeats itself.
        part, is_whole = choice.get("delta"), False
        if isinstance(part, str | list):
            part = {"content": part} if isinstance(part, str) else _merged(cast("list[Any]", part))
        if not isinstance(part, dict):
            part, is_whole = choice.get("message"), self._has_delta
            part = {"content": part} if isinstance(part, str) else part
        elif _is_empty(cast("Json", part)) and isinstance(choice.get("message"), dict):
            # An empty delta next to the message.
            part, is_whole = choice["message"], self._has_delta
        else:
            self._has_delta = True
        if isinstance(part, dict):
            self._part(cast("Json", part), out, is_whole=is_whole)
            _take_usage(cast("Json", part), out)
        elif isinstance(choice.get("text"), str):
            # The older completions format.
            self._part({"content": choice["text"]}, out, is_whole=False)
        _take_usage(choice, out)
        if isinstance(logprobs := choice.get("logprobs"), dict) and not is_whole:
            out.logprobs += _tokens(cast("Json", logprobs))
        if choice.get("error"):
            self.fail(choice["error"])
        reason = choice.get("finish_reason")
        if isinstance(reason, dict):
            reason = cast("Json", reason).get("type") or cast("Json", reason).get("reason")
        if isinstance(reason, str) and reason:
            self.finish_reason = out.facts["finish_reason"] = reason
        if isinstance(native := choice.get("native_finish_reason"), str) and native:
            self._native = out.facts["native_finish_reason"] = native

    def _part(self, part: Json, out: _Gathered, *, is_whole: bool) -> None:
        """Read a delta, or a complete message after deltas, which counts only where it adds something."""
        content = next((part[name] for name in _CONTENT_FIELDS if part.get(name) not in (None, "")), None)
        text, reasoning, refused = self._split_content(content)
        self._reasoning(part, reasoning, out, is_whole=is_whole)
        if text:
            self._add_content(self._content.add(text, is_whole=is_whole), out)
        if refusal := self._refusal.add(self._known(part.get("refusal")) or refused, is_whole=is_whole):
            out.refusal.append(refusal)
            self.produced = True
        for name in _MEDIA:
            if part.get(name) and not is_whole:
                self.dropped[name.rstrip("s")] += len(part[name]) if isinstance(part[name], list) else 1
        if is_whole and self._has_calls:
            return
        for call in _calls(part):
            out.tool_calls.append(_fragment(call))
            self.produced = self._has_calls = True

    def _known(self, value: Any) -> str:
        """Returns the text of a value; counts the value as lost if it has none."""
        text = text_of(value)
        self.lost_text += text is None
        return text or ""

    def _split_content(self, content: Any) -> tuple[str, str, str]:
        """Returns text, reasoning and refusal of a content, which is a string, an object or a list of parts."""
        if isinstance(content, str) or content is None:
            return content or "", "", ""
        text: list[str] = []
        reasoning: list[str] = []
        refusal: list[str] = []
        for part in cast("list[Any]", content) if isinstance(content, list) else [content]:
            kind = cast("Json", part).get("type") if isinstance(part, dict) else None
            found = text_of(part)
            if kind in _REASONING_PARTS:
                reasoning.append(found or "")
            elif kind == "refusal" and (said := text_of(cast("Json", part).get("refusal")) or found):
                refusal.append(said)
            elif found is not None:
                text.append(found)
            elif isinstance(kind, str) and "text" not in kind:
                self.dropped[kind] += 1
            else:
                self.lost_text += 1
        return "".join(text), "".join(reasoning), "".join(refusal)

    def _reasoning(self, part: Json, in_content: str, out: _Gathered, *, is_whole: bool) -> None:
        plain, plain_field = in_content, None
        for name in REASONING_FIELDS:
            if text := self._known(part.get(name)):
                plain, plain_field = text, name
                break
        details = part.get("reasoning_details")
        if not plain:
            others = (text_of(part.get(name)) for name in OTHER_FIELDS)
            plain = next(filter(None, others), details if isinstance(details, str) else "")
        new = self._plain.add(plain, is_whole=is_whole)
        entries = _list(details) if isinstance(details, list | dict) else None
        if is_whole and self._has_details:
            entries = None
        if entries is not None:
            self._has_details = self._has_details or bool(entries)
            out.details = out.details or []
            out.details += [cast("Json", entry) for entry in entries if isinstance(entry, dict)]
        if entries and not plain and (released := self._shown.add(self._plain.release(), "")):
            # Details without plain text are compared with all plain text.
            out.reasoning.append(released)
        if plain or entries:
            self.produced = True
            self._switch_tags_off(out)
        if shown := self._shown.add(new, _details_text(entries or ()), is_held=bool(plain)):
            out.reasoning.append(shown)
        if plain_field:
            out.facts.setdefault("reasoning_field", plain_field)

    def _switch_tags_off(self, out: _Gathered) -> None:
        if self._tags is not None:
            held = self._tags.switch_off()
            out.reasoning.append(held.reasoning)
            out.text.append(held.text)
            self._tags = None

    def _add_content(self, text: str, out: _Gathered) -> None:
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
        """End the stream: returns what was held back, and detects a failure that looks like success."""
        out = _Gathered()
        if held := self._shown.add(self._plain.close(), ""):
            out.reasoning.append(held)
        if held := self._content.close():
            self._add_content(held, out)
        if held := self._refusal.close():
            out.refusal.append(held)
        self._find_hidden_failure()
        if self._tags is not None:
            split = self._tags.close()
            out.reasoning.append(split.reasoning)
            out.text.append(split.text)
            if split.reasoning or split.text_was_reasoning:
                out.text_was_reasoning = out.text_was_reasoning or split.text_was_reasoning
                out.facts.setdefault("reasoning_field", "think_tags")
        return out.delta()

    def _find_hidden_failure(self) -> None:
        if self.failure is not None or self.produced:
            return
        if (self._native or "").lower().startswith(_NATIVE_FAILURES):
            self.failure = ServerError(
                f"The model returned nothing and ended with {self._native}.",
                "Retry.",
                code=self._native,
                retryable=True,
            )
        elif self._remark:
            self.fail({"message": self._remark})
        elif self.bad_chunks and not self.lost_text and not self.dropped:
            self.failure = ServerError(
                "The server's events are not those of this protocol.",
                "Check the base URL; it usually ends in /v1. The inspector shows what arrived.",
            )


class _Channel:
    """The text of one channel. Returns what is new in each piece.

    Most servers send only what is new. Some repeat the whole message at the end, and some repeat everything so far in each
    piece. The latter is assumed only after several pieces in a row began with all text so far; until then, such pieces are
    held back.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._last = ""
        """The last piece; with restatements, everything so far."""
        self._held: list[str] = []
        self._evidence = 0
        self._restates: bool | None = None
        """None while unknown."""
        self._half_pair = ""
        """A high surrogate whose other half arrives with the next piece."""

    def add(self, text: str, *, is_whole: bool = False) -> str:
        """Returns what is new in a piece, or in a whole message."""
        if not text:
            return ""
        new = self._whole(text) if is_whole else self._piece(text)
        if "\ud800" <= new[-1:] <= "\udbff":
            self._half_pair, new = self._half_pair + new[-1], new[:-1]
        elif self._half_pair and new:
            self._half_pair, new = "", self._half_pair + new
        self._parts.append(new)
        self._length += len(new)
        return new

    def release(self) -> str:
        """Returns what is held back, because it is new text: more text follows."""
        if not self._held:
            return ""
        self._restates = False
        held = self.close()
        self._parts.append(held)
        self._length += len(held)
        return held

    def close(self) -> str:
        """Returns what is held back."""
        rest = "".join(self._held) + self._half_pair
        self._held, self._half_pair = [], ""
        return rest

    def _whole(self, text: str) -> str:
        # Compared by length first: a whole message costs no more than its own length.
        if len(text) > self._length and text.startswith(so_far := "".join(self._parts)):
            self._held = []
            return text[len(so_far) :]
        return self.close()

    def _piece(self, text: str) -> str:
        before = self._last
        if self._restates is False:
            return text
        if self._restates:
            if before.startswith(text):
                return ""
            restates = text.startswith(before)
            self._last = text if restates else before + text
            return text[len(before) :] if restates else text
        self._last = text
        if not before:
            return text
        if len(text) > len(before) and text.startswith(before):
            self._evidence += len(before.strip()) > 1
            self._held.append(text)
            if self._evidence < _SEVERAL:
                return ""
            self._restates, self._held = True, []
            return text[self._length :]
        self._restates = False
        return self.close() + text


class _ShownReasoning:
    """Decides which reasoning to show: the plain field and the details of a chunk usually contain the same text."""

    def __init__(self) -> None:
        self._visible = StringIO()
        self._details = StringIO()
        self._details_length = 0
        self._same = 0
        """The number of characters in which the two agree."""
        self._differ = False

    def add(self, plain: str, details: str, *, is_held: bool = False) -> str:
        """Returns what to show of a chunk: its plain text, otherwise the text of its details unless shown before.

        With `is_held`, the plain text follows later.
        """
        _append(self._visible, plain)
        _append(self._details, details)
        self._details_length += len(details)
        if plain or is_held or not details or self._shown_before():
            return plain
        _append(self._visible, details)
        return details

    def _shown_before(self) -> bool:
        """Whether the visible text starts with all text of the details so far."""
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


def _loads(text: str) -> Any:
    try:
        return lossless_json.loads(text)
    except ValueError:
        return lossless_json.loads(text, lenient=True)


def _object(value: Any) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    """Returns a list. An object in place of a list counts as its only entry."""
    if isinstance(value, dict):
        return [cast("Json", value)]
    return cast("list[Any]", value) if isinstance(value, list) else []


def _choices(value: Any) -> list[Any]:
    """The choices: a list, one choice, or an object of choices by index."""
    if isinstance(value, dict) and not cast("Json", value).keys() & _CHOICE_KEYS:
        return list(cast("Json", value).values())
    return _list(value)


def _unwrapped(chunk: Json) -> Json:
    """The chunk inside an envelope that some gateways add."""
    if chunk.get("choices"):
        return chunk
    inner = (_object(chunk.get(key)) for key in _WRAPPERS)
    return next(({**chunk, **one} for one in inner if one.get("choices")), chunk)


def _merged(parts: list[Any]) -> Json:
    """Several deltas in place of one."""
    found: Json = {}
    for part in parts:
        for key, value in _object(part).items():
            both = isinstance(value, str) and isinstance(found.get(key), str)
            found[key] = found[key] + value if both else value
    return found


def _decoded_again(text: str) -> Any:
    """The value of JSON that is a string of JSON; the string if it is none."""
    try:
        return _loads(text)
    except ValueError:
        return text


def _is_first(choice: Json, position: int) -> bool:
    """Whether a choice is the answer and not an alternative."""
    index: Any = choice.get("index")
    return str(index) in {"0", "0.0"} if index is not None else position == 0


def _is_empty(delta: Json) -> bool:
    """Whether a delta says nothing but who is speaking."""
    return not any(value for key, value in delta.items() if key != "role")


def _take_usage(where: Json, out: _Gathered) -> None:
    if isinstance(usage := where.get("usage"), dict) and usage:
        out.facts["usage"] = usage


def _tokens(logprobs: Json) -> list[Json]:
    """Each token with its probability."""
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


def _calls(part: Json) -> list[Json]:
    """The tool calls of a message: a list, one call, an object of calls, or the older `function_call`."""
    calls: Any = part.get("tool_calls")
    if isinstance(calls, dict) and not calls.keys() & {"function", "id", "index"}:
        calls = list(cast("Json", calls).values())
    found = [cast("Json", call) for call in _list(calls) if isinstance(call, dict)]
    older: Any = part.get("function_call")
    if not found and isinstance(older, dict) and older:
        return [{"index": 0, "function": cast("Json", older)}]
    return found


def _fragment(call: Json) -> ToolCallFragment:
    function = _object(call.get("function"))
    if not function and isinstance(call.get("name"), str):
        function = {key: call[key] for key in _FUNCTION_KEYS if key in call}
        call = {key: value for key, value in call.items() if key not in _FUNCTION_KEYS}
    arguments = function.get("arguments")
    if arguments is not None and not isinstance(arguments, str):
        arguments = lossless_json.dumps(arguments)
    index, identity, name = call.get("index"), call.get("id"), function.get("name")
    extra = {key: value for key, value in call.items() if key not in _CALL_KEYS and value is not None}
    if extra.get("type") in {"function", ""}:
        del extra["type"]
    more = {key: value for key, value in function.items() if key not in _FUNCTION_KEYS and value is not None}
    if more:
        extra["function"] = more
    return ToolCallFragment(
        index=index if isinstance(index, int) else None,
        id=without_surrogates(identity) if isinstance(identity, str) else None,
        name=without_surrogates(name) if isinstance(name, str) else None,
        arguments=without_surrogates(arguments) if isinstance(arguments, str) else None,
        extra=extra or None,
    )


def read_body(body: Json, reader: ChunkReader) -> Delta | None:
    """Read a response that is one JSON object (an answer or an error) although a stream was requested."""
    inner = _object(body.get("data"))
    if not body.get("choices") and inner.get("choices"):
        body = inner
    delta = reader.read([SseEvent(lossless_json.dumps(body))])
    if isinstance(body.get("choices"), list):
        reader.done = reader.failure is None
    elif reader.failure is None:
        words = body.get("message") or body.get("detail") or "this is JSON, but not an answer; check the base URL"
        reader.fail(words)
    return delta
