"""Detects what other processes do in the same sessions. `mine` marks the answers of this process (recovery.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat.sessions import reading

if TYPE_CHECKING:
    import sqlite3

    from stepchat.messages import StoredMessage

# The first messages of a session have an index of their own, which SQLite uses for the words IS NULL.
_CONCURRENT: Final = (
    "SELECT 1 FROM message AS other WHERE other.session = ?1 AND other.parent {} AND other.role = 'user'"
    " AND other.id <> ?3 AND (other.number > (SELECT number FROM message WHERE id = ?3) OR EXISTS"
    " (SELECT 1 FROM message AS answer WHERE answer.parent = other.id AND answer.owner IS NOT NULL"
    " AND answer.owner IS NOT ?4)) LIMIT 1"
)


def is_answering(connection: sqlite3.Connection, session_id: str, mine: str | None) -> bool:
    """Whether another process, which may be dead, has an open answer in the session."""
    # The plus makes SQLite search the few open answers, not the whole session.
    row = connection.execute(
        "SELECT 1 FROM message WHERE owner IS NOT NULL AND owner IS NOT ? AND +session = ? LIMIT 1", (mine, session_id)
    ).fetchone()
    return row is not None


def last_complete_message(
    connection: sqlite3.Connection, session_id: str, leaf: str | None, mine: str | None
) -> str | None:
    """`leaf`, or the leaf of the session, without questions at the end that other processes are waiting to have answered."""
    end = reading.session(connection, session_id).leaf if leaf is None else leaf
    while row := connection.execute(
        "SELECT parent FROM message WHERE id = ? AND role = 'user' AND EXISTS (SELECT 1 FROM message AS answer"
        " WHERE answer.parent = message.id AND answer.owner IS NOT NULL AND answer.owner IS NOT ?)",
        (end, mine),
    ).fetchone():
        (end,) = row
    return end


def has_concurrent_question(connection: sqlite3.Connection, question: StoredMessage, mine: str | None) -> bool:
    """Whether another process is waiting for an answer to a sibling of this question, or has added one since."""
    parent = "IS NULL AND ?2 IS NULL" if question.parent is None else "= ?2"
    values = (question.session, question.parent, question.id, mine)
    return connection.execute(_CONCURRENT.format(parent), values).fetchone() is not None
