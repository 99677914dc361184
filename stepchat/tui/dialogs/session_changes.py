"""Putting sessions in order from the session screen: each change says what it did and can be undone."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from stepchat.transcript.clean import clean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from stepchat.sessions.store import SessionStore, SessionSummary

Work: TypeAlias = "Callable[[list[str]], Awaitable[object]]"


class Changes:
    """Each method raises StoreError and SessionNotFoundError; then nothing was changed."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._done: list[tuple[str, Callable[[], Awaitable[object]]]] = []
        """What was done, and how it is undone."""
        self._undoing = asyncio.Lock()

    async def delete(self, rows: Sequence[SessionSummary]) -> str:
        return await self._change(rows, "deleted", self._store.delete, self._store.undelete)

    async def bring_back(self, rows: Sequence[SessionSummary]) -> str:
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
        return self._keep(f"Renamed to {_quoted(kept)}", lambda: self._store.set_title(row.id, again))

    async def undo(self) -> str:
        """The last change that is not undone yet."""
        async with self._undoing:
            if not self._done:
                return "There is nothing to undo."
            done, back = change = self._done[-1]
            await back()
            # Only now: what was refused can be tried again.
            self._done.remove(change)
            return f"Undone: {done}"

    async def _change(self, rows: Sequence[SessionSummary], what: str, work: Work, back: Work) -> str:
        """All of them, or none."""
        ids = [row.id for row in rows]
        await work(ids)
        named = _quoted(rows[0].title) if len(rows) == 1 else f"{len(rows)} sessions"
        return self._keep(f"{named} {what}", lambda: back(ids))

    def _keep(self, done: str, back: Callable[[], Awaitable[object]]) -> str:
        self._done.append((done, back))
        return f"{done} · ^Z undoes it"


def _quoted(title: str) -> str:
    return f"“{clean(title, keep_newlines=False) or 'untitled'}”"
