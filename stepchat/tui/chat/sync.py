"""What another process has added to the session on the screen meanwhile, and what it adds beside it."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from stepchat.chat.branches import count_siblings
from stepchat.messages import UserMessage
from stepchat.tui import workers
from stepchat.tui.chat import notices

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stepchat.chat.conversation import Conversation
    from stepchat.messages import StoredMessage
    from stepchat.sessions.store import SessionStore
    from stepchat.tui.chat.screen import ChatScreen as Chat

_PAUSE: Final = 2.0
"""Seconds between two looks while somebody types."""
_WENT_ON: Final = "Another window went on with this session; its turns are above."


async def newer_path(store: SessionStore, session_id: str, path: Sequence[StoredMessage]) -> list[StoredMessage] | None:
    """The path to ask after, when it is another than this one: it goes on where this one ends, or a question at its end
    is being answered by another process. The messages are only read when there may be more.
    """
    ours = [stored.id for stored in path]
    end = ours[-1] if ours else None
    leaf = await store.last_complete_message(session_id)
    if leaf is not None and leaf != end:
        newer = await store.path(session_id, leaf)
        if len(newer) > len(ours) and [stored.id for stored in newer[: len(ours)]] == ours:
            return newer
    if path and isinstance(path[-1].message, UserMessage):
        whole = await store.last_complete_message(session_id, end)
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
            conversation.view.notice(_WENT_ON, kind="info")


class Lookout:
    """Looks, when the person comes back to this window, for what another one has added. Nobody looks while it is idle."""

    def __init__(self, chat: Chat, clock: Callable[[], float] = monotonic) -> None:
        self._chat = chat
        self._clock = clock
        self._looked = clock()
        self._told = ""
        """The session of which was told that it is gone."""

    def look(self, *, at_once: bool = False) -> None:
        """Somebody is here: with a key, or (`at_once`) with the terminal's focus."""
        now = self._clock()
        if (at_once or now - self._looked >= _PAUSE) and self._may(self._chat.conversation):
            self._looked = now
            # Nobody misses what cannot be read now; a question that is asked says why.
            workers.run_task(self._chat.view, self._look, group="lookout", exclusive=True)

    def _may(self, conversation: Conversation) -> bool:
        """Not under an answer that is being written, a dialog, a search, or a question that is being edited."""
        chat = self._chat
        return (
            conversation is chat.conversation
            and conversation.session is not None
            and not conversation.busy
            and chat.app.screen is chat.view.screen
            and chat.editing.question is None
            and not conversation.branch_lock.locked()
            and not chat.view.screen.query("FindBar")
        )

    async def _look(self) -> None:
        chat, conversation = self._chat, self._chat.conversation
        session, path, length = conversation.session, conversation.path, len(conversation.path)
        if session is None:
            return
        store = conversation.workspace.store
        newer = await newer_path(store, session.id, path)
        deleted = (await store.session(session.id)).deleted is not None
        # Meanwhile something else may have been begun here.
        if conversation.path is not path or len(path) != length or not self._may(conversation):
            return
        if deleted and self._told != session.id:
            notices.say(
                chat, "Another window deleted this session.", "What is asked here brings it back; Ctrl+N leaves it."
            )
        self._told = session.id if deleted else ""
        if newer is None or len(newer) <= length:
            return
        follow = conversation.view.follow
        conversation.path = newer
        conversation.view.show_branch(newer, new=False)
        if follow:
            conversation.view.scroll_to_end()
        conversation.changed()
        notices.say(chat, _WENT_ON if follow else "Another window went on with this session; Ctrl+End shows it.")
        await count_siblings(conversation)
        await conversation.show_returned_reasoning()


async def tell_beside(conversation: Conversation) -> None:
    """Another process asks after the same message: each has its branch. Raises StoreError."""
    conversation.view.notice(
        "Another window asks in this session, too; each question is a branch of its own.",
        "Alt+Up to the question, then Left or Right shows the other.",
        kind="info",
    )
    conversation.branched = True
    await count_siblings(conversation)
