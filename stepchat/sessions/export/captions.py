"""The captions of an export: titles, facts and notes around the messages."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from stepchat.attachments.detection import describe
from stepchat.messages import AssistantMessage, Message, ToolMessage, UserMessage
from stepchat.text.format import duration, money, token_split
from stepchat.text.sanitize import sanitize_for_export

if TYPE_CHECKING:
    from datetime import tzinfo

    from stepchat.messages import Attachment
    from stepchat.sessions.records import SessionContent


def title(content: SessionContent) -> str:
    return sanitize_for_export(content.session.title) or "Untitled"


def session_line(content: SessionContent, zone: tzinfo | None) -> list[str]:
    """The line below the title: model, time and number of messages, as far as known."""
    session, count = content.session, len(content.messages)
    counted = f"{count} message" + ("" if count == 1 else "s")
    return [fact for fact in (sanitize_for_export(session.model), format_time(session.created, zone), counted) if fact]


def missing_note(content: SessionContent) -> str:
    """A note about messages on other branches; "" if there are none."""
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


def attachment_line(attachment: Attachment) -> str:
    """Name, type and size of an attached file."""
    return f"{sanitize_for_export(attachment.name)} · {describe(attachment)}"


def reasoning_line(message: AssistantMessage) -> str:
    """The line above the reasoning."""
    seconds = message.timing.reasoning_seconds
    return f"Thought for {duration(seconds)}" if seconds else "Thought"


def ending(message: AssistantMessage) -> str:
    """A sentence that says why the answer is incomplete; "" if it is complete."""
    label = sanitize_for_export(message.ending_label)
    return label if not label or label[-1] in ".!?…" else f"{label}."


def footer(message: AssistantMessage) -> list[str]:
    """Tokens and cost, as far as they are known."""
    usage = message.usage
    cost = "" if usage.cost is None else money(usage.cost)
    known = [token_split(usage.completion_tokens, usage.reasoning_tokens), cost]
    return [fact for fact in known if fact]
