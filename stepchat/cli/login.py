"""`stepchat login` and `logout`: get, store and remove a key. It is never shown."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from stepchat.cli.completion import server_option
from stepchat.cli.context import (
    HELP,
    Invocation,
    base_url_option,
    pass_invocation,
    reject_two_servers,
)
from stepchat.errors import ApiKeyError, ConfigError, StepchatError, UsageError

if TYPE_CHECKING:
    from stepchat.chat.connection import ServerConfig
    from stepchat.config.api_keys import Key
    from stepchat.config.paths import Paths
    from stepchat.servers.client import Client


@click.command(context_settings=HELP)
@click.option(
    "--paste", is_flag=True, help="No browser here, as over SSH: open an address elsewhere and paste the code it shows."
)
@click.option("--key", "by_hand", is_flag=True, help="Paste a key that you have, or pipe it in.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="The local port that the browser returns to.")
@click.option(
    "--timeout", default=300.0, show_default=True, type=click.FloatRange(1), help="Seconds to wait for the browser."
)
@server_option
@base_url_option
@pass_invocation
def login(
    invocation: Invocation,
    *,
    paste: bool,
    by_hand: bool,
    port: int,
    timeout: float,
    server: str | None,
    base_url: str | None,
) -> int:
    """Get a key in the browser and store it in the system keyring, or in a private file."""
    from stepchat.config.api_keys import save_key

    if paste and by_hand:
        raise UsageError("--paste and --key are two ways to give a key.", "Give one of them.")
    config, client = _keyless_client(invocation, base_url, server)
    paths = invocation.paths
    try:
        if _is_stored(config, paths) and _is_imitation(config):
            raise UsageError(
                f"Not saved: {config.base_url} is a local server, and its key would overwrite your "
                f"{config.backend.title} key.",
                "Local servers need no key of their own.",
            )
        if by_hand or not config.backend.has_accounts:
            key = _typed_key(config)
        elif paste:
            key = _key_for_pasted_code(config, client)
        else:
            key = _key_from_browser(config, client, port, timeout)
    finally:
        client.close()
    where = save_key(key, config.key_name, paths)
    print(f"Saved the key for {config.backend.title} in {where}.")
    for variable in config.key_variables:
        if os.environ.get(variable):
            print(f"{variable} is set and takes precedence.", file=sys.stderr)
    _report_balance(config, key)
    return 0


@click.command(context_settings=HELP)
@server_option
@base_url_option
@pass_invocation
def logout(invocation: Invocation, *, server: str | None, base_url: str | None) -> int:
    """Remove the key from the keyring and its file. It stays valid until it is revoked on the server's website."""
    from stepchat.config.api_keys import forget_key

    config, client = _keyless_client(invocation, base_url, server)
    client.close()
    found = forget_key(config.key_name, invocation.paths)
    for where in found:
        print(f"Removed the key for {config.backend.title} from {where}.")
    if not found:
        print(f"No key for {config.backend.title} is stored.", file=sys.stderr)
    for variable in config.key_variables:
        if os.environ.get(variable):
            print(f"{variable} is still set: unset {variable}", file=sys.stderr)
    return 0


def _keyless_client(invocation: Invocation, base_url: str | None, server: str | None) -> tuple[ServerConfig, Client]:
    from stepchat.chat.connection import default_server
    from stepchat.servers.client import Client

    reject_two_servers(base_url, server)
    config = default_server(invocation.config, os.environ, base_url, server)
    # No key is needed, and an invalid stored key must not prevent a new login.
    return config, Client(config.base_url, config.backend, None)


def _is_imitation(config: ServerConfig) -> bool:
    from stepchat.catalogue.backends import is_local

    return is_local(config.base_url) and not is_local(config.backend.base_url or config.base_url)


def _is_stored(config: ServerConfig, paths: Paths) -> bool:
    from stepchat.config.api_keys import find_key

    try:
        return find_key(config.key_name, (), {}, paths).key is not None
    except ConfigError:
        return True


def _key_from_browser(config: ServerConfig, client: Client, port: int, timeout: float) -> Key:
    from stepchat.servers.login import Callback, authorization_url, exchange_code, new_challenge, open_browser

    challenge = new_challenge()
    try:
        callback = Callback(port)
    except OSError as error:
        raise UsageError(f"Cannot use port {port}: {error.strerror}.", "Choose another one, or use --paste.") from None
    try:
        address = authorization_url(config.base_url, challenge, callback.url)
        print(f"Opening the browser. If nothing opens, go to:\n\n  {address}\n", file=sys.stderr)
        print("Is the browser on another machine? Stop with Ctrl+C and use: stepchat login --paste", file=sys.stderr)
        open_browser(address)
        code = callback.wait(timeout)
    finally:
        callback.close()
    if code is None:
        raise ApiKeyError("The browser did not return with a code.", "Try again, or use: stepchat login --paste")
    return exchange_code(client, code, challenge)


def _key_for_pasted_code(config: ServerConfig, client: Client) -> Key:
    from stepchat.servers.login import authorization_url, exchange_code, new_challenge

    challenge = new_challenge()
    address = authorization_url(config.base_url, challenge)
    print(f"Open this address in any browser and paste the code it shows:\n\n  {address}\n", file=sys.stderr)
    return exchange_code(client, _secret("Code"), challenge)


def _typed_key(config: ServerConfig) -> Key:
    from stepchat.config.api_keys import validate_key

    return validate_key(_secret(f"Key for {config.backend.title}"), "your input")


def _secret(prompt: str) -> str:
    """One line that is not echoed; from a pipe, its first line."""
    if sys.stdin.isatty():
        text = str(
            click.prompt(f"{prompt} (it is not shown)", hide_input=True, err=True, default="", show_default=False)
        )
    else:
        text = sys.stdin.readline()
    if not text.strip():
        raise UsageError("Nothing was entered.", "Paste it and press Enter.")
    return text.strip()


def _report_balance(config: ServerConfig, key: Key) -> None:
    """Try the new key if the server reports balances."""
    if not config.backend.has_accounts:
        return
    from stepchat.chat.spending import format_balance
    from stepchat.servers.api import fetch_balance
    from stepchat.servers.client import Client
    from stepchat.text.sanitize import sanitize

    client = Client(config.base_url, config.backend, key)
    try:
        print(format_balance(fetch_balance(client)))
    except StepchatError as error:
        print(sanitize(f"Saved, but it could not be verified: {error}"), file=sys.stderr)
    finally:
        client.close()
