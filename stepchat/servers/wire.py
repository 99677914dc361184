"""Messages to request JSON. History is repaired for the wire here and nowhere else; the disk is never repaired."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stepchat.messages import AssistantMessage, Json, Message, ToolMessage, UserMessage
from stepchat.servers.profiles import MANDATORY_REASONING, Profile, bare_slug, same_server

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIGNED_FORMATS = frozenset({"anthropic-claude-v1", "google-gemini-v1"})
_SIGNING_MAKERS = ("anthropic/", "google/")
_PLAIN_FIELDS = frozenset({"reasoning", "reasoning_content"})


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes."""

    profile: Profile
    base_url: str
    model: str
    session_id: str = ""


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
    if profile.sessions:
        if target.session_id:
            body["session_id"] = target.session_id[:256]
        if target.model.startswith(MANDATORY_REASONING):
            body["reasoning"] = {"enabled": True}
    for name, value in (parameters or {}).items():
        known = body.get(name)
        body[name] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
    return body


def history(messages: Sequence[Message], target: Target, *, with_reasoning: bool = True) -> list[Json]:
    """The messages as the server wants them (WIRE.md 3.4-3.7)."""
    state = _History(target, with_reasoning)
    wire: list[Json] = []
    answered = {message.call_id for message in messages if isinstance(message, ToolMessage)}
    called: set[str] = set()
    for message in messages:
        match message:
            case UserMessage():
                wire.append({"role": "user", "content": message.text})
            case AssistantMessage():
                if entry := _assistant(message, state, answered):
                    wire.append(entry)
                    called.update(call["id"] for call in entry.get("tool_calls", ()))
            case ToolMessage():
                if message.call_id in called:
                    wire.append({"role": "tool", "tool_call_id": message.call_id, "content": message.text})
    return wire


def _assistant(message: AssistantMessage, state: _History, answered: set[str]) -> Json | None:
    # Half a call is never sent, and a call without its result is refused by most servers.
    calls = [call.to_wire() for call in message.tool_calls if message.complete and call.id in answered]
    text = message.text or message.refusal
    if not text and not calls:
        return None
    entry: Json = {"role": "assistant", "content": text or None}
    if state.with_reasoning:
        entry.update(_reasoning(message, state))
    if calls:
        entry["tool_calls"] = calls
    return entry


def _reasoning(message: AssistantMessage, state: _History) -> Json:
    """The reasoning of one answer as it goes back: the list, or a plain string, never both (WIRE.md 3.4)."""
    if not message.complete or not same_source(message, state.target):
        return {}
    if message.reasoning_details is not None:
        return {"reasoning_details": _sendable(message, state)}
    profile, maker = state.target.profile, message.model or message.model_asked
    if profile.reasoning_back == "never" or maker.startswith(_SIGNING_MAKERS):
        return {}
    text = message.reasoning.strip() if profile.trim_reasoning else message.reasoning
    name = message.reasoning_field if message.reasoning_field in _PLAIN_FIELDS else None
    if profile.reasoning_back == "always":
        return {name or "reasoning_content": text}
    return {name or "reasoning": text} if text and (name or profile.sessions) else {}


def same_source(message: AssistantMessage, target: Target) -> bool:
    """Whether the model and the server that reasoned are those now asked (WIRE.md 3.6)."""
    if message.server and not same_server(message.server, target.base_url):
        return False
    wanted, asked = bare_slug(target.model), bare_slug(message.model_asked)
    answered = bare_slug(message.model) or asked
    # Some servers answer with a dated form of the slug that was asked for.
    return answered == wanted or (asked == wanted and answered.startswith(wanted))


def _sendable(message: AssistantMessage, state: _History) -> list[Json]:
    """The list unedited, less the entries that a server is known to refuse (WIRE.md 3.4, rule 6)."""
    maker = message.model or message.model_asked
    sent: list[Json] = []
    for entry in message.reasoning_details or ():
        match entry.get("type"):
            case "reasoning.encrypted":
                if not entry.get("data") or _is_duplicate(entry, state.seen_encrypted):
                    continue
            case "reasoning.text":
                fmt = entry.get("format")
                signing = fmt in _SIGNED_FORMATS or (fmt is None and maker.startswith("anthropic/"))
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
