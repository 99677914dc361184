"""What the session screen lists, read a part at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat.tui.dialogs.session_rows import ListedSession

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.sessions.store import SessionStore
    from stepchat.tui.dialogs.session_options import Listed, SessionListOptions

PAGE: Final = 100
FOUND_PAGE: Final = 40
"""Found sessions are read with their hits, which costs more."""
PROBABLY: Final = 500
"""How far down the session of last time is looked for."""


class SessionLoader:
    """Each method raises StoreError."""

    def __init__(self, store: SessionStore) -> None:
        self.more = False
        """There are more below those that were read."""
        self._store = store

    async def first(self, view: SessionListOptions) -> Sequence[ListedSession]:
        """The usual list from its top, as far as the session of last time, if that is not too far."""
        entries = await self.page(view, "current", "", 0, PAGE) or ()
        if view.at and self.more and all(entry.summary.id != view.at for entry in entries):
            entries = await self.page(view, "current", "", 0, PROBABLY) or ()
        return entries

    async def page(
        self, view: SessionListOptions, shown: Listed, typed: str, offset: int, limit: int
    ) -> Sequence[ListedSession] | None:
        """A part of the list; None when a newer search has begun."""
        deleted = shown == "deleted"
        archived = None if deleted else shown == "archived"
        if not typed:
            rows = await self._store.sessions(
                limit, offset, archived=archived, deleted=deleted, pinned_first=True, order=view.order
            )
            self.more = len(rows) == limit
            return [ListedSession(row) for row in rows]
        from stepchat.sessions.search.search import ALL_FIELDS, USUAL_FIELDS, SearchOptions

        fields = ALL_FIELDS if view.thoughts else USUAL_FIELDS
        if shown == "current":
            archived = None  # only lists leave archived ones out
        options = SearchOptions(fields, archived, deleted=deleted, limit=min(limit, FOUND_PAGE), offset=offset)
        page = await self._store.search(typed, options)
        if page is None:
            return None
        self.more = page.more
        return [ListedSession(found.summary, found.hits) for found in page.sessions]

    async def count(self, shown: Listed) -> int:
        """How many there are in all."""
        archived = None if shown == "deleted" else shown == "archived"
        return await self._store.count_sessions(archived=archived, deleted=shown == "deleted")
