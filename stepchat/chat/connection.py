"""Which server is asked, how it speaks and where its key is: the rows of catalogue/backends.py under the tables of config.toml."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from stepchat.catalogue.backends import BACKENDS, OPENROUTER_URL, Backend, backend_for, is_local, same_address
from stepchat.catalogue.catalogue import LOCAL_STALE_SECONDS, STALE_SECONDS, Catalogue, Prices, file_name
from stepchat.catalogue.context_windows import with_context_windows
from stepchat.catalogue.models import MILLION
from stepchat.config.api_keys import find_key, missing_key_error
from stepchat.config.file import check_url
from stepchat.config.paths import write_private
from stepchat.errors import UntrustedServerError, UsageError
from stepchat.servers.client import Client, Options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepchat.config.api_keys import Key
    from stepchat.config.file import Config, Table
    from stepchat.config.keyring import KeyringUnavailableError
    from stepchat.config.paths import Paths
    from stepchat.errors import StepchatError

CUSTOM_KEY = "STEPCHAT_API_KEY"
DEMO = "demo"
"""What a session's `server` says when the built-in demo answered, whatever its port was."""


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """A server that can be asked. `name` is what --server takes, and under what its key is kept."""

    name: str
    base_url: str
    backend: Backend
    key_name: str
    key_variables: tuple[str, ...]
    model: str = ""
    """What config.toml says is asked there."""
    context_length: int = 0
    """What config.toml says its models take; 0 when it says nothing."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A server as a workspace uses it."""

    config: ServerConfig
    client: Client
    catalogue: Catalogue
    server: str
    """As a session remembers it: the base URL, or `demo`."""
    key: Key | None
    key_error: StepchatError | None
    """Why it is not asked."""
    keyring_error: KeyringUnavailableError | None = None
    """Why the keyring could not be asked for the key."""


def known_servers(config: Config) -> list[ServerConfig]:
    """All that have a name: those of config.toml, then the known kinds."""
    own = [_from_table(table) for table in config.servers]
    names = {place.name for place in own}
    known = [_from_profile(row) for row in BACKENDS if row.base_url and row.name not in names]
    return own + known


def find_server(wanted: str, config: Config) -> ServerConfig:
    """By name or by address. Raises UsageError."""
    if wanted == DEMO:
        return ServerConfig(DEMO, "", BACKENDS[-1], DEMO, ())
    known = known_servers(config)
    for place in known:
        if place.name == wanted:
            return place
    if "://" in wanted:
        return server_for_url(check_url(wanted), config)
    names = ", ".join([*(place.name for place in known), DEMO])
    raise UsageError(f"There is no server {wanted!r}.", f"Known ones: {names}; or give an address.")


def default_server(
    config: Config, environ: Mapping[str, str], base_url: str | None, server: str | None
) -> ServerConfig:
    """The server of a command without a session: from its options, the environment, or config.toml. Raises UsageError."""
    if is_demo(config, environ, base_url, server):
        raise UsageError("The demo runs inside stepchat only.", "Try: stepchat --demo, or stepchat demo-server.")
    if base_url:
        return server_for_url(check_url(base_url), config)
    if server:
        return find_server(server, config)
    if base_url := environ.get("STEPCHAT_BASE_URL"):
        return server_for_url(check_url(base_url, " from STEPCHAT_BASE_URL"), config)
    if config.server:
        return find_server(config.server, config)
    return server_for_url(
        check_url(config.base_url, ", base_url in config.toml,") if config.base_url else OPENROUTER_URL, config
    )


def is_demo(config: Config, environ: Mapping[str, str], base_url: str | None, server: str | None) -> bool:
    """Whether a command that has no session is to ask the demo."""
    return (server or ("" if base_url or environ.get("STEPCHAT_BASE_URL") else config.server)) == DEMO


def server_for_url(base_url: str, config: Config) -> ServerConfig:
    """The place of an address: what config.toml says of it counts."""
    for table in config.servers:
        place = _from_table(table)
        if place.base_url == base_url:
            return place
    row = backend_for(base_url)
    name, variables = key_name_and_variables(base_url, row)
    return ServerConfig(row.name, base_url, row, name, variables)


def _from_table(table: Table) -> ServerConfig:
    options: dict[str, Any] = dict(table.values)
    kind = options.pop("profile", None) or (table.name if table.name in {row.name for row in BACKENDS} else None)
    row = next((row for row in BACKENDS if row.name == kind), None)
    given = options.pop("base_url", "") or (row.base_url if row else "")
    base_url = check_url(given, f", base_url of [servers.{table.name}],")
    row = row or backend_for(base_url)
    variable = options.pop("key_variable", "")
    model, context_length = options.pop("model", ""), int(options.pop("context_length", 0))
    name, variables = key_name_and_variables(base_url, row)
    if table.name not in {row.name for row in BACKENDS}:
        # A key of its own. With the name of a known kind it would be that one's, which is for its own host alone.
        name = table.name
    title = row.title if table.name == row.name else table.name
    profile = replace(row, title=title, **options)
    return ServerConfig(
        table.name, base_url, profile, name, (variable,) if variable else variables, model, context_length
    )


def _from_profile(row: Backend) -> ServerConfig:
    name, variables = key_name_and_variables(row.base_url, row)
    return ServerConfig(row.name, row.base_url, row, name, variables)


def key_name_and_variables(base_url: str, profile: Backend) -> tuple[str, tuple[str, ...]]:
    """Under which name and in which variables a server's key is looked for: the key of one host never goes to another,
    but for this machine's imitations of OpenRouter.
    """
    if urlsplit(base_url).hostname == urlsplit(profile.base_url).hostname and profile.key_variable:
        return profile.name, (profile.key_variable,)
    if is_local(base_url):
        return profile.name, (profile.key_variable or CUSTOM_KEY, CUSTOM_KEY)
    return "custom", (CUSTOM_KEY,)


def connect(place: ServerConfig, paths: Paths, config: Config, environ: Mapping[str, str]) -> Connection:
    """The client for a place. A missing key is only noted. Raises ConfigError for one that cannot be used."""
    found = find_key(place.key_name, place.key_variables, environ, paths)
    key, error = found.key, None
    needs_key = place.backend.key_variable and place.backend.name != "custom"
    if key is None and needs_key:
        login = "login" if place.backend.has_accounts else f"login --key --server {place.name}"
        title, variable = place.backend.title, place.key_variables[0]
        error = missing_key_error(title, variable, place.key_name, paths, found.keyring_error, login=login)
    return replace(_connection(place, place.base_url, key, error, paths, config), keyring_error=found.keyring_error)


def connect_to_session_server(server: str, paths: Paths, config: Config, environ: Mapping[str, str]) -> Connection:
    """The client for where a session was held. A session may come from anybody: at a place that the user has never named
    nothing is asked, and no key is looked for.
    """
    if is_trusted(server, paths, config, environ):
        return connect(server_for_url(server, config), paths, config, environ)
    error = UntrustedServerError(
        f"This session was held at {server}, which you have not named so far. Nothing is sent there.",
        f"To go on there: /server {server} (or --base-url {server}). To go on elsewhere: /server.",
    )
    place = ServerConfig("", server, backend_for(server), "", ())
    client = Client(server, place.backend, None, _options(config))
    return Connection(place, client, Catalogue(prices=configured_prices(config)), server, None, error)


def is_trusted(base_url: str, paths: Paths, config: Config, environ: Mapping[str, str]) -> bool:
    """Whether it is a known server's address, or the user has given it at some time."""
    known = [
        *(place.base_url for place in known_servers(config)),
        config.base_url,
        environ.get("STEPCHAT_BASE_URL", ""),
    ]
    return any(same_address(base_url, other) for other in (*known, *_named(paths)) if other)


def trust_server(base_url: str, paths: Paths, config: Config) -> None:
    """The user has given this address: sessions that were held there go on there."""
    if not is_trusted(base_url, paths, config, {}):
        # When it cannot be written it will be asked for again.
        write_private(paths.trusted_servers, "".join(f"{url}\n" for url in (*_named(paths), base_url)).encode())


def _named(paths: Paths) -> list[str]:
    try:
        return paths.trusted_servers.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def connect_demo(base_url: str, paths: Paths, config: Config) -> Connection:
    """The client for the built-in demo."""
    profile = backend_for(base_url)
    variable = "STEPCHAT_DEMO_KEY"
    place = ServerConfig(DEMO, base_url, replace(profile, title="the demo"), DEMO, (variable,))
    return _connection(
        place, DEMO, find_key(DEMO, (variable,), {variable: "sk-of-the-demo-server"}, paths).key, None, paths, config
    )


def _connection(
    place: ServerConfig, server: str, key: Key | None, error: StepchatError | None, paths: Paths, config: Config
) -> Connection:
    client = Client(place.base_url, place.backend, key, _options(config, next(iter(place.key_variables), "")))
    # A local server may have been restarted with other models and another context window.
    fresh_for = STALE_SECONDS if not is_local(place.base_url) or server == DEMO else LOCAL_STALE_SECONDS
    catalogue = Catalogue(
        paths.models / file_name(server), client.get_json, configured_prices(config),
        extend=partial(with_context_windows, client), write=write_private, fresh_for=fresh_for,
        context_length=place.context_length,
    )  # fmt: skip
    return Connection(place, client, catalogue, server, key, error)


def _options(config: Config, key_variable: str = "") -> Options:
    return Options(
        silence_hint=config.silence_hint,
        silence_timeout=config.silence_timeout,
        send_referer=config.send_referer,
        send_title=config.send_title,
        key_variable=key_variable,
    )


def configured_prices(config: Config) -> dict[str, Prices]:
    """What config.toml says models cost."""
    found: dict[str, Prices] = {}
    for table in config.prices:
        rates: dict[str, Any] = {name: Decimal(str(value)) / MILLION for name, value in table.values.items()}
        if "request" in rates:
            rates["request"] *= MILLION
        found[table.name] = Prices(**rates)
    return found
