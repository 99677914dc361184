"""Messages to request JSON. History is repaired for the wire here and nowhere else; the disk is never repaired."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any

from stepchat.messages import AssistantMessage, Json, Message, ToolCall, ToolMessage, UserMessage
from stepchat.servers.profiles import MANDATORY_REASONING, Profile, bare_slug, same_server

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIGNED_FORMATS = ("anthropic-claude-v1", "google-gemini-v1")
_SIGNING_MAKERS = ("anthropic/", "google/")
_PLAIN_FIELDS = ("reasoning", "reasoning_content")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes."""

    profile: Profile
    base_url: str
    model: str
    session_id: str = ""
    mandatory_reasoning: bool | None = None
    """What the catalogue says; None when it says nothing."""

    @property
    def must_think(self) -> bool:
        """Whether the model refuses requests that switch its reasoning off (WIRE.md 4.5)."""
        if self.mandatory_reasoning is not None:
            return self.mandatory_reasoning
        return self.profile.sessions and self.model.startswith(MANDATORY_REASONING)


@dataclass(slots=True)
class _History:
    target: Target
    with_reasoning: bool
    seen_encrypted: set[str] = field(default_factory=set[str])


def request_body(
    messages: Sequence[Message],
    target: Target,
    *,
    system: str | None = None,
    parameters: Json | None = None,
    with_reasoning: bool = True,
) -> Json:
    """The JSON of one streaming request. `with_reasoning=False` leaves out what earlier answers were thought with."""
    profile = target.profile
    body: Json = {
        "model": target.model,
        "messages": ([{"role": "system", "content": system}] if system else [])
        + history(messages, target, with_reasoning=with_reasoning),
        "stream": True,
    }
    if profile.usage_option:
        body["stream_options"] = {"include_usage": True}
    if profile.sessions and target.session_id:
        body["session_id"] = target.session_id[:256]
    return body | sent_parameters(target, parameters or {})


def sent_parameters(target: Target, parameters: Json) -> Json:
    """The parameters as they leave: some models answer 400 to a request that switches their reasoning off (WIRE.md 4.5)."""
    if not target.must_think:
        return dict(parameters)
    body = dict(parameters)
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


def history(messages: Sequence[Message], target: Target, *, with_reasoning: bool = True) -> list[Json]:
    """The messages as the server wants them (WIRE.md 3.4-3.7)."""
    state = _History(target, with_reasoning)
    wire: list[Json] = []
    called: set[str] = set()
    for place, message in enumerate(messages):
        match message:
            case UserMessage():
                wire.append({"role": "user", "content": message.text})
            case AssistantMessage():
                entry = _assistant(message, state, _answered(messages, place))
                called = {call["id"] for call in (entry or {}).get("tool_calls", ())}
                if entry:
                    wire.append(entry)
            case ToolMessage():
                # One result for each call, and none without a call.
                if message.call_id in called:
                    called.remove(message.call_id)
                    wire.append({"role": "tool", "tool_call_id": message.call_id, "content": message.text})
    return wire


def _answered(messages: Sequence[Message], place: int) -> set[str]:
    """The ids of the calls whose results follow the message at this place directly. Some servers use ids again."""
    results = takewhile(lambda message: isinstance(message, ToolMessage), islice(messages, place + 1, None))
    return {message.call_id for message in results if isinstance(message, ToolMessage)}


def _assistant(message: AssistantMessage, state: _History, answered: set[str]) -> Json | None:
    # Half a call is never sent, and a call without its result is refused by most servers.
    calls = [_call(call) for call in message.tool_calls if message.complete and call.id in answered]
    text = message.text or message.refusal
    if not text and not calls:
        return None
    entry: Json = {"role": "assistant", "content": text or None}
    if state.with_reasoning:
        entry.update(_reasoning(message, state))
    if calls:
        entry["tool_calls"] = calls
    return entry


def _call(call: ToolCall) -> Json:
    # Models write nothing for no arguments; templates parse it as JSON (WIRE.md 2.4, 4.4).
    return (call if call.arguments.strip() else replace(call, arguments="{}")).to_wire()


def _reasoning(message: AssistantMessage, state: _History) -> Json:
    """The reasoning of one answer as it goes back: the list, or a plain string, never both (WIRE.md 3.4)."""
    profile = state.target.profile
    usable = same_source(message, state.target)
    text = message.reasoning.strip() if profile.trim_reasoning else message.reasoning
    name = message.reasoning_field if usable and message.reasoning_field in _PLAIN_FIELDS else None
    if profile.reasoning_back == "always":
        return {name or "reasoning_content": text if usable and message.complete else ""}
    if not usable:
        return {}
    if message.reasoning_details is not None:
        finished = bool(message.reasoning_details) and all(map(_is_finished, message.reasoning_details))
        return {"reasoning_details": _sendable(message, state)} if message.complete or finished else {}
    if not message.complete or profile.reasoning_back == "never" or _maker(message).startswith(_SIGNING_MAKERS):
        return {}
    return {name or "reasoning": text} if text and (name or profile.sessions) else {}


def _maker(message: AssistantMessage) -> str:
    return message.model or message.model_asked


def same_source(message: AssistantMessage, target: Target) -> bool:
    """Whether the model and the server that reasoned are those now asked (WIRE.md 3.6)."""
    if message.server and not same_server(message.server, target.base_url):
        return False
    if not target.profile.sessions:
        # No router, so the name that was asked for tells; what answers may call itself otherwise.
        return target.model in {message.model_asked, message.model}
    wanted, asked = bare_slug(target.model), bare_slug(message.model_asked)
    answered = bare_slug(message.model) or asked
    # Some answers come with a dated form of the slug that was asked for.
    return answered == wanted or (asked == wanted and answered.startswith(wanted))


def _is_finished(entry: Json) -> bool:
    """Whether an entry of an answer that was cut is complete for its kind (WIRE.md 3.7)."""
    match entry.get("type"):
        case "reasoning.encrypted":
            return bool(entry.get("data"))
        case "reasoning.text":
            return entry.get("format") in _SIGNED_FORMATS and bool(entry.get("signature"))
        case _:
            return False


def _sendable(message: AssistantMessage, state: _History) -> list[Json]:
    """The list unedited, less the entries that a server is known to refuse (WIRE.md 3.4, rule 6)."""
    sent: list[Json] = []
    for entry in message.reasoning_details or ():
        match entry.get("type"):
            case "reasoning.encrypted":
                if not entry.get("data") or _is_duplicate(entry, state.seen_encrypted):
                    continue
            case "reasoning.text":
                fmt = entry.get("format")
                signing = fmt in _SIGNED_FORMATS or (fmt is None and _maker(message).startswith("anthropic/"))
                if signing and not entry.get("signature"):
                    continue
            case _:
                pass
        sent.append(entry)
    return sent


def _is_duplicate(entry: Json, seen: set[str]) -> bool:
    identity: Any = entry.get("id")
    if not isinstance(identity, str) or not identity:
        return False
    if identity in seen:
        return True
    seen.add(identity)
    return False
