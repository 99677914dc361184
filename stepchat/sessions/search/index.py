"""The full-text index: updated in the transaction that saves a message, and built in small steps if there was none.

It contains no text, only the positions of words (FTS5, contentless), so entries to remove are computed again from the
message. Without FTS5 the index is marked as outdated, and the next process with FTS5 rebuilds it.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from stepchat.errors import StoreError
from stepchat.messages import AssistantMessage, Message, UserMessage
from stepchat.sessions import records
from stepchat.sessions.database import transaction
from stepchat.sessions.search.normalize import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VERSION: Final = "1"
"""Of the contents of the index; a change makes every database rebuild it."""

Column: TypeAlias = Literal["prompt", "answer", "reasoning", "tool"]
COLUMNS: Final[tuple[Column, ...]] = get_args(Column)

_STATE: Final = "search index"
"""The setting that stores its version."""

# Prefixes from two letters on, because the last word of a query is searched while the user types it.
_FTS5: Final = """
    USING fts5({columns}, content='', columnsize=0, prefix='2 3 4',
    tokenize="unicode61 remove_diacritics 0 categories 'L* N* M* Co'")
"""
_ADD: Final = "INSERT INTO message_index (rowid, prompt, answer, reasoning, tool) VALUES (?, ?, ?, ?, ?)"
_REMOVE: Final = (
    "INSERT INTO message_index (message_index, rowid, prompt, answer, reasoning, tool) VALUES ('delete', ?, ?, ?, ?, ?)"
)
_BATCH: Final = 1_000_000
"""Characters to index in one step, for which other writes wait about 0.1 s."""


def has_fts5(connection: sqlite3.Connection) -> bool:
    """Whether this SQLite was built with FTS5."""
    try:
        connection.execute("SELECT fts5_source_id()").fetchone()
    except sqlite3.DatabaseError:
        return False
    return True


def is_kept(connection: sqlite3.Connection) -> bool:
    """Whether there is an up-to-date index, which every writer updates."""
    row = connection.execute("SELECT value FROM setting WHERE name = ?", (_STATE,)).fetchone()
    return row is not None and row[0] == records.text_to_stored(VERSION)


def prepare(connection: sqlite3.Connection, *, full_text: bool) -> None:
    """Create the index, or mark it as outdated if this process cannot update it. `add_waiting` fills it."""
    usable = full_text and has_fts5(connection)
    if usable != is_kept(connection):
        transaction(connection, _make if usable else _mark_as_outdated)


def _mark_as_outdated(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM setting WHERE name = ?", (_STATE,))


def _make(connection: sqlite3.Connection) -> None:
    if is_kept(connection):
        # Another process created it meanwhile.
        return
    for table, columns in (("message_index", COLUMNS), ("title_index", ("title",))):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute(f"CREATE VIRTUAL TABLE {table} {_FTS5.format(columns=', '.join(columns))}")
    connection.execute("DELETE FROM unindexed")
    # In this form, SQLite reads an index and not the messages.
    connection.execute(
        "INSERT INTO unindexed SELECT number FROM message"
        " WHERE number NOT IN (SELECT number FROM message WHERE owner IS NOT NULL)"
    )
    for number, title in connection.execute("SELECT number, title FROM session").fetchall():
        _insert_title(connection, number, title)
    connection.execute(
        "INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", (_STATE, records.text_to_stored(VERSION))
    )


def add(connection: sqlite3.Connection, number: int, message: Message) -> None:
    """Index a finished message; `number` is its row."""
    if is_kept(connection):
        _insert(connection, number, message)


def add_later(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Mark messages for `add_waiting`, because there are too many to index at once."""
    if is_kept(connection):
        connection.executemany("INSERT INTO unindexed (number) VALUES (?)", ((number,) for number in numbers))


def remove(connection: sqlite3.Connection, number: int, data: str) -> None:
    """Remove a message that is about to be deleted or changed; `data` is its stored form."""
    if not is_kept(connection):
        return
    if connection.execute("DELETE FROM unindexed WHERE number = ?", (number,)).rowcount:
        return
    message = _readable(data)
    if message is not None and any(texts := _texts(message)):
        connection.execute(_REMOVE, (number, *texts))


def retitle(connection: sqlite3.Connection, number: int, before: str, after: str) -> None:
    """Update the index after a title changed; "" means none."""
    if not is_kept(connection) or before == after:
        return
    if before:
        connection.execute(
            "INSERT INTO title_index (title_index, rowid, title) VALUES ('delete', ?, ?)", (number, fold(before))
        )
    _insert_title(connection, number, after)


def add_waiting(connection: sqlite3.Connection) -> bool:
    """Index some of the waiting messages, newest first. Returns False if none is left."""
    if not is_kept(connection):
        return False
    batch: list[tuple[int, Message]] = []
    numbers: list[tuple[int]] = []
    left = _BATCH
    for number, data in connection.execute(
        "SELECT number, data FROM unindexed CROSS JOIN message USING (number) ORDER BY number DESC"
    ):
        numbers.append((number,))
        message = _readable(data)
        if message is not None:
            batch.append((number, message))
        left -= len(data)
        if left <= 0:
            break
    # FTS5 inserts rows fastest in ascending order.
    for number, message in reversed(batch):
        _insert(connection, number, message)
    connection.executemany("DELETE FROM unindexed WHERE number = ?", numbers)
    return left <= 0


def is_waiting(connection: sqlite3.Connection) -> bool:
    """Whether some messages are not in the index yet."""
    return connection.execute("SELECT 1 FROM unindexed LIMIT 1").fetchone() is not None


def _insert(connection: sqlite3.Connection, number: int, message: Message) -> None:
    texts = _texts(message)
    if any(texts):
        connection.execute(_ADD, (number, *texts))


def _insert_title(connection: sqlite3.Connection, number: int, title: str) -> None:
    if title:
        connection.execute("INSERT INTO title_index (rowid, title) VALUES (?, ?)", (number, fold(title)))


def _texts(message: Message) -> Sequence[str]:
    texts = column_texts(message)
    return [fold(texts.get(column, "")) for column in COLUMNS]


def column_texts(message: Message) -> dict[Column, str]:
    """The texts of a message that are searched, by column."""
    match message:
        case UserMessage():
            return {"prompt": message.text}
        case AssistantMessage():
            return {"answer": message.text or message.refusal, "reasoning": message.reasoning}
        case _:
            return {"tool": message.text}


def _readable(data: str) -> Message | None:
    try:
        return records.message_from_text("", data)
    except StoreError:
        return None
