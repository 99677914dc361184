"""What a front end works with: the store, the server, the model and the session. Built once by cli/main.py, then handed down."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from stepchat.catalogue.backends import DEFAULT_MODEL, OPENROUTER_URL
from stepchat.catalogue.catalogue import Catalogue
from stepchat.chat.connection import (
    DEMO,
    connect,
    connect_demo,
    connect_to_session_server,
    default_server,
    find_server,
    is_demo,
    server_for_url,
    trust_server,
)
from stepchat.chat.context_window import estimate_conversation_tokens, small_window_warning, tokens_over_limit
from stepchat.chat.presets import build_scopes, find_profile, read_presets, read_presets_or_none
from stepchat.chat.turn import Question
from stepchat.concurrency import run_in_daemon
from stepchat.config.file import check_url
from stepchat.errors import UsageError
from stepchat.messages import AssistantMessage
from stepchat.parameters.scopes import Scopes, from_stored, update_stored
from stepchat.reasoning.effort import with_minimal_effort
from stepchat.reasoning.replay import Target
from stepchat.servers.wire import request_body

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stepchat.chat.connection import Connection, ServerConfig
    from stepchat.config.file import Config
    from stepchat.config.paths import Paths
    from stepchat.errors import StepchatError
    from stepchat.messages import Json, Message, StoredMessage
    from stepchat.parameters.scopes import Settings
    from stepchat.servers.client import Client
    from stepchat.sessions.records import Session
    from stepchat.sessions.store import SessionStore


_PATIENCE = 3.0
"""Seconds for that look."""
_WORTH_ASKING = 1500
"""Tokens of a question from which on it is worth a look how large the window of a server on this machine is."""


async def continuation_request_builder(
    store: SessionStore, config: Config, environ: Mapping[str, str]
) -> Callable[[Session, Sequence[Message]], Json]:
    """Makes the body of the request that would go on with messages of a session, just as config.toml and presets say now."""
    presets = await read_presets_or_none(store)

    def request(session: Session, said: Sequence[Message]) -> Json:
        place = _place_to_go_on(session, said, config, environ)
        target = Target(place.backend, place.base_url, _first_model(session.model, environ, place, config))
        parameters = build_scopes(config, presets, session).checked()
        return request_body(said, target, system=session.system, parameters=parameters)

    return request


def _place_to_go_on(
    session: Session, said: Sequence[Message], config: Config, environ: Mapping[str, str]
) -> ServerConfig:
    """Where a session goes on. One that came from another program goes where a new one would."""
    if "://" in session.server:
        return server_for_url(session.server, config)
    if not session.server and not is_demo(config, environ, None, None):
        return default_server(config, environ, None, None)
    # The demo's address is another each time, so a session does not remember it.
    answered = [message.server for message in said if isinstance(message, AssistantMessage) and message.server]
    return server_for_url(answered[-1] if answered else OPENROUTER_URL, config)


def _first_model(model: str | None, environ: Mapping[str, str], place: ServerConfig, config: Config) -> str:
    """The model that was named nearest to the session."""
    named = (model, environ.get("STEPCHAT_MODEL"), place.model, config.model)
    return next((name for name in named if name), DEFAULT_MODEL).strip()


@dataclass(frozen=True, slots=True)
class StartOptions:
    """What the command line asked for. None where nothing was said."""

    model: str | None = None
    base_url: str | None = None
    server: str | None = None
    """By its name in config.toml or in the table of servers."""
    system: str | None = None
    demo: bool = False
    resume: str | None = None
    """An id or words of a session; "" lets the user choose."""
    latest: bool = False
    settings: Settings = ()
    """Parameters of the session."""
    once: Settings = ()
    """Parameters of the first question alone."""
    profile: str | None = None
    preset: str | None = None


@dataclass(frozen=True, slots=True)
class Workspace:
    """Everything a turn needs, and where it is kept."""

    paths: Paths
    config: Config
    store: SessionStore
    client: Client
    server: str
    """As a session remembers it: the base URL, or `demo`."""
    model: str
    system: str | None
    session: Session | None
    """The session that was asked for; None starts a new one with the first question."""
    key_error: StepchatError | None
    """Why the server is not asked: no key, or nobody has named it."""
    close_demo: Callable[[], None] | None
    scopes: Scopes = field(default_factory=Scopes)
    """What the first question is asked with."""
    start_options: StartOptions = field(default_factory=StartOptions)
    catalogue: Catalogue = field(default_factory=Catalogue)
    """What the server says about its models; nothing until it was read."""
    environ: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """For the keys of other servers."""
    choose_session: bool = False
    """The user wants to choose a session first."""

    async def scopes_for_session(self, session: Session | None) -> Scopes:
        """What a session that is opened later is asked with; a new one begins as the command line says."""
        asked = self.start_options
        presets = await (read_presets if session is None and asked.preset else read_presets_or_none)(self.store)
        if session is not None:
            return build_scopes(self.config, presets, session)
        return build_scopes(self.config, presets, profile=asked.profile, preset=asked.preset, settings=asked.settings)

    async def ensure_session(self, session: Session | None, model: str, scopes: Scopes) -> Session:
        """The session as it is on disk before a question; a new one when there was none."""
        if session is None:
            session = await self.store.create(model=model, server=self.server, system=self.system)
        elif (session.model, session.server) != (model, self.server):
            await self.store.set_model(session.id, model, self.server)
            session = replace(session, model=model, server=self.server)
        return await self.save_parameters(session, scopes)

    async def save_parameters(self, session: Session, scopes: Scopes) -> Session:
        """The session with its own parameters on disk."""
        before = from_stored(session.parameters)
        profile = None if scopes.profile_name == session.profile else scopes.profile_name
        preset = None if scopes.preset_name == session.preset else scopes.preset_name
        if before == scopes.session and profile is None and preset is None:
            return session

        def change(kept: Json) -> Json:
            return update_stored(kept, before, scopes.session)

        await self.store.update_parameters(session.id, change, profile, preset)
        # What another window changed in it meanwhile shows when the session is opened again.
        return replace(
            session,
            parameters=change(session.parameters),
            profile=scopes.profile_name,
            preset=scopes.preset_name,
        )

    def build_question(
        self,
        session: Session,
        path: list[StoredMessage],
        text: str | None,
        model: str | None = None,
        scopes: Scopes | None = None,
    ) -> Question:
        """One turn in a session. Without text the last message of the path is asked again; when that is thinking that was
        stopped, it is asked for as little more of it as the model allows.

        Raises UsageError when parameters do not go together.
        """
        asked = model or self.model
        known = self.catalogue.find(asked)
        question = Question(
            session=session.id,
            model=asked,
            path=path,
            text=text,
            system=session.system,
            parameters=(scopes or self.scopes).checked(),
            mandatory_reasoning=None if known is None else known.requires_reasoning,
        )
        if question.answer_now:
            return replace(question, parameters=with_minimal_effort(question.parameters, known, asked))
        return question

    async def close(self) -> None:
        """Let go of the database, the connection and the demo; what is wrong with one of them keeps none of the others."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.store.close)
            if self.close_demo is not None:
                stack.callback(self.close_demo)
            stack.callback(self.client.close)


def with_available_model(workspace: Workspace) -> Workspace:
    """When nobody named a model and the server has only one, that one. Blocks: it may ask the server for its list."""
    catalogue = workspace.catalogue
    if workspace.model != DEFAULT_MODEL or workspace.client.backend.supports_session_id:
        return workspace
    catalogue.read()
    if catalogue.stale:
        catalogue.refresh()
    if len(catalogue.models) != 1 or catalogue.find(DEFAULT_MODEL) is not None:
        return workspace
    return replace(workspace, model=catalogue.models[0].id)


async def check_context_window(workspace: Workspace, path: Sequence[StoredMessage], text: str) -> None:
    """Raises UsageError for a question that cannot fit into the model's window. One that might is sent: the server knows."""
    catalogue, profile = workspace.catalogue, workspace.client.backend
    if not profile.supports_session_id and estimate_conversation_tokens(path, text) > _WORTH_ASKING and catalogue.stale:
        await _look_again(catalogue)
    model = catalogue.find(workspace.model)
    system = workspace.system if workspace.session is None else workspace.session.system
    needed = tokens_over_limit(path, text, model, profile, workspace.scopes.request(), system, certain_only=True)
    if needed is not None and model is not None:
        hint = "Ask for less, or in a new session, or a model with more room; --anyway sends it all the same."
        raise UsageError(
            f"This needs about {needed:,} tokens, and {model.id} takes {model.context_length:,}. Nothing was sent.",
            f"{hint} {profile.context_window_hint if model.max_context_length else ''}".rstrip(),
        )


async def _look_again(catalogue: Catalogue) -> bool:
    """Ask for the list of models anew, but not for long: the answer matters more."""
    with suppress(TimeoutError):
        return await asyncio.wait_for(run_in_daemon(catalogue.refresh), _PATIENCE)
    return False


async def truncation_notice(workspace: Workspace, sent: int) -> str:
    """What a server did not read of what it was just sent, in words. When it loads a model with its first question that
    shows only now.
    """
    catalogue, profile = workspace.catalogue, workspace.client.backend
    if not profile.loads_on_demand or sent <= _WORTH_ASKING or not await _look_again(catalogue):
        return ""
    model = catalogue.find(workspace.model)
    if model is None or not model.context_length or sent <= model.context_length:
        return ""
    return f"{words} {profile.context_window_hint}." if (words := small_window_warning(model, sent)) else ""


def open_workspace(
    request: StartOptions,
    session: Session | None,
    store: SessionStore,
    paths: Paths,
    config: Config,
    environ: Mapping[str, str],
    presets: Mapping[str, Settings] | None = None,
) -> Workspace:
    """Decide server, model and key. Raises UsageError and ConfigError; a missing key is only noted."""
    scopes = build_scopes(
        config, presets or {}, session,
        profile=request.profile, preset=request.preset, settings=request.settings, once=request.once,
    )  # fmt: skip
    if request.settings or request.once:
        scopes.checked()
    request = _with_profile(request, config)
    connection, close_demo = _choose(request, session, paths, config, environ)
    model = request.model or (session.model if session is not None else None)
    store.limit_recordings(int(config.keep_events * 1_000_000))
    return Workspace(
        paths=paths,
        config=config,
        store=store,
        client=connection.client,
        server=connection.server,
        model=_first_model(model, environ, connection.config, config),
        system=request.system if request.system is not None else (config.system or None),
        scopes=scopes,
        start_options=request,
        session=session,
        key_error=connection.key_error,
        close_demo=close_demo,
        catalogue=connection.catalogue,
        environ=environ,
        choose_session=request.resume == "",
    )


def _with_profile(request: StartOptions, config: Config) -> StartOptions:
    """What the profile that was asked for says, where the command line says nothing itself."""
    if not request.profile:
        return request
    values = find_profile(config, request.profile).values
    elsewhere = request.base_url or request.server or request.demo
    return replace(
        request,
        model=request.model or values.get("model"),
        system=request.system if request.system is not None else values.get("system"),
        base_url=request.base_url if elsewhere else values.get("base_url"),
        server=request.server if elsewhere else values.get("server"),
    )


def _choose(
    request: StartOptions, session: Session | None, paths: Paths, config: Config, environ: Mapping[str, str]
) -> tuple[Connection, Callable[[], None] | None]:
    named = request.base_url or request.server or environ.get("STEPCHAT_BASE_URL")
    held = session.server if session is not None and not named else ""
    wanted = request.server or ("" if named or held else config.server)
    if request.demo or DEMO in {held, wanted}:
        base_url, close_demo = _start_demo()
        return connect_demo(base_url, paths, config), close_demo
    if held:
        # The rest of a conversation goes where its beginning went, unless another server is named.
        held = check_url(held, ", where this session was held,")
        return connect_to_session_server(held, paths, config, environ), None
    place = (
        find_server(wanted, config) if wanted else server_for_url(_base_url(request, paths, config, environ), config)
    )
    if named:
        trust_server(place.base_url, paths, config)
    return connect(place, paths, config, environ), None


def _base_url(request: StartOptions, paths: Paths, config: Config, environ: Mapping[str, str]) -> str:
    places = (
        (request.base_url, ""),
        (environ.get("STEPCHAT_BASE_URL"), " from STEPCHAT_BASE_URL"),
        (config.base_url, f", base_url in {paths.config_file},"),
    )
    url, place = next(((url, place) for url, place in places if url), (OPENROUTER_URL, ""))
    return check_url(url, place)


def _start_demo() -> tuple[str, Callable[[], None]]:
    from stepchat.demo.server import DemoServer

    server = DemoServer().start()
    return server.url, server.close
