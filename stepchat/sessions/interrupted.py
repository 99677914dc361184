"""Answers that a kill has cut and about which nobody has decided: gone on with, asked again, or kept as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stepchat.errors import StoreError
from stepchat.messages import AssistantMessage
from stepchat.sessions import records

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from stepchat.sessions.spending import Run

TABLES: Final = """
CREATE TABLE interrupted (
    message  TEXT PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
    found_at INTEGER NOT NULL                  -- the number of the newest message when it was found cut
) WITHOUT ROWID;
"""

# Who has gone on below it, or has since asked again or in other words in its place, has decided.
_UNDECIDED: Final = """
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
class InterruptedAnswer:
    """One such answer: its id and its session's, when it began (Unix time), and how many characters had arrived."""

    answer: str
    session: str
    title: str
    started: float
    characters: int


class InterruptedAnswers:
    """`read` and `write` run a function on a connection. All raise StoreError."""

    def __init__(self, read: Run, write: Run) -> None:
        self._read = read
        self._write = write

    async def all(self) -> list[InterruptedAnswer]:
        """Newest first."""
        return await self._read(_all)

    async def dismiss(self, answers: Collection[str]) -> None:
        """They stay as they are, and are not told of again."""
        chosen = tuple(answers)
        await self._write(lambda connection: _keep(connection, chosen))


def note(connection: sqlite3.Connection, message_id: str) -> None:
    """This answer was found cut; runs inside a transaction."""
    connection.execute("INSERT OR REPLACE INTO interrupted SELECT ?, max(number) FROM message", (message_id,))


def _all(connection: sqlite3.Connection) -> list[InterruptedAnswer]:
    cuts: list[InterruptedAnswer] = []
    for answer, session, title, began, data in connection.execute(_UNDECIDED):
        try:
            message = records.message_from_text(answer, data)
        except StoreError:
            continue
        if isinstance(message, AssistantMessage):
            cuts.append(InterruptedAnswer(answer, session, title, began, len(message.text) + len(message.reasoning)))
    return cuts


def _keep(connection: sqlite3.Connection, answers: Collection[str]) -> None:
    connection.executemany("DELETE FROM interrupted WHERE message = ?", ((answer,) for answer in answers))
