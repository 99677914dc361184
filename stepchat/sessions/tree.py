"""Queries of a session's tree: siblings, the branch shown last, the next exchange.

Of several children, the one shown last is the newest unless the table `shown` says otherwise. Functions that change
something run inside a transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat.errors import StoreError
from stepchat.sessions import records

if TYPE_CHECKING:
    import sqlite3

    from stepchat.messages import StoredMessage


def children(connection: sqlite3.Connection, message_id: str) -> list[StoredMessage]:
    """The finished messages below this one, in order of creation. Raises StoreError."""
    session, _ = _place(connection, message_id)
    return _below(connection, session, message_id)


def siblings(connection: sqlite3.Connection, message_id: str) -> list[StoredMessage]:
    """This message and the others with its parent, or without one, in order of creation. Raises StoreError."""
    return _below(connection, *_place(connection, message_id))


def sibling_positions(connection: sqlite3.Connection, session_id: str, leaf: str) -> dict[str, tuple[int, int]]:
    """Position and number of siblings of each message on the branch to `leaf` that has siblings."""
    rows = connection.execute(
        "WITH RECURSIVE line (number, id, parent) AS ("
        "  SELECT number, id, parent FROM message WHERE id = ?2 AND session = ?1"
        "  UNION ALL"
        "  SELECT above.number, above.id, above.parent FROM line JOIN message AS above ON above.id = line.parent"
        "  WHERE above.number < line.number)"
        " SELECT line.id, SUM(other.number <= line.number), COUNT(*) FROM line"
        "  JOIN message AS other ON other.parent = line.parent AND other.session = ?1 AND other.owner IS NULL"
        "  WHERE line.parent IS NOT NULL GROUP BY line.id"
        # The first messages of a session have an index of their own, which SQLite uses for the words IS NULL.
        " UNION ALL"
        " SELECT line.id, SUM(other.number <= line.number), COUNT(*) FROM line"
        "  JOIN message AS other ON other.parent IS NULL AND other.session = ?1 AND other.owner IS NULL"
        "  WHERE line.parent IS NULL GROUP BY line.id",
        (session_id, leaf),
    )
    return {message_id: (number, count) for message_id, number, count in rows if count > 1}


def deepest_leaf(connection: sqlite3.Connection, message_id: str) -> str:
    """The end of the branch that was shown last below this message. Raises StoreError."""
    session, _ = _place(connection, message_id)
    leaf = message_id
    # A damaged file must not cause an endless loop.
    seen = {leaf}
    while (child := shown_child(connection, session, leaf)) is not None and child not in seen:
        leaf = child
        seen.add(leaf)
    return leaf


def shown_child(connection: sqlite3.Connection, session_id: str, parent: str | None) -> str | None:
    """The child of `parent`, or the first message, that was shown last; None if there is none."""
    remembered = connection.execute(
        "SELECT child FROM shown JOIN message ON message.id = child"
        " WHERE shown.session = ? AND shown.parent = ? AND message.parent IS ? AND owner IS NULL",
        (session_id, parent or "", parent),
    ).fetchone()
    return _newest_child(connection, session_id, parent) if remembered is None else remembered[0]


def remember_shown(connection: sqlite3.Connection, session_id: str, parent: str | None, child: str) -> None:
    """Make `child` the one that `exchange_after` and `deepest_leaf` choose below `parent`."""
    if _newest_child(connection, session_id, parent) == child:
        connection.execute("DELETE FROM shown WHERE session = ? AND parent = ?", (session_id, parent or ""))
    else:
        connection.execute(
            "INSERT INTO shown (session, parent, child) VALUES (?, ?, ?)"
            " ON CONFLICT (session, parent) DO UPDATE SET child = excluded.child",
            (session_id, parent or "", child),
        )


def remember_path(connection: sqlite3.Connection, session_id: str, leaf: str) -> None:
    """Make the whole branch to `leaf` the one shown last."""
    rows = connection.execute(
        "WITH RECURSIVE line (number, id, parent) AS ("
        "  SELECT number, id, parent FROM message WHERE id = ?1 AND session = ?2"
        "  UNION ALL"
        "  SELECT above.number, above.id, above.parent FROM line JOIN message AS above ON above.id = line.parent"
        "  WHERE above.number < line.number)"
        # Only where there are siblings.
        " SELECT parent, id FROM line WHERE parent IS NULL OR EXISTS"
        " (SELECT 1 FROM message WHERE message.parent = line.parent AND message.number <> line.number)",
        (leaf, session_id),
    ).fetchall()
    for parent, child in rows:
        remember_shown(connection, session_id, parent, child)


def exchange_after(connection: sqlite3.Connection, session_id: str, leaf: str | None) -> str | None:
    """The last message of the exchange below `leaf` that was shown last. None if there is none."""
    end = shown_child(connection, session_id, leaf)
    while end is not None and (child := shown_child(connection, session_id, end)) is not None:
        if connection.execute("SELECT role FROM message WHERE id = ?", (child,)).fetchone() == ("user",):
            break
        end = child
    return end


def _place(connection: sqlite3.Connection, message_id: str) -> tuple[str, str | None]:
    """The session and the parent of a finished message."""
    row = connection.execute(
        "SELECT session, parent FROM message WHERE id = ? AND owner IS NULL", (message_id,)
    ).fetchone()
    if row is None:
        raise StoreError(f"There is no finished message {message_id}.")
    return row


# The first messages of a session have an index of their own, which SQLite uses for the words IS NULL.
_BELOW: Final = "FROM message WHERE parent = ?2 AND session = ?1 AND owner IS NULL ORDER BY number"
_FIRST: Final = "FROM message WHERE parent IS NULL AND session = ?1 AND owner IS NULL ORDER BY number"


def _below(connection: sqlite3.Connection, session_id: str, parent: str | None) -> list[StoredMessage]:
    columns = "SELECT id, session, parent, folded, data, role"
    if parent is None:
        rows = connection.execute(f"{columns} {_FIRST}", (session_id,))
    else:
        rows = connection.execute(f"{columns} {_BELOW}", (session_id, parent))
    return [records.readable_message(row) for row in rows]


def _newest_child(connection: sqlite3.Connection, session_id: str, parent: str | None) -> str | None:
    if parent is None:
        row = connection.execute(f"SELECT id {_FIRST} DESC LIMIT 1", (session_id,)).fetchone()
    else:
        row = connection.execute(f"SELECT id {_BELOW} DESC LIMIT 1", (session_id, parent)).fetchone()
    return None if row is None else row[0]
