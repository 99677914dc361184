"""How the log database of `llm` is read, whichever version wrote it: a column it does not have reads as None."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote

from stepchat import lossless_json
from stepchat.messages import Json, Message, StoredMessage, Timing, Usage, UserMessage
from stepchat.sessions import records
from stepchat.sessions.importing.values import ImportedSession, InvalidImportError, is_object
from stepchat.sessions.records import MESSAGE_ID_LENGTH, SESSION_ID_LENGTH, Conversation, Session
from stepchat.sessions.titles import clean_title, title_from

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Row: TypeAlias = dict[str, Any]

ATTACHMENT: Final = "[an attachment that was not imported]"


def open_log(path: Path) -> sqlite3.Connection:
    """Only for reading. Raises sqlite3.Error."""
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)


def tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def rows(connection: sqlite3.Connection, table: str, columns: str, condition: str = "", *values: Any) -> Iterator[Row]:
    """`columns` are names with spaces between them; `condition` is what follows FROM. Table and names are our own."""
    names = columns.split()
    there = {row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')}
    selected = ", ".join(f'"{name}"' if name in there else "NULL" for name in names)
    statement = f'SELECT {selected} FROM "{table}" {condition}'  # noqa: S608 - all of it is written in this package
    for row in connection.execute(statement, values):
        yield dict(zip(names, row, strict=True))


def text(value: Any, place: str) -> str:
    """A column of text; "" for NULL. Raises InvalidImportError."""
    if value is not None and not isinstance(value, str):
        raise InvalidImportError(place, "not a text")
    return value or ""


def parsed(value: Any, place: str) -> Json:
    """A column with a JSON object; an empty one for NULL. Raises InvalidImportError."""
    if not value:
        return {}
    try:
        data = lossless_json.loads(text(value, place))
    except ValueError as error:
        raise InvalidImportError(place, str(error)) from error
    if not is_object(data):
        raise InvalidImportError(place, "not an object")
    return data


def seconds(value: Any) -> float:
    """A time as text to Unix time; 0 for one that cannot be read."""
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        return 0.0
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def usage(row: Row) -> Usage:
    """From input_tokens and output_tokens."""
    names = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}
    return Usage({ours: row[theirs] for ours, theirs in names.items() if isinstance(row[theirs], int)})


def timing(row: Row) -> Timing:
    """From datetime_utc and duration_ms."""
    took = row["duration_ms"]
    return Timing(seconds(row["datetime_utc"]), ended=took / 1000 if isinstance(took, int) else None)


def message_id(origin: str, *parts: str) -> str:
    return records.derived_id(MESSAGE_ID_LENGTH, "llm", origin, *parts)


def session_id(origin: str) -> str:
    return records.derived_id(SESSION_ID_LENGTH, "llm", origin)


def incoming(
    origin: str, name: str, system: str, said: list[StoredMessage], leaf: str | None, times: list[float], place: str
) -> ImportedSession:
    """A conversation; `times` are of its turns."""
    question = next((stored.message.text for stored in said if isinstance(stored.message, UserMessage)), "")
    known = [time for time in times if time]
    session = Session(
        id=session_id(origin),
        title=clean_title(name) or title_from(question),
        created=min(known, default=0.0),
        updated=max(known, default=0.0),
        leaf=leaf,
        # Going on takes the model and the server that are configured here.
        model="",
        server="",
        system=system or None,
    )
    return ImportedSession(Conversation(session, tuple(said)), place)


def add(said: list[StoredMessage], identity: str, origin: str, parent: str | None, message: Message) -> str:
    """Append a message; its id."""
    said.append(StoredMessage(identity, session_id(origin), parent, message))
    return identity
