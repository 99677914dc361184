"""The content of attachments: stored once by its digest, and removed when neither a message nor a draft refers to it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from stepchat.messages import UserMessage
from stepchat.sessions.database import transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping

    from stepchat.messages import Message

KEEP_UNUSED: Final = 86400.0
"""Seconds for which content without a reference stays: it may be about to be sent, also in another process."""

_UNUSED: Final = (
    "SELECT number, digest FROM attachment WHERE added < ? AND number > ?"
    " AND NOT EXISTS (SELECT 1 FROM attached WHERE attached.digest = attachment.digest) ORDER BY number LIMIT 1"
)


def add(connection: sqlite3.Connection, content: bytes, now: float) -> str:
    """Store content unless it is stored already; returns its digest."""
    digest = hashlib.sha256(content).hexdigest()
    connection.execute(
        "INSERT INTO attachment (digest, data, added) VALUES (?, ?, ?)"
        " ON CONFLICT (digest) DO UPDATE SET added = max(added, excluded.added)",
        (digest, content, now),
    )
    return digest


def read(connection: sqlite3.Connection, digests: Collection[str]) -> dict[str, bytes]:
    """The stored content by digest, without what is missing."""
    rows = (
        connection.execute("SELECT digest, data FROM attachment WHERE digest = ?", (digest,)).fetchone()
        for digest in dict.fromkeys(digests)
    )
    return {row[0]: row[1] for row in rows if row is not None and isinstance(row[1], bytes)}


def refer(connection: sqlite3.Connection, message_id: str, message: Message) -> None:
    """Note which content a new message needs."""
    if isinstance(message, UserMessage):
        connection.executemany(
            "INSERT OR IGNORE INTO attached (message, digest) VALUES (?, ?)",
            [(message_id, attachment.digest) for attachment in message.attachments],
        )


def restore(connection: sqlite3.Connection, contents: Mapping[str, bytes], now: float) -> None:
    """Store the content that an import brings."""
    for content in contents.values():
        add(connection, content, now)


def collect(connection: sqlite3.Connection, before: float, after: int = 0) -> int | None:
    """Remove one content that is older than `before` and unused, in its own transaction.

    Returns where to go on, or None if there is nothing left; `after` is what the call before returned.
    """
    row = connection.execute(_UNUSED, (before, after)).fetchone()
    if row is None:
        return None
    number, digest = row

    def remove(connection: sqlite3.Connection) -> None:
        # Looked for again inside the transaction: another process may have sent it meanwhile.
        again = connection.execute(_UNUSED, (before, number - 1)).fetchone()
        if again == row and not _is_in_draft(connection, digest):
            connection.execute("DELETE FROM attachment WHERE number = ?", (number,))

    transaction(connection, remove)
    return number


def _is_in_draft(connection: sqlite3.Connection, digest: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM session WHERE instr(draft, ?1) UNION ALL SELECT 1 FROM setting WHERE instr(value, ?1) LIMIT 1",
        (digest,),
    )
    return found.fetchone() is not None
