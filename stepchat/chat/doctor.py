"""The checks of `stepchat doctor`. Each says what it found and, if something is wrong, how to fix it."""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from stepchat.catalogue.backends import BACKENDS, is_local
from stepchat.chat.connection import Connection, connect, default_server
from stepchat.chat.spending import format_balance
from stepchat.config.api_keys import KEYRING
from stepchat.config.file import Config, read_config
from stepchat.config.paths import path_exists
from stepchat.errors import ConfigError, StepchatError
from stepchat.first_frame.picture import non_utf8_locale
from stepchat.servers.api import fetch_balance
from stepchat.servers.network import PROXY_VARIABLES, certificate_settings, proxy_for, trusted_certificates
from stepchat.servers.probe import probe
from stepchat.sessions.health import check_database, has_full_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from stepchat.config.paths import Paths

State: TypeAlias = Literal["good", "odd", "broken"]
MINIMUM_FREE_SPACE = 50 * 1024 * 1024
TIMEOUT = 5.0
"""Seconds for each request."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its subject, the state, what was found, and how to fix it."""

    name: str
    state: State
    message: str
    fix: str = ""


def run_checks(
    paths: Paths,
    environ: Mapping[str, str],
    find_problems: Callable[[Paths], Sequence[StepchatError]],
    base_url: str | None = None,
    server: str | None = None,
) -> Iterator[Check]:
    """Run the checks one after the other. `find_problems` checks config.toml. Never raises."""
    yield _versions()
    yield from _terminal(environ)
    problems = find_problems(paths)
    for problem in problems:
        yield Check("settings", "broken", problem.message, problem.hint)
    if not problems:
        without = "" if path_exists(paths.config_file) else " (does not exist; the defaults apply)"
        yield Check("settings", "good", f"{paths.config_file}{without}")
    config = Config()
    with suppress(ConfigError):  # It is among the problems.
        config = read_config(paths.config_file)
    try:
        connection = connect(default_server(config, environ, base_url, server), paths, config, environ)
    except StepchatError as error:
        yield Check("key", "broken", error.message, error.hint)
    else:
        try:
            yield from _network(connection, environ)
            yield from _server(connection)
        finally:
            connection.client.close()
    yield from _store(paths)
    if config.mcp:
        yield _mcp(config, environ)


def _versions() -> Check:
    import sqlite3
    from importlib.metadata import PackageNotFoundError, version

    from stepchat import __version__

    found = [f"stepchat {__version__}", f"Python {sys.version.split()[0]}", f"SQLite {sqlite3.sqlite_version}"]
    for name in ("textual", "httpx", "keyring"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return Check("versions", "good", ", ".join(found))


def _terminal(environ: Mapping[str, str]) -> Iterator[Check]:
    term = environ.get("TERM", "")
    if not sys.stdout.isatty():
        yield Check("terminal", "good", "skipped: stdout is not a terminal")
        return
    size = shutil.get_terminal_size()
    depth = "true colour" if environ.get("COLORTERM") in {"truecolor", "24bit"} else "256 colours or fewer"
    around = [name for name, variable in (("tmux", "TMUX"), ("SSH", "SSH_CONNECTION")) if environ.get(variable)]
    message = ", ".join([f"{term or 'no TERM'}", f"{size.columns}x{size.lines}", depth, *around])
    if term in {"", "dumb", "unknown"}:
        yield Check("terminal", "broken", message, "The window needs a terminal. Set TERM, or use one-shot mode.")
    elif locale := non_utf8_locale(environ):
        yield Check("terminal", "odd", f"{message}, {locale} is not UTF-8", "Use a UTF-8 locale: export LANG=C.UTF-8")
    elif sys.stdout.encoding.lower().replace("-", "") != "utf8":
        yield Check("terminal", "odd", f"{message}, {sys.stdout.encoding}", "Use a UTF-8 locale: export LANG=C.UTF-8")
    elif size.columns < 60 or size.lines < 16:
        yield Check("terminal", "odd", message, "Make it at least 60x16.")
    else:
        yield Check("terminal", "good", message)


def _network(connection: Connection, environ: Mapping[str, str]) -> Iterator[Check]:
    """Proxies and certificates, as far as they concern the server."""
    url = connection.config.base_url
    settings = sorted({name.upper() for name in environ if name.upper() in PROXY_VARIABLES and environ[name]})
    try:
        proxy = proxy_for(url, environ)
    except StepchatError as error:
        yield Check("proxy", "broken", error.message, error.hint)
    else:
        if proxy is not None:
            yield Check("proxy", "good", f"{proxy.shown} ({proxy.variable})")
        elif settings:
            yield Check("proxy", "good", f"none for this server ({', '.join(settings)} set)")
    if url.startswith("https:"):
        yield _attempt("TLS", lambda: _certificates(url, environ))


def _certificates(url: str, environ: Mapping[str, str]) -> str:
    trusted_certificates(url, environ)
    named = certificate_settings(environ)
    return (
        ", ".join(f"{name} ({path})" for name, path in named.items()) or "the certificates of the system and of certifi"
    )


def _server(connection: Connection) -> Iterator[Check]:
    server, client = connection.config, connection.client
    if connection.key_error is not None:
        yield Check("key", "broken", connection.key_error.message, connection.key_error.hint)
    else:
        yield _key(connection)
    began = time.monotonic()
    result = probe(client, TIMEOUT)
    message = f"{server.name} at {server.base_url}: {result.message}"
    if not result.reachable:
        yield Check("server", "broken", message, result.hint or "Check the address and the network.")
    elif result.wants_key and client.has_key:
        yield Check("server", "broken", message, "Get a new key: stepchat login")
    elif result.wants_key:
        yield Check("server", "broken", message, f"Store one: stepchat login --key --server {server.name}")
    else:
        yield Check("server", "good", f"{message}, in {1000 * (time.monotonic() - began):.0f} ms")
    if result.reachable and server.backend.has_accounts and connection.key is not None:
        yield _attempt("balance", lambda: format_balance(fetch_balance(client, seconds=TIMEOUT)))
    yield _catalogue(connection)


def _key(connection: Connection) -> Check:
    server, title = connection.config, connection.config.backend.title
    if connection.key is not None:
        message = f"{title}: {connection.key.source}"
        if is_local(server.base_url) and not is_local(server.backend.base_url or server.base_url):
            message += f"; sent to {server.base_url}, a local server that stands in for {title}"
        if (trouble := connection.keyring_error) is not None:
            return Check("key", "odd", f"{message}; {KEYRING}, which takes precedence, {trouble.message}", trouble.hint)
        return Check("key", "good", message)
    if server.key_variables and server.name not in {row.name for row in BACKENDS}:
        variable = server.key_variables[0]
        fix = f"If it needs one: export {variable}=..., or stepchat login --key --server {server.name}"
        return Check("key", "odd", f"{title}: none; {variable} is not set", fix)
    return Check("key", "good", f"{title}: none needed")


def _attempt(name: str, work: Callable[[], str]) -> Check:
    try:
        return Check(name, "good", work())
    except StepchatError as error:
        return Check(name, "broken", error.message, error.hint)


def _catalogue(connection: Connection) -> Check:
    catalogue = connection.catalogue
    if not catalogue.read() or catalogue.fetched is None:
        return Check("models", "good", "no list on disk yet; the next start fetches it")
    hours = max(0.0, time.time() - catalogue.fetched) / 3600
    number, unit = (hours, "hour") if hours < 48 else (hours / 24, "day")
    age = f"{number:.0f} {unit}{'s' * (round(number) != 1)}"
    state: State = "good" if hours < 7 * 24 else "odd"
    fix = "" if state == "good" else "Refetch it: stepchat models --fresh"
    count = len(catalogue.models)
    return Check("models", state, f"{count} model{'s' * (count != 1)}, {age} old", fix)


def _store(paths: Paths) -> Iterator[Check]:
    path = paths.database
    health = check_database(path)
    if health is None:
        yield Check("sessions", "good", f"{path}: none yet")
    elif health.problem:
        message = health.problem if str(path) in health.problem else f"{path}: {health.problem}"
        yield Check("sessions", "broken", message, health.hint)
    else:
        sessions = f"{health.sessions} session{'s' * (health.sessions != 1)}"
        messages = f"{health.messages} message{'s' * (health.messages != 1)}"
        count = f"{sessions}, {messages}, {health.bytes / 1e6:.1f} MB"
        yield Check("sessions", "good", f"{path}: intact, {count}")
    if not has_full_text():
        yield Check("search", "odd", "This SQLite has no FTS5, so search reads every message.", "Use another Python.")
    for folder in {paths.data: None, paths.config: None, paths.state: None}:
        yield from _reporting_errors(folder, _directory)
    yield from _reporting_errors(paths.config / "keys", _keys)
    yield from _reporting_errors(path, _private)


def _mcp(config: Config, environ: Mapping[str, str]) -> Check:
    """The MCP servers as configured; `stepchat mcp check` starts them."""
    from importlib.util import find_spec

    from stepchat.tools.base import ToolError
    from stepchat.tools.mcp.server import find_program, read_server
    from stepchat.tools.mcp.source import MISSING

    if find_spec("mcp") is None:
        what, _, fix = MISSING.partition(". ")
        return Check("mcp", "broken", what, fix)
    for table in config.mcp:
        try:
            server = read_server(table, "config.toml", environ)
            if server.command:
                find_program(server)
        except ToolError as error:
            return Check(
                "mcp", "broken", str(error), "To start the servers and see what they offer: stepchat mcp check"
            )
    return Check("mcp", "good", f"{', '.join(table.name for table in config.mcp)}; stepchat mcp check starts them")


def _reporting_errors(path: Path, check: Callable[[Path], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from check(path)
    except OSError as error:
        reason = error.strerror or str(error)
        yield Check("directory", "broken", f"{path}: {reason}", "Fix it, or set STEPCHAT_HOME to another directory.")


def _keys(folder: Path) -> Iterator[Check]:
    for file in folder.glob("*"):
        yield from _private(file)


def _directory(folder: Path) -> Iterator[Check]:
    existing = next((path for path in (folder, *folder.parents) if path_exists(path)), folder)
    if not existing.is_dir():
        yield Check(
            "directory",
            "broken",
            f"{existing} is not a directory",
            "Move it away, or set STEPCHAT_HOME to another directory.",
        )
        return
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Check(
            "directory", "broken", f"{existing} is not writable", "Fix it, or set STEPCHAT_HOME to another directory."
        )
        return
    free = shutil.disk_usage(existing).free
    if free < MINIMUM_FREE_SPACE:
        yield Check("directory", "broken", f"{existing}: only {free / 1e6:.0f} MB free", "Free some space.")
    if folder.exists() and os.name == "posix" and folder.stat().st_mode & 0o077:
        yield Check("directory", "odd", f"{folder} can be opened by other users", f"chmod 700 {folder}")


def _private(file: Path) -> Iterator[Check]:
    if file.exists() and os.name == "posix" and file.stat().st_mode & 0o077:
        yield Check("file", "broken", f"{file} can be read by other users", f"chmod 600 {file}")
