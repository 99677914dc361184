"""A fault in stepchat itself, in a turn: the turn ends, and what is on disk is shown; nothing else on the screen ends."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepchat.errors import StepchatError
from stepchat.tui.branches import show_leaf

if TYPE_CHECKING:
    from stepchat.tui.conversation import Conversation

_NEXT: Final = "What had arrived is saved; Ctrl+R asks again. Please report it with what you did."


async def show_fault(conversation: Conversation, fault: Exception) -> None:
    """Go on with what is on disk, and say what happened, for a report."""
    with suppress(StepchatError):
        if conversation.path:
            # Below what this window shows: the session's own end may be another window's.
            await show_leaf(conversation, await conversation.workspace.store.deepest_leaf(conversation.path[-1].id))
    conversation.view.notice(f"That was a fault in stepchat: {in_words(fault)}", _NEXT)


def in_words(fault: Exception) -> str:
    """What it is, and where."""
    trace = fault.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})"
    return f"{type(fault).__name__}: {fault}{where}" if str(fault) else f"{type(fault).__name__}{where}"
