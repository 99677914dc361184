"""The ways to begin: a key by the browser, a key of one's own, a server on this machine, the demo."""

from __future__ import annotations

import asyncio
from threading import Event
from typing import TYPE_CHECKING

from stepchat.chat.connection import DEMO, ServerConfig, find_server, server_for_url
from stepchat.chat.spending import ReportLine
from stepchat.chat.switching import switch_server
from stepchat.concurrency import run_in_daemon
from stepchat.config.api_keys import save_key, validate_key
from stepchat.errors import ApiKeyError, UntrustedServerError
from stepchat.servers.client import Client
from stepchat.tui.chat import notices
from stepchat.tui.commands.command import Command
from stepchat.tui.dialogs.pick import Choice, Picker
from stepchat.tui.dialogs.report import TextDialog
from stepchat.tui.dialogs.secret import SecretPrompt

if TYPE_CHECKING:
    from stepchat.config.api_keys import Key
    from stepchat.tui.commands.command import Chat

PASTED = "what was pasted"
WAYS = (
    Choice("browser", "Log in with the browser", detail="OpenRouter gives a key"),
    Choice("code", "Log in elsewhere", detail="over SSH: paste a code"),
    Choice("key", "Paste a key"),
    Choice("local", "A server on this machine", detail="Ollama, llama.cpp ..."),
    Choice("demo", "The demo", detail="no key, no network"),
)


async def login(chat: Chat, _argument: str) -> None:
    missing = chat.workspace.key_error
    if isinstance(missing, UntrustedServerError):
        raise missing
    title = "A key, or none" if missing is None else f"{missing.message} How to begin?"
    way = await chat.app.push_screen_wait(Picker(title, WAYS))
    place = _place(chat)
    match way:
        case "browser":
            await _keep(chat, place, await _by_browser(chat, place))
        case "code":
            await _keep(chat, place, await _by_code(chat, place))
        case "key":
            await _keep(chat, place, await _by_hand(chat, place))
        case "local":
            # The table of commands holds this module, too.
            from stepchat.tui.commands.model import server

            await server(chat, "")
        case "demo":
            await switch_server(chat, find_server(DEMO, chat.workspace.config))
        case _:
            return


def _place(chat: Chat) -> ServerConfig:
    """Whose key it is: that of the server asked now, or OpenRouter's when that one needs none."""
    place = server_for_url(chat.workspace.client.base_url, chat.workspace.config)
    needs = place.backend.has_accounts or chat.workspace.key_error is not None
    return place if needs and chat.workspace.server != DEMO else find_server("openrouter", chat.workspace.config)


async def _keep(chat: Chat, place: ServerConfig, key: Key | None) -> None:
    if key is None:
        return
    where = await run_in_daemon(save_key, key, place.key_name, chat.workspace.paths)
    notices.say(chat, f"The key for {place.backend.title} is kept in {where}.")
    await switch_server(chat, place)


async def _by_browser(chat: Chat, place: ServerConfig) -> Key | None:
    from stepchat.servers.login import PATIENCE, Callback, authorization_url, exchange_code, new_challenge, open_browser

    _check_login(place)
    challenge, stop = new_challenge(), Event()
    try:
        callback = Callback()
    except OSError as error:
        raise ApiKeyError(
            f"Nothing can be waited for on this machine: {error.strerror or error}.", "Log in elsewhere: paste a code."
        ) from None

    def wait() -> str | None:
        try:
            return callback.wait(PATIENCE, stop.is_set)
        finally:
            callback.close()

    address = authorization_url(place.base_url, challenge, callback.url)
    client = Client(place.base_url, place.backend, None)

    async def key() -> Key | None:
        code = await run_in_daemon(wait)
        return None if code is None else await run_in_daemon(exchange_code, client, code, challenge)

    waiting = asyncio.ensure_future(key())
    screen = TextDialog("Waiting for the browser", lambda _: _address_lines("If nothing opens, go to:", address))
    waiting.add_done_callback(lambda _: screen.dismiss(None) if screen.is_attached else None)
    open_browser(address)
    try:
        await chat.app.push_screen_wait(screen)
    finally:
        stop.set()
    made = await waiting
    if made is None:
        chat.tell("No key was made.")
    return made


async def _by_code(chat: Chat, place: ServerConfig) -> Key | None:
    from stepchat.servers.login import authorization_url, exchange_code, new_challenge

    _check_login(place)
    challenge = new_challenge()
    words = f"Open this address in any browser, and paste the code it shows:\n\n{authorization_url(place.base_url, challenge)}\n"
    client = Client(place.base_url, place.backend, None)

    async def take(code: str) -> Key:
        return await run_in_daemon(exchange_code, client, code, challenge)

    return await chat.app.push_screen_wait(SecretPrompt("The code", words, take, busy_text="Asking for the key …"))


async def _by_hand(chat: Chat, place: ServerConfig) -> Key | None:
    words = f"It is kept in the system's keyring, else in a file that only you can read.\n{place.base_url}\n"

    async def take(given: str) -> Key:
        return validate_key(given, PASTED)

    return await chat.app.push_screen_wait(SecretPrompt(f"Key for {place.backend.title}", words, take))


def _check_login(place: ServerConfig) -> None:
    if not place.backend.has_accounts:
        raise ApiKeyError(f"{place.backend.title} gives no keys this way.", "Make one on its website, and paste it.")


def _address_lines(words: str, address: str) -> list[ReportLine]:
    return [ReportLine(words, "dim"), ReportLine(""), ReportLine(address)]


COMMANDS: tuple[Command, ...] = (Command("login", "Get or paste a key, or begin without one", login),)
