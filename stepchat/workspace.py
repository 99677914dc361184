"""What a front end works with: the store, the server, the model and the session. Built once by cli.py, then handed down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stepchat.connecting import DEMO, check_url, connect, connect_demo, find_place, place_for
from stepchat.scopes import to_request
from stepchat.servers.catalogue import Catalogue
from stepchat.servers.profiles import DEFAULT_MODEL, OPENROUTER_URL
from stepchat.turn import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stepchat.config import Config
    from stepchat.connecting import Connection
    from stepchat.errors import KeyMissingError
    from stepchat.messages import Json, StoredMessage
    from stepchat.paths import Paths
    from stepchat.servers.client import Client
    from stepchat.sessions.store import Session, SessionStore


@dataclass(frozen=True, slots=True)
class Request:
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
    settings: tuple[tuple[str, Any], ...] = ()


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
    parameters: Json
    session: Session | None
    """The session that was asked for; None starts a new one with the first question."""
    key_error: KeyMissingError | None
    close_demo: Callable[[], None] | None
    catalogue: Catalogue = field(default_factory=Catalogue)
    """What the server says about its models; nothing until it was read."""
    choose: bool = False
    """The user wants to choose a session first."""

    def question(
        self, session: Session, path: list[StoredMessage], text: str | None, model: str | None = None
    ) -> Question:
        """One turn in a session. Without text the last message of the path is asked again."""
        asked = model or self.model
        known = self.catalogue.find(asked)
        return Question(
            session=session.id,
            model=asked,
            path=path,
            text=text,
            system=session.system,
            parameters=self.parameters,
            mandatory_reasoning=None if known is None else known.must_think,
        )

    async def close(self) -> None:
        """Let go of the database, the connection and the demo."""
        self.client.close()
        if self.close_demo is not None:
            self.close_demo()
        await self.store.close()


def open_workspace(
    request: Request,
    session: Session | None,
    store: SessionStore,
    paths: Paths,
    config: Config,
    environ: Mapping[str, str],
) -> Workspace:
    """Decide server, model and key. Raises UsageError and ConfigError; a missing key is only noted."""
    connection, close_demo = _choose(request, session, paths, config, environ)
    known_model = session.model if session is not None else None
    asked = (request.model, known_model, environ.get("STEPCHAT_MODEL"), connection.place.model, config.model)
    model = next((name for name in asked if name), DEFAULT_MODEL)
    return Workspace(
        paths=paths,
        config=config,
        store=store,
        client=connection.client,
        server=connection.server,
        model=model.strip(),
        system=request.system if request.system is not None else (config.system or None),
        parameters=to_request([*config.parameters, *request.settings]),
        session=session,
        key_error=connection.key_error,
        close_demo=close_demo,
        catalogue=connection.catalogue,
        choose=request.resume == "",
    )


def _choose(
    request: Request, session: Session | None, paths: Paths, config: Config, environ: Mapping[str, str]
) -> tuple[Connection, Callable[[], None] | None]:
    named = request.base_url or request.server or environ.get("STEPCHAT_BASE_URL")
    demo = request.demo or (session is not None and session.server == DEMO and not named)
    if demo or request.server == DEMO:
        base_url, close_demo = _start_demo()
        return connect_demo(base_url, paths, config), close_demo
    held = session is not None and session.server not in {"", DEMO}
    wanted = request.server or ("" if named or held else config.server)
    if wanted:
        place = find_place(wanted, config)
    else:
        place = place_for(_base_url(request, session, paths, config, environ), config)
    return connect(place, paths, config, environ), None


def _base_url(
    request: Request, session: Session | None, paths: Paths, config: Config, environ: Mapping[str, str]
) -> str:
    before = session.server if session is not None and session.server != DEMO else ""
    places = (
        (request.base_url, ""),
        (environ.get("STEPCHAT_BASE_URL"), " from STEPCHAT_BASE_URL"),
        # The rest of a conversation goes where its beginning went, unless another server is named.
        (before, ", where this session was held,"),
        (config.base_url, f", base_url in {paths.config_file},"),
    )
    url, place = next(((url, place) for url, place in places if url), (OPENROUTER_URL, ""))
    return check_url(url, place)


def _start_demo() -> tuple[str, Callable[[], None]]:
    from stepchat.demo.server import DemoServer

    server = DemoServer().start()
    return server.url, server.close
