"""An earlier question in the prompt, to be asked anew. What is sent makes a branch; the question itself stays as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Static

from stepchat.errors import StepchatError
from stepchat.first_frame.picture import SIGN
from stepchat.messages import UserMessage

if TYPE_CHECKING:
    from textual import events

    from stepchat.chat.drafts import Unsent
    from stepchat.messages import StoredMessage
    from stepchat.tui.chat.screen import ChatScreen as Chat

EDIT_SIGN = "»"
"""In the place of the prompt's sign."""


class Editing:
    """The question that is being edited, if any is."""

    def __init__(self, chat: Chat, unsent: Unsent) -> None:
        self._chat = chat
        self._unsent = unsent
        self._name = ""
        self.question: StoredMessage | None = None

    def begin(self, stored: StoredMessage) -> None:
        """Put the question into the prompt. What was there comes back afterwards."""
        if not isinstance(stored.message, UserMessage):
            return
        self._unsent.lend(stored.message.text)
        self.question = stored
        self._name = self._chat.message_name(stored)
        self._chat.leave_message()
        self._chat.flash("")
        self._show_sign()

    def leave(self) -> None:
        """Back to what was in the prompt before."""
        if self.question is not None:
            self.question = None
            self._unsent.take_back()
            self._show_sign()
            self._chat.refresh_status()

    def take(self, text: str) -> bool:
        """Ask the question anew in these words. Returns False when none is being edited."""
        if self.question is None:
            return False
        chat, question = self._chat, self.question
        if chat.conversation.busy:
            chat.refuse(StepchatError("Still answering.", "Esc stops it."))
            chat.prompt.prefill(text)
            return True

        async def ask() -> None:
            store = chat.workspace.store
            with self._unsent.holding(text):
                try:
                    after = await store.path(question.session, question.parent) if question.parent is not None else []
                except StepchatError:
                    chat.conversation.on_refused(text)
                    raise
                session = chat.conversation.session
                if session is not None and session.id == question.session:
                    chat.ask(text, after)
                else:  # another was opened meanwhile
                    chat.conversation.on_refused(text)

        self.leave()
        chat.start(ask)
        return True

    def on_key(self, event: events.Key) -> bool:
        """Esc in the prompt leaves it. Returns whether that was it."""
        wanted = event.key == "escape" and self.question is not None and self._chat.prompt.has_focus
        if wanted:
            self.leave()
        return wanted

    def facts(self) -> list[str]:
        """For the status line; empty when nothing is edited."""
        return [f"editing {self._name}"] if self.question is not None else []

    def hints(self) -> list[tuple[str, str]]:
        return [("Enter", "resend as a new branch"), ("Esc", "cancel")] if self.question is not None else []

    def _show_sign(self) -> None:
        self._chat.view.screen.query_one("#prompt-mark", Static).update(SIGN if self.question is None else EDIT_SIGN)
