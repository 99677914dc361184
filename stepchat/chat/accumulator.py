"""Accumulates deltas into one AssistantMessage."""

from __future__ import annotations

from dataclasses import replace
from itertools import count, islice
from typing import TYPE_CHECKING

from stepchat.messages import AssistantMessage, Failure, Json, Stop, Timing, ToolCall, Usage
from stepchat.reasoning.merge import DetailsMerge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepchat.events import Delta, ToolCallFragment

_GROWING = 32
"""Tool calls that can grow at the same time, counted from the newest. The limit keeps a hostile stream linear."""


class _Call:
    __slots__ = ("arguments", "extra", "id", "name")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []
        self.extra: Json = {}


class ToolCallMerge:
    """Joins fragments of tool calls. Arguments are parsed only after the end of the stream."""

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
        if fragment.extra:
            call.extra |= fragment.extra

    def _find(self, fragment: ToolCallFragment) -> _Call:
        """The call with the same id, otherwise the newest call that the fragment can belong to, otherwise a new one."""
        index = fragment.index
        known = self._calls if index is None else self._by_index.setdefault(index, [])
        newest = known[-1] if known else None
        if fragment.id:
            same = (call for call in islice(reversed(known), _GROWING) if call.id == fragment.id)
            if call := next(same, newest if newest and not newest.id else None):
                return call
        elif newest and not (index is None and _starts_new_call(newest, fragment)):
            return newest
        call = _Call()
        self._calls.append(call)
        if index is not None:
            known.append(call)
        return call

    def result(self) -> tuple[ToolCall, ...]:
        """Returns the calls in order, each with a unique id."""
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
            calls.append(ToolCall(call_id, call.name, "".join(call.arguments), call.extra))
        return tuple(calls)


def _starts_new_call(call: _Call, fragment: ToolCallFragment) -> bool:
    """Whether a fragment with neither index nor id starts another call: it names one, and this one has its name already."""
    if not fragment.name or not call.name:
        return False
    return fragment.name != call.name or bool(fragment.arguments and call.arguments)


class AnswerAccumulator:
    """An answer while it streams. `add` costs the same for the first and for the millionth token."""

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
        """True until something arrives that can be read or sent back."""
        details = self._details.result()
        return not (self._text or self._reasoning or self._refusal or details or self._calls.result())

    def add(self, delta: Delta, elapsed: float | None = None) -> None:
        """Add one delta; `elapsed` is in seconds since the request was sent."""
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
        # A later null or "" never overwrites; the newest usage counts, because some servers send running totals.
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
        """Whether a finish_reason arrived that is not a failure."""
        return self._finish_reason not in {None, "error"}

    def message(
        self, stop: Stop | None = None, *, error: Failure | None = None, ended: float | None = None
    ) -> AssistantMessage:
        """Returns the message so far. Without `stop`, its finish_reason says how it ended."""
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
    match (finish_reason or "").lower():
        case "length" | "max_tokens" | "max_output_tokens" | "max_length" | "model_length" | "token_limit":
            return "length"
        case "content_filter" | "safety" | "prohibited_content" | "blocklist" | "recitation" | "spii" | "sensitive":
            return "content_filter"
        case "tool_calls" | "tool_call" | "tool_use" | "function_call":
            return "tool_calls"
        case _:
            # Some routes send "stop" although the model called tools.
            return "tool_calls" if has_calls else "stop"


def accumulate(blank: AssistantMessage, deltas: Iterable[Delta]) -> AssistantMessage:
    """Returns the message that a killed turn had received: complete if it had a finish_reason, otherwise marked as cut."""
    draft = AnswerAccumulator(blank)
    for delta in deltas:
        draft.add(delta)
    return draft.message(None if draft.finished else "cut")
