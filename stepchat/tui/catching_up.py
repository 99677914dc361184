"""What another process has added to the session on the screen meanwhile, and what it adds beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.messages import UserMessage
from stepchat.tui.branches import count_siblings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.messages import StoredMessage
    from stepchat.sessions.store import SessionStore
    from stepchat.tui.conversation import Conversation


async def newer_path(store: SessionStore, session_id: str, path: Sequence[StoredMessage]) -> list[StoredMessage] | None:
    """The path to ask after, when it is another than this one: it goes on where this one ends, or a question at its end
    is being answered by another process. The messages are only read when there may be more.
    """
    ours = [stored.id for stored in path]
    end = ours[-1] if ours else None
    leaf = await store.others.whole_leaf(session_id)
    if leaf is not None and leaf != end:
        newer = await store.path(session_id, leaf)
        if len(newer) > len(ours) and [stored.id for stored in newer[: len(ours)]] == ours:
            return newer
    if path and isinstance(path[-1].message, UserMessage):
        whole = await store.others.whole_leaf(session_id, end)
        if whole != end:
            return list(path[: ours.index(whole) + 1]) if whole in ours else []
    return None


async def catch_up(conversation: Conversation) -> None:
    """Another window may have gone on with this session: then its turns come first."""
    session, before = conversation.session, len(conversation.path)
    if session is None:
        return
    newer = await newer_path(conversation.workspace.store, session.id, conversation.path)
    if newer is not None:
        conversation.path = newer
        conversation.view.show(newer)
        if len(newer) > before:
            conversation.view.notice("Another window went on with this session; its turns are above.", kind="info")


async def tell_beside(conversation: Conversation) -> None:
    """Another process asks after the same message: each has its branch. Raises StoreError."""
    conversation.view.notice(
        "Another window asks in this session, too; each question is a branch of its own.",
        "Alt+Up to the question, then Left or Right shows the other.",
        kind="info",
    )
    conversation.branched = True
    await count_siblings(conversation)
