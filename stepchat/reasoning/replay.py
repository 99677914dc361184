"""Which reasoning of earlier answers a request sends back, in what form, and why anything is withheld."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from stepchat import lossless_json
from stepchat.catalogue.backends import MANDATORY_REASONING, Backend, bare_slug, same_server
from stepchat.lossless_json import without_surrogates
from stepchat.reasoning.fields import REASONING_FIELDS
from stepchat.reasoning.ledger import ReturnedReasoning

if TYPE_CHECKING:
    from stepchat.messages import AssistantMessage, Json
    from stepchat.reasoning.ledger import Rule

_SIGNED_FORMATS = ("anthropic-claude-v1", "google-gemini-v1")
_SIGNING_MAKERS = ("anthropic/", "google/")


@dataclass(frozen=True, slots=True)
class Target:
    """The server and model of a request."""

    backend: Backend
    base_url: str
    model: str
    session_id: str = ""
    mandatory_reasoning: bool | None = None
    """From the catalogue; None if unknown."""

    @property
    def requires_reasoning(self) -> bool:
        """Whether the model rejects requests that switch reasoning off."""
        if self.mandatory_reasoning is not None:
            return self.mandatory_reasoning
        return self.backend.supports_session_id and self.model.startswith(MANDATORY_REASONING)


class Prefix:
    """A running hash of the messages before an answer as sent, without their reasoning.

    A signature stays valid if earlier reasoning is withheld, but not if earlier text changes.
    """

    def __init__(self, system: str | None, tools: Any) -> None:
        import hashlib

        self._hash = hashlib.sha256()
        self._update("system", system or "")
        self._update("tools", lossless_json.dumps(tools) if tools else "")

    def add(self, message: Json) -> None:
        """Add a message as it is sent."""
        for name in ("role", "content", "tool_calls", "tool_call_id"):
            value: Any = message.get(name)
            self._update(name, value if isinstance(value, str) else lossless_json.dumps(value) if value else "")

    def _update(self, name: str, text: str) -> None:
        data = text.encode("utf-8", "surrogatepass")
        self._hash.update(f"{name} {len(data)} ".encode() + data)

    @property
    def digest(self) -> str:
        return self._hash.copy().hexdigest()[:32]


@dataclass(slots=True)
class Replay:
    """The reasoning that one request sends. Call it in message order: an encrypted entry is sent once per request."""

    target: Target
    prefix: Prefix
    without: Rule | None = None
    """Why all reasoning is withheld; None if it is not."""
    _sent_encrypted: set[str] = field(default_factory=set[str])

    def fields(self, message: AssistantMessage) -> tuple[Json, ReturnedReasoning]:
        """Returns the request fields for one answer's reasoning (the list or plain text, never both), and the outcome."""
        if self.without is not None:
            return {}, ReturnedReasoning("left out", self.without)
        foreign = _foreign(message, self.target)
        stopped: Rule | None = None if message.complete else "stopped"
        if self.target.backend.reasoning_back == "always":
            return self._always(message, foreign or stopped, foreign)
        if foreign is not None:
            return {}, ReturnedReasoning("left out", foreign)
        if message.reasoning_details is not None:
            signed = bool(message.reasoning_details) and all(map(_is_self_contained, message.reasoning_details))
            if message.complete or signed:
                return self._details(message)
            return {}, ReturnedReasoning("left out", "stopped")
        if stopped is not None:
            return {}, ReturnedReasoning("left out", stopped)
        return self._plain(message)

    def _always(
        self, message: AssistantMessage, rule: Rule | None, foreign: Rule | None
    ) -> tuple[Json, ReturnedReasoning]:
        """DeepSeek rejects histories in which an assistant message lacks the field, so it is sent even when empty."""
        name = (foreign is None and self._field_of(message)) or self.target.backend.reasoning_field
        if rule is not None:
            return {name: ""}, ReturnedReasoning("left out", rule)
        return {name: self._text(message)}, ReturnedReasoning("as text")

    def _plain(self, message: AssistantMessage) -> tuple[Json, ReturnedReasoning]:
        backend, name = self.target.backend, self._field_of(message)
        if backend.reasoning_back == "never" or not (name or backend.supports_session_id):
            return {}, ReturnedReasoning("left out", "not taken")
        if _maker(message).startswith(_SIGNING_MAKERS):
            return {}, ReturnedReasoning("left out", "unsigned")
        text = self._text(message)
        return ({name or backend.reasoning_field: text} if text else {}), ReturnedReasoning("as text")

    def _field_of(self, message: AssistantMessage) -> str | None:
        """The field in which the reasoning arrived; None if it arrived otherwise, such as between tags."""
        return message.reasoning_field if message.reasoning_field in REASONING_FIELDS else None

    def _text(self, message: AssistantMessage) -> str:
        text = without_surrogates(message.reasoning)
        return text.strip() if self.target.backend.trim_reasoning else text

    def _details(self, message: AssistantMessage) -> tuple[Json, ReturnedReasoning]:
        """The list unedited, except for entries that servers are known to reject."""
        edited = bool(message.prefix) and message.prefix != self.prefix.digest
        sent: list[Json] = []
        withheld: list[int] = []
        first: Rule | None = None
        for number, entry in enumerate(message.reasoning_details or ()):
            rule = self._rejected_entry(entry, message, edited=edited)
            if rule is None:
                sent.append(entry)
            else:
                withheld.append(number)
                first = first or rule
        if first is None:
            return {"reasoning_details": sent}, ReturnedReasoning("unchanged")
        way = "in part" if sent else "left out"
        return {"reasoning_details": sent}, ReturnedReasoning(way, first, tuple(withheld))

    def _rejected_entry(self, entry: Json, message: AssistantMessage, *, edited: bool) -> Rule | None:
        if edited and entry.get("format") in _SIGNED_FORMATS:
            return "edited before"
        match entry.get("type"):
            case "reasoning.encrypted":
                if not entry.get("data"):
                    return "no data"
                return "duplicate" if self._is_duplicate(entry) else None
            case "reasoning.text":
                form = entry.get("format")
                needs_signature = form in _SIGNED_FORMATS or (form is None and _maker(message).startswith("anthropic/"))
                return "unsigned" if needs_signature and not entry.get("signature") else None
            case _:
                return None

    def _is_duplicate(self, entry: Json) -> bool:
        identity: Any = entry.get("id")
        if not isinstance(identity, str) or not identity:
            return False
        if identity in self._sent_encrypted:
            return True
        self._sent_encrypted.add(identity)
        return False


_DEFAULT_TAG: Final = ":latest"
"""Ollama's `llama3` is `llama3:latest`."""


def same_source(message: AssistantMessage, target: Target) -> bool:
    """Whether the target is the model and server that produced the reasoning. Only those can use it again."""
    return _foreign(message, target) is None


def _foreign(message: AssistantMessage, target: Target) -> Rule | None:
    if message.server and not same_server(message.server, target.base_url):
        return "other server"
    if not target.backend.supports_session_id:
        # Without a router the requested name identifies the model; the name in the answer may differ.
        known = {name.removesuffix(_DEFAULT_TAG) for name in (message.model_asked, message.model)}
        return None if target.model.removesuffix(_DEFAULT_TAG) in known else "other model"
    wanted, asked = bare_slug(target.model), bare_slug(message.model_asked)
    answered = bare_slug(message.model) or asked
    # Some answers carry a dated form of the requested slug.
    same = answered == wanted or (asked == wanted and answered.startswith(wanted))
    return None if same else "other model"


def _maker(message: AssistantMessage) -> str:
    return message.model or message.model_asked


def _is_self_contained(entry: Json) -> bool:
    """Whether an entry of an interrupted answer is complete for its kind."""
    match entry.get("type"):
        case "reasoning.encrypted":
            return bool(entry.get("data"))
        case "reasoning.text":
            return entry.get("format") in _SIGNED_FORMATS and bool(entry.get("signature"))
        case _:
            return False
