"""Finds the API key and keeps it out of everything: environment, then keyring, then a private file.

The key lives in a `Key`, which neither prints nor formats it; `Key.redact` takes it out of words that came from a server.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepchat.config.keyring import SERVICE, Keyring, KeyringUnavailableError, system_keyring
from stepchat.config.paths import write_private
from stepchat.errors import ConfigError, KeyMissingError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from stepchat.config.keyring import KeyringBackend
    from stepchat.config.paths import Paths

KEYRING = "the system keyring"

SHORTEST_SECRET = 8
"""Characters; what is shorter is no secret but a word for servers that want none."""


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """A secret. `source` says where it was found, in words for the user."""

    _value: str
    source: str

    def __repr__(self) -> str:
        return f"Key(from {self.source})"

    def bearer(self) -> str:
        """The Authorization header's value."""
        return f"Bearer {self._value}"

    def reveal(self) -> str:
        """The secret itself, for the place where it is kept."""
        return self._value

    def redact(self, text: str) -> str:
        """The text without the key. One of fewer than 8 characters stays: it is a word such as `none` or `x`, which servers
        that need no key are given, and taking it out of everything would damage what they say.
        """
        return text.replace(self._value, "[key removed]") if len(self._value) >= SHORTEST_SECRET else text

    def mask(self, data: bytes) -> bytes:
        """As many bytes, with asterisks in the place of the key; the same rule."""
        value = self._value.encode()
        return data.replace(value, b"*" * len(value)) if len(value) >= SHORTEST_SECRET else data


@dataclass(frozen=True, slots=True)
class KeyLookup:
    """What came of looking for a key. `keyring_error` says why the keyring could not be asked."""

    key: Key | None
    keyring_error: KeyringUnavailableError | None = None


def find_key(
    name: str,
    variables: Sequence[str],
    environ: Mapping[str, str],
    paths: Paths,
    backend: Callable[[], KeyringBackend | None] = system_keyring,
) -> KeyLookup:
    """The key named `name`; the first variable that is set wins. Raises ConfigError for what cannot be a key."""
    for variable in variables:
        if value := environ.get(variable, "").strip():
            return KeyLookup(validate_key(value, f"the environment ({variable})"))
    trouble = None
    try:
        if value := _from_keyring(name, backend):
            return KeyLookup(validate_key(value, KEYRING))
    except KeyringUnavailableError as error:
        trouble = error if error.is_installed else None
    return KeyLookup(_from_file(paths.config / "keys" / name), trouble)


def _from_file(path: Path) -> Key | None:
    try:
        value = path.read_text(encoding="utf-8").strip()
        shared = os.name == "posix" and path.stat().st_mode & 0o077
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(
            f"Cannot read the key file {path}: {reason}.", "Mend it, or set the environment variable."
        ) from None
    if not value:
        return None
    if shared:
        raise ConfigError(f"The key file {path} can be read by other users.", f"Run: chmod 600 {path}")
    return validate_key(value, f"the file {path}")


def validate_key(value: str, source: str) -> Key:
    """Raises ConfigError for what cannot be a key."""
    if not value.isascii() or not value.isprintable() or set(value) & set(" \"'`"):
        raise ConfigError(
            f"The API key from {source} holds characters that no key has.",
            "Copy it again; mind quotes and line breaks.",
        )
    return Key(value, source)


def _from_keyring(name: str, backend: Callable[[], KeyringBackend | None]) -> str:
    """Raises KeyringUnavailableError."""
    there = backend()
    return "" if there is None else Keyring(there).get(name)


def save_key(key: Key, name: str, paths: Paths, backend: Callable[[], KeyringBackend | None] = system_keyring) -> str:
    """Keep it in the keyring when that works, else in a private file; says where, and why there. Raises StoreError."""
    path = paths.config / "keys" / name
    there, why = backend(), ""
    if there is not None:
        keyring = Keyring(there)
        try:
            keyring.put(name, key.reveal())
        except KeyringUnavailableError as trouble:
            _refuse_older(keyring, name, trouble)
            why = f", because {KEYRING} {trouble.message}"
        else:
            return KEYRING + _without_file(path)
    if not write_private(path, f"{key.reveal()}\n".encode()):
        raise StoreError(f"Cannot write the key file {path}.", "Look at the space and the permissions there.")
    return f"the file {path}{why}"


def _refuse_older(keyring: Keyring, name: str, trouble: KeyringUnavailableError) -> None:
    """It takes no new key. One that it holds would go before the file, and the new one would never be used."""
    with contextlib.suppress(KeyringUnavailableError):
        if keyring.get(name):
            raise StoreError(
                f"An older key is in {KEYRING}, which {trouble.message}, and that one would be used.",
                f"Remove it first: keyring del {SERVICE} {name}",
            )


def _without_file(path: Path) -> str:
    """What is kept once is not to lie around elsewhere, where it would grow old; what is to be said about it."""
    try:
        path.unlink(missing_ok=True)
    except NotADirectoryError:
        pass
    except OSError as error:
        return f"; an older one stays in {path}, which cannot be removed: {error.strerror or error}"
    return ""


def forget_key(name: str, paths: Paths, backend: Callable[[], KeyringBackend | None] = system_keyring) -> list[str]:
    """Remove it from the keyring and the file; says where it was. Raises StoreError when one may be left."""
    found: list[str] = []
    path = paths.config / "keys" / name
    left: list[tuple[str, str]] = []
    try:
        path.unlink()
        found.append(f"the file {path}")
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        left.append((f"the file {path} cannot be removed: {error.strerror or error}", "Remove it yourself."))
    there = backend()
    if there is not None:
        keyring = Keyring(there)
        try:
            if keyring.get(name):
                keyring.remove(name)
                found.insert(0, KEYRING)
        except KeyringUnavailableError as trouble:
            if trouble.is_installed:
                hint = f"{trouble.hint} Then: stepchat logout, or keyring del {SERVICE} {name}"
                left.append((f"one may still be in {KEYRING}, which {trouble.message}", hint))
    if left:
        gone = f"The key is gone from {' and '.join(found)}, but " if found else "The key is not removed: "
        raise StoreError(f"{gone}{'; '.join(what for what, _ in left)}.", " ".join(hint for _, hint in left))
    return found


def missing_key_error(
    title: str,
    variable: str,
    name: str,
    paths: Paths,
    keyring_error: KeyringUnavailableError | None = None,
    *,
    login: str = "login",
) -> KeyMissingError:
    """The error that tells the ways to give a key, and what was in the way. `login` is the command that takes one."""
    blocked = "" if keyring_error is None else f": {KEYRING} {keyring_error.message}"
    first = "" if keyring_error is None else f"{keyring_error.hint} Or another way. "
    return KeyMissingError(
        f"No API key for {title}{blocked}.",
        f"{first}Get one with: stepchat {login}. Or give it in the environment (export {variable}=...), in the system keyring "
        f"(keyring set {SERVICE} {name}), or in the private file {paths.config / 'keys' / name} (chmod 600). "
        "To look around without a key: stepchat --demo",
    )
