"""Pins, archives, deletes and restores several sessions at once. Each function runs inside a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat.sessions.database import transaction
from stepchat.sessions.records import session_not_found
from stepchat.sessions.search import index as search_index

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

KEEP_DELETED: Final = 30 * 86400.0
"""Seconds for which a deleted session can be restored."""

_DUE: Final = (
    "SELECT id FROM session WHERE deleted < ? AND NOT EXISTS"
    " (SELECT 1 FROM message WHERE message.owner IS NOT NULL AND message.session = session.id) LIMIT 1"
)
_BATCH: Final = 500_000
"""Characters to remove in one step, for which other writes wait."""
_ROW: Final = 100
"""The least that a row counts, in characters."""
_SENT: Final = (
    ("SELECT number, size FROM exchange WHERE session = ?", "DELETE FROM exchange WHERE number = ?"),
    ("SELECT number, 0 FROM sent_line WHERE session = ?", "DELETE FROM sent_line WHERE number = ?"),
    ("SELECT number, length(data) FROM sent_text WHERE session = ?", "DELETE FROM sent_text WHERE number = ?"),
)
"""Recorded requests and responses. They are removed before the messages, whose removal would delete all of them at once."""


def set_pinned(connection: sqlite3.Connection, session_ids: Iterable[str], *, pinned: bool) -> None:
    """Pin or unpin all of these sessions, or none if one does not exist. Raises SessionNotFoundError."""
    _for_each(connection, "UPDATE session SET pinned = ? WHERE id = ?", pinned, session_ids)


def set_archived(connection: sqlite3.Connection, session_ids: Iterable[str], *, archived: bool) -> None:
    """Archive or unarchive all of these sessions, or none if one does not exist. Raises SessionNotFoundError."""
    _for_each(connection, "UPDATE session SET archived = ? WHERE id = ?", archived, session_ids)


def delete(connection: sqlite3.Connection, session_ids: Iterable[str], now: float) -> None:
    """Hide these sessions until `undelete` or `purge_some`; all or none. Raises SessionNotFoundError."""
    _for_each(connection, "UPDATE session SET deleted = coalesce(deleted, ?) WHERE id = ?", now, session_ids)


def undelete(connection: sqlite3.Connection, session_ids: Iterable[str]) -> None:
    """Restore these sessions; all or none. Raises SessionNotFoundError."""
    statement = "UPDATE session SET deleted = ? WHERE id = ? AND (deleted IS NULL OR deleted >= 0)"
    _for_each(connection, statement, None, session_ids)


def is_due(connection: sqlite3.Connection, before: float) -> bool:
    """Whether `purge_some` has something to remove."""
    return connection.execute(_DUE, (before,)).fetchone() is not None


def purge(connection: sqlite3.Connection, before: float) -> bool:
    """`purge_some` in its own transaction, begun only if there is something to do."""
    return is_due(connection, before) and transaction(connection, lambda connection: purge_some(connection, before))


def purge_some(connection: sqlite3.Connection, before: float) -> bool:
    """Permanently remove part of what was deleted before this time. Returns False if nothing is left."""
    row = connection.execute(_DUE, (before,)).fetchone()
    if row is None:
        return False
    # From here on it cannot be restored.
    connection.execute("UPDATE session SET deleted = -1, leaf = NULL, messages = 0, turns = 0 WHERE id = ?", row)
    left = _BATCH
    for rows, removal in _SENT:
        left = _remove(connection, rows, row, removal, left)
    left = _remove_messages(connection, row, left)
    if left > 0:
        number, title = connection.execute("SELECT number, title FROM session WHERE id = ?", row).fetchone()
        search_index.retitle(connection, number, title, "")
        connection.execute("DELETE FROM session WHERE id = ?", row)
    return True


def _remove(connection: sqlite3.Connection, rows: str, session: tuple[str], removal: str, left: int) -> int:
    """Remove as many rows as fit into the batch; returns what is left of it."""
    gone: list[tuple[int]] = []
    for number, size in connection.execute(rows, session) if left > 0 else ():
        gone.append((number,))
        left -= size + _ROW
        if left <= 0:
            break
    connection.executemany(removal, gone)
    return left


def _remove_messages(connection: sqlite3.Connection, session: tuple[str], left: int) -> int:
    gone: list[tuple[int]] = []
    # Children are removed before their parents.
    rows = "SELECT number, data FROM message WHERE session = ? ORDER BY number DESC"
    for number, data in connection.execute(rows, session) if left > 0 else ():
        search_index.remove(connection, number, data)
        gone.append((number,))
        left -= len(data) + _ROW
        if left <= 0:
            break
    connection.executemany("DELETE FROM message WHERE number = ?", gone)
    return left


def _for_each(connection: sqlite3.Connection, statement: str, value: float | None, session_ids: Iterable[str]) -> None:
    for session_id in session_ids:
        if not connection.execute(statement, (value, session_id)).rowcount:
            raise session_not_found(session_id)
