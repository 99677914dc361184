"""Whether the database is whole: looked at from outside, changing nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepchat.errors import StoreError
from stepchat.sessions.database import explain, is_damage
from stepchat.sessions.migrations import version_of

if TYPE_CHECKING:
    from pathlib import Path

_RESCUE = (
    "Copy it away, with the file that ends in -wal. `stepchat sessions list` and `sessions export ID` still give what "
    "can be read; SQLite's own `sqlite3 sessions.db .recover | sqlite3 new.db` finds more."
)


@dataclass(frozen=True, slots=True)
class Health:
    """`problem` is "" when all is well; `hint` is what to do about it."""

    problem: str = ""
    hint: str = ""
    bytes: int = 0
    sessions: int = 0
    messages: int = 0


def check_database(path: Path) -> Health | None:
    """None when there is no database yet. Reads all of it: some seconds for a gigabyte."""
    size = 0
    try:
        if not path.exists():
            return None
        if not path.is_file():
            return Health("this is no file", "Move it away.")
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
        told = explain(error, path)
        return Health(str(error), _RESCUE if is_damage(error) else told.hint, size)
    except OSError as error:
        return Health(error.strerror or str(error), "Mend that, or set STEPCHAT_HOME elsewhere.")
    return Health(trouble, _RESCUE if trouble else "", size, sessions, messages)


def has_full_text() -> bool:
    """Whether this SQLite can search the text of sessions quickly."""
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE probe USING fts5 (text)")
        except sqlite3.Error:
            return False
    return True
