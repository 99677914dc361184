"""The full-text index: kept in the transaction that keeps the message, built in small steps when there was none.

It holds no text, only where each word is (FTS5, contentless). What to take out of it is therefore computed again from
the message. Without FTS5 the index is marked as behind, and built anew by the next program that has FTS5.
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
"""Of what the index holds; another one makes it being built again."""

Column: TypeAlias = Literal["prompt", "answer", "reasoning", "tool"]
COLUMNS: Final[tuple[Column, ...]] = get_args(Column)

_STATE: Final = "search index"
"""Where its version is kept, among the settings."""

# Of two letters and more, because the last word of a query is searched while it is being typed.
_FTS5: Final = """
    USING fts5({columns}, content='', columnsize=0, prefix='2 3 4',
    tokenize="unicode61 remove_diacritics 0 categories 'L* N* M* Co'")
"""
_ADD: Final = "INSERT INTO message_index (rowid, prompt, answer, reasoning, tool) VALUES (?, ?, ?, ?, ?)"
_REMOVE: Final = (
    "INSERT INTO message_index (message_index, rowid, prompt, answer, reasoning, tool) VALUES ('delete', ?, ?, ?, ?, ?)"
)
_BATCH: Final = 1_000_000
"""Characters. A write that comes meanwhile waits for one batch, about 0.1 s."""


def has_fts5(connection: sqlite3.Connection) -> bool:
    """Whether this SQLite was built with full-text search."""
    try:
        connection.execute("SELECT fts5_source_id()").fetchone()
    except sqlite3.DatabaseError:
        return False
    return True


def is_kept(connection: sqlite3.Connection) -> bool:
    """Whether there is an index and every writer keeps it up to date."""
    row = connection.execute("SELECT value FROM setting WHERE name = ?", (_STATE,)).fetchone()
    return row is not None and row[0] == records.text_to_stored(VERSION)


def prepare(connection: sqlite3.Connection, *, full_text: bool) -> None:
    """Make the index, or mark it as behind when this program cannot keep it. Messages come into it by `add_waiting`."""
    usable = full_text and has_fts5(connection)
    if usable != is_kept(connection):
        transaction(connection, _make if usable else _mark_as_behind)


def _mark_as_behind(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM setting WHERE name = ?", (_STATE,))


def _make(connection: sqlite3.Connection) -> None:
    if is_kept(connection):
        # Another process did it meanwhile.
        return
    for table, columns in (("message_index", COLUMNS), ("title_index", ("title",))):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute(f"CREATE VIRTUAL TABLE {table} {_FTS5.format(columns=', '.join(columns))}")
    connection.execute("DELETE FROM unindexed")
    # Asked so, SQLite reads an index and not the messages.
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
    """A message that is finished; `number` is its row."""
    if is_kept(connection):
        _insert(connection, number, message)


def add_later(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Messages for `add_waiting`, where there are too many to add them at once."""
    if is_kept(connection):
        connection.executemany("INSERT INTO unindexed (number) VALUES (?)", ((number,) for number in numbers))


def remove(connection: sqlite3.Connection, number: int, data: str) -> None:
    """A message that will be deleted; `data` is how it is stored."""
    if not is_kept(connection):
        return
    if connection.execute("DELETE FROM unindexed WHERE number = ?", (number,)).rowcount:
        return
    message = _readable(data)
    if message is not None and any(texts := _texts(message)):
        connection.execute(_REMOVE, (number, *texts))


def retitle(connection: sqlite3.Connection, number: int, before: str, after: str) -> None:
    """A title that changed, or "" where there was or will be none."""
    if not is_kept(connection) or before == after:
        return
    if before:
        connection.execute(
            "INSERT INTO title_index (title_index, rowid, title) VALUES ('delete', ?, ?)", (number, fold(before))
        )
    _insert_title(connection, number, after)


def add_waiting(connection: sqlite3.Connection) -> bool:
    """Put some of the messages that wait into the index, the newest first. False when none is left."""
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
    # FTS5 takes rows in their order at once, and others one by one.
    for number, message in reversed(batch):
        _insert(connection, number, message)
    connection.executemany("DELETE FROM unindexed WHERE number = ?", numbers)
    return left <= 0


def is_waiting(connection: sqlite3.Connection) -> bool:
    """Whether messages are there that the index does not hold yet."""
    return connection.execute("SELECT 1 FROM unindexed LIMIT 1").fetchone() is not None


def _insert(connection: sqlite3.Connection, number: int, message: Message) -> None:
    texts = _texts(message)
    if any(texts):
        connection.execute(_ADD, (number, *texts))


def _insert_title(connection: sqlite3.Connection, number: int, title: str) -> None:
    if title:
        connection.execute("INSERT INTO title_index (rowid, title) VALUES (?, ?)", (number, fold(title)))


def _texts(message: Message) -> Sequence[str]:
    said = column_texts(message)
    return [fold(said.get(column, "")) for column in COLUMNS]


def column_texts(message: Message) -> dict[Column, str]:
    """What is searched of a message, by the name of the column."""
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
