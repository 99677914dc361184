"""Turns that were cut when stepchat ended: told at the start, opened one by one, and kept, gone on with or asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat.chat import branches
from stepchat.messages import AssistantMessage
from stepchat.text.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.messages import Message
    from stepchat.sessions.recovery import InterruptedAnswer
    from stepchat.tui.commands.command import Chat

GO_ON: Final = "Go on exactly where your answer stopped."
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
    conversation, here = chat.conversation, shown_interrupted(chat, cuts)
    if conversation.busy or not cuts:
        return
    others = describe_others([cut for cut in cuts if cut is not here], too=here is not None)
    if here is not None:
        chat.view.notice(f"{_kept(conversation.path[-1].message)}, Alt+O leaves it as it is.", others, kind="info")
    elif not chat.welcome.display:
        chat.view.notice(others, kind="info")


def _kept(message: Message) -> str:
    if message.text:
        return "What came is kept: Alt+G goes on from there, Ctrl+R asks again"
    thought = isinstance(message, AssistantMessage) and message.reasoning
    return f"{'The thoughts are' if thought else 'The question is'} kept: Ctrl+R asks again"


def shown_interrupted(chat: Chat, cuts: Sequence[InterruptedAnswer]) -> InterruptedAnswer | None:
    """The one at the end of what is on the screen."""
    path = chat.conversation.path
    return next((cut for cut in cuts if path and cut.answer == path[-1].id), None)


def describe(cuts: Sequence[InterruptedAnswer], *, too: bool = False) -> str:
    """One sentence that names them."""
    names = ", ".join(name(cut) for cut in cuts[:_NAMED])
    more = f" and {len(cuts) - _NAMED} more" if len(cuts) > _NAMED else ""
    if len(cuts) == 1:
        which = "Another answer was cut, too" if too else "An answer was cut when stepchat ended"
    else:
        which = f"{len(cuts)} {'others were cut, too' if too else 'answers were cut when stepchat ended'}"
    return f"{which}: {names}{more}."


def describe_others(cuts: Sequence[InterruptedAnswer], *, too: bool) -> str:
    """The same, and how to get there; "" when there are none."""
    return f"{describe(cuts, too=too)} Alt+I shows {'it' if len(cuts) == 1 else 'them'}." if cuts else ""


def name(cut: InterruptedAnswer) -> str:
    title = sanitize(cut.title, keep_newlines=False) or "untitled"
    return f"“{title if len(title) <= _TITLE else title[: _TITLE - 1] + '…'}”"


async def open_interrupted(chat: Chat, cut: InterruptedAnswer) -> None:
    """Its session, on the branch that it ends. Raises StepchatError."""
    await chat.open(await chat.workspace.store.session(cut.session))
    conversation = chat.conversation
    if not conversation.busy and all(stored.id != cut.answer for stored in conversation.path):
        await branches.show_leaf(conversation, cut.answer)
        chat.view.scroll_to_end()
        await announce(chat)
