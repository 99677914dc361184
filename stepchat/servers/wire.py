"""Messages to request JSON. History is repaired for the wire here and nowhere else; the disk is never repaired."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from stepchat import lossless_json
from stepchat.catalogue.backends import MANDATORY_REASONING, Backend, bare_slug, same_server
from stepchat.messages import AssistantMessage, Json, Message, ToolCall, ToolMessage, UserMessage
from stepchat.reasoning.ledger import RequestLine, ReturnedReasoning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.reasoning.ledger import Rule

_SIGNED_FORMATS = ("anthropic-claude-v1", "google-gemini-v1")
_SIGNING_MAKERS = ("anthropic/", "google/")
ANSWER_NOW = (
    "\n\n[You began to think about this and were asked to answer now. Your thoughts so far, which may break off:\n\n"
    "<thoughts>\n{}\n</thoughts>\n\nAnswer now, from these thoughts, without thinking any further.]"
)
"""Goes behind the question: roles go on alternating, and every template takes it. A prefill would be refused by servers
that think (llama.cpp), and half a thought is not sent back as reasoning (WIRE.md 1.4, 3.7, 4.4)."""
_FIRST, _LAST = 10_000, 40_000
_PLAIN_FIELDS = ("reasoning", "reasoning_content")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes."""

    backend: Backend
    base_url: str
    model: str
    session_id: str = ""
    mandatory_reasoning: bool | None = None
    """What the catalogue says; None when it says nothing."""

    @property
    def requires_reasoning(self) -> bool:
        """Whether the model refuses requests that switch its reasoning off (WIRE.md 4.5)."""
        if self.mandatory_reasoning is not None:
            return self.mandatory_reasoning
        return self.backend.supports_session_id and self.model.startswith(MANDATORY_REASONING)


@dataclass(frozen=True, slots=True)
class ComposedRequest:
    """A request, what it did with each earlier answer's reasoning, and a hash of all that the new answer will follow."""

    body: Json
    request_lines: tuple[RequestLine, ...]
    prefix: str

    @property
    def returns_reasoning(self) -> bool:
        """Whether any earlier reasoning is in it as reasoning, which a server may refuse."""
        sent = (line.returned for line in self.request_lines if line.wire is not None)
        return any(returned is not None and returned.way != "left out" for returned in sent)


class _Prefix:
    """What came before a message, as sent, but for the reasoning: that may be left out without breaking a signature."""

    def __init__(self, system: str | None, tools: Any) -> None:
        import hashlib

        self._hash = hashlib.sha256()
        self._take("system", system or "")
        self._take("tools", lossless_json.dumps(tools) if tools else "")

    def add(self, entry: Json) -> None:
        for name in ("role", "content", "tool_calls", "tool_call_id"):
            value: Any = entry.get(name)
            self._take(name, value if isinstance(value, str) else lossless_json.dumps(value) if value else "")

    def _take(self, name: str, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        self._hash.update(f"{name} {len(data)} ".encode() + data)

    @property
    def digest(self) -> str:
        return self._hash.copy().hexdigest()[:32]


@dataclass(slots=True)
class _History:
    target: Target
    prefix: _Prefix
    without: Rule | None
    thoughts: str = ""
    """What is to be answered from at once."""
    question: int = -1
    """The place of the last question."""
    seen_encrypted: set[str] = field(default_factory=set[str])


def request_body(
    messages: Sequence[Message],
    target: Target,
    *,
    system: str | None = None,
    parameters: Json | None = None,
) -> Json:
    """The JSON of one streaming request."""
    return compose(messages, target, system=system, parameters=parameters).body


def compose(
    messages: Sequence[Message],
    target: Target,
    *,
    system: str | None = None,
    parameters: Json | None = None,
    without: Rule | None = None,
    answer_now: bool = False,
) -> ComposedRequest:
    """One streaming request, and what it does with the reasoning of earlier answers; `without` leaves out all of that.

    With `answer_now` the messages end with thinking that was stopped; the answer is asked for from what was thought so far.
    """
    profile = target.backend
    prefix = _Prefix(system, (parameters or {}).get("tools"))
    thoughts, question = _stopped_thoughts(messages) if answer_now else ("", -1)
    lines = _lines(messages, _History(target, prefix, without, thoughts, question))
    if system:
        lines.insert(0, RequestLine({"role": "system", "content": system}))
    body: Json = {
        "model": target.model,
        "messages": [line.wire for line in lines if line.wire is not None],
        "stream": True,
    }
    if profile.usage_option:
        body["stream_options"] = {"include_usage": True}
    if profile.supports_session_id and target.session_id:
        body["session_id"] = target.session_id[:256]
    body |= wire_parameters(target, parameters or {})
    return ComposedRequest(body, tuple(lines), prefix.digest)


def wire_parameters(target: Target, parameters: Json) -> Json:
    """The parameters as they leave: some models answer 400 to a request that switches their reasoning off (WIRE.md 4.5)."""
    body = dict(parameters)
    if not target.backend.supports_session_id:
        body = _for_others(body)
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


def _for_others(body: Json) -> Json:
    """What only OpenRouter knows, others may refuse or, worse, ignore: they read `reasoning_effort` (WIRE.md 4.1)."""
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


def _lines(messages: Sequence[Message], state: _History) -> list[RequestLine]:
    """The messages as the server wants them (WIRE.md 3.4-3.7)."""
    lines: list[RequestLine] = []
    called: set[str] = set()
    for place, message in enumerate(messages):
        line: RequestLine | None = None
        match message:
            case UserMessage():
                hurry = ANSWER_NOW.format(state.thoughts) if state.thoughts and place == state.question else ""
                line = RequestLine({"role": "user", "content": message.text + hurry}, place)
            case AssistantMessage() if state.thoughts and place > state.question:
                line = RequestLine(None, place, ReturnedReasoning("as text"))
            case AssistantMessage():
                line = _answer_line(message, place, state, _answered(messages, place))
                called = {call["id"] for call in (line.wire or {}).get("tool_calls", ())}
            case ToolMessage():
                # One result for each call, and none without a call.
                if message.call_id in called:
                    called.remove(message.call_id)
                    line = RequestLine(
                        {"role": "tool", "tool_call_id": message.call_id, "content": message.text}, place
                    )
        if line is not None:
            lines.append(line)
            if line.wire is not None:
                state.prefix.add(line.wire)
    return lines


def is_reasoning_only(message: Message) -> bool:
    """Whether it is an answer that ended while it was being thought about."""
    return isinstance(message, AssistantMessage) and bool(message.reasoning) and not _says(message)


def _says(message: AssistantMessage) -> bool:
    return bool(message.text or message.refusal or message.tool_calls)


def _stopped_thoughts(messages: Sequence[Message]) -> tuple[str, int]:
    """What was thought after the last question, if nothing else came of it; and the place of that question."""
    place = len(messages)
    thoughts: list[str] = []
    for message in reversed(messages):
        place -= 1
        if isinstance(message, AssistantMessage) and not _says(message):
            thoughts.append(message.reasoning)
        elif isinstance(message, UserMessage):
            return _shortened("\n\n".join(text for text in reversed(thoughts) if text)), place
        else:
            break
    return "", -1


def _shortened(thoughts: str) -> str:
    """The beginning and the end of very long thoughts: what is in the middle of a loop is no loss."""
    if len(thoughts) <= _FIRST + _LAST:
        return thoughts
    return f"{thoughts[:_FIRST]}\n\n[...]\n\n{thoughts[-_LAST:]}"


def _answered(messages: Sequence[Message], place: int) -> set[str]:
    """The ids of the calls whose results follow the message at this place directly. Some servers use ids again."""
    found: set[str] = set()
    # By index: anything else would walk there from the first message, for every answer.
    for following in range(place + 1, len(messages)):
        message = messages[following]
        if not isinstance(message, ToolMessage):
            break
        found.add(message.call_id)
    return found


def _answer_line(message: AssistantMessage, place: int, state: _History, answered: set[str]) -> RequestLine:
    # Half a call is never sent, and a call without its result is refused by most servers.
    calls = [_call(call) for call in message.tool_calls if message.complete and call.id in answered]
    text = message.text or message.refusal
    thought = message.reasoning_details is not None or bool(message.reasoning)
    if not text and not calls:
        rule: Rule = "no answer" if message.complete else "stopped"
        return RequestLine(None, place, ReturnedReasoning("left out", rule) if thought else None)
    fields, returned = _reasoning(message, state)
    entry: Json = {"role": "assistant", "content": text or None, **fields}
    if calls:
        entry["tool_calls"] = calls
    return RequestLine(entry, place, returned if thought else None)


def _call(call: ToolCall) -> Json:
    # Models write nothing for no arguments; templates parse it as JSON (WIRE.md 2.4, 4.4).
    return (call if call.arguments.strip() else replace(call, arguments="{}")).to_wire()


def _reasoning(message: AssistantMessage, state: _History) -> tuple[Json, ReturnedReasoning]:
    """The reasoning of one answer as it goes back: the list, or a plain string, never both (WIRE.md 3.4)."""
    if state.without is not None:
        return {}, ReturnedReasoning("left out", state.without)
    profile = state.target.backend
    foreign = _foreign(message, state.target)
    text = message.reasoning.strip() if profile.trim_reasoning else message.reasoning
    name = message.reasoning_field if foreign is None and message.reasoning_field in _PLAIN_FIELDS else None
    stopped: Rule | None = None if message.complete else "stopped"
    if profile.reasoning_back == "always":
        rule = foreign or stopped
        sent = "" if rule else text
        return {name or "reasoning_content": sent}, ReturnedReasoning("left out", rule) if rule else ReturnedReasoning(
            "as text"
        )
    if foreign is not None:
        return {}, ReturnedReasoning("left out", foreign)
    if message.reasoning_details is not None:
        finished = bool(message.reasoning_details) and all(map(_is_finished, message.reasoning_details))
        return (
            _sendable(message, state)
            if message.complete or finished
            else ({}, ReturnedReasoning("left out", "stopped"))
        )
    if stopped is not None:
        return {}, ReturnedReasoning("left out", stopped)
    if profile.reasoning_back == "never" or not (name or profile.supports_session_id):
        return {}, ReturnedReasoning("left out", "not taken")
    if _maker(message).startswith(_SIGNING_MAKERS):
        return {}, ReturnedReasoning("left out", "unsigned")
    return ({name or "reasoning": text} if text else {}), ReturnedReasoning("as text")


def _maker(message: AssistantMessage) -> str:
    return message.model or message.model_asked


def same_source(message: AssistantMessage, target: Target) -> bool:
    """Whether the model and the server that reasoned are those now asked (WIRE.md 3.6)."""
    return _foreign(message, target) is None


def _foreign(message: AssistantMessage, target: Target) -> Rule | None:
    if message.server and not same_server(message.server, target.base_url):
        return "other server"
    if not target.backend.supports_session_id:
        # No router, so the name that was asked for tells; what answers may call itself otherwise.
        return None if target.model in {message.model_asked, message.model} else "other model"
    wanted, asked = bare_slug(target.model), bare_slug(message.model_asked)
    answered = bare_slug(message.model) or asked
    # Some answers come with a dated form of the slug that was asked for.
    same = answered == wanted or (asked == wanted and answered.startswith(wanted))
    return None if same else "other model"


def _is_finished(entry: Json) -> bool:
    """Whether an entry of an answer that was cut is complete for its kind (WIRE.md 3.7)."""
    match entry.get("type"):
        case "reasoning.encrypted":
            return bool(entry.get("data"))
        case "reasoning.text":
            return entry.get("format") in _SIGNED_FORMATS and bool(entry.get("signature"))
        case _:
            return False


def _sendable(message: AssistantMessage, state: _History) -> tuple[Json, ReturnedReasoning]:
    """The list unedited, less the entries that a server is known to refuse (WIRE.md 3.4, rule 6 and prefix binding)."""
    details = message.reasoning_details or ()
    moved = bool(message.prefix) and message.prefix != state.prefix.digest
    sent: list[Json] = []
    left_out: list[int] = []
    first: Rule | None = None
    for number, entry in enumerate(details):
        rule = _refused_entry(entry, message, state.seen_encrypted, moved=moved)
        if rule is None:
            sent.append(entry)
        else:
            left_out.append(number)
            first = first or rule
    if first is None:
        return {"reasoning_details": sent}, ReturnedReasoning("unchanged")
    return {"reasoning_details": sent}, ReturnedReasoning("in part" if sent else "left out", first, tuple(left_out))


def _refused_entry(entry: Json, message: AssistantMessage, seen: set[str], *, moved: bool) -> Rule | None:
    """Why one entry stays here."""
    if moved and entry.get("format") in _SIGNED_FORMATS:
        return "edited before"
    match entry.get("type"):
        case "reasoning.encrypted":
            if not entry.get("data"):
                return "no data"
            return "duplicate" if _is_duplicate(entry, seen) else None
        case "reasoning.text":
            fmt = entry.get("format")
            signing = fmt in _SIGNED_FORMATS or (fmt is None and _maker(message).startswith("anthropic/"))
            return "unsigned" if signing and not entry.get("signature") else None
        case _:
            return None


def _is_duplicate(entry: Json, seen: set[str]) -> bool:
    identity: Any = entry.get("id")
    if not isinstance(identity, str) or not identity:
        return False
    if identity in seen:
        return True
    seen.add(identity)
    return False
