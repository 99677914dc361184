"""Commands about who answers: the model and the server."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from stepchat.catalogue.loading import load
from stepchat.chat.connection import DEMO, connect, find_place, places
from stepchat.chat.favourites import read_choices, toggle_favourite
from stepchat.chat.switching import switch_model, switch_server
from stepchat.concurrency import in_daemon
from stepchat.errors import StepchatError
from stepchat.servers.probe import Reach, probe
from stepchat.servers.providers import fetch_providers
from stepchat.tui.commands import login, spending
from stepchat.tui.commands.command import Command
from stepchat.tui.dialogs.models import PickModel
from stepchat.tui.dialogs.pick import Pick, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stepchat.chat.connection import Place
    from stepchat.chat.workspace import Workspace
    from stepchat.servers.providers import Provider
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
        await in_daemon(catalogue.read)

    async def providers(slug: str) -> Sequence[Provider]:
        return await in_daemon(fetch_providers, client.look_up, slug)

    def refresh(changed: Callable[[], None]) -> None:
        load(catalogue, changed, fresh=True, failed=lambda _: changed())

    return await chat.app.push_screen_wait(
        PickModel(
            catalogue,
            chat.conversation.model,
            await read_choices(store),
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
        await switch_server(chat, find_place(argument, config))
        return
    known = {place.name: place for place in (*places(config), find_place(DEMO, config))}
    pick = Pick(
        "Servers", [_server_row(chat, place, None) for place in known.values()], nothing="No server is called so."
    )
    probing = asyncio.create_task(_probe(chat, list(known.values()), pick))
    try:
        chosen = await chat.app.push_screen_wait(pick)
    finally:
        probing.cancel()
    if chosen is not None:
        await switch_server(chat, known[chosen])


async def _probe(chat: Chat, known: Sequence[Place], pick: Pick) -> None:
    """Ask all of them at once, and show what they say as it comes."""
    reaches: dict[str, Reach] = {}

    async def ask(place: Place) -> None:
        workspace = chat.workspace
        # All of it in a thread: a keyring may take its time.
        reaches[place.name] = await in_daemon(_reach, place, workspace)
        pick.set_rows([_server_row(chat, other, reaches.get(other.name)) for other in known])

    await asyncio.gather(*(ask(place) for place in known if place.base_url), return_exceptions=True)


def _reach(place: Place, workspace: Workspace) -> Reach:
    try:
        client = connect(place, workspace.paths, workspace.config, workspace.environ).client
    except StepchatError as error:
        # Of its key: the others are asked all the same.
        return Reach(None, error.message)
    try:
        return probe(client)
    finally:
        client.close()


def _server_row(chat: Chat, place: Place, reach: Reach | None) -> Row:
    current = chat.workspace.client.base_url == place.base_url or chat.workspace.server == place.name
    name = f"{place.name}{' ›' if current else ''}"
    if place.name == DEMO:
        return Row(DEMO, name, aside="no key, no network, scripted answers")
    words = "…" if reach is None else reach.words
    return Row(place.name, name, aside=f"{place.base_url:{_ADDRESS}}  {words}")


def _server_names(chat: Chat) -> Sequence[tuple[str, str]]:
    return [*((place.name, place.base_url) for place in places(chat.workspace.config)), (DEMO, "")]


COMMANDS: tuple[Command, ...] = (
    Command("model", "Choose the model", model, "ctrl+l", "[NAME]", _model_names),
    Command("server", "Choose the server", server, None, "[NAME or URL]", _server_names),
    *spending.COMMANDS,
    *login.COMMANDS,
)
