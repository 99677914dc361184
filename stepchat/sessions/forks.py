"""A new session that begins as a copy of another one's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.sessions import reading, records, writing
from stepchat.sessions.records import MESSAGE_ID_LENGTH, SESSION_ID_LENGTH, Session
from stepchat.sessions.search import index as search_index

if TYPE_CHECKING:
    import sqlite3


def fork(connection: sqlite3.Connection, session_id: str, message_id: str, now: float) -> Session:
    """Copies of the messages to this one, as they are on disk. The index gets them later. Raises StoreError."""
    source = reading.session(connection, session_id)
    path = reading.path(connection, session_id, message_id)
    new_id = records.new_id(SESSION_ID_LENGTH)
    connection.execute(
        "INSERT INTO session (id, title_edited, created, updated, model, server, system, parameters,"
        " profile, preset, forked_from, forked_at)"
        " SELECT ?, title_edited, ?, ?, model, server, system, parameters, profile, preset, id, ? FROM session WHERE id = ?",
        (new_id, now, now, message_id, session_id),
    )
    writing.retitle(connection, new_id, source.title)
    parent: str | None = None
    numbers: list[int] = []
    for stored in path:
        copy = records.new_id(MESSAGE_ID_LENGTH)
        added = connection.execute(
            "INSERT INTO message (id, session, parent, role, created, folded, data)"
            " SELECT ?, ?, ?, role, created, folded, data FROM message WHERE id = ?",
            (copy, new_id, parent, stored.id),
        )
        numbers.append(added.lastrowid or 0)
        parent = copy
    search_index.add_later(connection, numbers)
    connection.execute("UPDATE session SET leaf = ? WHERE id = ?", (parent, new_id))
    writing.add_totals(connection, new_id, [stored.message for stored in path])
    return reading.session(connection, new_id)
