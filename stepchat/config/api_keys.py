"""Finds, stores and removes API keys: in the environment, then the keyring, then a private file.

A key lives in a `Key`, which never prints it; `Key.redact` removes it from text.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepchat.config.keyring import SERVICE, Keyring, KeyringUnavailableError, system_keyring
from stepchat.config.paths import write_private
from stepchat.errors import ConfigError, KeyMissingError, StoreError
from stepchat.files import read_regular_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from stepchat.config.keyring import KeyringBackend
    from stepchat.config.paths import Paths

KEYRING = "the system keyring"

_MAX_FILE_BYTES = 100_000

SHORTEST_SECRET = 8
"""Characters. A shorter key is a placeholder, such as `none`, for servers that need no key."""


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """An API key. `source` names the place where it was found, for the user."""

    _value: str
    source: str

    def __repr__(self) -> str:
        return f"Key(from {self.source})"

    def bearer(self) -> str:
        """The value of the Authorization header."""
        return f"Bearer {self._value}"

    def reveal(self) -> str:
        """The key itself, for storing it."""
        return self._value

    def redact(self, text: str) -> str:
        """The text without the key. A placeholder such as `none` stays, because removing it would damage the text."""
        return text.replace(self._value, "[key removed]") if len(self._value) >= SHORTEST_SECRET else text

    def mask(self, data: bytes) -> bytes:
        """The same number of bytes, with asterisks instead of the key. A placeholder stays."""
        value = self._value.encode()
        return data.replace(value, b"*" * len(value)) if len(value) >= SHORTEST_SECRET else data


@dataclass(frozen=True, slots=True)
class KeyLookup:
    """The key found, or None. `keyring_error` says why the keyring could not be read."""

    key: Key | None
    keyring_error: KeyringUnavailableError | None = None


def find_key(
    name: str,
    variables: Sequence[str],
    environ: Mapping[str, str],
    paths: Paths,
    backend: Callable[[], KeyringBackend | None] = system_keyring,
) -> KeyLookup:
    """Look for the key named `name`. The first variable that is set wins. Raises ConfigError for an invalid key."""
    for variable in variables:
        if value := environ.get(variable, "").strip():
            return KeyLookup(validate_key(value, f"the environment ({variable})"))
    unavailable = None
    try:
        if value := _from_keyring(name, backend):
            return KeyLookup(validate_key(value, KEYRING))
    except KeyringUnavailableError as error:
        unavailable = error if error.is_installed else None
    return KeyLookup(_from_file(paths.config / "keys" / name), unavailable)


def find_keys(environ: Mapping[str, str], paths: Paths) -> list[Key]:
    """Everything that may be a key in the environment and in files, for redaction. Never raises."""
    found = [value for name, value in environ.items() if name.endswith(("_KEY", "_TOKEN", "_SECRET")) and value]
    with contextlib.suppress(OSError):
        for path in (paths.config / "keys").iterdir():
            with contextlib.suppress(OSError, ValueError):
                found.append(read_regular_file(path, _MAX_FILE_BYTES).decode())
    return [Key(value.strip(), "") for value in found if value.strip()]


def _from_file(path: Path) -> Key | None:
    try:
        value = read_regular_file(path, _MAX_FILE_BYTES).decode().strip()
        shared = os.name == "posix" and path.stat().st_mode & 0o077
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(
            f"Cannot read the key file {path}: {reason}.", "Fix it, or set the environment variable."
        ) from None
    if not value:
        return None
    if shared:
        raise ConfigError(f"The key file {path} can be read by other users.", f"Run: chmod 600 {path}")
    return validate_key(value, f"the file {path}")


def validate_key(value: str, source: str) -> Key:
    """Returns the key. Raises ConfigError if it contains impossible characters."""
    if not value.isascii() or not value.isprintable() or set(value) & set(" \"'`"):
        raise ConfigError(
            f"The API key from {source} contains invalid characters.",
            "Copy it again, without quotes or line breaks.",
        )
    return Key(value, source)


def _from_keyring(name: str, backend: Callable[[], KeyringBackend | None]) -> str:
    """Raises KeyringUnavailableError."""
    found = backend()
    return "" if found is None else Keyring(found).get(name)


def save_key(key: Key, name: str, paths: Paths, backend: Callable[[], KeyringBackend | None] = system_keyring) -> str:
    """Store the key in the keyring, or in a private file if that fails. Returns where, and why. Raises StoreError."""
    path = paths.config / "keys" / name
    found, why = backend(), ""
    if found is not None:
        keyring = Keyring(found)
        try:
            keyring.put(name, key.reveal())
        except KeyringUnavailableError as error:
            _reject_older_key(keyring, name, error)
            why = f", because {KEYRING} {error.message}"
        else:
            return KEYRING + _remove_file(path)
    if not write_private(path, f"{key.reveal()}\n".encode()):
        raise StoreError(f"Cannot write the key file {path}.", "Check its permissions and the free space.")
    return f"the file {path}{why}"


def _reject_older_key(keyring: Keyring, name: str, error: KeyringUnavailableError) -> None:
    """Raises StoreError if the keyring holds a key: it takes precedence over the file, so a new one would never be used."""
    with contextlib.suppress(KeyringUnavailableError):
        if keyring.get(name):
            raise StoreError(
                f"{KEYRING.capitalize()} {error.message}, and it holds an older key that takes precedence.",
                f"Remove it first: keyring del {SERVICE} {name}",
            )


def _remove_file(path: Path) -> str:
    """Delete an older copy of the key. Returns a clause if it cannot be deleted."""
    try:
        path.unlink(missing_ok=True)
    except NotADirectoryError:
        pass
    except OSError as error:
        return f"; an older key remains in {path}, which cannot be removed: {error.strerror or error}"
    return ""


def forget_key(name: str, paths: Paths, backend: Callable[[], KeyringBackend | None] = system_keyring) -> list[str]:
    """Remove the key from the keyring and the file. Returns where it was. Raises StoreError if a key may be left."""
    removed: list[str] = []
    path = paths.config / "keys" / name
    left: list[tuple[str, str]] = []
    try:
        path.unlink()
        removed.append(f"the file {path}")
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        left.append((f"the file {path} cannot be removed: {error.strerror or error}", "Remove it yourself."))
    found = backend()
    if found is not None:
        keyring = Keyring(found)
        try:
            if keyring.get(name):
                keyring.remove(name)
                removed.insert(0, KEYRING)
        except KeyringUnavailableError as error:
            if error.is_installed:
                hint = f"{error.hint} Then: stepchat logout, or keyring del {SERVICE} {name}"
                left.append((f"one may still be in {KEYRING}, which {error.message}", hint))
    if left:
        outcome = f"The key was removed from {' and '.join(removed)}, but " if removed else "The key was not removed: "
        raise StoreError(f"{outcome}{'; '.join(what for what, _ in left)}.", " ".join(hint for _, hint in left))
    return removed


def missing_key_error(
    title: str,
    variable: str,
    name: str,
    paths: Paths,
    keyring_error: KeyringUnavailableError | None = None,
    *,
    login: str = "login",
) -> KeyMissingError:
    """The error for a missing key; its hint lists the ways to set one. `login` is the command that stores one."""
    blocked = "" if keyring_error is None else f": {KEYRING} {keyring_error.message}"
    first = "" if keyring_error is None else f"{keyring_error.hint} Or another way. "
    ways = (
        f"stepchat {login}",
        f"export {variable}=...",
        f"keyring set {SERVICE} {name}",
        f"a private file (chmod 600): {paths.config / 'keys' / name}",
        "without a key: stepchat --demo",
    )
    return KeyMissingError(f"No API key for {title}{blocked}.", "\n  ".join([f"{first}Use one of these:", *ways]))
