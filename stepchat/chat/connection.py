"""Which server is used, with which backend and API key: config.toml takes precedence over catalogue/backends.py."""

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
"""A session's `server` if the built-in demo answered; its address changes with each start."""


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """A server. `name` selects it with --server; its API key is stored under `key_name`."""

    name: str
    base_url: str
    backend: Backend
    key_name: str
    key_variables: tuple[str, ...]
    model: str = ""
    """The model set in config.toml."""
    context_length: int = 0
    """The context window set in config.toml; 0 if it sets none."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A server as a workspace uses it."""

    config: ServerConfig
    client: Client
    catalogue: Catalogue
    server: str
    """As sessions store it: the base URL, or `demo`."""
    key: Key | None
    key_error: StepchatError | None
    """Why nothing can be sent."""
    keyring_error: KeyringUnavailableError | None = None
    """Why the key could not be read from the keyring."""


def known_servers(config: Config) -> list[ServerConfig]:
    """All servers with a name: those of config.toml, then the built-in ones."""
    own = [_from_table(table) for table in config.servers]
    names = {server.name for server in own}
    known = [_from_backend(row) for row in BACKENDS if row.base_url and row.name not in names]
    return own + known


def find_server(wanted: str, config: Config) -> ServerConfig:
    """The server with this name or address. Raises UsageError."""
    if wanted == DEMO:
        return ServerConfig(DEMO, "", BACKENDS[-1], DEMO, ())
    known = known_servers(config)
    for server in known:
        if server.name == wanted:
            return server
    if "://" in wanted:
        return server_for_url(check_url(wanted), config)
    names = ", ".join([*(server.name for server in known), DEMO])
    raise UsageError(f"There is no server {wanted!r}.", f"Known servers: {names}. An address works too.")


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
    """Whether a command without a session would use the demo."""
    return (server or ("" if base_url or environ.get("STEPCHAT_BASE_URL") else config.server)) == DEMO


def server_for_url(base_url: str, config: Config) -> ServerConfig:
    """The server at an address, with the settings that config.toml has for it."""
    for table in config.servers:
        server = _from_table(table)
        if server.base_url == base_url:
            return server
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
        # It has a key of its own: the key of a built-in server is for that server's host only.
        name = table.name
    title = row.title if table.name == row.name else table.name
    backend = replace(row, title=title, **options)
    return ServerConfig(
        table.name, base_url, backend, name, (variable,) if variable else variables, model, context_length
    )


def _from_backend(row: Backend) -> ServerConfig:
    name, variables = key_name_and_variables(row.base_url, row)
    return ServerConfig(row.name, row.base_url, row, name, variables)


def key_name_and_variables(base_url: str, backend: Backend) -> tuple[str, tuple[str, ...]]:
    """The name and the environment variables of a server's API key.

    The key of one host is never sent to another, except to a local server that imitates it.
    """
    if urlsplit(base_url).hostname == urlsplit(backend.base_url).hostname and backend.key_variable:
        return backend.name, (backend.key_variable,)
    if is_local(base_url):
        return backend.name, (backend.key_variable or CUSTOM_KEY, CUSTOM_KEY)
    return "custom", (CUSTOM_KEY,)


def connect(server: ServerConfig, paths: Paths, config: Config, environ: Mapping[str, str]) -> Connection:
    """Make the client of a server. A missing key goes to `key_error`. Raises ConfigError for an unusable key."""
    found = find_key(server.key_name, server.key_variables, environ, paths)
    key, error = found.key, None
    needs_key = server.backend.key_variable and server.backend.name != "custom"
    if key is None and needs_key:
        login = "login" if server.backend.has_accounts else f"login --key --server {server.name}"
        title, variable = server.backend.title, server.key_variables[0]
        error = missing_key_error(title, variable, server.key_name, paths, found.keyring_error, login=login)
    return replace(_connection(server, server.base_url, key, error, paths, config), keyring_error=found.keyring_error)


def connect_to_session_server(url: str, paths: Paths, config: Config, environ: Mapping[str, str]) -> Connection:
    """Make the client of a session's server.

    A session may come from anywhere, so a server that the user has never approved gets neither text nor a key.
    """
    if is_trusted(url, paths, config, environ):
        return connect(server_for_url(url, config), paths, config, environ)
    error = UntrustedServerError(
        f"This session used {url}, a server you have not approved. Nothing was sent.",
        f"To continue there: /server {url} (or --base-url {url}). To use another server: /server.",
    )
    server = ServerConfig("", url, backend_for(url), "", ())
    client = Client(url, server.backend, None, _options(config))
    return Connection(server, client, Catalogue(prices=configured_prices(config)), url, None, error)


def is_trusted(base_url: str, paths: Paths, config: Config, environ: Mapping[str, str]) -> bool:
    """Whether this is the address of a known server, or of one that the user has approved."""
    known = [
        *(server.base_url for server in known_servers(config)),
        config.base_url,
        environ.get("STEPCHAT_BASE_URL", ""),
    ]
    return any(same_address(base_url, other) for other in (*known, *_approved(paths)) if other)


def trust_server(base_url: str, paths: Paths, config: Config) -> None:
    """Remember that the user approved this address, so that sessions may continue there."""
    if not is_trusted(base_url, paths, config, {}):
        # If this cannot be written, the user has to approve the address again.
        write_private(paths.trusted_servers, "".join(f"{url}\n" for url in (*_approved(paths), base_url)).encode())


def _approved(paths: Paths) -> list[str]:
    try:
        return paths.trusted_servers.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def connect_demo(base_url: str, paths: Paths, config: Config) -> Connection:
    """The client for the built-in demo."""
    backend = backend_for(base_url)
    variable = "STEPCHAT_DEMO_KEY"
    server = ServerConfig(DEMO, base_url, replace(backend, title="the demo"), DEMO, (variable,))
    key = find_key(DEMO, (variable,), {variable: "sk-of-the-demo-server"}, paths).key
    return _connection(server, DEMO, key, None, paths, config)


def _connection(
    server: ServerConfig, stored_as: str, key: Key | None, error: StepchatError | None, paths: Paths, config: Config
) -> Connection:
    client = Client(server.base_url, server.backend, key, _options(config, next(iter(server.key_variables), "")))
    # A local server may have been restarted with other models and another context window.
    fresh_for = STALE_SECONDS if not is_local(server.base_url) or stored_as == DEMO else LOCAL_STALE_SECONDS
    catalogue = Catalogue(
        paths.models / file_name(stored_as), client.get_json, configured_prices(config),
        extend=partial(with_context_windows, client), write=write_private, fresh_for=fresh_for,
        context_length=server.context_length,
    )  # fmt: skip
    return Connection(server, client, catalogue, stored_as, key, error)


def _options(config: Config, key_variable: str = "") -> Options:
    return Options(
        silence_hint=config.silence_hint,
        silence_timeout=config.silence_timeout,
        send_referer=config.send_referer,
        send_title=config.send_title,
        key_variable=key_variable,
    )


def configured_prices(config: Config) -> dict[str, Prices]:
    """The prices of models in config.toml, per token."""
    found: dict[str, Prices] = {}
    for table in config.prices:
        rates: dict[str, Any] = {name: Decimal(str(value)) / MILLION for name, value in table.values.items()}
        if "request" in rates:
            rates["request"] *= MILLION
        found[table.name] = Prices(**rates)
    return found
