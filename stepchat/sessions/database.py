"""Opens the SQLite file the same way everywhere, keeps it private, and explains its errors."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from stepchat.config.paths import path_exists
from stepchat.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

BUSY_SECONDS: Final = 5.0
"""How long to wait for another process that is writing."""

_LOCK_ERRORS: Final = frozenset(
    {
        sqlite3.SQLITE_IOERR_LOCK,
        sqlite3.SQLITE_IOERR_RDLOCK,
        sqlite3.SQLITE_IOERR_UNLOCK,
        sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK,
        sqlite3.SQLITE_IOERR_SHMLOCK,
        sqlite3.SQLITE_IOERR_SHMMAP,
        sqlite3.SQLITE_IOERR_SHMOPEN,
    }
)
_MEMORY: Final = Path(":memory:")
_CREATION_TRIES: Final = 50
_INVALID_TEXT: Final = "Could not decode to UTF-8"
"""Python's message for invalid text. It goes on to quote the data, so it must not be shown."""
_KEPT: Final = "Everything saved before is safe."
_LEFT_ALONE: Final = (
    "It was left unchanged. Move it away together with its -wal file and start again, or set STEPCHAT_HOME."
)


def create_private(path: Path) -> None:
    """Create an empty file that only its owner can read, or check the existing one. Raises StoreError.

    SQLite gives its -wal and -shm files the same permissions.
    """
    try:
        # Never an existing file: closing a second descriptor of a database drops the locks of this process.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        _check_size(path)
    except OSError as error:
        raise StoreError(
            f"Cannot create {path}: {error.strerror or error}.",
            "Free some space, fix the permissions, or set STEPCHAT_HOME to a writable directory.",
        ) from error


def truncated_size(path: Path) -> int | None:
    """The size of a truncated file that SQLite would treat as a new database and overwrite; otherwise None."""
    # SQLite treats a file of one byte like an empty one.
    if not path.is_file() or (size := path.stat().st_size) > 1:
        return None
    # An empty file is new, unless the directory of lock files shows that answers were saved.
    is_new = path.with_name(f"{path.name}-wal").exists() or not (path.parent / "running").is_dir()
    return None if size == 0 and is_new else size


def _check_size(path: Path) -> None:
    size = truncated_size(path)
    for _ in range(_CREATION_TRIES if size == 0 else 0):
        # Another process may be creating it.
        time.sleep(0.01)
        size = truncated_size(path)
    if size is not None:
        raise StoreError(
            f"The session database {path} is truncated: it has {size} byte{'' if size == 1 else 's'}.", _LEFT_ALONE
        )


def can_lock(path: Path) -> bool:
    """Whether the file system can lock files. Creates and removes one with a name that ends like this one's."""
    try:
        import fcntl
    except ImportError:  # Windows, where all files can be locked
        return True
    probe = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        handle = os.open(probe, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return True  # opening the database reports why
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
        with contextlib.suppress(OSError):
            probe.unlink()
    return True


def is_only_readable(path: Path) -> bool:
    """Whether there is a database that this process can read, but neither write nor lock."""
    if not path_exists(path) or not os.access(path, os.R_OK):
        return False
    return not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK) and can_lock(path))


def copy_to(path: Path, directory: Path) -> None:
    """Copy a database that no process is writing. Raises StoreError."""
    import shutil

    try:
        for file in (path, path.with_name(f"{path.name}-wal")):
            if file.exists():
                shutil.copyfile(file, directory / file.name)
    except OSError as error:
        raise StoreError(
            f"Cannot copy {path}, which is read-only, to {directory}: {error.strerror or error}.",
            "Free some space there, or set TMPDIR.",
        ) from error


def no_locks(path: Path) -> StoreError:
    """The error for a disk without locks, on which SQLite would wait in vain."""
    return StoreError(
        f"{path} is on a disk where files cannot be locked (a network drive?).",
        f"Put it on a local disk: set STEPCHAT_HOME or XDG_DATA_HOME. {_KEPT}",
    )


def in_memory(name: str) -> Path:
    """The path by which `connect` finds the database of this name in the memory of this process."""
    return _MEMORY / name


def connect(path: Path, *, max_pages: int | None = None) -> sqlite3.Connection:
    """Open for use by one thread at a time; writes nothing. Raises sqlite3.Error."""
    is_in_memory = path.parent == _MEMORY
    # All connections of this process to a name that begins with a slash share one database.
    place = f"file:/{path.name}?vfs=memdb" if is_in_memory else path
    connection = sqlite3.connect(
        place, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=is_in_memory
    )
    try:
        if is_in_memory:
            connection.execute("PRAGMA journal_mode = MEMORY")
            connection.execute("PRAGMA temp_store = MEMORY")
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


def can_share_wal(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether processes can share a WAL on this disk. If not, the connection holds the database alone until `use_journal`.

    Some network drives lock files, but not the memory that processes share for the WAL. SQLite would try for ten seconds;
    a connection that holds the database alone needs no such memory. Raises StoreError if nothing can be locked.
    """
    if not can_lock(path):
        raise no_locks(path)
    if can_lock(path.with_name(f"{path.name}-shm")):
        return True
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    return False


def use_journal(connection: sqlite3.Connection, *, wal: bool) -> None:
    """Set the journal mode: with a WAL, readers and the writer work at the same time. Raises sqlite3.Error."""
    if wal:
        _use_wal(connection)
        return
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA locking_mode = NORMAL")
    # The next read releases the lock.
    connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()


def _use_wal(connection: sqlite3.Connection) -> None:
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            # SQLite does not wait here, and another process may be switching as well.
            if not _is(error, sqlite3.SQLITE_BUSY) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            break
    if mode == "wal":
        # Survives a kill. Without WAL (some network drives) that takes FULL, the default.
        connection.execute("PRAGMA synchronous = NORMAL")


def transaction(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """Run `work` in a transaction; once more if the database contains invalid text."""
    return _with_any_text(connection, lambda: _transaction(connection, work))


def snapshot(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """Run `work` on one consistent state of the database; once more if the database contains invalid text."""
    return _with_any_text(connection, lambda: _snapshot(connection, work))


def _transaction(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    return result


def _snapshot(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    connection.execute("BEGIN")
    try:
        return work(connection)
    finally:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


def _with_any_text(connection: sqlite3.Connection, work: Callable[[], T]) -> T:
    """Run `work`, and if text is invalid, again with lenient decoding, which is slower."""
    try:
        return work()
    except sqlite3.OperationalError as error:
        if _INVALID_TEXT not in str(error) or connection.text_factory is not str:
            raise
    connection.text_factory = _decode
    return work()


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _is(error: sqlite3.Error, *codes: int) -> bool:
    # The low byte is the kind of error.
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in codes


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error means that the file is damaged."""
    return _is(error, sqlite3.SQLITE_CORRUPT) or _INVALID_TEXT in str(error)


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """Turns an error of SQLite into one that says what to do."""
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
    if _is(error, sqlite3.SQLITE_PROTOCOL) or getattr(error, "sqlite_errorcode", None) in _LOCK_ERRORS:
        return no_locks(path)
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
