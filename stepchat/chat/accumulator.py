"""Adds up deltas into one AssistantMessage. The only place that knows how fragments join (WIRE.md 2.4, 3.3)."""

from __future__ import annotations

from dataclasses import replace
from itertools import count, islice
from typing import TYPE_CHECKING, Any, cast

from stepchat import lossless_json
from stepchat.messages import AssistantMessage, Failure, Json, Stop, Timing, ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepchat.events import Delta, ToolCallFragment

_JOINED = ("text", "summary")
_JOINED_TYPES = ("reasoning.text", "reasoning.summary")
_SIGNED_FORMAT = "anthropic-claude-v1"
_GROWING = 32
"""So many of the newest are looked at: more never grow at a time, and a hostile stream must not cost the square."""


class _Entry:
    """One merged entry; its growing strings are kept as fragments until the end, so that merging stays linear."""

    __slots__ = ("fragments", "head")

    def __init__(self, first: Json) -> None:
        self.head: Json = dict(first)
        self.fragments: dict[str, list[str]] = {
            key: [value] for key in _JOINED if isinstance(value := first.get(key), str)
        }

    def accepts(self, fragment: Json) -> bool:
        mine, other = self.head.get("id"), fragment.get("id")
        if mine is not None and other is not None and mine != other:
            return False
        # Words under an old signature would break it; the index should have moved on (WIRE.md 3.3, judgement call).
        signed = self.head.get("signature") is not None and self.head.get("format") == _SIGNED_FORMAT
        return not (signed and fragment.get("text"))

    def join(self, fragment: Json) -> None:
        for key, value in fragment.items():
            if key in _JOINED and isinstance(value, str):
                self.fragments.setdefault(key, []).append(value)
                self.head.setdefault(key, "")
            elif value is not None:
                self.head[key] = value

    def result(self) -> Json:
        merged = dict(self.head)
        for key, fragments in self.fragments.items():
            merged[key] = "".join(fragments)
        return merged


class DetailsMerge:
    """Merges streamed reasoning_details by the rules of WIRE.md 3.3; each fragment costs the same, however many came."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._by_index: dict[tuple[str, int], list[_Entry]] = {}
        self._encrypted: set[str] = set()
        self._present = False

    def add(self, fragments: Iterable[Any]) -> None:
        """Take the list of one chunk, as it came."""
        self._present = True
        for fragment in fragments:
            if isinstance(fragment, dict):
                self._add_one(cast("Json", fragment))

    def _add_one(self, fragment: Json) -> None:
        kind = fragment.get("type")
        if kind not in _JOINED_TYPES:
            if kind == "reasoning.encrypted" and self._is_repeated(fragment):
                return
            self._entries.append(_Entry(fragment))
            return
        index = fragment.get("index")
        if isinstance(index, int) and not isinstance(index, bool):
            known = self._by_index.setdefault((kind, index), [])
            # The newest first: it is the one that grows.
            for entry in islice(reversed(known), _GROWING):
                if entry.accepts(fragment):
                    entry.join(fragment)
                    return
            known.append(self._append(fragment))
            return
        last = self._entries[-1] if self._entries else None
        if last and last.head.get("type") == kind and last.head.get("index") is None and last.accepts(fragment):
            last.join(fragment)
        else:
            self._append(fragment)

    def _append(self, fragment: Json) -> _Entry:
        entry = _Entry(fragment)
        self._entries.append(entry)
        return entry

    def _is_repeated(self, fragment: Json) -> bool:
        # As JSON, in which true is not 1 and 1.0 is not 1.
        known = lossless_json.dumps(sorted((key, value) for key, value in fragment.items() if value is not None))
        if known in self._encrypted:
            return True
        self._encrypted.add(known)
        return False

    def result(self) -> tuple[Json, ...] | None:
        """The merged list in order of first appearance; None when no list ever came, () when only [] did."""
        return tuple(entry.result() for entry in self._entries) if self._present else None


class _Call:
    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []


class ToolCallMerge:
    """Joins tool-call fragments (WIRE.md 2.4); arguments are only looked at after the end."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int, list[_Call]] = {}

    def add(self, fragment: ToolCallFragment) -> None:
        call = self._find(fragment)
        if fragment.id and not call.id:
            call.id = fragment.id
        if fragment.name and not call.name:
            call.name = fragment.name
        if fragment.arguments:
            call.arguments.append(fragment.arguments)

    def _find(self, fragment: ToolCallFragment) -> _Call:
        """The call that this fragment belongs to: that of the same id, else the newest that may be meant, else a new one."""
        index = fragment.index
        known = self._calls if index is None else self._by_index.setdefault(index, [])
        newest = known[-1] if known else None
        if fragment.id:
            same = (call for call in islice(reversed(known), _GROWING) if call.id == fragment.id)
            if call := next(same, newest if newest and not newest.id else None):
                return call
        elif newest and not (index is None and _begins_anew(newest, fragment)):
            return newest
        call = _Call()
        self._calls.append(call)
        if index is not None:
            known.append(call)
        return call

    def result(self) -> tuple[ToolCall, ...]:
        """The calls in order, each with an id of its own."""
        taken = {call.id for call in self._calls}
        used: set[str] = {""}
        calls: list[ToolCall] = []
        for number, call in enumerate(self._calls):
            call_id = call.id
            if call_id in used:
                made_up = (f"call_{number}" + "_" * more for more in count())
                call_id = next(name for name in made_up if name not in taken)
            taken.add(call_id)
            used.add(call_id)
            calls.append(ToolCall(call_id, call.name, "".join(call.arguments)))
        return tuple(calls)


def _begins_anew(call: _Call, fragment: ToolCallFragment) -> bool:
    """Whether a fragment with neither index nor id is another call: it names one, though this one is under way."""
    if not fragment.name or not call.name:
        return False
    return fragment.name != call.name or bool(fragment.arguments and call.arguments)


class AnswerAccumulator:
    """The answer while it streams. `add` costs the same for the first and for the millionth token."""

    def __init__(self, blank: AssistantMessage) -> None:
        self._blank = blank
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._details = DetailsMerge()
        self._calls = ToolCallMerge()
        self._logprobs: list[Json] = []
        self._finish_reason: str | None = None
        self._native: str | None = None
        self._usage: Json | None = None
        self._facts: dict[str, str] = {}
        self._field: str | None = None
        self._first_reasoning: float | None = None
        self._first_text: float | None = None

    @property
    def empty(self) -> bool:
        """True while nothing arrived that anybody could read or send back."""
        details = self._details.result()
        return not (self._text or self._reasoning or self._refusal or details or self._calls.result())

    def add(self, delta: Delta, elapsed: float | None = None) -> None:
        """Take one delta; `elapsed` is in seconds since the request left."""
        if delta.text_was_reasoning:
            self._reasoning.extend(self._text)
            self._text.clear()
            self._first_reasoning = self._first_text if self._first_reasoning is None else self._first_reasoning
            self._first_text = None
        if delta.reasoning:
            self._reasoning.append(delta.reasoning)
            if self._first_reasoning is None:
                self._first_reasoning = elapsed
        if delta.text:
            self._text.append(delta.text)
            if self._first_text is None:
                self._first_text = elapsed
        if delta.details is not None:
            self._details.add(delta.details)
        for fragment in delta.tool_calls:
            self._calls.add(fragment)
        if delta.refusal:
            self._refusal.append(delta.refusal)
        self._logprobs += delta.logprobs
        self._add_facts(delta)

    def _add_facts(self, delta: Delta) -> None:
        # A later null or "" never overwrites (WIRE.md 2.5); of usage the newest counts (2.6).
        self._finish_reason = delta.finish_reason or self._finish_reason
        self._native = delta.native_finish_reason or self._native
        self._usage = delta.usage or self._usage
        self._field = self._field or delta.reasoning_field
        for name, value in (
            ("model", delta.model),
            ("provider", delta.provider),
            ("generation_id", delta.generation_id),
        ):
            if value:
                self._facts[name] = value

    @property
    def finished(self) -> bool:
        """Whether a finish_reason came, other than that of a failure."""
        return self._finish_reason not in {None, "error"}

    def message(
        self, stop: Stop | None = None, *, error: Failure | None = None, ended: float | None = None
    ) -> AssistantMessage:
        """The message so far. Without `stop` it ended as its finish_reason says."""
        calls = self._calls.result()
        started = self._blank.timing.started
        return replace(
            self._blank,
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            reasoning_details=self._details.result(),
            tool_calls=calls,
            refusal="".join(self._refusal),
            stop=stop or _stop(self._finish_reason, has_calls=bool(calls)),
            finish_reason=self._finish_reason,
            native_finish_reason=self._native,
            usage=Usage(self._usage or {}),
            timing=Timing(started, self._first_reasoning, self._first_text, ended),
            reasoning_field=self._field,
            error=error,
            logprobs=tuple(self._logprobs),
            **self._facts,
        )


def _stop(finish_reason: str | None, *, has_calls: bool) -> Stop:
    match finish_reason:
        case "length" | "content_filter":
            return finish_reason
        case "tool_calls" | "function_call":
            return "tool_calls"
        case _:
            # Some routes say "stop" although calls were made (WIRE.md 2.4).
            return "tool_calls" if has_calls else "stop"


def accumulate(blank: AssistantMessage, deltas: Iterable[Delta]) -> AssistantMessage:
    """What a turn that was killed had received: whole if the model had said that it was done, else marked as cut."""
    draft = AnswerAccumulator(blank)
    for delta in deltas:
        draft.add(delta)
    return draft.message(None if draft.finished else "cut")
