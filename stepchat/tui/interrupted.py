"""A turn that was cut off: how it is found again, and what is offered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat.messages import AssistantMessage

if TYPE_CHECKING:
    from stepchat.sessions.store import Session, SessionStore
    from stepchat.tui.conversation import Conversation
    from stepchat.tui.transcript_view import TranscriptView

GO_ON: Final = "Go on exactly where your answer stopped."


async def cut_off(store: SessionStore) -> Session | None:
    """The newest session, if its last answer was being written when stepchat ended. Raises StoreError."""
    session = await store.latest()
    last = None if session is None else await store.last_message(session.id)
    message = None if last is None else last.message
    was_cut = isinstance(message, AssistantMessage) and message.stop == "cut" and message.error is None
    return session if was_cut else None


def offer_to_ask(view: TranscriptView, conversation: Conversation) -> None:
    """A question whose answer left nothing can be asked again."""
    if conversation.unanswered and not conversation.busy:
        view.notice(
            "This question has no answer yet.",
            "Ctrl+R asks it, Alt+Q puts it into the prompt; or just write on.",
            kind="info",
        )
