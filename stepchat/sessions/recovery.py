"""Recovers answers that a crash interrupted: detects them by the lock that their process no longer holds, merges their
parts into messages, and lists them until the user has dealt with each.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from stepchat.config.paths import private_directory
from stepchat.errors import StoreError
from stepchat.messages import AssistantMessage
from stepchat.sessions import records, tool_calls, tree, writing
from stepchat.sessions.database import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Iterator
    from pathlib import Path

    from filelock import BaseFileLock

    from stepchat.events import Delta

Accumulate: TypeAlias = "Callable[[AssistantMessage, Iterable[Delta]], AssistantMessage]"
"""Turns a blank answer and its deltas into a message marked as cut."""

_STALE_SECONDS: Final = 60.0
"""A lock file younger than this may be about to be locked."""

# An answer counts as dealt with once a message follows it, or its question was retried or edited since.
_INTERRUPTED: Final = """
SELECT message.id, message.session, session.title, message.created, message.data
FROM interrupted
JOIN message ON message.id = interrupted.message
JOIN session ON session.id = message.session
LEFT JOIN message AS question ON question.id = message.parent
WHERE session.deleted IS NULL AND message.owner IS NULL
AND NOT EXISTS (SELECT 1 FROM message AS below WHERE below.parent = message.id)
AND NOT EXISTS (SELECT 1 FROM message AS again WHERE again.parent = message.parent AND again.number > found_at)
AND NOT EXISTS (SELECT 1 FROM message AS other WHERE other.number > found_at AND other.session = message.session
    AND other.parent IS question.parent AND other.role = 'user')
ORDER BY message.number DESC
"""


@dataclass(frozen=True, slots=True)
class Recovered:
    """IDs of answers: those `recovered` into messages, and `unreadable` ones that were left as they are."""

    recovered: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InterruptedAnswer:
    """An interrupted answer: its ID and its session's, when it started (Unix time), and its length."""

    answer: str
    session: str
    title: str
    started: float
    characters: int


class Ownership:
    """The lock that shows that this process is alive. The process acquires it when its first answer begins.

    Without a directory there is no lock, because no other process can see the answers.
    """

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory
        self._token: str | None = None
        self._lock: BaseFileLock | None = None

    @property
    def held(self) -> str | None:
        """The token, once there is one."""
        return self._token

    def token(self) -> str:
        """The token that marks the answers of this process. Acquires the lock. Raises StoreError."""
        if self.directory is None:
            self._token = self._token or records.new_id(records.MESSAGE_ID_LENGTH)
        elif self._token is None:
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
        """Let other processes recover the answers that are still open."""
        if self._lock is not None and self._token is not None and self.directory is not None:
            self._lock.release()
            _remove(_lock_file(self.directory, self._token))
            self._lock = self._token = None
            _remove_stale(self.directory)


def recover(connection: sqlite3.Connection, directory: Path | None, accumulate: Accumulate) -> Recovered:
    """Merge the answers that dead processes left open. On a full or read-only disk, the next start does it."""
    if directory is None:
        return Recovered()
    recovered: list[str] = []
    unreadable: list[str] = []
    owners = [
        owner
        for (owner,) in connection.execute(
            "SELECT owner FROM message WHERE owner IS NOT NULL UNION SELECT owner FROM running_call"
        )
    ]
    for owner in owners:
        with contextlib.suppress(sqlite3.OperationalError), _dead(directory, owner) as dead:
            if dead:
                done = transaction(
                    connection, lambda connection, owner=owner: _recover_owner(connection, owner, accumulate)
                )
                recovered += done.recovered
                unreadable += done.unreadable
    return Recovered(tuple(recovered), tuple(unreadable))


def _recover_owner(connection: sqlite3.Connection, owner: str, accumulate: Accumulate) -> Recovered:
    recovered: list[str] = []
    unreadable: list[str] = []
    # Read inside the transaction: another process may have recovered them meanwhile.
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
            _recover_answer(connection, message_id, accumulate(blank, deltas), owner)
            recovered.append(message_id)
    tool_calls.recover(connection, owner, time.time())
    return Recovered(tuple(recovered), tuple(unreadable))


def _recover_answer(connection: sqlite3.Connection, message_id: str, message: AssistantMessage, owner: str) -> None:
    """Replace the parts of an answer by the message. It becomes the leaf only if the leaf is its question or an earlier
    answer to that: a session that continued elsewhere stays there.
    """
    row = connection.execute("SELECT session, parent FROM message WHERE id = ?", (message_id,)).fetchone()
    shown = None if row is None else tree.shown_child(connection, *row)
    stored = writing.close_answer(connection, message_id, message, owner)
    if message.stop == "cut":
        connection.execute("INSERT OR REPLACE INTO interrupted SELECT ?, max(number) FROM message", (message_id,))
    moved = connection.execute(
        "UPDATE session SET leaf = ?1 WHERE id = ?2 AND (leaf IS ?3 OR leaf IN (SELECT earlier.id FROM message AS earlier"
        " JOIN message AS this ON this.id = ?1 WHERE earlier.parent = ?3 AND earlier.number < this.number))",
        (message_id, stored.session, stored.parent),
    ).rowcount
    if moved:
        tree.remember_shown(connection, stored.session, stored.parent, message_id)
    elif shown is not None:
        # The child shown last stays the same, although it may no longer be the newest.
        tree.remember_shown(connection, stored.session, stored.parent, shown)


def _deltas(connection: sqlite3.Connection, message_id: str) -> Iterator[Delta]:
    for (data,) in connection.execute("SELECT data FROM part WHERE message = ? ORDER BY number", (message_id,)):
        yield from records.deltas_from_text(data)


def interrupted_answers(connection: sqlite3.Connection) -> list[InterruptedAnswer]:
    """The interrupted answers that the user has not dealt with, newest first."""
    found: list[InterruptedAnswer] = []
    for answer, session, title, started, data in connection.execute(_INTERRUPTED):
        try:
            message = records.message_from_text(answer, data)
        except StoreError:
            continue
        if isinstance(message, AssistantMessage):
            length = len(message.text) + len(message.reasoning)
            found.append(InterruptedAnswer(answer, session, title, started, length))
    return found


def dismiss_interrupted(connection: sqlite3.Connection, answers: Collection[str]) -> None:
    """Stop listing these answers, without changing them."""
    connection.executemany("DELETE FROM interrupted WHERE message = ?", ((answer,) for answer in answers))


@contextlib.contextmanager
def _dead(directory: Path, owner: str) -> Generator[bool]:
    """Hold the lock of a process that no longer holds it; False if the process is alive."""
    path = _lock_file(directory, owner)
    if not path.exists():
        # A living owner has a file, which it creates before its first answer.
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
    """Remove the lock files of processes that died without an open answer."""
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
        # Held by another process (filelock.Timeout is an OSError), or the file system has no locks.
        return None
    return lock


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _lock_file(directory: Path, owner: str) -> Path:
    return directory / f"{owner}.lock"
