"""Whether a question still fits into the model's window, and what to do when it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.errors import StepchatError
from stepchat.messages import AssistantMessage, ToolMessage, UserMessage
from stepchat.tui.dialogs.pick import Pick, Row
from stepchat.tui.meter import CHARACTERS_PER_TOKEN, count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.messages import StoredMessage
    from stepchat.servers.models import Model
    from stepchat.tui.commands.row import Chat


def used(path: Sequence[StoredMessage]) -> int:
    """Tokens of the conversation: what the last answer told, and an estimate of what came after it."""
    tokens = 0
    for stored in reversed(path):
        match stored.message:
            case AssistantMessage() as answer:
                told = (answer.usage.prompt_tokens or 0) + (answer.usage.completion_tokens or 0)
                if told:
                    return tokens + told
                tokens += (len(answer.text) + len(answer.reasoning)) // CHARACTERS_PER_TOKEN
            case UserMessage() | ToolMessage() as message:
                tokens += len(message.text) // CHARACTERS_PER_TOKEN
    return tokens


def too_much(path: Sequence[StoredMessage], text: str, model: Model | None, limit: object) -> int | None:
    """How many tokens the question needs when that is more than the model takes. `limit` is max_tokens, if it is set."""
    if model is None or not model.context_length:
        return None
    needed = used(path) + len(text) // CHARACTERS_PER_TOKEN
    reserved = limit if isinstance(limit, int) and not isinstance(limit, bool) else 0
    return needed + reserved if needed + reserved > model.context_length else None


def ask(chat: Chat, text: str | None, after: Sequence[StoredMessage] | None = None) -> None:
    """Ask when it fits; else let the person decide. `text` and `after` as in `Conversation.ask`."""
    conversation = chat.conversation
    model = chat.workspace.catalogue.find(conversation.model)
    parameters = conversation.parameters
    limit = parameters.get("max_tokens") or parameters.get("max_completion_tokens")
    said = conversation.path if text is not None else conversation.path_to_question()
    before = said if after is None else after
    needed = too_much(before, text or "", model, limit)
    if needed is None or model is None or conversation.busy:
        conversation.ask(text, after)
        return

    async def decide() -> None:
        can_be_alone = text is not None and before
        alone = [Row("new", "Ask it in a new session, without what was said before")] if can_be_alone else []
        rows = [*alone, Row("send", "Send it all the same"), Row("back", "Back to the prompt")]
        title = f"About {count(needed)} tokens, and {model.id} takes {count(model.context_length or 0)}"
        with chat.unsent.holding(text or ""):
            chosen = await chat.app.push_screen_wait(Pick(title, rows))
            try:
                if chosen == "new":
                    await chat.open(None)
            except StepchatError:
                if text is not None:
                    chat.conversation.on_refused(text)
                raise
            if chosen in {"new", "send"}:
                chat.conversation.ask(text, after if chosen == "send" else None)
            elif text is not None:
                chat.conversation.on_refused(text)

    chat.start(decide)
