"""Whether the database is whole: looked at from outside, changing nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Health:
    """`trouble` is "" when all is well."""

    trouble: str = ""
    bytes: int = 0
    sessions: int = 0
    messages: int = 0


def examine(path: Path) -> Health | None:
    """None when there is no database yet. Reads all of it: some seconds for a gigabyte."""
    size = 0
    try:
        if not path.exists():
            return None
        size = sum(file.stat().st_size for file in (path, path.with_name(f"{path.name}-wal")) if file.exists())
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            found = [row[0] for row in connection.execute("PRAGMA quick_check(5)")]
            trouble = "" if found == ["ok"] else "; ".join(map(str, found))
            sessions = connection.execute("SELECT count(*) FROM session").fetchone()[0]
            messages = connection.execute("SELECT count(*) FROM message").fetchone()[0]
    except sqlite3.Error as error:
        return Health(str(error), size)
    except OSError as error:
        return Health(error.strerror or str(error))
    return Health(trouble, size, sessions, messages)


def has_full_text() -> bool:
    """Whether this SQLite can search the text of sessions quickly."""
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE probe USING fts5 (text)")
        except sqlite3.Error:
            return False
    return True
