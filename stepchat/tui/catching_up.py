"""What another window has added to a session meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.messages import StoredMessage
    from stepchat.sessions.store import SessionStore


async def newer_path(store: SessionStore, session_id: str, path: Sequence[StoredMessage]) -> list[StoredMessage] | None:
    """The path that goes on where this one ends; None when there is none. The messages are only read when there may be."""
    ours = [stored.id for stored in path]
    if (await store.session(session_id)).leaf == (ours[-1] if ours else None):
        return None
    newer = await store.path(session_id)
    return newer if len(newer) > len(ours) and [stored.id for stored in newer[: len(ours)]] == ours else None
