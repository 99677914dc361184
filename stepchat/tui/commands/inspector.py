"""Opens the inspector on an answer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from stepchat.chat.connection import server_for_url
from stepchat.messages import AssistantMessage, StoredMessage
from stepchat.tui.terminal import clipboard

if TYPE_CHECKING:
    from stepchat.config.file import Config
    from stepchat.reasoning.ledger import ReasoningAccount
    from stepchat.sessions.exchanges import Exchange
    from stepchat.tui.commands.command import Chat


async def inspect_newest(chat: Chat) -> None:
    """Look into the answer that is being written, or into the last one."""
    answers = [*_answers(chat), *await _running(chat)]
    if answers:
        await _open(chat, answers, len(answers) - 1)
    else:
        chat.tell("There is no answer to look into yet.")


async def inspect_message(chat: Chat, stored: StoredMessage) -> None:
    """Look into an answer, or into the one after a question."""
    answers = _answers(chat)
    ids = [other.id for other in chat.conversation.path]
    after = ids.index(stored.id) if stored.id in ids else 0
    at = next((at for at, answer in enumerate(answers) if ids.index(answer.id) >= after), len(answers) - 1)
    if answers:
        await _open(chat, answers, at)
    else:
        await inspect_newest(chat)


def _answers(chat: Chat) -> list[StoredMessage]:
    return [stored for stored in chat.conversation.path if isinstance(stored.message, AssistantMessage)]


async def _running(chat: Chat) -> list[StoredMessage]:
    """The answer whose request has left, and which is no message yet."""
    conversation, store = chat.conversation, chat.workspace.store
    if not conversation.busy or conversation.session is None:
        return []
    newest = await store.last_requested_answer(conversation.session.id)
    if newest is None or newest in {stored.id for stored in conversation.path}:
        return []
    blank = AssistantMessage(model_asked=conversation.model)
    return [StoredMessage(newest, conversation.session.id, None, blank)]


async def _open(chat: Chat, answers: list[StoredMessage], at: int) -> None:
    from stepchat.tui.dialogs.inspector import InspectorScreen

    store = chat.workspace.store

    async def account(answer: str) -> ReasoningAccount | None:
        from stepchat.reasoning.ledger import reasoning_accounts

        found = next((one for one in answers if one.id == answer), None)
        return (
            None
            if found is None
            else reasoning_accounts([found], await store.reasoning_sent(found.session, found.id))[0]
        )

    def copy(text: str) -> str:
        return clipboard.copy(chat.app, text)

    as_curl = partial(_as_curl, chat.workspace.config)
    await chat.app.push_screen_wait(InspectorScreen(answers, at, store.exchanges, account, as_curl, copy))


def _as_curl(config: Config, exchange: Exchange) -> str:
    from stepchat import lossless_json
    from stepchat.servers.recording import curl

    variables = server_for_url(exchange.url.removesuffix("/chat/completions"), config).key_variables
    return curl(exchange.url, exchange.headers, lossless_json.dumps(exchange.body), variables[0])
