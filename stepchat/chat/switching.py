"""Another model or another server for the conversation on the screen: it stays, and what cannot follow is told."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from stepchat.catalogue.backends import DEFAULT_MODEL, detect_backend, same_address
from stepchat.catalogue.catalogue import load_in_background
from stepchat.chat.connection import DEMO, connect, connect_demo, connect_to_session_server, trust_server
from stepchat.chat.context_window import estimate_conversation_tokens
from stepchat.chat.favourites import remember_recent
from stepchat.concurrency import run_in_daemon
from stepchat.errors import StepchatError, UntrustedServerError
from stepchat.messages import AssistantMessage
from stepchat.reasoning.replay import Target, same_source
from stepchat.text.format import short_model
from stepchat.tui.chat.context_window import look_at_window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stepchat.chat.connection import Connection, ServerConfig
    from stepchat.chat.conversation import Conversation
    from stepchat.chat.workspace import Workspace
    from stepchat.messages import StoredMessage
    from stepchat.sessions.records import Session
    from stepchat.tui.chat.screen import ChatScreen as Chat


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
    look_at_window(chat)
    _tell_switch(chat, before, f"Model: {slug}")


async def session_connection(chat: Chat, session: Session) -> Connection | None:
    """The way to where it was held, when that is another server than the one asked now, and none was named at the start.

    One of the demo goes on here: nobody wants to be in the demo unawares.
    """
    held, here = session.server, chat.workspace
    named = here.start_options.base_url or here.start_options.server or here.environ.get("STEPCHAT_BASE_URL")
    if named or held in {"", DEMO} or here.server == DEMO or same_address(held, here.server):
        return None
    return await run_in_daemon(connect_to_session_server, held, here.paths, here.config, here.environ)


async def switch_server(chat: Chat, place: ServerConfig) -> None:
    """Ask this server from now on. Raises StepchatError when that cannot be; then nothing has changed."""
    conversation = chat.conversation
    _check_idle(conversation)
    before = _target(chat)
    close_demo = chat.workspace.close_demo
    if place.name == DEMO:
        base_url, close_demo = _demo(chat.workspace)
        new = connect_demo(base_url, chat.workspace.paths, chat.workspace.config)
    else:
        new = await run_in_daemon(_connect, place, chat.workspace)
        # Another may have come to the screen meanwhile, or a question to this one.
        _check_idle(chat.conversation if chat.conversation is conversation else None)
    set_workspace(chat, with_connection(chat.workspace, new, close_demo))
    if place.model:
        chat.conversation.model = place.model
    chat.refresh_status()
    if new.key_error is not None:
        chat.view.notice(new.key_error.message, new.key_error.hint, kind="warning")
    _tell_switch(chat, before, f"Server: {_title(new.config)}")
    # A model that the place names is asked, whatever the list says.
    refresh_catalogue(chat, settle=not place.model)


def _check_idle(conversation: Conversation | None) -> None:
    if conversation is None or conversation.busy:
        raise StepchatError("It is still answering.", "Esc stops it.")


def _connect(place: ServerConfig, here: Workspace) -> Connection:
    """Blocks: a keyring may take its time."""
    trust_server(place.base_url, here.paths, here.config)
    return connect(place, here.paths, here.config, here.environ)


def with_connection(workspace: Workspace, new: Connection, close_demo: Callable[[], None] | None) -> Workspace:
    """The same, but for whom it asks."""
    return replace(
        workspace, client=new.client, catalogue=new.catalogue, server=new.server, key_error=new.key_error,
        close_demo=close_demo,
    )  # fmt: skip


def set_session_server(chat: Chat, new: Connection) -> None:
    """The session on the screen goes on at another server than the one before it."""
    chat.refresh_status()
    if new.key_error is not None:
        chat.view.notice(new.key_error.message, new.key_error.hint, kind="warning")
    chat.flash(f"Server: {_title(new.config)}")
    refresh_catalogue(chat, settle=not new.config.model)


def load_catalogue(chat: Chat) -> None:
    """When the window is there: what was spent, what its server has, and why it is not asked if nobody has named it."""
    chat.standing.costs.refresh()
    error = chat.workspace.key_error
    if isinstance(error, UntrustedServerError):
        _missing(chat, error)
    load_in_background(chat.workspace.catalogue, partial(on_catalogue_loaded, chat, chat.workspace))


def _title(place: ServerConfig) -> str:
    """Its name; its address when it only speaks like the server of that name."""
    own = place.name == DEMO or place.name != place.backend.name or same_address(place.base_url, place.backend.base_url)
    return place.backend.title if own else place.base_url


def refresh_catalogue(chat: Chat, *, settle: bool) -> None:
    """Read what models the server has. `settle` takes another model when it does not have the one asked."""
    workspace = chat.workspace

    def changed() -> None:
        on_catalogue_loaded(chat, workspace)
        if settle and chat.workspace.client is workspace.client:
            pick_available_model(chat)

    load_in_background(workspace.catalogue, changed, fresh=True, failed=lambda error: _missing(chat, error))


def recheck_window(chat: Chat) -> None:
    """The answer may have been what loaded its model: only now the server tells how large its window is."""
    workspace, asked = chat.workspace, (chat.workspace.client.base_url, chat.conversation.model, "asked")
    if workspace.client.backend.loads_on_demand and asked not in chat.standing.told:
        chat.standing.told.add(asked)
        sent = estimate_conversation_tokens(chat.conversation.path_to_question())

        def changed() -> None:
            if chat.workspace.client is workspace.client:
                look_at_window(chat, sent=sent)
            on_catalogue_loaded(chat, workspace)

        load_in_background(workspace.catalogue, changed, fresh=True)


def set_workspace(chat: Chat, workspace: Workspace) -> None:
    """Everything that follows in the conversation on the screen works with this."""
    old = chat.workspace
    chat.workspace = chat.conversation.workspace = workspace
    chat.background.release(old.client)


def set_system_prompt(chat: Chat, system: str | None, *, before: str) -> None:
    """For new sessions: that of a profile, or the usual one in the place of that of the profile `before`."""
    here = chat.workspace
    given = [table.values.get("system") for table in here.config.profiles if table.name == before]
    if system is None and here.system is not None and here.system in given:
        usual = here.start_options.system
        system = usual if usual is not None and usual != here.system else here.config.system
    if system is not None:
        set_workspace(chat, replace(here, system=system or None))


def _demo(workspace: Workspace) -> tuple[str, Callable[[], None]]:
    from stepchat.demo.server import DemoServer

    server = DemoServer().start()
    before = workspace.close_demo

    def close() -> None:
        server.close()
        if before is not None:
            before()

    return server.url, close


def on_catalogue_loaded(chat: Chat, workspace: Workspace) -> None:
    """The list of models is there: the kind of server may show, and whether it has the model.

    A model that somebody named is asked, whatever the list says.
    """
    if workspace.client.backend.name == "custom" and (
        kind := detect_backend(model.owner for model in workspace.catalogue.models)
    ):
        own = workspace.client.backend
        workspace.client.backend = replace(kind, base_url=own.base_url, key_variable=own.key_variable)
    if chat.workspace.client is not workspace.client:
        return
    if chat.conversation.model == DEFAULT_MODEL:
        pick_available_model(chat)
    look_at_window(chat)
    chat.view.update_answers()
    chat.refresh_status()


def pick_available_model(chat: Chat) -> None:
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
    chat.flash(
        f"Model: {wanted}, because this server has no other." if len(catalogue.models) == 1 else f"Model: {wanted}"
    )


def _missing(chat: Chat, error: StepchatError) -> None:
    chat.view.notice(error.message, error.hint, kind="warning")


def _target(chat: Chat) -> Target:
    client = chat.workspace.client
    return Target(client.backend, client.base_url, chat.conversation.model)


def answers_no_longer_returned(path: Sequence[StoredMessage], before: Target, now: Target) -> list[AssistantMessage]:
    """The answers whose reasoning went back until now and does not any more (WIRE.md 3.6)."""
    answers = [stored.message for stored in path if isinstance(stored.message, AssistantMessage)]
    thought = [answer for answer in answers if answer.reasoning_details or answer.reasoning]
    return [answer for answer in thought if same_source(answer, before) and not same_source(answer, now)]


def _tell_switch(chat: Chat, before: Target, words: str) -> None:
    now = _target(chat)
    behind = answers_no_longer_returned(chat.conversation.path, before, now)
    if not behind:
        chat.flash(words)
        return
    makers = sorted({short_model(answer.model or answer.model_asked) for answer in behind})
    count = f"{len(behind)} answers" if len(behind) > 1 else "1 answer"
    other = "model" if before.base_url == now.base_url else "server"
    chat.view.notice(
        f"{words}. The reasoning of {count} by {', '.join(makers)} stays behind: another {other} cannot use it. "
        "It stays on disk and goes back when you switch back.",
        kind="info",
    )
