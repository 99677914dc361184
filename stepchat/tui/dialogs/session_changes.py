"""Putting sessions in order from the session screen: each change says what it did and can be undone."""

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
    """What was done to which sessions, in words, and how it is undone."""

    words: str
    rows: tuple[SessionSummary, ...]
    undo: Callable[[], Awaitable[object]]


class Changes:
    """Each method raises StoreError and SessionNotFoundError; then nothing was changed."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._done: list[Change] = []
        self._undoing = asyncio.Lock()

    async def delete(self, rows: Sequence[SessionSummary]) -> str:
        return await self._change(rows, "deleted", self._store.delete, self._store.undelete)

    async def undelete(self, rows: Sequence[SessionSummary]) -> str:
        return await self._change(rows, "brought back", self._store.undelete, self._store.delete)

    async def pin(self, rows: Sequence[SessionSummary]) -> str:
        """Those that are not pinned; when all are, they are unpinned."""
        on, off = (partial(self._store.set_pinned, pinned=pinned) for pinned in (True, False))
        if loose := [row for row in rows if not row.pinned]:
            return await self._change(loose, "pinned", on, off)
        return await self._change(rows, "unpinned", off, on)

    async def archive(self, rows: Sequence[SessionSummary]) -> str:
        """Those that are not archived; when all are, they are taken out."""
        into, out = (partial(self._store.set_archived, archived=archived) for archived in (True, False))
        if here := [row for row in rows if not row.archived]:
            return await self._change(here, "archived", into, out)
        return await self._change(rows, "taken out of the archive", out, into)

    async def rename(self, row: SessionSummary, title: str) -> str:
        before = await self._store.session(row.id)
        kept = await self._store.set_title(row.id, title)
        again = before.title if before.title_edited else ""
        return self._keep(Change(f"Renamed to {_quoted(kept)}", (row,), lambda: self._store.set_title(row.id, again)))

    async def undo(self) -> Change | None:
        """The last change that is not undone yet; None when there is none."""
        async with self._undoing:
            if not self._done:
                return None
            change = self._done[-1]
            await change.undo()
            # Only now: what was refused can be tried again.
            self._done.remove(change)
            return change

    async def _change(self, rows: Sequence[SessionSummary], what: str, work: Work, back: Work) -> str:
        """All of them, or none."""
        ids = [row.id for row in rows]
        await work(ids)
        named = _quoted(rows[0].title) if len(rows) == 1 else f"{len(rows)} sessions"
        return self._keep(Change(f"{named} {what}", tuple(rows), lambda: back(ids)))

    def _keep(self, change: Change) -> str:
        self._done.append(change)
        return f"{change.words} · ^Z undoes it"


def _quoted(title: str) -> str:
    return f"“{sanitize(title, keep_newlines=False) or 'untitled'}”"
