"""The lines that --json prints, one object for each event of a turn. docs/json.md describes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepchat.chat.turn import to_failure
from stepchat.events import (
    CallsLeft,
    ConcurrentQuestion,
    Delta,
    MessageSaved,
    Notice,
    Preparing,
    RequestStarted,
    Retrying,
    Silence,
    ToolCallDecided,
    ToolCallProgress,
    ToolCallReceived,
    ToolCallStarted,
)
from stepchat.messages import to_json

if TYPE_CHECKING:
    from stepchat.errors import StepchatError
    from stepchat.events import TurnEvent
    from stepchat.messages import AssistantMessage, Json


def event_json(event: TurnEvent) -> Json:
    """One event of a turn as an object of --json."""
    match event:
        case Delta():
            return _delta_json(event)
        case MessageSaved():
            return {"type": "message", "id": event.stored.id, "message": to_json(event.stored.message)}
        case Retrying():
            return {
                "type": "retrying",
                "attempt": event.attempt,
                "of": event.limit,
                "delay": event.delay,
                "reason": event.reason,
            }
        case Silence():
            return {"type": "silence", "seconds": event.seconds, "limit": event.limit}
        case Notice():
            return {"type": "notice", "text": event.text}
        case Preparing(text):
            return {"type": "preparing", "text": text}
        case ConcurrentQuestion():
            return {"type": "asked_beside"}
        case ToolCallReceived(call, source):
            arguments: Any = {"id": call.id, "name": call.name, "arguments": call.arguments}
            return {"type": "tool_call", **arguments, "source": source or None}
        case ToolCallDecided(call, allowed, origin, reason):
            decision = {"allowed": allowed, "by": origin, "reason": reason or None}
            return {"type": "tool_approval", "id": call.id, "name": call.name, **decision}
        case ToolCallProgress(call, text):
            return {"type": "tool_progress", "id": call.id, "name": call.name, "text": text}
        case ToolCallStarted(call):
            return {"type": "tool_started", "id": call.id, "name": call.name}
        case CallsLeft(calls, why):
            return {"type": "tool_calls_left", "ids": [call.id for call in calls], "why": why}
        case RequestStarted(number):
            return {"type": "request", "number": number}


def _delta_json(delta: Delta) -> Json:
    line: Json = {"type": "delta"}
    for name, value in (
        ("id", delta.generation_id),
        ("model", delta.model),
        ("provider", delta.provider),
        ("reasoning", delta.reasoning),
        ("reasoning_details", None if delta.details is None else list(delta.details)),
        ("content", delta.text),
        ("refusal", delta.refusal),
        ("finish_reason", delta.finish_reason),
        ("native_finish_reason", delta.native_finish_reason),
        ("usage", delta.usage),
        ("logprobs", list(delta.logprobs) or None),
    ):
        if value is not None and value != "":
            line[name] = value
    if delta.text_was_reasoning:
        line["content_was_reasoning"] = True
    if delta.tool_calls:
        line["tool_calls"] = [
            {
                **(call.extra or {}),
                "index": call.index,
                "id": call.id,
                "function": {
                    **((call.extra or {}).get("function") or {}),
                    "name": call.name,
                    "arguments": call.arguments,
                },
            }
            for call in delta.tool_calls
        ]
    return line


def result_json(
    session: str | None, answer: AssistantMessage, failure: StepchatError | None, mismatch: str = ""
) -> Json:
    """The last line: the answer, and how it ended. `mismatch` says why it violates its schema."""
    details = answer.reasoning_details
    error: Json | None = None
    if failure is not None:
        error = {"code": to_failure(failure).code, "message": failure.message}
    return {
        "type": "result",
        "session": session,
        "message": {
            "role": "assistant",
            "content": answer.text,
            "reasoning": answer.reasoning,
            "reasoning_details": None if details is None else list(details),
            "tool_calls": [call.to_wire() for call in answer.tool_calls],
            "finish_reason": answer.finish_reason,
            "native_finish_reason": answer.native_finish_reason,
            "usage": answer.usage.raw or None,
            "model": answer.model or answer.model_asked,
            "provider": answer.provider or None,
            "error": error,
            "complete": answer.complete and failure is None,
            "wrong_form": mismatch or None,
        },
    }
