"""Changes to sessions in the session screen: each returns what it did, and can be undone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from stepchat.text.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from stepchat.sessions.records import SessionSummary
    from stepchat.sessions.store import SessionStore

Work: TypeAlias = "Callable[[list[str]], Awaitable[object]]"


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to which sessions, how it is undone, and both in words."""

    done: str
    undone: str
    rows: tuple[SessionSummary, ...]
    undo: Callable[[], Awaitable[object]]


class Changes:
    """Each method raises StoreError or SessionNotFoundError; nothing was changed then."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._done: list[Change] = []
        self._undoing = asyncio.Lock()

    async def delete(self, rows: Sequence[SessionSummary]) -> str:
        return await self._change(rows, ("Deleted", "Restored"), self._store.delete, self._store.undelete)

    async def undelete(self, rows: Sequence[SessionSummary]) -> str:
        return await self._change(rows, ("Restored", "Deleted"), self._store.undelete, self._store.delete)

    async def pin(self, rows: Sequence[SessionSummary]) -> str:
        """Pins those that are not pinned; if all are, unpins them."""
        on, off = (partial(self._store.set_pinned, pinned=pinned) for pinned in (True, False))
        if loose := [row for row in rows if not row.pinned]:
            return await self._change(loose, ("Pinned", "Unpinned"), on, off)
        return await self._change(rows, ("Unpinned", "Pinned"), off, on)

    async def archive(self, rows: Sequence[SessionSummary]) -> str:
        """Archives those that are not archived; if all are, unarchives them."""
        on, off = (partial(self._store.set_archived, archived=archived) for archived in (True, False))
        if current := [row for row in rows if not row.archived]:
            return await self._change(current, ("Archived", "Unarchived"), on, off)
        return await self._change(rows, ("Unarchived", "Archived"), off, on)

    async def rename(self, row: SessionSummary, title: str) -> str:
        before = await self._store.session(row.id)
        saved = await self._store.set_title(row.id, title)
        old = before.title if before.title_edited else ""
        return self._add(
            Change(
                f"Renamed to {_quoted(saved)}",
                f"Renamed back to {_quoted(before.title)}",
                (row,),
                lambda: self._store.set_title(row.id, old),
            )
        )

    async def undo(self) -> Change | None:
        """Undoes the last change; None if there is none."""
        async with self._undoing:
            if not self._done:
                return None
            change = self._done[-1]
            await change.undo()
            # Only now, so that a refused undo can be tried again.
            self._done.remove(change)
            return change

    async def _change(self, rows: Sequence[SessionSummary], words: tuple[str, str], work: Work, undo: Work) -> str:
        """Changes all of them, or none."""
        ids = [row.id for row in rows]
        await work(ids)
        named = _quoted(rows[0].title) if len(rows) == 1 else f"{len(rows)} sessions"
        done, undone = (f"{word} {named}" for word in words)
        return self._add(Change(done, undone, tuple(rows), lambda: undo(ids)))

    def _add(self, change: Change) -> str:
        self._done.append(change)
        return change.done


def _quoted(title: str) -> str:
    return f"“{sanitize(title, keep_newlines=False) or 'untitled'}”"
