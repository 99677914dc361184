"""Commands about the server: switch, log in, spending, balance."""

from __future__ import annotations

import asyncio
from datetime import date
from threading import Event
from typing import TYPE_CHECKING

from stepchat.chat.connection import DEMO, ServerConfig, connect, find_server, known_servers, server_for_url
from stepchat.chat.spending import WIDTH, ReportLine, format_balance, price_lookup, spending_report
from stepchat.concurrency import run_in_daemon
from stepchat.config.api_keys import save_key, validate_key
from stepchat.errors import ApiKeyError, StepchatError, UntrustedServerError
from stepchat.servers.api import fetch_balance
from stepchat.servers.client import Client
from stepchat.servers.probe import ProbeResult, probe
from stepchat.tui.commands.command import Command
from stepchat.tui.dialogs.pick import Choice, Picker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.chat.workspace import Workspace
    from stepchat.config.api_keys import Key
    from stepchat.tui.chat.screen import ChatScreen

_ADDRESS = 28
"""Columns of the server list for the address."""
PASTED = "the pasted text"
WAYS = (
    Choice("browser", "Log in with the browser", detail="opens openrouter.ai"),
    Choice("code", "Log in elsewhere", detail="over SSH: paste a code"),
    Choice("key", "Paste a key"),
    Choice("local", "A server on this machine", detail="Ollama, llama.cpp ..."),
    Choice("demo", "The demo", detail="no key, no network"),
)


async def login(screen: ChatScreen, _argument: str) -> None:
    missing = screen.workspace.key_error
    if isinstance(missing, UntrustedServerError):
        raise missing
    title = "How do you want to start?" if missing is None else f"{missing.message} How do you want to start?"
    way = await screen.app.push_screen_wait(Picker(title, WAYS))
    place = _place(screen)
    match way:
        case "browser":
            await _keep(screen, place, await _by_browser(screen, place))
        case "code":
            await _keep(screen, place, await _by_code(screen, place))
        case "key":
            await _keep(screen, place, await _by_hand(screen, place))
        case "local":
            await server(screen, "")
        case "demo":
            await screen.switch_server(find_server(DEMO, screen.workspace.config))
        case _:
            return


def _place(screen: ChatScreen) -> ServerConfig:
    """The server that the key is for: the current one, or OpenRouter if that one needs no key."""
    place = server_for_url(screen.workspace.client.base_url, screen.workspace.config)
    needs = place.backend.has_accounts or screen.workspace.key_error is not None
    return place if needs and screen.workspace.server != DEMO else find_server("openrouter", screen.workspace.config)


async def _keep(screen: ChatScreen, place: ServerConfig, key: Key | None) -> None:
    if key is None:
        return
    where = await run_in_daemon(save_key, key, place.key_name, screen.workspace.paths)
    screen.notice(f"The key for {place.backend.title} is saved in {where}.")
    await screen.switch_server(place)


async def _by_browser(screen: ChatScreen, place: ServerConfig) -> Key | None:
    from stepchat.servers.login import PATIENCE, Callback, authorization_url, exchange_code, new_challenge, open_browser
    from stepchat.tui.dialogs.report import TextDialog

    _check_login(place)
    challenge, stop = new_challenge(), Event()
    try:
        callback = Callback()
    except OSError as error:
        raise ApiKeyError(
            f"Cannot open a local port for the login callback: {error.strerror or error}.",
            "Choose “Log in elsewhere” and paste a code.",
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
    dialog = TextDialog("Waiting for the browser", lambda _: _address_lines("If nothing opens, go to:", address))
    waiting.add_done_callback(lambda _: dialog.dismiss(None) if dialog.is_attached else None)
    open_browser(address)
    try:
        await screen.app.push_screen_wait(dialog)
    finally:
        stop.set()
    made = await waiting
    if made is None:
        screen.flash("No key was created.")
    return made


async def _by_code(screen: ChatScreen, place: ServerConfig) -> Key | None:
    from stepchat.servers.login import authorization_url, exchange_code, new_challenge
    from stepchat.tui.dialogs.secret import SecretPrompt

    _check_login(place)
    challenge = new_challenge()
    words = f"Open this address in any browser, and paste the code it shows:\n\n{authorization_url(place.base_url, challenge)}\n"
    client = Client(place.base_url, place.backend, None)

    async def take(code: str) -> Key:
        return await run_in_daemon(exchange_code, client, code, challenge)

    return await screen.app.push_screen_wait(SecretPrompt("The code", words, take, busy_text="Fetching the key …"))


async def _by_hand(screen: ChatScreen, place: ServerConfig) -> Key | None:
    from stepchat.tui.dialogs.secret import SecretPrompt

    words = f"It is saved in the system's keyring, or in a private file.\n{place.base_url}\n"

    async def take(given: str) -> Key:
        return validate_key(given, PASTED)

    return await screen.app.push_screen_wait(SecretPrompt(f"Key for {place.backend.title}", words, take))


def _check_login(place: ServerConfig) -> None:
    if not place.backend.has_accounts:
        raise ApiKeyError(f"{place.backend.title} has no browser login.", "Create a key on its website and paste it.")


def _address_lines(words: str, address: str) -> list[ReportLine]:
    return [ReportLine(words, "dim"), ReportLine(""), ReportLine(address)]


async def server(screen: ChatScreen, argument: str) -> None:
    config = screen.workspace.config
    if argument:
        await screen.switch_server(find_server(argument, config))
        return
    known = {place.name: place for place in (*known_servers(config), find_server(DEMO, config))}
    pick = Picker(
        "Servers", [_server_row(screen, place, None) for place in known.values()], empty_text="No matching server."
    )
    probing = asyncio.create_task(_probe(screen, list(known.values()), pick))
    try:
        chosen = await screen.app.push_screen_wait(pick)
    finally:
        probing.cancel()
    if chosen is not None:
        await screen.switch_server(known[chosen])


async def _probe(screen: ChatScreen, known: Sequence[ServerConfig], pick: Picker) -> None:
    """Probe all servers at once and show each result as it arrives."""
    reaches: dict[str, ProbeResult] = {}

    async def ask(place: ServerConfig) -> None:
        workspace = screen.workspace
        # In a thread: a keyring may be slow.
        reaches[place.name] = await run_in_daemon(_probe_one, place, workspace)
        pick.set_rows([_server_row(screen, other, reaches.get(other.name)) for other in known])

    await asyncio.gather(*(ask(place) for place in known if place.base_url), return_exceptions=True)


def _probe_one(place: ServerConfig, workspace: Workspace) -> ProbeResult:
    try:
        client = connect(place, workspace.paths, workspace.config, workspace.environ).client
    except StepchatError as error:
        # A problem with its key does not keep the others from being probed.
        return ProbeResult(None, error.message)
    try:
        return probe(client)
    finally:
        client.close()


def _server_row(screen: ChatScreen, place: ServerConfig, reach: ProbeResult | None) -> Choice:
    current = screen.workspace.client.base_url == place.base_url or screen.workspace.server == place.name
    name = f"{place.name}{' ›' if current else ''}"
    if place.name == DEMO:
        return Choice(DEMO, name, detail="no key, no network, scripted answers")
    words = "…" if reach is None else reach.message
    return Choice(place.name, name, detail=f"{place.base_url:{_ADDRESS}}  {words}")


def _server_names(screen: ChatScreen) -> Sequence[tuple[str, str]]:
    return [*((place.name, place.base_url) for place in known_servers(screen.workspace.config)), (DEMO, "")]


async def usage(screen: ChatScreen, _argument: str) -> None:
    from stepchat.tui.dialogs.report import TextDialog

    workspace = screen.workspace
    demo = workspace.server == DEMO
    rows = [row for row in await workspace.store.spending() if (row.server == DEMO) == demo]

    prices = price_lookup(workspace.catalogue, workspace.server)
    today = date.today()  # noqa: DTZ011 - local time
    dialog = TextDialog(
        "Spending in the demo" if demo else "Spending",
        lambda width: spending_report(rows, today, prices, min(WIDTH, width)),
    )
    await screen.app.push_screen_wait(dialog)


async def balance(screen: ChatScreen, _argument: str) -> None:
    client = screen.workspace.client
    if not client.backend.has_accounts:
        raise StepchatError(f"{client.backend.title} does not report a balance.", "/usage shows spending.")
    screen.flash("Fetching the balance …")
    found = await run_in_daemon(fetch_balance, client)
    screen.notice(format_balance(found))


COMMANDS: tuple[Command, ...] = (
    Command(
        "server",
        "Switch server",
        server,
        (),
        "[NAME or URL]",
        _server_names,
        needs=("idle",),
        synonyms=("provider", "host"),
    ),
    Command("login", "Log in, or try the demo", login, synonyms=("auth", "key")),
    Command("usage", "Show spending by model and day", usage, synonyms=("cost", "stats", "spending")),
    Command("balance", "Show remaining credit", balance, synonyms=("credits",)),
)
