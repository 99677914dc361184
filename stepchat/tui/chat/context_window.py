"""Every question goes through here: it is asked when it fits into the model's window, else the person decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.chat.context_window import small_window_warning, tokens_over_limit
from stepchat.errors import StepchatError
from stepchat.text.format import short_count
from stepchat.tui.dialogs.pick import Choice, Picker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.catalogue.models import Model
    from stepchat.chat.conversation import Conversation
    from stepchat.messages import StoredMessage
    from stepchat.tui.chat.screen import ChatScreen as Chat


def ask(chat: Chat, text: str | None, after: Sequence[StoredMessage] | None = None, *, is_typed: bool = True) -> None:
    """Ask when it fits; else let the person decide. `text` and `after` as in `Conversation.ask`.

    Text that was typed can be asked alone, too, and goes back to the prompt.
    """
    conversation = chat.conversation
    model = conversation.workspace.catalogue.find(conversation.model)
    said = conversation.path if text is not None else conversation.path_to_question()
    before = said if after is None else after
    needed = _needed(conversation, before, text or "", model)
    if needed is None or model is None or conversation.busy:
        conversation.ask(text, after)
        return

    typed = text if is_typed else None

    async def decide() -> None:
        can_be_alone = typed is not None and before
        alone = [Choice("new", "Ask it in a new session, without what was said before")] if can_be_alone else []
        more = conversation.workspace.client.backend.context_window_hint if model.max_context_length else ""
        hint = [Choice("hint", more, disabled=True)] if more else []
        rows = [*alone, Choice("send", "Send it all the same"), Choice("back", "Back to the prompt"), *hint]
        title = f"About {short_count(needed)} tokens, and {model.id} takes {short_count(model.context_length or 0)}"
        with chat.unsent.holding(typed or ""):
            chosen = await chat.app.push_screen_wait(Picker(title, rows))
            try:
                if chosen == "new":
                    await chat.open(None)
            except StepchatError:
                if typed is not None:
                    chat.conversation.on_refused(typed)
                raise
            if chosen in {"new", "send"}:
                chat.conversation.ask(text, after if chosen == "send" else None)
            elif typed is not None:
                chat.conversation.on_refused(typed)

    chat.start(decide)


def ask_next(chat: Chat, conversation: Conversation, text: str) -> None:
    """The same for what waited until an answer ended. Of one that is not on the screen nobody can decide."""
    if conversation is chat.conversation:
        ask(chat, text)
    elif _needed(conversation, conversation.path, text, conversation.workspace.catalogue.find(conversation.model)):
        conversation.on_refused(text)
    else:
        conversation.ask(text)


def look_at_window(chat: Chat, *, sent: int = 0) -> None:
    """Say once of a server and its model that it has little room; `sent` are the tokens of what it was just asked."""
    conversation, client = chat.conversation, chat.workspace.client
    told = (client.base_url, conversation.model)
    model = chat.workspace.catalogue.find(conversation.model)
    if told not in chat.standing.told and (words := small_window_warning(model, sent)):
        chat.standing.told.add(told)
        chat.view.notice(words, client.backend.context_window_hint, kind="warning")


def _needed(conversation: Conversation, path: Sequence[StoredMessage], text: str, model: Model | None) -> int | None:
    session = conversation.session
    system = conversation.workspace.system if session is None else session.system
    return tokens_over_limit(path, text, model, conversation.workspace.client.backend, conversation.parameters, system)
