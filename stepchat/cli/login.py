"""`stepchat login` and `logout`: a key is got, kept and removed; it is never shown."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from stepchat.chat.connection import ServerConfig
    from stepchat.config.api_keys import Key
    from stepchat.config.paths import Paths
    from stepchat.servers.client import Client

HELP = {"help_option_names": ["-h", "--help"]}
base_url_option = click.option("--base-url", help="The server by its address.")
server_option = click.option("--server", help="The server by its name; OpenRouter when nothing is said.")


def refuse_two_servers(base_url: str | None, server: str | None, *, demo: bool = False) -> None:
    """Raises UsageError when more than one is named."""
    from stepchat.errors import UsageError

    said = {"--base-url": base_url, "--server": server if not (demo and server == "demo") else None, "--demo": demo}
    named = [option for option, value in said.items() if value]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} name {len(named)} servers.", "Give one of them.")


@click.command(context_settings=HELP)
@click.option(
    "--paste", is_flag=True, help="Without a browser here, as over SSH: open an address elsewhere, paste its code."
)
@click.option("--key", "by_hand", is_flag=True, help="Paste a key you have (or pipe it in).")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="The port that the browser comes back to.")
@click.option("--timeout", default=300.0, show_default=True, type=click.FloatRange(1), help="Seconds to wait for it.")
@server_option
@base_url_option
def login(*, paste: bool, by_hand: bool, port: int, timeout: float, server: str | None, base_url: str | None) -> int:
    """Get a key with the browser and keep it: in the system's keyring, else in a file that only you can read."""
    from stepchat.config.api_keys import save_key
    from stepchat.errors import UsageError

    if paste and by_hand:
        raise UsageError("--paste and --key are two ways to a key.", "Give one of them.")
    place, client, paths = _connect(base_url, server)
    try:
        if _is_kept(place, paths) and _is_imitation(place):
            raise UsageError(
                f"{place.base_url} is on this machine and would take the place of your key for {place.backend.title}.",
                "Servers on this machine need none of their own.",
            )
        if by_hand or not place.backend.has_accounts:
            key = _typed_key(place)
        elif paste:
            key = _pasted_code(place, client)
        else:
            key = _by_browser(place, client, port, timeout)
    finally:
        client.close()
    where = save_key(key, place.key_name, paths)
    print(f"The key for {place.backend.title} is kept in {where}.")
    for variable in place.key_variables:
        if os.environ.get(variable):
            print(f"{variable} is set and goes before it.", file=sys.stderr)
    _tell_balance(place, key)
    return 0


@click.command(context_settings=HELP)
@server_option
@base_url_option
def logout(*, server: str | None, base_url: str | None) -> int:
    """Remove the key from the keyring and from its file. On the server's website it stays valid until it is revoked there."""
    from stepchat.config.api_keys import forget_key

    place, client, paths = _connect(base_url, server)
    client.close()
    found = forget_key(place.key_name, paths)
    for where in found:
        print(f"The key for {place.backend.title} is gone from {where}.")
    if not found:
        print(f"No key for {place.backend.title} was kept.", file=sys.stderr)
    for variable in place.key_variables:
        if os.environ.get(variable):
            print(f"{variable} is still set: unset {variable}", file=sys.stderr)
    return 0


def _connect(base_url: str | None, server: str | None) -> tuple[ServerConfig, Client, Paths]:
    from stepchat.chat.connection import default_server
    from stepchat.config.file import read_config
    from stepchat.config.paths import find_paths
    from stepchat.servers.client import Client

    refuse_two_servers(base_url, server)
    paths = find_paths(os.environ)
    place = default_server(read_config(paths.config_file), os.environ, base_url, server)
    # Without a key: none is needed, and a wrong one that lies there must not be in the way.
    return place, Client(place.base_url, place.backend, None), paths


def _is_imitation(place: ServerConfig) -> bool:
    from stepchat.catalogue.backends import is_local

    return is_local(place.base_url) and not is_local(place.backend.base_url or place.base_url)


def _is_kept(place: ServerConfig, paths: Paths) -> bool:
    from stepchat.config.api_keys import find_key
    from stepchat.errors import ConfigError

    try:
        return find_key(place.key_name, (), {}, paths).key is not None
    except ConfigError:
        return True


def _by_browser(place: ServerConfig, client: Client, port: int, timeout: float) -> Key:
    from stepchat.errors import ApiKeyError, UsageError
    from stepchat.servers.login import Callback, authorization_url, exchange_code, new_challenge, open_browser

    challenge = new_challenge()
    try:
        callback = Callback(port)
    except OSError as error:
        raise UsageError(
            f"The port {port} cannot be used: {error.strerror}.", "Choose another, or use --paste."
        ) from None
    try:
        address = authorization_url(place.base_url, challenge, callback.url)
        print(f"Opening the browser. If nothing opens, go to:\n\n  {address}\n", file=sys.stderr)
        print("The browser is on another machine? Stop with Ctrl+C and use: stepchat login --paste", file=sys.stderr)
        open_browser(address)
        code = callback.wait(timeout)
    finally:
        callback.close()
    if code is None:
        raise ApiKeyError("The browser did not come back with a code.", "Try again, or use: stepchat login --paste")
    return exchange_code(client, code, challenge)


def _pasted_code(place: ServerConfig, client: Client) -> Key:
    from stepchat.servers.login import authorization_url, exchange_code, new_challenge

    challenge = new_challenge()
    print(
        f"Open this address in any browser, and paste the code it shows:\n\n  {authorization_url(place.base_url, challenge)}\n",
        file=sys.stderr,
    )
    return exchange_code(client, _secret("Code"), challenge)


def _typed_key(place: ServerConfig) -> Key:
    from stepchat.config.api_keys import validate_key

    return validate_key(_secret(f"Key for {place.backend.title}"), "what was typed")


def _secret(prompt: str) -> str:
    """A line that is not shown; from a pipe its first line."""
    from stepchat.errors import UsageError

    if sys.stdin.isatty():
        text = str(
            click.prompt(f"{prompt} (it is not shown)", hide_input=True, err=True, default="", show_default=False)
        )
    else:
        text = sys.stdin.readline()
    if not text.strip():
        raise UsageError("Nothing was given.", "Paste it and press Enter.")
    return text.strip()


def _tell_balance(place: ServerConfig, key: Key) -> None:
    """Whether it works, where that can be asked."""
    if not place.backend.has_accounts:
        return
    from stepchat.chat.spending import format_balance
    from stepchat.errors import StepchatError
    from stepchat.servers.accounts import fetch_balance
    from stepchat.servers.client import Client
    from stepchat.text.sanitize import sanitize

    client = Client(place.base_url, place.backend, key)
    try:
        print(format_balance(fetch_balance(client)))
    except StepchatError as error:
        print(sanitize(f"It is kept, but: {error}"), file=sys.stderr)
    finally:
        client.close()
