"""Opens the inspector on an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.connecting import key_places
from stepchat.messages import AssistantMessage
from stepchat.tui import clipboard

if TYPE_CHECKING:
    from stepchat.ledger_report import Account
    from stepchat.messages import StoredMessage
    from stepchat.sessions.exchanges import Exchange
    from stepchat.tui.commands.row import Chat


async def inspect_message(chat: Chat, stored: StoredMessage) -> None:
    """Look into an answer, or into the one after a question."""
    from stepchat.tui.dialogs.inspector import Inspector

    answers, store = answers_of(chat), chat.workspace.store
    ids = [other.id for other in chat.conversation.path]
    after = ids.index(stored.id) if stored.id in ids else 0
    at = next((at for at, answer in enumerate(answers) if ids.index(answer.id) >= after), len(answers) - 1)

    async def account(answer: str) -> Account | None:
        from stepchat.ledger_report import accounts

        found = next((one for one in answers if one.id == answer), None)
        return None if found is None else accounts([found], await store.session_exchanges(found.session))[0]

    client = chat.workspace.client
    variable = key_places(client.base_url, client.profile)[1][0]

    def as_curl(exchange: Exchange) -> str:
        from stepchat import exact_json
        from stepchat.servers.curl import curl

        return curl(exchange.url, exchange.headers, exact_json.dumps(exchange.body), variable)

    def copy(text: str) -> str:
        return clipboard.copy(chat.app, text)

    if answers:
        await chat.app.push_screen_wait(Inspector(answers, at, store.exchanges, account, as_curl, copy))


def answers_of(chat: Chat) -> list[StoredMessage]:
    return [stored for stored in chat.conversation.path if isinstance(stored.message, AssistantMessage)]
