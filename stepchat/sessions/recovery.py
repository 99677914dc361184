"""Answers that were cut off by a kill: found by the lock their process no longer holds, and folded into messages."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from stepchat.config.paths import private_directory
from stepchat.errors import StoreError
from stepchat.messages import AssistantMessage
from stepchat.sessions import records, writing
from stepchat.sessions.database import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from pathlib import Path

    from filelock import BaseFileLock

    from stepchat.events import Delta

Accumulate: TypeAlias = "Callable[[AssistantMessage, Iterable[Delta]], AssistantMessage]"

_STALE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Recovered:
    """Ids of answers: `recovered` into messages, and `unreadable` ones that were left as they are."""

    recovered: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


class Ownership:
    """The lock that says that this process lives. It is taken when the first answer begins."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._token: str | None = None
        self._lock: BaseFileLock | None = None

    @property
    def held(self) -> str | None:
        """The token, once there is one."""
        return self._token

    def token(self) -> str:
        """What marks the answers of this process; takes the lock. Raises StoreError."""
        if self._token is None:
            private_directory(self.directory)
            _remove_stale(self.directory)
            token = records.new_id(records.MESSAGE_ID_LENGTH)
            self._lock = _take(_lock_file(self.directory, token))
            if self._lock is None:
                raise StoreError(
                    f"Cannot lock a file in {self.directory}.",
                    "Set STEPCHAT_HOME to a directory on a local disk.",
                )
            self._token = token
        return self._token

    def release(self) -> None:
        """Answers that are still open may be recovered from now on."""
        if self._lock is not None and self._token is not None:
            self._lock.release()
            _remove(_lock_file(self.directory, self._token))
            self._lock = self._token = None


def recover(connection: sqlite3.Connection, directory: Path, accumulate: Accumulate) -> Recovered:
    """Fold what dead processes left open. On a full or read-only disk it is left for the next start."""
    folded: list[str] = []
    unreadable: list[str] = []
    owners = [owner for (owner,) in connection.execute("SELECT DISTINCT owner FROM message WHERE owner IS NOT NULL")]
    for owner in owners:
        with contextlib.suppress(sqlite3.OperationalError), _dead(directory, owner) as dead:
            if dead:
                done = transaction(connection, lambda connection, owner=owner: _fold_all(connection, owner, accumulate))
                folded += done.recovered
                unreadable += done.unreadable
    return Recovered(tuple(folded), tuple(unreadable))


def _fold_all(connection: sqlite3.Connection, owner: str, fold: Accumulate) -> Recovered:
    folded: list[str] = []
    unreadable: list[str] = []
    # Asked inside the transaction: another process may have folded them meanwhile.
    for message_id, data in connection.execute(
        "SELECT id, data FROM message WHERE owner = ? ORDER BY number", (owner,)
    ).fetchall():
        try:
            blank = records.message_from_text(message_id, data)
            deltas = list(_deltas(connection, message_id))
        except (ValueError, StoreError):
            unreadable.append(message_id)
            continue
        if isinstance(blank, AssistantMessage):
            writing.recover_answer(connection, message_id, fold(blank, deltas), owner)
            folded.append(message_id)
    return Recovered(tuple(folded), tuple(unreadable))


def _deltas(connection: sqlite3.Connection, message_id: str) -> Iterator[Delta]:
    for (data,) in connection.execute("SELECT data FROM part WHERE message = ? ORDER BY number", (message_id,)):
        yield from records.deltas_from_text(data)


@contextlib.contextmanager
def _dead(directory: Path, owner: str) -> Generator[bool]:
    """Hold the lock of a process that no longer does; False when it lives."""
    path = _lock_file(directory, owner)
    if not path.exists():
        # A living owner has a file, and made it before its first answer.
        yield True
        return
    lock = _take(path)
    if lock is None:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
        _remove(path)


def _remove_stale(directory: Path) -> None:
    """Lock files of processes that died without an open answer. A young one may be about to be locked."""
    for path in directory.glob("*.lock"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_SECONDS and (lock := _take(path)) is not None:
                lock.release()
                _remove(path)


def _take(path: Path) -> BaseFileLock | None:
    import filelock

    lock = filelock.FileLock(path, mode=0o600, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except (OSError, NotImplementedError):
        # Held by another process (filelock.Timeout is an OSError), or not to be had at all.
        return None
    return lock


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _lock_file(directory: Path, owner: str) -> Path:
    return directory / f"{owner}.lock"
