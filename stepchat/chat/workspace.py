"""What a front end works with: store, server, model and session. cli/main.py builds it once and passes it on."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from stepchat.attachments.content import Files
from stepchat.attachments.support import unsupported_kinds
from stepchat.catalogue.backends import DEFAULT_MODEL, OPENROUTER_URL
from stepchat.catalogue.catalogue import Catalogue, file_name
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
from stepchat.chat.presets import build_scopes, find_profile, read_presets, read_presets_or_empty
from stepchat.chat.turn import Question
from stepchat.concurrency import run_in_daemon
from stepchat.config.file import check_url
from stepchat.errors import UsageError
from stepchat.messages import AssistantMessage
from stepchat.parameters.budget import NAME as THINK_AT_MOST
from stepchat.parameters.budget import parse_budget
from stepchat.parameters.scopes import Scopes, from_stored, update_stored
from stepchat.reasoning.effort import with_minimal_effort, without_unsupported_effort
from stepchat.reasoning.replay import Target
from stepchat.servers.wire import request_body
from stepchat.tools.sources import ToolSources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from stepchat.chat.connection import Connection, ServerConfig
    from stepchat.config.file import Config
    from stepchat.config.paths import Paths
    from stepchat.errors import StepchatError
    from stepchat.messages import Attachment, Json, Message, StoredMessage
    from stepchat.parameters.scopes import Settings
    from stepchat.servers.client import Client
    from stepchat.sessions.records import Session
    from stepchat.sessions.store import SessionStore


_REFETCH_TIMEOUT = 3.0
"""Seconds to wait for a new list of models before a question is sent."""
_LARGE_QUESTION = 1500
"""Tokens of a question that make it worth refetching the context window of a local server."""


async def continuation_request_builder(
    store: SessionStore, config: Config, environ: Mapping[str, str], models: Path
) -> Callable[[Session, Sequence[Message], Mapping[str, bytes]], Json]:
    """Returns a function that builds the request body with which a session would continue, with today's settings.

    `models` is the directory of the saved model lists; it may block a little to read one.
    """
    presets = await read_presets_or_empty(store)

    def request(session: Session, messages: Sequence[Message], contents: Mapping[str, bytes]) -> Json:
        server = _server_to_continue_on(session, messages, config, environ)
        target = Target(server.backend, server.base_url, _choose_model(session.model, environ, server, config))
        known = Catalogue(models / file_name(session.server or server.base_url))
        known.read(only=target.model)
        scopes = build_scopes(config, presets, session)
        parameters, _ = without_unsupported_effort(scopes.checked(), known.find(target.model), target.model)
        files = Files(contents)
        return request_body(messages, target, system=session.system, parameters=parameters, files=files)

    return request


def _server_to_continue_on(
    session: Session, messages: Sequence[Message], config: Config, environ: Mapping[str, str]
) -> ServerConfig:
    """The server on which a session continues. For one imported from another program, that of a new session."""
    if "://" in session.server:
        return server_for_url(session.server, config)
    if not session.server and not is_demo(config, environ, None, None):
        return default_server(config, environ, None, None)
    # The demo's address changes with each start, so a session does not store it.
    urls = [message.server for message in messages if isinstance(message, AssistantMessage) and message.server]
    return server_for_url(urls[-1] if urls else OPENROUTER_URL, config)


def _choose_model(model: str | None, environ: Mapping[str, str], server: ServerConfig, config: Config) -> str:
    """The model from the most specific setting: session, environment, server, config.toml, default."""
    named = (model, environ.get("STEPCHAT_MODEL"), server.model, config.model)
    return next((name for name in named if name), DEFAULT_MODEL).strip()


@dataclass(frozen=True, slots=True)
class StartOptions:
    """What the command line sets; None where it sets nothing."""

    model: str | None = None
    base_url: str | None = None
    server: str | None = None
    """A name from config.toml or catalogue/backends.py."""
    system: str | None = None
    demo: bool = False
    resume: str | None = None
    """An ID or words of a session; "" lets the user choose."""
    latest: bool = False
    one_shot: bool = False
    """No window: one question, and its answer on stdout."""
    settings: Settings = ()
    """Parameters for the session."""
    once: Settings = ()
    """Parameters for the first question only."""
    profile: str | None = None
    preset: str | None = None
    temporary: bool = False
    """Nothing of the sessions is stored."""
    files: tuple[str, ...] = ()
    """Files that go with the first question."""
    tools: tuple[str, ...] = ()
    """Tools to switch on."""
    no_tools: bool = False
    """Switch all tools off."""
    allowed_tools: tuple[str, ...] = ()
    """Tools that may run where nobody can be asked."""
    allow_all_tools: bool = False


@dataclass(frozen=True, slots=True)
class Workspace:
    """Everything a turn needs, and where it is stored."""

    paths: Paths
    config: Config
    store: SessionStore
    client: Client
    server: str
    """As sessions store it: the base URL, or `demo`."""
    model: str
    system: str | None
    session: Session | None
    """The session to resume; None starts a new one with the first question."""
    key_error: StepchatError | None
    """Why nothing can be sent: the key is missing, or the user has not approved the server."""
    close_demo: Callable[[], None] | None
    scopes: Scopes = field(default_factory=Scopes)
    """The parameters of the first question."""
    start_options: StartOptions = field(default_factory=StartOptions)
    catalogue: Catalogue = field(default_factory=Catalogue)
    """The server's models; empty until loaded."""
    environ: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """Has the API keys of other servers."""
    tools: ToolSources = field(default_factory=ToolSources)
    """Everything that a model may be offered to call."""
    choose_session: bool = False
    """Whether to open the list of sessions first."""

    async def scopes_for_session(self, session: Session | None) -> Scopes:
        """The parameters of a session; those of a new one (None) come from the command line."""
        options = self.start_options
        presets = await (read_presets if session is None and options.preset else read_presets_or_empty)(self.store)
        if session is not None:
            return build_scopes(self.config, presets, session)
        return build_scopes(
            self.config, presets, profile=options.profile, preset=options.preset, settings=options.settings
        )

    async def ensure_session(self, session: Session | None, model: str, scopes: Scopes) -> Session:
        """Store a session's model, server and parameters before a question; creates the session if it is None."""
        if session is None:
            session = await self.store.create(
                model=model, server=self.server, system=self.system, one_shot=self.start_options.one_shot
            )
        elif (session.model, session.server) != (model, self.server):
            await self.store.set_model(session.id, model, self.server)
            session = replace(session, model=model, server=self.server)
        return await self.save_parameters(session, scopes)

    async def save_parameters(self, session: Session, scopes: Scopes) -> Session:
        """Store a session's parameters, and return the session with them."""
        before = from_stored(session.parameters)
        profile = None if scopes.profile_name == session.profile else scopes.profile_name
        preset = None if scopes.preset_name == session.preset else scopes.preset_name
        if before == scopes.session and profile is None and preset is None:
            return session

        def change(stored: Json) -> Json:
            return update_stored(stored, before, scopes.session)

        await self.store.update_parameters(session.id, change, profile, preset)
        # Changes by another window appear when the session is opened again.
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
        attachments: tuple[Attachment, ...] = (),
    ) -> Question:
        """The input of one turn. Without text, the last message of `path` is the question.

        If that message is reasoning that was stopped, the answer uses as little further reasoning as the model allows.
        Raises UsageError if parameters cannot be combined.
        """
        slug = model or self.model
        known = self.catalogue.find(slug)
        scopes = scopes or self.scopes
        parameters, not_sent = without_unsupported_effort(scopes.checked(), known, slug)
        question = Question(
            session=session.id,
            model=slug,
            path=path,
            text=text,
            attachments=attachments,
            unsupported=unsupported_kinds(known),
            system=session.system,
            parameters=parameters,
            mandatory_reasoning=None if known is None else known.requires_reasoning,
            think_at_most=parse_budget(scopes.resolve(THINK_AT_MOST).value),
            least_reasoning=with_minimal_effort(parameters, known, slug),
            not_sent=not_sent,
        )
        if question.answer_now:
            return replace(question, parameters=question.least_reasoning, think_at_most=None)
        return question

    async def close(self) -> None:
        """Close the connection, the demo and the database; an error in one does not keep the others open."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.store.close)
            if self.close_demo is not None:
                stack.callback(self.close_demo)
            stack.callback(self.client.close)
            stack.push_async_callback(self.tools.close)


def with_available_model(workspace: Workspace) -> Workspace:
    """Use the server's only model if none was chosen. Blocks: it may fetch the list of models."""
    catalogue = workspace.catalogue
    if workspace.model != DEFAULT_MODEL or workspace.client.backend.supports_session_id:
        return workspace
    catalogue.read()
    if catalogue.stale:
        catalogue.refresh()
    if len(catalogue.models) != 1 or catalogue.find(DEFAULT_MODEL) is not None:
        return workspace
    return replace(workspace, model=catalogue.models[0].id)


async def check_context_window(
    workspace: Workspace, path: Sequence[StoredMessage], text: str, attachments: Sequence[Attachment] = ()
) -> None:
    """Raises UsageError if a question certainly exceeds the model's context window. A borderline one is sent."""
    catalogue, backend = workspace.catalogue, workspace.client.backend
    large = estimate_conversation_tokens(path, text, attachments) > _LARGE_QUESTION
    if not backend.supports_session_id and large and catalogue.stale:
        await _refetch_models(catalogue)
    model = catalogue.find(workspace.model)
    system = workspace.system if workspace.session is None else workspace.session.system
    parameters = workspace.scopes.request()
    needed = tokens_over_limit(
        path, text, model, backend, parameters, system, attachments=attachments, certain_only=True
    )
    if needed is not None and model is not None:
        window = f"{model.id}'s context window holds {model.context_length:,}"
        hint = "Shorten it, start a new session, or use a model with a larger window; --anyway sends it unchanged."
        raise UsageError(
            f"This needs about {needed:,} tokens, but {window}. Nothing was sent.",
            f"{hint} {backend.context_window_hint if model.max_context_length else ''}".rstrip(),
        )


async def _refetch_models(catalogue: Catalogue) -> bool:
    """Refetch the list of models within a short time, because the question waits. Returns whether it succeeded."""
    with suppress(TimeoutError):
        return await asyncio.wait_for(run_in_daemon(catalogue.refresh), _REFETCH_TIMEOUT)
    return False


async def truncation_notice(workspace: Workspace, sent: int) -> str:
    """A sentence if the server has truncated the request just sent; "" otherwise.

    A server that loads a model with its first question reports the context window only afterwards.
    """
    catalogue, backend = workspace.catalogue, workspace.client.backend
    if not backend.loads_on_demand or sent <= _LARGE_QUESTION or not await _refetch_models(catalogue):
        return ""
    model = catalogue.find(workspace.model)
    if model is None or not model.context_length or sent <= model.context_length:
        return ""
    warning = small_window_warning(model, sent)
    return f"{warning} {backend.context_window_hint}." if warning else ""


def open_workspace(
    request: StartOptions,
    session: Session | None,
    store: SessionStore,
    paths: Paths,
    config: Config,
    environ: Mapping[str, str],
    presets: Mapping[str, Settings] | None = None,
) -> Workspace:
    """Choose server, model and key. Raises UsageError and ConfigError; a missing key goes to `key_error`."""
    scopes = build_scopes(
        config, presets or {}, session,
        profile=request.profile, preset=request.preset, settings=request.settings, once=request.once,
    )  # fmt: skip
    if request.settings or request.once:
        scopes.checked()
    request = _with_profile(request, config)
    connection, close_demo = _connect_server(request, session, paths, config, environ)
    model = request.model or (session.model if session is not None else None)
    store.limit_recordings(int(config.keep_events * 1_000_000))
    return Workspace(
        paths=paths,
        config=config,
        store=store,
        client=connection.client,
        server=connection.server,
        model=_choose_model(model, environ, connection.config, config),
        system=request.system if request.system is not None else (config.system or None),
        scopes=scopes,
        start_options=request,
        session=session,
        key_error=connection.key_error,
        close_demo=close_demo,
        catalogue=connection.catalogue,
        environ=environ,
        tools=ToolSources(config.tools.folders, paths.user_tools, store, config.mcp, paths.mcp, paths.results, environ),
        choose_session=request.resume == "",
    )


def _with_profile(request: StartOptions, config: Config) -> StartOptions:
    """Fill in the values of the profile where the command line sets none."""
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


def _connect_server(
    request: StartOptions, session: Session | None, paths: Paths, config: Config, environ: Mapping[str, str]
) -> tuple[Connection, Callable[[], None] | None]:
    named = request.base_url or request.server or environ.get("STEPCHAT_BASE_URL")
    used = session.server if session is not None and not named else ""
    wanted = request.server or ("" if named or used else config.server)
    if request.demo or DEMO in {used, wanted}:
        base_url, close_demo = _start_demo()
        return connect_demo(base_url, paths, config), close_demo
    if used:
        # A conversation stays on its server, unless the user names another.
        used = check_url(used, ", the server of this session,")
        return connect_to_session_server(used, paths, config, environ), None
    server = (
        find_server(wanted, config) if wanted else server_for_url(_base_url(request, paths, config, environ), config)
    )
    if named:
        trust_server(server.base_url, paths, config)
    return connect(server, paths, config, environ), None


def _base_url(request: StartOptions, paths: Paths, config: Config, environ: Mapping[str, str]) -> str:
    sources = (
        (request.base_url, ""),
        (environ.get("STEPCHAT_BASE_URL"), " from STEPCHAT_BASE_URL"),
        (config.base_url, f", base_url in {paths.config_file},"),
    )
    url, source = next(((url, source) for url, source in sources if url), (OPENROUTER_URL, ""))
    return check_url(url, source)


def _start_demo() -> tuple[str, Callable[[], None]]:
    from stepchat.demo.server import DemoServer

    server = DemoServer().start()
    return server.url, server.close
