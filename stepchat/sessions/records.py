"""The values the store returns, and their form in the database."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

from stepchat import lossless_json, messages
from stepchat.errors import SessionNotFoundError, StoreError
from stepchat.events import Delta, ToolCallFragment
from stepchat.messages import AssistantMessage, Failure, Json, Message, StoredMessage, ToolMessage, UserMessage

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Digits and letters that are not confused with each other."""

SESSION_ID_LENGTH: Final = 12
MESSAGE_ID_LENGTH: Final = 16
SHORTEST_PREFIX: Final = 4
"""Characters of an ID that are enough to identify a session, as with git."""

NEW_SESSION_DRAFT: Final = "draft of a new session"
"""The setting that stores the prompt text while there is no session yet."""


def new_id(length: int) -> str:
    """A random ID: a letter, a digit, then either, so that no word begins an ID, and four characters distinguish many."""
    return _spell(os.urandom(length))


def derived_id(length: int, *origin: str) -> str:
    """The ID of an imported object, which is the same for each import, so that repeated imports are detected."""
    import hashlib

    return _spell(hashlib.sha256("\0".join(origin).encode("utf-8", "surrogatepass")).digest()[:length])


def _spell(code: bytes) -> str:
    letter, digit, *rest = code
    return _ALPHABET[10 + letter % 22] + _ALPHABET[digit % 10] + "".join(_ALPHABET[byte & 31] for byte in rest)


@dataclass(frozen=True, slots=True)
class Session:
    """A session without its messages. `leaf` ends the branch shown, None while it is empty; times are Unix times."""

    id: str
    title: str
    created: float
    updated: float
    leaf: str | None
    model: str
    server: str
    system: str | None
    title_edited: bool = False
    pinned: bool = False
    archived: bool = False
    deleted: float | None = None
    """When it was deleted; it can be restored for some time."""
    forked_from: str | None = None
    """The session whose beginning this one copied; it may be gone."""
    forked_at: str | None = None
    """The last message that was copied, in the other session."""
    parameters: Json = field(default_factory=dict[str, Any])
    """Its own request parameters, as `scopes.update_stored` writes them."""
    profile: str = ""
    """The profile of config.toml that it uses; it may be gone."""
    preset: str = ""
    """The preset that it uses; it may be gone."""
    tools: tuple[str, ...] | None = None
    """The names of the tools that are on; None if never chosen."""


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A row of a list. Counts and cost cover the whole tree; `turns` counts the user's messages, `cost` is in USD."""

    id: str
    title: str
    created: float
    updated: float
    messages: int
    turns: int
    cost: Decimal | None
    model: str
    pinned: bool = False
    archived: bool = False
    one_shot: bool = False
    """Whether it was started in one-shot mode."""
    forked_from: str | None = None
    """The session whose beginning this one copied; it may be gone."""


@dataclass(frozen=True, slots=True)
class SessionContent:
    """A session with its messages, parents before their children: the whole tree, or one branch."""

    session: Session
    messages: tuple[StoredMessage, ...]
    elsewhere: int = 0
    """The number of messages on other branches, which are not included."""
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """The content of attachments, by digest."""


class Reader(Protocol):
    """The part of the store that an export needs."""

    async def session_ids(self) -> list[str]: ...

    async def content(
        self, session_id: str, leaf: str | None = None, *, whole_tree: bool = False
    ) -> SessionContent: ...


class Writer(Protocol):
    """The part of the store that an import needs."""

    async def add(self, insert: Callable[[sqlite3.Connection], T]) -> T: ...


_DAMAGED: Final = "This message is damaged and cannot be read. It was left unchanged in the database."


def session_not_found(wanted: str, *, deleted: bool = False) -> SessionNotFoundError:
    """The error for a session that does not exist, or is not among the deleted ones."""
    if deleted:
        what, hint = "deleted session", "`stepchat sessions list --deleted` lists those that can be restored."
    else:
        what, hint = "session", "`stepchat sessions list` lists all sessions."
    if 0 < len(wanted.strip()) < SHORTEST_PREFIX:
        hint = f"The beginning of an ID needs at least {SHORTEST_PREFIX} characters. {hint}"
    return SessionNotFoundError(f"There is no {what} {wanted!r}.", hint)


def text_to_stored(text: str) -> str:
    """Turns text into a JSON string, because SQLite rejects lone surrogates, which JSON escapes."""
    return lossless_json.dumps_for_storage(text)


def text_from_stored(stored: str) -> str:
    """Read `text_to_stored`. Raises ValueError."""
    return str(lossless_json.loads(stored))


def encodable(text: str) -> str:
    """The text with "?" for characters that UTF-8 cannot encode."""
    return text.encode("utf-8", "replace").decode()


def sum_from_text(stored: Any) -> Decimal | None:
    """Reads a sum of USD; None if there is none, or if it is damaged, so that nothing else fails because of it."""
    try:
        found = Decimal(str(stored))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def names_from_stored(stored: Any) -> tuple[str, ...] | None:
    """A stored JSON list of names; None if there is none, or if it is damaged."""
    try:
        names: Any = lossless_json.loads(stored) if isinstance(stored, str) else None
    except ValueError:
        return None
    if not isinstance(names, list):
        return None
    return tuple(name for name in cast("list[Any]", names) if isinstance(name, str))


def message_to_text(message: Message) -> str:
    """Returns the message as stored in the column message.data."""
    return lossless_json.dumps_for_storage(messages.to_json(message))


def message_from_text(message_id: str, text: str) -> Message:
    """Read `message_to_text`. Raises StoreError."""
    try:
        return messages.from_json(lossless_json.loads(text))
    except (ValueError, TypeError) as error:  # TypeError: damaged data need not be text
        raise StoreError(
            f"The stored message {message_id} cannot be read: {error}.",
            "It was left unchanged; other sessions still open.",
        ) from error


def stored_message(row: tuple[str, str, str | None, int | None, str]) -> StoredMessage:
    """Reads a message from the columns id, session, parent, folded, data. Raises StoreError."""
    message_id, session, parent, folded, data = row
    message = message_from_text(message_id, data)
    return StoredMessage(message_id, session, parent, message, None if folded is None else bool(folded))


def readable_message(row: tuple[str, str, str | None, int | None, str, str]) -> StoredMessage:
    """Reads a message from the columns of `stored_message` and role. A damaged message is replaced by one that says so, so that
    the rest of the session can be read. It must not be saved.
    """
    message_id, session, parent, folded, data, role = row
    try:
        return stored_message((message_id, session, parent, folded, data))
    except StoreError:
        return StoredMessage(message_id, session, parent, _damaged(role), None)


def _damaged(role: str) -> Message:
    match role:
        case "user":
            return UserMessage(f"[{_DAMAGED}]")
        case "tool":
            return ToolMessage("", "", f"[{_DAMAGED}]", is_error=True)
        case _:
            return AssistantMessage(stop="error", error=Failure(None, _DAMAGED))


def deltas_to_text(deltas: Sequence[Delta]) -> str:
    """Returns deltas as a JSON list of objects with the non-empty fields."""
    return lossless_json.dumps_for_storage([_delta_to_json(delta) for delta in deltas])


def deltas_from_text(text: str) -> list[Delta]:
    """Read `deltas_to_text`. Raises ValueError."""
    try:
        return [_delta_from_json(data) for data in lossless_json.loads(text)]
    except (TypeError, AttributeError) as error:
        raise ValueError(f"not a stored part: {error}") from error


_EMPTY: Final = Delta()
_DELTA_FIELDS: Final = tuple(entry.name for entry in fields(Delta))
_FRAGMENT_FIELDS: Final = tuple(entry.name for entry in fields(ToolCallFragment))


def _delta_to_json(delta: Delta) -> Json:
    data: Json = {}
    for name in _DELTA_FIELDS:
        value: Any = getattr(delta, name)
        # An empty list of details is not None: it arrived, and was empty.
        if value != getattr(_EMPTY, name):
            data[name] = value
    if delta.tool_calls:
        data["tool_calls"] = [_fragment_to_json(fragment) for fragment in delta.tool_calls]
    return data


def _fragment_to_json(fragment: ToolCallFragment) -> Json:
    return {name: value for name in _FRAGMENT_FIELDS if (value := getattr(fragment, name)) is not None}


def _delta_from_json(data: Json) -> Delta:
    values = dict(data)
    for name in ("details", "logprobs"):
        if name in values:
            values[name] = tuple(values[name])
    if "tool_calls" in values:
        values["tool_calls"] = tuple(ToolCallFragment(**fragment) for fragment in values["tool_calls"])
    return Delta(**values)
