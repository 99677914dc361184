"""What an export says around the messages, in words, and text that is safe to keep in a file that people open."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from stepchat.messages import AssistantMessage, Message, ToolMessage, UserMessage
from stepchat.text.format import short_count
from stepchat.text.sanitize import sanitize_for_export
from stepchat.transcript.labels import duration, money

if TYPE_CHECKING:
    from datetime import tzinfo

    from stepchat.sessions.records import SessionContent

_ENDS: Final = {
    "length": "Cut: the limit on the length of the answer was reached.",
    "content_filter": "Cut: the provider's content filter ended the answer.",
    "cancelled": "Stopped.",
    "cut": "Cut: the connection ended before the answer did.",
}


def title(content: SessionContent) -> str:
    return sanitize_for_export(content.session.title) or "Untitled"


def session_line(content: SessionContent, zone: tzinfo | None) -> list[str]:
    """Model, time and number of messages, as far as known."""
    session, count = content.session, len(content.messages)
    counted = f"{count} message" + ("" if count == 1 else "s")
    return [fact for fact in (sanitize_for_export(session.model), format_time(session.created, zone), counted) if fact]


def missing_note(content: SessionContent) -> str:
    """How much other branches hold, or ""."""
    count = content.elsewhere
    if not count:
        return ""
    what = "1 message on another branch is" if count == 1 else f"{count} messages on other branches are"
    return f"{what} not included; a JSON export contains all branches."


def format_time(time: float, zone: tzinfo | None) -> str:
    """A Unix time in this zone, or in the zone of the machine; "" if it is out of range."""
    try:
        return datetime.fromtimestamp(time, zone).astimezone(zone).strftime("%Y-%m-%d %H:%M %Z").strip()
    except (OverflowError, ValueError, OSError):
        return ""


def speaker(message: Message) -> str:
    """The author of a message."""
    match message:
        case UserMessage():
            return "You"
        case AssistantMessage():
            return sanitize_for_export(message.model or message.model_asked) or "Model"
        case ToolMessage():
            return f"Tool {sanitize_for_export(message.name)}".strip() + (" (failed)" if message.is_error else "")


def reasoning_line(message: AssistantMessage) -> str:
    """The line above the reasoning."""
    seconds = message.timing.reasoning_seconds
    return f"Thought for {duration(seconds)}" if seconds else "Thought"


def ending(message: AssistantMessage) -> str:
    """Why the answer is incomplete, or ""."""
    if message.error is not None and message.error.message:
        return sanitize_for_export(message.error.message)
    return "The server ended the answer with an error." if message.stop == "error" else _ENDS.get(message.stop, "")


def footer(message: AssistantMessage) -> list[str]:
    """Tokens and cost, as far as known."""
    tokens, cost = message.usage.completion_tokens, message.usage.cost
    known = ["" if tokens is None else f"{short_count(tokens)} tokens", "" if cost is None else money(cost)]
    return [fact for fact in known if fact]
