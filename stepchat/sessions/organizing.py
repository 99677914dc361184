"""Pinning, archiving, deleting and its undo, for many sessions at once. Each function runs inside a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat.sessions import search_index
from stepchat.sessions.database import transaction
from stepchat.sessions.records import no_session

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

KEEP_DELETED: Final = 30 * 86400.0
"""Seconds for which a deleted session can be brought back."""

_DUE: Final = (
    "SELECT id FROM session WHERE deleted < ? AND NOT EXISTS"
    " (SELECT 1 FROM message WHERE message.owner IS NOT NULL AND message.session = session.id) LIMIT 1"
)
_BATCH: Final = 500_000
"""Characters of messages; a write that comes meanwhile waits for so much."""


def set_pinned(connection: sqlite3.Connection, session_ids: Iterable[str], *, pinned: bool) -> None:
    """All of them or, when one is not there, none. Raises SessionNotFoundError."""
    _for_each(connection, "UPDATE session SET pinned = ? WHERE id = ?", pinned, session_ids)


def set_archived(connection: sqlite3.Connection, session_ids: Iterable[str], *, archived: bool) -> None:
    """All of them or none. Raises SessionNotFoundError."""
    _for_each(connection, "UPDATE session SET archived = ? WHERE id = ?", archived, session_ids)


def delete(connection: sqlite3.Connection, session_ids: Iterable[str], now: float) -> None:
    """Out of sight, until `undelete` or `purge_some`. All of them or none. Raises SessionNotFoundError."""
    _for_each(connection, "UPDATE session SET deleted = coalesce(deleted, ?) WHERE id = ?", now, session_ids)


def undelete(connection: sqlite3.Connection, session_ids: Iterable[str]) -> None:
    """As they were. All of them or none. Raises SessionNotFoundError."""
    statement = "UPDATE session SET deleted = ? WHERE id = ? AND (deleted IS NULL OR deleted >= 0)"
    _for_each(connection, statement, None, session_ids)


def is_due(connection: sqlite3.Connection, before: float) -> bool:
    """Whether `purge_some` would find something."""
    return connection.execute(_DUE, (before,)).fetchone() is not None


def purge(connection: sqlite3.Connection, before: float) -> bool:
    """`purge_some` in a transaction of its own, which is not begun when there is nothing to do."""
    return is_due(connection, before) and transaction(connection, lambda connection: purge_some(connection, before))


def purge_some(connection: sqlite3.Connection, before: float) -> bool:
    """Remove for good a part of what was deleted before this time. False when nothing was left to do."""
    row = connection.execute(_DUE, (before,)).fetchone()
    if row is None:
        return False
    # From here on it cannot come back.
    connection.execute("UPDATE session SET deleted = -1, leaf = NULL, messages = 0, turns = 0 WHERE id = ?", row)
    left = _BATCH
    gone: list[tuple[int]] = []
    for number, data in connection.execute(
        # Children before their parents.
        "SELECT number, data FROM message WHERE session = ? ORDER BY number DESC",
        row,
    ):
        search_index.remove(connection, number, data)
        gone.append((number,))
        left -= len(data)
        if left <= 0:
            break
    connection.executemany("DELETE FROM message WHERE number = ?", gone)
    if left > 0:
        number, title = connection.execute("SELECT number, title FROM session WHERE id = ?", row).fetchone()
        search_index.retitle(connection, number, title, "")
        connection.execute("DELETE FROM session WHERE id = ?", row)
    return True


def _for_each(connection: sqlite3.Connection, statement: str, value: float | None, session_ids: Iterable[str]) -> None:
    for session_id in session_ids:
        if not connection.execute(statement, (value, session_id)).rowcount:
            raise no_session(session_id)
