"""What other processes do in the same sessions meanwhile. What they were answering when they died is recovered first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.sessions import reading

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from stepchat.messages import StoredMessage
    from stepchat.sessions.recovery import Ownership
    from stepchat.sessions.spending import Run
    from stepchat.sessions.worker import Worker


class OtherProcesses:
    """`read` runs a function on a connection, `mine` marks the answers of this process, `recover` folds those of dead ones.

    All raise StoreError.
    """

    def __init__(
        self, read: Run, writer: Worker, mine: Ownership, recover: Callable[[sqlite3.Connection], object]
    ) -> None:
        self._read = read
        self._writer = writer
        self._mine = mine
        self._recover = recover

    async def last_complete_message(self, session_id: str, leaf: str | None = None) -> str | None:
        """What a new question follows: `leaf`, or the leaf of the session, without questions that others have answered now."""
        await self._settle(session_id)
        return await self._read(lambda connection: _whole_leaf(connection, session_id, leaf, self._mine.held))

    async def path(self, session_id: str) -> list[StoredMessage]:
        """The messages to there."""
        leaf = await self.last_complete_message(session_id)
        return [] if leaf is None else await self._read(lambda connection: reading.path(connection, session_id, leaf))

    async def has_concurrent_question(self, question: StoredMessage) -> bool:
        """Whether another process is having a question answered, or has asked one since, in the place of this one."""
        return await self._read(lambda connection: _asked_beside(connection, question, self._mine.held))

    async def _settle(self, session_id: str) -> None:
        if await self._read(lambda connection: _is_answered(connection, session_id, self._mine.held)):
            await self._writer.run(self._recover)


def _is_answered(connection: sqlite3.Connection, session_id: str, mine: str | None) -> bool:
    # With the plus the few open answers are looked through, not the session.
    row = connection.execute(
        "SELECT 1 FROM message WHERE owner IS NOT NULL AND owner IS NOT ? AND +session = ? LIMIT 1", (mine, session_id)
    ).fetchone()
    return row is not None


def _whole_leaf(connection: sqlite3.Connection, session_id: str, leaf: str | None, mine: str | None) -> str | None:
    end = reading.session(connection, session_id).leaf if leaf is None else leaf
    while row := connection.execute(
        "SELECT parent FROM message WHERE id = ? AND role = 'user' AND EXISTS (SELECT 1 FROM message AS answer"
        " WHERE answer.parent = message.id AND answer.owner IS NOT NULL AND answer.owner IS NOT ?)",
        (end, mine),
    ).fetchone():
        (end,) = row
    return end


# The beginning of a session has an index of its own, which is found by the words IS NULL.
_BESIDE = (
    "SELECT 1 FROM message AS other WHERE other.session = ?1 AND other.parent {} AND other.role = 'user'"
    " AND other.id <> ?3 AND (other.number > (SELECT number FROM message WHERE id = ?3) OR EXISTS"
    " (SELECT 1 FROM message AS answer WHERE answer.parent = other.id AND answer.owner IS NOT NULL"
    " AND answer.owner IS NOT ?4)) LIMIT 1"
)


def _asked_beside(connection: sqlite3.Connection, question: StoredMessage, mine: str | None) -> bool:
    place = "IS NULL AND ?2 IS NULL" if question.parent is None else "= ?2"
    return (
        connection.execute(_BESIDE.format(place), (question.session, question.parent, question.id, mine)).fetchone()
        is not None
    )
