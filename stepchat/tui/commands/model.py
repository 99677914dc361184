"""Commands about who answers: the model and the server."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from stepchat.catalogue.catalogue import load_in_background
from stepchat.chat.connection import DEMO, connect, find_server, known_servers
from stepchat.chat.favourites import read_model_choices, toggle_favourite
from stepchat.chat.switching import switch_model, switch_server
from stepchat.concurrency import run_in_daemon
from stepchat.errors import StepchatError
from stepchat.servers.api import fetch_providers
from stepchat.servers.probe import ProbeResult, probe
from stepchat.tui.commands import login, spending
from stepchat.tui.commands.command import Command
from stepchat.tui.dialogs.models import ModelPicker
from stepchat.tui.dialogs.pick import Choice, Picker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stepchat.chat.connection import ServerConfig
    from stepchat.chat.workspace import Workspace
    from stepchat.servers.api import Provider
    from stepchat.tui.commands.command import Chat

_MOST_NAMES = 30
_ADDRESS = 28
"""Columns of the server list for the address."""


async def model(chat: Chat, argument: str) -> None:
    slug = argument or await _pick_model(chat)
    if slug and slug != chat.conversation.model:
        await switch_model(chat, slug)


async def _pick_model(chat: Chat) -> str | None:
    workspace = chat.workspace
    store, client, catalogue = workspace.store, workspace.client, workspace.catalogue
    if not catalogue.models:
        await run_in_daemon(catalogue.read)

    async def providers(slug: str) -> Sequence[Provider]:
        return await run_in_daemon(fetch_providers, client, slug)

    def refresh(changed: Callable[[], None]) -> None:
        load_in_background(catalogue, changed, fresh=True, failed=lambda _: changed())

    return await chat.app.push_screen_wait(
        ModelPicker(
            catalogue,
            chat.conversation.model,
            await read_model_choices(store),
            toggle=partial(toggle_favourite, store),
            providers=providers,
            refresh=refresh,
        )
    )


def _model_names(chat: Chat) -> Sequence[tuple[str, str]]:
    return [(model.id, model.name) for model in chat.workspace.catalogue.search("")[:_MOST_NAMES]]


async def server(chat: Chat, argument: str) -> None:
    config = chat.workspace.config
    if argument:
        await switch_server(chat, find_server(argument, config))
        return
    known = {place.name: place for place in (*known_servers(config), find_server(DEMO, config))}
    pick = Picker(
        "Servers", [_server_row(chat, place, None) for place in known.values()], empty_text="No server is called so."
    )
    probing = asyncio.create_task(_probe(chat, list(known.values()), pick))
    try:
        chosen = await chat.app.push_screen_wait(pick)
    finally:
        probing.cancel()
    if chosen is not None:
        await switch_server(chat, known[chosen])


async def _probe(chat: Chat, known: Sequence[ServerConfig], pick: Picker) -> None:
    """Ask all of them at once, and show what they say as it comes."""
    reaches: dict[str, ProbeResult] = {}

    async def ask(place: ServerConfig) -> None:
        workspace = chat.workspace
        # All of it in a thread: a keyring may take its time.
        reaches[place.name] = await run_in_daemon(_reach, place, workspace)
        pick.set_rows([_server_row(chat, other, reaches.get(other.name)) for other in known])

    await asyncio.gather(*(ask(place) for place in known if place.base_url), return_exceptions=True)


def _reach(place: ServerConfig, workspace: Workspace) -> ProbeResult:
    try:
        client = connect(place, workspace.paths, workspace.config, workspace.environ).client
    except StepchatError as error:
        # Of its key: the others are asked all the same.
        return ProbeResult(None, error.message)
    try:
        return probe(client)
    finally:
        client.close()


def _server_row(chat: Chat, place: ServerConfig, reach: ProbeResult | None) -> Choice:
    current = chat.workspace.client.base_url == place.base_url or chat.workspace.server == place.name
    name = f"{place.name}{' ›' if current else ''}"
    if place.name == DEMO:
        return Choice(DEMO, name, detail="no key, no network, scripted answers")
    words = "…" if reach is None else reach.message
    return Choice(place.name, name, detail=f"{place.base_url:{_ADDRESS}}  {words}")


def _server_names(chat: Chat) -> Sequence[tuple[str, str]]:
    return [*((place.name, place.base_url) for place in known_servers(chat.workspace.config)), (DEMO, "")]


COMMANDS: tuple[Command, ...] = (
    Command("model", "Choose the model", model, "ctrl+l", "[NAME]", _model_names),
    Command("server", "Choose the server", server, None, "[NAME or URL]", _server_names),
    *spending.COMMANDS,
    *login.COMMANDS,
)
