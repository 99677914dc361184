"""Commands about the model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from stepchat.catalogue.catalogue import load_in_background
from stepchat.chat.favourites import read_model_choices, toggle_favourite
from stepchat.concurrency import run_in_daemon
from stepchat.servers.api import fetch_providers
from stepchat.tui.commands.command import Command
from stepchat.tui.terminal.title import repaint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stepchat.servers.api import Provider
    from stepchat.tui.chat.screen import ChatScreen

_MOST_NAMES = 500


async def model(screen: ChatScreen, argument: str) -> None:
    if not argument:
        # Its key clears a garbled screen in other programs, and does so here, too.
        repaint(screen.app)
    slug = argument or await _pick_model(screen)
    if slug and slug != screen.conversation.model:
        await screen.switch_model(slug)


async def _pick_model(screen: ChatScreen) -> str | None:
    from stepchat.tui.dialogs.models import ModelPicker

    workspace = screen.workspace
    store, client, catalogue = workspace.store, workspace.client, workspace.catalogue
    if not catalogue.models:
        await run_in_daemon(catalogue.read)

    async def providers(slug: str) -> Sequence[Provider]:
        return await run_in_daemon(fetch_providers, client, slug)

    def refresh(changed: Callable[[], None]) -> None:
        load_in_background(catalogue, changed, fresh=True, failed=lambda _: changed())

    return await screen.app.push_screen_wait(
        ModelPicker(
            catalogue,
            screen.conversation.model,
            await read_model_choices(store),
            toggle=partial(toggle_favourite, store),
            providers=providers,
            refresh=refresh,
        )
    )


def _model_names(screen: ChatScreen) -> Sequence[tuple[str, str]]:
    return [(model.id, model.name) for model in screen.workspace.catalogue.search("")[:_MOST_NAMES]]


COMMANDS: tuple[Command, ...] = (
    Command("model", "Choose the model", model, ("ctrl+l", "leader l"), "[NAME]", _model_names, synonyms=("models",)),
)
