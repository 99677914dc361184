"""The last screens of sessions, which the first frame of the next start paints (first_frame/page.py reads them)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

MOST_PAGES: Final = 8
"""How many pages to keep, the newest ones."""


def save_page(connection: sqlite3.Connection, session_id: str, leaf: str, key: str, rows: str) -> None:
    """Keep the rows that a session was left with, while `leaf` was its last message."""
    connection.execute(
        "INSERT OR REPLACE INTO page (session, leaf, key, rows) VALUES (?, ?, ?, ?)", (session_id, leaf, key, rows)
    )
    connection.execute(
        "DELETE FROM page WHERE number NOT IN (SELECT number FROM page ORDER BY number DESC LIMIT ?)", (MOST_PAGES,)
    )
