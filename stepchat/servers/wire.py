"""Builds the request body from messages. History is repaired here and in `reasoning.replay`, never on disk."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from stepchat.attachments.content import NO_FILES, merge_contents, question_content
from stepchat.lossless_json import without_surrogates
from stepchat.messages import AssistantMessage, Json, Message, ToolCall, ToolMessage, UserMessage
from stepchat.reasoning.ledger import RequestLine, ReturnedReasoning
from stepchat.reasoning.replay import Prefix, Replay, Target, same_source

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from stepchat.attachments.content import Content, Files
    from stepchat.reasoning.ledger import Rule

ANSWER_NOW = (
    "\n\n[You began to think about this and were asked to answer now. Your thoughts so far, which may break off:\n\n"
    "<thoughts>\n{}\n</thoughts>\n\nAnswer now, from these thoughts, without thinking any further.]"
)
"""Appended to the question, because every chat template accepts that. llama.cpp rejects prefilled answers with reasoning,
and incomplete reasoning is not sent back as reasoning."""
NO_RESULT = "No result: this call did not run, or was interrupted."
"""Sent as the result of a call that did not run: most servers reject a call without a result, and a signature may depend on the call."""
_FIRST, _LAST = 10_000, 40_000
_LONGEST_NAME = 64
_TOOL_NAME = re.compile(rf"[a-zA-Z0-9_-]{{1,{_LONGEST_NAME}}}")
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")


@dataclass(frozen=True, slots=True)
class ComposedRequest:
    """A request, what it does with the reasoning of earlier answers, and a hash of everything before the new answer."""

    body: Json
    request_lines: tuple[RequestLine, ...]
    prefix: str

    @property
    def returns_reasoning(self) -> bool:
        """Whether it sends back earlier reasoning as such, which a server may reject."""
        sent = (line.returned for line in self.request_lines if line.wire is not None)
        return any(returned is not None and returned.way != "left out" for returned in sent)


def request_body(
    messages: Sequence[Message],
    target: Target,
    *,
    system: str | None = None,
    parameters: Json | None = None,
    files: Files = NO_FILES,
) -> Json:
    """Returns the JSON of one streaming request."""
    return compose(messages, target, system=system, parameters=parameters, files=files).body


def compose(
    messages: Sequence[Message],
    target: Target,
    *,
    system: str | None = None,
    parameters: Json | None = None,
    without: Rule | None = None,
    answer_now: bool = False,
    omit: Collection[str] = (),
    alternate: bool = False,
    files: Files = NO_FILES,
) -> ComposedRequest:
    """Returns one streaming request. `without` is the reason for withholding all earlier reasoning.

    With `answer_now`, the messages end with stopped reasoning, and the question asks for an answer based on it. `omit` are
    fields that the server rejects. With `alternate`, it also rejects adjacent user messages. `files` are the attachments of
    the questions.
    """
    prefix = Prefix(system, (parameters or {}).get("tools"))
    reasoning, question = _stopped_reasoning(messages) if answer_now else ("", -1)
    lines = _lines(messages, Replay(target, prefix, without), files, reasoning, question)
    if alternate:
        lines = _with_questions_merged(lines)
    if system:
        lines.insert(0, RequestLine({"role": "system", "content": without_surrogates(system)}))
    body: Json = {
        "model": target.model,
        "messages": [line.wire for line in lines if line.wire is not None],
        "stream": True,
    }
    if target.backend.usage_option:
        body["stream_options"] = {"include_usage": True}
    if target.backend.supports_session_id and target.session_id:
        body["session_id"] = target.session_id[:256]
    body |= wire_parameters(target, parameters or {})
    for name in omit:
        if name not in (parameters or {}):
            body.pop(name, None)
    return ComposedRequest(body, tuple(lines), prefix.digest)


def has_adjacent_questions(messages: Sequence[Json]) -> bool:
    """Whether two user messages are adjacent, as after a question that failed."""
    roles = [message["role"] for message in messages]
    return any(pair == ("user", "user") for pair in pairwise(roles))


def _with_questions_merged(lines: Sequence[RequestLine]) -> list[RequestLine]:
    """Merges adjacent user messages into the last of them."""
    merged: list[RequestLine] = []
    waiting: list[Content] = []
    sent = [line for line in lines if line.wire is not None]
    following = {id(line): after.wire for line, after in pairwise(sent)}
    for line in lines:
        if line.wire is None or line.wire["role"] != "user":
            merged.append(line)
            continue
        waiting.append(line.wire["content"])
        if ((following.get(id(line)) or {}).get("role")) == "user":
            merged.append(replace(line, wire=None))
        else:
            merged.append(replace(line, wire={"role": "user", "content": merge_contents(waiting)}))
            waiting = []
    return merged


def wire_parameters(target: Target, parameters: Json) -> Json:
    """Returns the parameters as sent: in the server's dialect, and without turning off mandatory reasoning."""
    body = dict(parameters)
    if not target.backend.supports_session_id:
        body = _without_openrouter_fields(body)
    if not target.requires_reasoning:
        return body
    given: Any = body.get("reasoning")
    settings: Json = {"enabled": True, **given} if isinstance(given, dict) else {"enabled": True}
    if settings["enabled"] is False:
        settings["enabled"] = True
    if settings.get("effort") == "none":
        del settings["effort"]
    if body.get("reasoning_effort") == "none":
        del body["reasoning_effort"]
    body["reasoning"] = settings
    return body


def _without_openrouter_fields(body: Json) -> Json:
    """Translates OpenRouter's fields for other servers, which reject or ignore them but read `reasoning_effort`."""
    body.pop("debug", None)
    given: Any = body.get("reasoning")
    if not isinstance(given, dict):
        return body
    settings = dict(cast("Json", given))
    enabled, effort = settings.pop("enabled", None), settings.pop("effort", None)
    if enabled is False or effort is not None:
        body.setdefault("reasoning_effort", "none" if enabled is False else effort)
    body.pop("reasoning")
    return body | ({"reasoning": settings} if settings else {})


def _lines(
    messages: Sequence[Message], replay: Replay, files: Files, stopped_reasoning: str, question: int
) -> list[RequestLine]:
    """The messages as the server expects them. `stopped_reasoning` is added to the message at index `question`."""
    lines: list[RequestLine] = []

    def add(line: RequestLine) -> None:
        lines.append(line)
        if line.wire is not None:
            replay.prefix.add(line.wire)

    def extra(index: int | None) -> str:
        return ANSWER_NOW.format(stopped_reasoning) if stopped_reasoning and index == question else ""

    for index, message in enumerate(messages):
        match message:
            case UserMessage():
                content = question_content(message.text + extra(index), message.attachments, files)
                add(RequestLine({"role": "user", "content": content}, index))
            case AssistantMessage() if stopped_reasoning and index > question:
                add(RequestLine(None, index, ReturnedReasoning("as text")))
            case AssistantMessage():
                results = _results(messages, index)
                line = _answer_line(message, index, replay, results)
                add(line)
                for call in (line.wire or {}).get("tool_calls", ()):
                    at, text = results.get(call["id"], (None, NO_RESULT))
                    text = without_surrogates(text + extra(at))
                    add(RequestLine({"role": "tool", "tool_call_id": call["id"], "content": text}, at))
            case ToolMessage():
                pass  # sent with its call, if there is one
    return lines


def is_reasoning_only(message: Message) -> bool:
    """Whether a message is an answer that ended while the model was still reasoning."""
    return isinstance(message, AssistantMessage) and bool(message.reasoning) and not _has_answer(message)


def _has_answer(message: AssistantMessage) -> bool:
    return bool(message.text or message.refusal or message.tool_calls)


def _stopped_reasoning(messages: Sequence[Message]) -> tuple[str, int]:
    """The reasoning after the last question or tool result, if nothing else followed it, and the index of that message."""
    index = len(messages)
    reasoning: list[str] = []
    for message in reversed(messages):
        index -= 1
        if isinstance(message, AssistantMessage) and not _has_answer(message):
            reasoning.append(message.reasoning)
        elif isinstance(message, UserMessage | ToolMessage):
            return _shortened("\n\n".join(text for text in reversed(reasoning) if text)), index
        else:
            break
    return "", -1


def _shortened(reasoning: str) -> str:
    """The beginning and the end of very long reasoning, which is probably a loop."""
    if len(reasoning) <= _FIRST + _LAST:
        return reasoning
    return f"{reasoning[:_FIRST]}\n\n[...]\n\n{reasoning[-_LAST:]}"


def _results(messages: Sequence[Message], index: int) -> dict[str, tuple[int, str]]:
    """The results that directly follow the message at this index, by the ID of their call: where they are, and their text.

    Some servers use the same IDs again in later messages.
    """
    found: dict[str, tuple[int, str]] = {}
    # By index: slicing would copy the rest of the conversation for every answer.
    for following in range(index + 1, len(messages)):
        message = messages[following]
        if not isinstance(message, ToolMessage):
            break
        found.setdefault(message.call_id, (following, message.text))
    return found


def _answer_line(message: AssistantMessage, index: int, replay: Replay, answered: Collection[str]) -> RequestLine:
    # Their extra keys are signatures of whoever made them.
    own = replay.without is None and same_source(message, replay.target)
    calls = [_call(call, own=own) for call in _sent_calls(message, answered)]
    text = without_surrogates(message.text or message.refusal)
    has_reasoning = message.reasoning_details is not None or bool(message.reasoning)
    if not text and not calls:
        rule: Rule = "no answer" if message.complete else "stopped"
        return RequestLine(None, index, ReturnedReasoning("left out", rule) if has_reasoning else None)
    fields, returned = replay.fields(message)
    entry: Json = {"role": "assistant", "content": text or None, **fields}
    if calls:
        entry["tool_calls"] = calls
    return RequestLine(entry, index, returned if has_reasoning else None)


def _sent_calls(message: AssistantMessage, answered: Collection[str]) -> list[ToolCall]:
    """An incomplete call is never sent; one that is complete and has no result gets one in the request."""
    if not message.complete:
        return []
    calls = {call.id: call for call in reversed(message.tool_calls)}
    return [call for call in reversed(calls.values()) if message.stop == "tool_calls" or call.id in answered]


def _call(call: ToolCall, *, own: bool) -> Json:
    name = call.name if _TOOL_NAME.fullmatch(call.name) else _NOT_IN_NAMES.sub("_", call.name)[:_LONGEST_NAME]
    return replace(
        call, name=name or "unknown", arguments=_arguments(call.arguments), extra=call.extra if own else {}
    ).to_wire()


def _arguments(text: str) -> str:
    """The arguments, or an empty object for what is none: chat templates parse them. The model's own text is in the result."""
    try:
        is_object = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        is_object = False
    return without_surrogates(text) if is_object else "{}"
