"""A preview of a session: its first two and last two messages, however long it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from stepchat.messages import AssistantMessage, ToolMessage, UserMessage
from stepchat.sessions import records

if TYPE_CHECKING:
    import sqlite3

    from stepchat.messages import Message

_AT_EACH_END: Final = 2
_CHARACTERS: Final = 2000


@dataclass(frozen=True, slots=True)
class MessagePreview:
    """A shortened message. An ellipsis marks what is missing."""

    speaker: Literal["user", "assistant", "tool"]
    text: str


@dataclass(frozen=True, slots=True)
class Preview:
    """`between` is the number of messages between beginning and end."""

    beginning: tuple[MessagePreview, ...] = ()
    end: tuple[MessagePreview, ...] = ()
    between: int = 0


def preview(connection: sqlite3.Connection, session_id: str) -> Preview:
    """The preview of the branch shown; empty if the session is gone or empty. Raises StoreError."""
    # Reads only two small columns on the way up, not the messages of a long session.
    rows = connection.execute(
        "WITH RECURSIVE line (number, parent) AS ("
        "  SELECT message.number, parent FROM session JOIN message ON message.id = leaf WHERE session.id = ?"
        "  UNION ALL"
        "  SELECT above.number, above.parent FROM line JOIN message AS above ON above.id = line.parent"
        "  WHERE above.number < line.number)"
        " SELECT number FROM line ORDER BY number",
        (session_id,),
    )
    numbers = [number for (number,) in rows]
    beginning, rest = numbers[:_AT_EACH_END], numbers[_AT_EACH_END:]
    end = rest[-_AT_EACH_END:]
    return Preview(
        tuple(_message_preview(connection, number, from_end=False) for number in beginning),
        tuple(_message_preview(connection, number, from_end=True) for number in end),
        len(rest) - len(end),
    )


def _message_preview(connection: sqlite3.Connection, number: int, *, from_end: bool) -> MessagePreview:
    row = connection.execute(
        "SELECT id, session, parent, folded, data, role FROM message WHERE number = ?", (number,)
    ).fetchone()
    message = records.readable_message(row).message
    text = _text(message).strip()
    if len(text) > _CHARACTERS:
        # The end of an answer says more, and the beginning of a question.
        at_end = from_end and not isinstance(message, UserMessage)
        text = "…" + text[-_CHARACTERS:] if at_end else text[:_CHARACTERS] + "…"
    return MessagePreview(_speaker(message), text)


def _text(message: Message) -> str:
    match message:
        case AssistantMessage():
            failure = "" if message.error is None else message.error.message
            return message.text or message.refusal or message.reasoning or failure
        case _:
            return message.text


def _speaker(message: Message) -> Literal["user", "assistant", "tool"]:
    match message:
        case UserMessage():
            return "user"
        case ToolMessage():
            return "tool"
        case _:
            return "assistant"
