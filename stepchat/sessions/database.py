"""The SQLite file: kept private, opened the same way everywhere, its errors put into words."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from typing import TYPE_CHECKING, Final, TypeVar

from stepchat.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

BUSY_SECONDS: Final = 5.0
"""How long to wait for another process that is writing."""

_KEPT: Final = "Everything saved before is safe."
_LEFT_ALONE: Final = (
    "It was left unchanged. Move it away together with its -wal file and start again, or set STEPCHAT_HOME."
)


def create_private(path: Path) -> None:
    """Create an empty file that only its owner can read, unless the file exists. Raises StoreError.

    SQLite gives its -wal and -shm files the same permissions.
    """
    try:
        # Never an existing file: closing a second descriptor of a database drops the locks of this process.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise StoreError(
            f"Cannot create {path}: {error.strerror or error}.",
            "Free some space, fix the permissions, or set STEPCHAT_HOME to a writable directory.",
        ) from error


def connect(path: Path, *, max_pages: int | None = None) -> sqlite3.Connection:
    """Open for use by one thread at a time; writes nothing. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        if max_pages is not None:
            connection.execute(f"PRAGMA max_page_count = {max_pages}")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that refuses to write. Raises sqlite3.Error."""
    connection = connect(path)
    connection.execute("PRAGMA query_only = ON")
    return connection


def use_wal(connection: sqlite3.Connection) -> None:
    """Let readers and the writer work side by side. Raises sqlite3.Error."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            # SQLite does not wait here, and another process may be switching, too.
            if not _is(error, sqlite3.SQLITE_BUSY) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            break
    if mode == "wal":
        # Survives a kill. Without WAL (some network drives) that takes FULL, the default.
        connection.execute("PRAGMA synchronous = NORMAL")


def transaction(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """Do all of `work`, or none of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    return result


def snapshot(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """Read the state of one moment, however many statements `work` runs."""
    connection.execute("BEGIN")
    try:
        return work(connection)
    finally:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


def _is(error: sqlite3.Error, *codes: int) -> bool:
    # The low byte is the kind of error; the rest is detail.
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in codes


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file no longer contains what was written to it."""
    # Python's own message for invalid text. It quotes the data, so it must not be shown.
    return _is(error, sqlite3.SQLITE_CORRUPT) or "Could not decode to UTF-8" in str(error)


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """The error in words, with what to do."""
    if _is(error, sqlite3.SQLITE_FULL):
        return StoreError(f"The disk is full: {path} cannot grow.", f"Free some space and try again. {_KEPT}")
    if _is(error, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StoreError(
            f"{path} is read-only.", f"Fix the permissions, or set STEPCHAT_HOME to another directory. {_KEPT}"
        )
    if _is(error, sqlite3.SQLITE_CANTOPEN):
        return StoreError(
            f"Cannot open the session database {path}.",
            "Check the permissions of its directory, or set STEPCHAT_HOME to a writable directory.",
        )
    if _is(error, sqlite3.SQLITE_IOERR):
        return StoreError(
            f"The disk refused to read or write {path} ({error}).",
            f"Check for a full disk, a quota or a failing drive. {_KEPT}",
        )
    if _is(error, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreError(
            f"Another program has locked {path}.", f"Close it (a backup, a database browser) and try again. {_KEPT}"
        )
    if _is(error, sqlite3.SQLITE_NOTADB):
        return StoreError(f"{path} is not a session database.", _LEFT_ALONE)
    if is_damage(error):
        return StoreError(
            f"The session database {path} is damaged.", f"{_LEFT_ALONE} `stepchat doctor` shows what can be rescued."
        )
    return StoreError(f"The session database {path} failed: {error}.", f"Try again. {_KEPT}")
