"""Checks the database without changing it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepchat.errors import StoreError
from stepchat.sessions.database import explain, is_damage, truncated_size
from stepchat.sessions.migrations import version_of

if TYPE_CHECKING:
    from pathlib import Path

_RESCUE = (
    "Make a copy, with the file that ends in -wal. `stepchat sessions list` and `sessions export ID` still read what "
    "they can; SQLite's own `sqlite3 sessions.db .recover | sqlite3 new.db` finds more."
)


@dataclass(frozen=True, slots=True)
class Health:
    """`problem` is "" if all is well; `hint` says what to do."""

    problem: str = ""
    hint: str = ""
    bytes: int = 0
    sessions: int = 0
    messages: int = 0


def check_database(path: Path) -> Health | None:
    """Checks the database; None if there is none yet. Reads all of it, which takes seconds per gigabyte."""
    size = 0
    try:
        if not path.exists():
            return None
        if not path.is_file():
            return Health("this is not a file", "Move it away.")
        if (found_size := truncated_size(path)) is not None:
            return Health(f"truncated: it has {found_size} bytes", "Move it away, or restore a backup.", found_size)
        size = sum(file.stat().st_size for file in (path, path.with_name(f"{path.name}-wal")) if file.exists())
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            if version_of(connection, path) == 0:
                return None
            found = [row[0] for row in connection.execute("PRAGMA quick_check(5)")]
            trouble = "" if found == ["ok"] else "; ".join(map(str, found))
            sessions = connection.execute("SELECT count(*) FROM session").fetchone()[0]
            messages = connection.execute("SELECT count(*) FROM message").fetchone()[0]
    except StoreError as error:
        return Health(error.message.removesuffix("."), error.hint, size)
    except sqlite3.Error as error:
        explained = explain(error, path)
        return Health(str(error), _RESCUE if is_damage(error) else explained.hint, size)
    except OSError as error:
        return Health(error.strerror or str(error), "Fix it, or set STEPCHAT_HOME to another directory.")
    return Health(trouble, _RESCUE if trouble else "", size, sessions, messages)


def has_full_text() -> bool:
    """Whether this SQLite has full-text search (FTS5)."""
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE probe USING fts5 (text)")
        except sqlite3.Error:
            return False
    return True
