"""Another model or another server for the conversation on the screen: it stays, and what cannot follow is told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stepchat.connecting import DEMO, connect, connect_demo, place_for
from stepchat.messages import AssistantMessage
from stepchat.servers.probing import kind_of
from stepchat.servers.profiles import DEFAULT_MODEL, same_server
from stepchat.servers.wire import Target, same_source
from stepchat.transcript.facts import short_model
from stepchat.tui.catalogue_loading import load
from stepchat.tui.model_choices import remember_recent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stepchat.connecting import Place
    from stepchat.errors import StepchatError
    from stepchat.messages import StoredMessage
    from stepchat.sessions.store import Session
    from stepchat.tui.commands.row import Chat
    from stepchat.workspace import Workspace


async def switch_model(chat: Chat, slug: str) -> None:
    """Ask this model from now on."""
    before = _target(chat)
    chat.conversation.model = slug
    chat.refresh_status()
    await remember_recent(chat.workspace.store, slug)
    catalogue = chat.workspace.catalogue
    if catalogue.models and catalogue.find(slug) is None:
        near = catalogue.nearest(slug)
        hint = f"Near: {', '.join(near)}." if near else "Ctrl+L shows what there is."
        chat.view.notice(
            f"{slug} is not in the server's list of models. It is asked all the same.", hint, kind="warning"
        )
    _tell_switch(chat, before, f"Model: {slug}")


async def open_session(chat: Chat, session: Session) -> None:
    """Show it; it goes on where it was held, unless another server was named at the start.

    One of the demo goes on here: nobody wants to be in the demo unawares.
    """
    await chat.open(session)
    held, here = session.server, chat.workspace
    named = here.request.base_url or here.request.server or here.environ.get("STEPCHAT_BASE_URL")
    if named or held in {"", DEMO} or here.server == DEMO or same_server(held, here.server):
        return
    await switch_server(chat, place_for(held, here.config), keep_model=True)


async def switch_server(chat: Chat, place: Place, *, keep_model: bool = False) -> None:
    """Ask this server from now on."""
    if chat.conversation.busy:
        chat.tell("It is still answering; Esc stops it.")
        return
    if chat.background.sessions:
        chat.tell("Another session is still answered by this server.")
        return
    before = _target(chat)
    old = chat.workspace
    if place.name == DEMO:
        base_url, close_demo = _demo(old)
        new = connect_demo(base_url, old.paths, old.config)
    else:
        new, close_demo = connect(place, old.paths, old.config, old.environ), old.close_demo
    use(
        chat,
        replace(
            old, client=new.client, catalogue=new.catalogue, server=new.server, key_error=new.key_error,
            close_demo=close_demo,
        ),
    )  # fmt: skip
    old.client.close()
    if place.model and not keep_model:
        chat.conversation.model = place.model
    chat.refresh_status()
    if new.key_error is not None:
        chat.view.notice(new.key_error.message, new.key_error.hint, kind="warning")
    _tell_switch(chat, before, f"Server: {new.place.profile.title}")
    # A model that the place names is asked, whatever the list says.
    then = arrived if place.model else _arrived_elsewhere
    load(new.catalogue, lambda: then(chat), fresh=True, failed=lambda error: _missing(chat, error))


def use(chat: Chat, workspace: Workspace) -> None:
    """Everything that follows works with this."""
    chat.workspace = chat.conversation.workspace = workspace


def _demo(workspace: Workspace) -> tuple[str, Callable[[], None]]:
    from stepchat.demo.server import DemoServer

    server = DemoServer().start()
    before = workspace.close_demo

    def close() -> None:
        server.close()
        if before is not None:
            before()

    return server.url, close


def arrived(chat: Chat) -> None:
    """The list of models is there: the kind of server may show, and whether it has the model.

    A model that somebody named is asked, whatever the list says.
    """
    workspace = chat.workspace
    if workspace.client.profile.name == "custom" and (kind := kind_of(workspace.catalogue.models)):
        own = workspace.client.profile
        workspace.client.profile = replace(kind, base_url=own.base_url, key_variable=own.key_variable)
    if chat.conversation.model == DEFAULT_MODEL:
        settle_model(chat)
    chat.refresh_status()


def _arrived_elsewhere(chat: Chat) -> None:
    arrived(chat)
    settle_model(chat)


def settle_model(chat: Chat) -> None:
    """A model that the server has: the one asked so far, else the only one there, else the default."""
    catalogue, conversation = chat.workspace.catalogue, chat.conversation
    if not catalogue.models or conversation.busy or catalogue.find(conversation.model) is not None:
        return
    wanted = catalogue.models[0].id if len(catalogue.models) == 1 else DEFAULT_MODEL
    if catalogue.find(wanted) is None:
        chat.view.notice(
            f"This server has no model {conversation.model}.", "Ctrl+L chooses one of its own.", kind="warning"
        )
        return
    conversation.model = wanted
    chat.tell(
        f"Model: {wanted}, because this server has no other." if len(catalogue.models) == 1 else f"Model: {wanted}"
    )


def _missing(chat: Chat, error: StepchatError) -> None:
    chat.view.notice(error.message, error.hint, kind="warning")


def _target(chat: Chat) -> Target:
    client = chat.workspace.client
    return Target(client.profile, client.base_url, chat.conversation.model)


def staying_behind(path: Sequence[StoredMessage], before: Target, now: Target) -> list[AssistantMessage]:
    """The answers whose reasoning went back until now and does not any more (WIRE.md 3.6)."""
    answers = [stored.message for stored in path if isinstance(stored.message, AssistantMessage)]
    thought = [answer for answer in answers if answer.reasoning_details or answer.reasoning]
    return [answer for answer in thought if same_source(answer, before) and not same_source(answer, now)]


def _tell_switch(chat: Chat, before: Target, words: str) -> None:
    now = _target(chat)
    behind = staying_behind(chat.conversation.path, before, now)
    if not behind:
        chat.tell(words)
        return
    makers = sorted({short_model(answer.model or answer.model_asked) for answer in behind})
    count = f"{len(behind)} answers" if len(behind) > 1 else "1 answer"
    other = "model" if before.base_url == now.base_url else "server"
    chat.view.notice(
        f"{words}. The reasoning of {count} by {', '.join(makers)} stays behind: another {other} cannot use it. "
        "It stays on disk and goes back when you switch back.",
        kind="info",
    )
