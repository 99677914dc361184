"""A fault in stepchat itself, in a turn: the turn ends, and what is on disk is shown; nothing else on the screen ends."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from stepchat.chat.branches import show_leaf
from stepchat.chat.crash_report import summary
from stepchat.errors import StepchatError

if TYPE_CHECKING:
    from stepchat.chat.conversation import Conversation

_NEXT: Final = "What had arrived is saved; Ctrl+R asks again. Please report it with what you did."


async def show_internal_error(conversation: Conversation, fault: Exception) -> None:
    """Go on with what is on disk, and say what happened, for a report."""
    with suppress(StepchatError):
        if conversation.path:
            # Below what this window shows: the session's own end may be another window's.
            await show_leaf(conversation, await conversation.workspace.store.deepest_leaf(conversation.path[-1].id))
    conversation.view.notice(f"That was a fault in stepchat: {summary(fault)}", _NEXT)
