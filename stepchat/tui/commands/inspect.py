"""Commands that show what went over the line."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from stepchat.tui.commands.command import Command
from stepchat.tui.commands.inspector import inspect_newest
from stepchat.tui.commands.parameters import put

if TYPE_CHECKING:
    from stepchat.messages import Json
    from stepchat.tui.commands.command import Chat


async def inspect(chat: Chat, _argument: str) -> None:
    await inspect_newest(chat)


async def debug(chat: Chat, _argument: str) -> None:
    given = chat.conversation.parameters.get("debug")
    is_on = isinstance(given, dict) and cast("Json", given).get("echo_upstream_body") is True
    await put(chat, "session", [("debug.echo_upstream_body", None if is_on else True)])
    if not chat.workspace.client.backend.supports_session_id:
        chat.tell("Only OpenRouter can tell what the provider was given.")
    elif is_on:
        chat.tell("The server is not asked any more what it gives the provider.")
    else:
        chat.tell("From the next request on the server tells what it gave the provider; F3 shows it.")


COMMANDS: tuple[Command, ...] = (
    Command("inspect", "Look at the request, the events and the ledger of the last answer", inspect, "f3"),
    Command("debug", "Have OpenRouter tell what it gave the provider, or not", debug),
)
