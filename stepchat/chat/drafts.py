"""Saves the text of the prompt with its session, so that it survives quitting, crashes and switching sessions."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from stepchat.attachments.marks import split_marks
from stepchat.errors import SessionNotFoundError, StepchatError
from stepchat.messages import UserMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.messages import StoredMessage
    from stepchat.sessions.store import SessionStore

PASTE_BEGIN: Final = "\x02"
PASTE_END: Final = "\x03"
"""Around a folded paste in a draft."""


class Drafts:
    """One draft per session, and one for the session that has not started."""

    def __init__(self, store: SessionStore, session_id: str | None, draft: str) -> None:
        """`draft` is on disk for this session, None for a new one."""
        self._store = store
        self._kept = (session_id, draft)
        self._writing = asyncio.Lock()
        self.unsaved = ""
        """The text that could not be saved at the last attempt."""

    @property
    def kept(self) -> str:
        """The saved text."""
        return self._kept[1]

    async def load(self, session_id: str | None) -> str:
        """The draft of a session. Raises StoreError."""
        return await self._store.draft(session_id)

    def follow(self, session_id: str | None, draft: str) -> None:
        """Note that another session is open now, whose saved draft is this."""
        self._kept = (session_id, draft)

    async def keep(self, session_id: str | None, text: str) -> None:
        """Write the text if it changed. Raises StoreError; the next call tries again."""
        # Writes run one after the other: until a write has ended, it is unknown whether it succeeded.
        async with self._writing:
            now, before = (session_id, text), self._kept
            if now == before:
                self.unsaved = ""
                return
            self._kept = now
            try:
                await self._store.set_draft(*now)
                if before[0] != now[0] and before[1]:
                    # The session has started, or the text moved to another one.
                    with suppress(SessionNotFoundError):  # another window may have deleted it for good
                        await self._store.set_draft(before[0], "")
                self.unsaved = ""
            except StepchatError:
                self._kept = before
                self.unsaved = text
                raise

    async def is_orphaned(self) -> bool:
        """Whether the session of the draft was deleted for good meanwhile."""
        try:
            if self._kept[0] is not None:
                await self._store.session(self._kept[0])
        except SessionNotFoundError:
            return True
        except StepchatError:
            return False
        return False


def strip_paste_marks(text: str) -> str:
    """The text of a draft as it would be sent, without its attachments."""
    return split_marks(text)[0].replace(PASTE_BEGIN, "").replace(PASTE_END, "")


def without_sent(draft: str, path: Sequence[StoredMessage]) -> str:
    """The draft; "" if it was sent, but a crash prevented its deletion."""
    last = next((row.message for row in reversed(path) if isinstance(row.message, UserMessage)), None)
    if last is None:
        return draft
    is_sent = last.text == strip_paste_marks(draft).strip() and last.attachments == split_marks(draft)[1]
    return "" if is_sent else draft
