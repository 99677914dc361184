"""Commands that show what was sent and received: the inspector, token probabilities, the provider's request."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from stepchat.attachments.content import digests_in, with_data
from stepchat.chat.connection import server_for_url
from stepchat.errors import StepchatError
from stepchat.messages import AssistantMessage, StoredMessage, UserMessage
from stepchat.transcript.logprobs import read_tokens
from stepchat.tui.commands.command import Command, has_messages
from stepchat.tui.commands.parameters import put
from stepchat.tui.terminal import clipboard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepchat.config.file import Config
    from stepchat.messages import Json
    from stepchat.reasoning.ledger import ReasoningAccount
    from stepchat.sessions.exchanges import Exchange
    from stepchat.transcript.document import MessageView
    from stepchat.tui.chat.screen import ChatScreen


async def inspect(screen: ChatScreen, _argument: str) -> None:
    """Inspect the focused answer or the one after the focused question; otherwise the running or last answer."""
    answers = [stored for stored in screen.conversation.path if isinstance(stored.message, AssistantMessage)]
    focused = screen.view.focused_message
    if focused is not None and focused.stored is not None and answers:
        ids = [stored.id for stored in screen.conversation.path]
        after = ids.index(focused.stored.id) if focused.stored.id in ids else 0
        at = next((at for at, answer in enumerate(answers) if ids.index(answer.id) >= after), len(answers) - 1)
    else:
        answers += await _running(screen)
        at = len(answers) - 1
    if answers:
        await _open(screen, answers, at)
    else:
        screen.flash("There is no answer to inspect yet.")


async def _running(screen: ChatScreen) -> list[StoredMessage]:
    """The streaming answer, which is not a stored message yet."""
    conversation, store = screen.conversation, screen.workspace.store
    if not conversation.busy or conversation.session is None:
        return []
    newest = await store.last_requested_answer(conversation.session.id)
    if newest is None or newest in {stored.id for stored in conversation.path}:
        return []
    blank = AssistantMessage(model_asked=conversation.model)
    return [StoredMessage(newest, conversation.session.id, None, blank)]


async def _open(screen: ChatScreen, answers: list[StoredMessage], at: int) -> None:
    # Not needed by the first frame.
    from stepchat.tui.dialogs.inspector import InspectorScreen

    store = screen.workspace.store

    async def account(answer: str) -> ReasoningAccount | None:
        from stepchat.reasoning.ledger import reasoning_accounts

        found = next((one for one in answers if one.id == answer), None)
        return (
            None
            if found is None
            else reasoning_accounts([found], await store.reasoning_sent(found.session, found.id))[0]
        )

    def copy(text: str) -> str:
        return clipboard.copy(screen.app, text)

    contents: dict[str, bytes] = {}

    async def exchanges(answer: str) -> list[Exchange]:
        found = await store.exchanges(answer)
        wires = [line.wire for exchange in found for line in exchange.lines if line.wire is not None]
        contents.update(await store.attachments([digest for wire in wires for digest in digests_in(wire)]))
        return found

    as_curl = partial(_as_curl, screen.workspace.config, contents)
    await screen.app.push_screen_wait(InspectorScreen(answers, at, exchanges, account, as_curl, copy))


def _as_curl(config: Config, contents: Mapping[str, bytes], exchange: Exchange) -> str:
    """The request as a command, with the attached files in it."""
    from stepchat import lossless_json
    from stepchat.servers.recording import curl

    variables = server_for_url(exchange.url.removesuffix("/chat/completions"), config).key_variables
    body = {**exchange.body, "messages": [with_data(wire, contents) for wire in exchange.body["messages"]]}
    return curl(exchange.url, exchange.headers, lossless_json.dumps(body), variables[0])


async def tokens(screen: ChatScreen, _argument: str) -> None:
    from stepchat.tui.dialogs.logprobs import LogprobsScreen

    focused = screen.view.focused_message
    chosen = focused.stored if focused is not None else None
    answers = [chosen] if chosen is not None else list(reversed(screen.conversation.path))
    answer = next((stored.message for stored in answers if isinstance(stored.message, AssistantMessage)), None)
    if answer is None:
        raise StepchatError("There is no answer here.", "Ask something first.")
    if not answer.logprobs:
        raise StepchatError(
            "This answer has no token probabilities.", "/set logprobs=true and /set top_logprobs=5 request them."
        )
    await screen.app.push_screen_wait(LogprobsScreen(read_tokens(answer.logprobs)))


async def debug(screen: ChatScreen, _argument: str) -> None:
    given = screen.conversation.parameters.get("debug")
    is_on = isinstance(given, dict) and cast("Json", given).get("echo_upstream_body") is True
    await put(screen, "session", [("debug.echo_upstream_body", None if is_on else True)])
    if not screen.workspace.client.backend.supports_session_id:
        screen.flash("Only OpenRouter can report the request it sends to the provider.")
    elif is_on:
        screen.flash("Upstream echo is off.")
    else:
        screen.flash("Upstream echo is on from the next request; see {key:inspect}.")


def _has_request(_screen: ChatScreen, message: MessageView) -> bool:
    return message.stored is not None and isinstance(message.stored.message, AssistantMessage | UserMessage)


COMMANDS: tuple[Command, ...] = (
    Command(
        "inspect", "Inspect the request and response of an answer", inspect, ("f3", "leader w"),
        message_key="i", word="inspect", applies=_has_request, synonyms=("request", "raw"), is_offered=has_messages),
    Command("tokens", "Show token probabilities", tokens, synonyms=("logprobs",), is_offered=has_messages),
    Command("debug", "Toggle upstream echo (OpenRouter debug)", debug),
)  # fmt: skip
