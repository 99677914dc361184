"""`stepchat login` and `logout`: a key is got, kept and removed; it is never shown."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from stepchat.chat.connection import Place
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
                f"{place.base_url} is on this machine and would take the place of your key for {place.profile.title}.",
                "Servers on this machine need none of their own.",
            )
        if by_hand or not place.profile.accounts:
            key = _typed_key(place)
        elif paste:
            key = _pasted_code(place, client)
        else:
            key = _by_browser(place, client, port, timeout)
    finally:
        client.close()
    where = save_key(key, place.key_name, paths)
    print(f"The key for {place.profile.title} is kept in {where}.")
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
        print(f"The key for {place.profile.title} is gone from {where}.")
    if not found:
        print(f"No key for {place.profile.title} was kept.", file=sys.stderr)
    for variable in place.key_variables:
        if os.environ.get(variable):
            print(f"{variable} is still set: unset {variable}", file=sys.stderr)
    return 0


def _connect(base_url: str | None, server: str | None) -> tuple[Place, Client, Paths]:
    from stepchat.chat.connection import usual_place
    from stepchat.config.file import read_config
    from stepchat.config.paths import find_paths
    from stepchat.servers.client import Client

    refuse_two_servers(base_url, server)
    paths = find_paths(os.environ)
    place = usual_place(read_config(paths.config_file), os.environ, base_url, server)
    # Without a key: none is needed, and a wrong one that lies there must not be in the way.
    return place, Client(place.base_url, place.profile, None), paths


def _is_imitation(place: Place) -> bool:
    from stepchat.catalogue.backends import is_local

    return is_local(place.base_url) and not is_local(place.profile.base_url or place.base_url)


def _is_kept(place: Place, paths: Paths) -> bool:
    from stepchat.config.api_keys import find_key
    from stepchat.errors import ConfigError

    try:
        return find_key(place.key_name, (), {}, paths).key is not None
    except ConfigError:
        return True


def _by_browser(place: Place, client: Client, port: int, timeout: float) -> Key:
    from stepchat.errors import ApiKeyError, UsageError
    from stepchat.servers.login import Callback, exchange, new_challenge, open_browser, page

    challenge = new_challenge()
    try:
        callback = Callback(port)
    except OSError as error:
        raise UsageError(
            f"The port {port} cannot be used: {error.strerror}.", "Choose another, or use --paste."
        ) from None
    try:
        address = page(place.base_url, challenge, callback.url)
        print(f"Opening the browser. If nothing opens, go to:\n\n  {address}\n", file=sys.stderr)
        print("The browser is on another machine? Stop with Ctrl+C and use: stepchat login --paste", file=sys.stderr)
        open_browser(address)
        code = callback.wait(timeout)
    finally:
        callback.close()
    if code is None:
        raise ApiKeyError("The browser did not come back with a code.", "Try again, or use: stepchat login --paste")
    return exchange(client, code, challenge)


def _pasted_code(place: Place, client: Client) -> Key:
    from stepchat.servers.login import exchange, new_challenge, page

    challenge = new_challenge()
    print(
        f"Open this address in any browser, and paste the code it shows:\n\n  {page(place.base_url, challenge)}\n",
        file=sys.stderr,
    )
    return exchange(client, _secret("Code"), challenge)


def _typed_key(place: Place) -> Key:
    from stepchat.config.api_keys import checked_key

    return checked_key(_secret(f"Key for {place.profile.title}"), "what was typed")


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


def _tell_balance(place: Place, key: Key) -> None:
    """Whether it works, where that can be asked."""
    if not place.profile.accounts:
        return
    from stepchat.chat.spending import balance_in_words
    from stepchat.errors import StepchatError
    from stepchat.servers.accounts import fetch_balance
    from stepchat.servers.client import Client
    from stepchat.text.sanitize import clean

    client = Client(place.base_url, place.profile, key)
    try:
        print(balance_in_words(fetch_balance(client)))
    except StepchatError as error:
        print(clean(f"It is kept, but: {error}"), file=sys.stderr)
    finally:
        client.close()
