"""What a front end works with: the store, the server, the model and the session. Built once by cli.py, then handed down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stepchat.errors import UsageError
from stepchat.keys import find_key, missing_key
from stepchat.parameters import to_request
from stepchat.servers.catalogue import Catalogue, file_name
from stepchat.servers.client import Client, Options
from stepchat.servers.profiles import DEFAULT_MODEL, OPENROUTER_URL, is_local, profile_for
from stepchat.turn import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stepchat.config import Config
    from stepchat.errors import KeyMissingError
    from stepchat.messages import Json, StoredMessage
    from stepchat.paths import Paths
    from stepchat.servers.profiles import Profile
    from stepchat.sessions.store import Session, SessionStore

CUSTOM_KEY = "STEPCHAT_API_KEY"
DEMO = "demo"
"""What a session's `server` says when the built-in demo answered, whatever its port was."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asked for. None where nothing was said."""

    model: str | None = None
    base_url: str | None = None
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
    named = request.base_url or environ.get("STEPCHAT_BASE_URL")
    demo = request.demo or (session is not None and session.server == DEMO and not named)
    key = key_error = close_demo = None
    if demo:
        base_url, close_demo = _start_demo()
        profile = profile_for(base_url)
        key = find_key("demo", ("STEPCHAT_DEMO_KEY",), {"STEPCHAT_DEMO_KEY": "demo"}, paths)
    else:
        base_url = _base_url(request, session, paths, config, environ)
        profile = profile_for(base_url)
        name, variables = key_places(base_url, profile)
        key = find_key(name, variables, environ, paths)
        if key is None and profile.key_variable and profile.name != "custom":
            key_error = missing_key(profile.title, variables[0], name, paths)
    known_model = session.model if session is not None else None
    model = request.model or known_model or environ.get("STEPCHAT_MODEL") or config.model or DEFAULT_MODEL
    options = Options(
        silence_hint=config.silence_hint,
        silence_timeout=config.silence_timeout,
        send_referer=config.send_referer,
        send_title=config.send_title,
    )
    client = Client(base_url, profile, key, options)
    server = DEMO if demo else base_url
    return Workspace(
        paths=paths,
        config=config,
        store=store,
        client=client,
        catalogue=Catalogue(paths.models / file_name(server), client.look_up),
        server=server,
        model=model.strip(),
        system=request.system if request.system is not None else (config.system or None),
        parameters=to_request([*config.parameters, *request.settings]),
        session=session,
        key_error=key_error,
        close_demo=close_demo,
        choose=request.resume == "",
    )


def key_places(base_url: str, profile: Profile) -> tuple[str, tuple[str, ...]]:
    """Under which name and in which variables a server's key is looked for: the key of one host never goes to another,
    but for this machine's imitations of OpenRouter.
    """
    if urlsplit(base_url).hostname == urlsplit(profile.base_url).hostname and profile.key_variable:
        return profile.name, (profile.key_variable,)
    if is_local(base_url):
        return profile.name, (profile.key_variable or CUSTOM_KEY, CUSTOM_KEY)
    return "custom", (CUSTOM_KEY,)


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


def check_url(url: str, place: str = "") -> str:
    """A base URL without its last slash. Raises UsageError, which tells the `place` it came from."""
    try:
        parts = urlsplit(url.strip())
        parts.port  # noqa: B018 - raises for a port that is no number
    except ValueError:
        parts = urlsplit("")
    odd = not url.strip().isprintable() or " " in url.strip() or parts.query or parts.fragment
    if parts.scheme not in {"http", "https"} or not parts.hostname or odd:
        raise UsageError(
            f"{url!r}{place} is not a server's address.",
            "Give one like https://openrouter.ai/api/v1 or http://127.0.0.1:8080/v1.",
        )
    if parts.username or parts.password:
        raise UsageError(
            "The base URL holds a name or password.", "Take it out: stepchat keeps secrets out of what it stores."
        )
    return url.strip().rstrip("/")
