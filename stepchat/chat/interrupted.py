"""Turns that were cut when stepchat ended: told at the start, opened one by one, and kept, gone on with or asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat.messages import AssistantMessage
from stepchat.text.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.messages import Message, StoredMessage
    from stepchat.sessions.recovery import InterruptedAnswer
    from stepchat.tui.chat.screen import ChatScreen as Chat

CONTINUE: Final = "Go on exactly where your answer stopped."
_NAMED: Final = 2
_TITLE: Final = 40


def offer_retry(chat: Chat) -> None:
    """A question whose answer left nothing can be asked again."""
    if chat.conversation.has_unanswered_question and not chat.conversation.busy:
        chat.view.notice(
            "This question has no answer yet.", "Ctrl+R asks it, Alt+Q puts it into the prompt; or just write on.",
            kind="info",
        )  # fmt: skip


async def announce(chat: Chat) -> None:
    """Tell of what was cut, here first. Raises StoreError."""
    cuts = await chat.workspace.store.interrupted_answers()
    conversation = chat.conversation
    here = shown_interrupted(conversation.path, cuts)
    if conversation.busy or not cuts:
        return
    others = describe_others([cut for cut in cuts if cut is not here], also=here is not None)
    if here is not None:
        chat.view.notice(f"{_kept(conversation.path[-1].message)}, Alt+O leaves it as it is.", others, kind="info")
    elif not chat.welcome.display:
        chat.view.notice(others, kind="info")


def _kept(message: Message) -> str:
    if message.text:
        return "What came is kept: Alt+G goes on from there, Ctrl+R asks again"
    thought = isinstance(message, AssistantMessage) and message.reasoning
    return f"{'The thoughts are' if thought else 'The question is'} kept: Ctrl+R asks again"


def shown_interrupted(path: Sequence[StoredMessage], cuts: Sequence[InterruptedAnswer]) -> InterruptedAnswer | None:
    """The one at the end of this branch."""
    return next((cut for cut in cuts if path and cut.answer == path[-1].id), None)


def describe(cuts: Sequence[InterruptedAnswer], *, also: bool = False) -> str:
    """One sentence that names them."""
    names = ", ".join(name(cut) for cut in cuts[:_NAMED])
    more = f" and {len(cuts) - _NAMED} more" if len(cuts) > _NAMED else ""
    if len(cuts) == 1:
        which = "Another answer was cut, too" if also else "An answer was cut when stepchat ended"
    else:
        which = f"{len(cuts)} {'others were cut, too' if also else 'answers were cut when stepchat ended'}"
    return f"{which}: {names}{more}."


def describe_others(cuts: Sequence[InterruptedAnswer], *, also: bool) -> str:
    """The same, and how to get there; "" when there are none."""
    return f"{describe(cuts, also=also)} Alt+I shows {'it' if len(cuts) == 1 else 'them'}." if cuts else ""


def name(cut: InterruptedAnswer) -> str:
    title = sanitize(cut.title, keep_newlines=False) or "untitled"
    return f"“{title if len(title) <= _TITLE else title[: _TITLE - 1] + '…'}”"
