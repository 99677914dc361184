"""Finds the API key and keeps it out of everything: environment, then keyring, then a private file.

The key lives in a `Key`, which neither prints nor formats it; `Key.redact` takes it out of words that came from a server.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepchat.errors import ConfigError, KeyMissingError, StoreError
from stepchat.paths import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stepchat.paths import Paths

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

    def redact(self, text: str) -> str:
        """The text without the key. One of fewer than 8 characters stays: it is a word such as `none` or `x`, which servers
        that need no key are given, and taking it out of everything would damage what they say.
        """
        return text.replace(self._value, "[key removed]") if len(self._value) >= SHORTEST_SECRET else text

    def mask(self, data: bytes) -> bytes:
        """As many bytes, with asterisks in the place of the key; the same rule."""
        value = self._value.encode()
        return data.replace(value, b"*" * len(value)) if len(value) >= SHORTEST_SECRET else data


def find_key(name: str, variables: Sequence[str], environ: Mapping[str, str], paths: Paths) -> Key | None:
    """The key named `name`, or None; the first variable that is set wins. Raises ConfigError for what cannot be a key."""
    for variable in variables:
        if value := environ.get(variable, "").strip():
            return checked_key(value, f"the environment ({variable})")
    if value := _from_keyring(name):
        return checked_key(value, "the system keyring")
    path = paths.config / "keys" / name
    try:
        value = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(
            f"Cannot read the key file {path}: {reason}.", "Mend it, or set the environment variable."
        ) from None
    if not value:
        return None
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise ConfigError(f"The key file {path} can be read by other users.", f"Run: chmod 600 {path}")
    return checked_key(value, f"the file {path}")


def checked_key(value: str, source: str) -> Key:
    """Raises ConfigError for what cannot be a key."""
    if not value.isascii() or not value.isprintable() or set(value) & set(" \"'`"):
        raise ConfigError(
            f"The API key from {source} holds characters that no key has.",
            "Copy it again; mind quotes and line breaks.",
        )
    return Key(value, source)


def _from_keyring(name: str) -> str | None:
    try:
        import keyring  # pyright: ignore[reportMissingImports] - an extra, slow to import
    except ImportError:
        return None
    try:
        value = keyring.get_password("stepchat", name)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    except Exception:  # noqa: BLE001 - backends raise whatever they like; a key that cannot be read is none
        return None
    return value.strip() if isinstance(value, str) and value.strip() else None


def save_key(key: Key, name: str, paths: Paths) -> str:
    """Keep it in the keyring when that works, else in a private file; says where, in words. Raises StoreError."""
    if _to_keyring(name, key.bearer().removeprefix("Bearer ")):
        # What is kept once is not to lie around elsewhere, where it would grow old.
        (paths.config / "keys" / name).unlink(missing_ok=True)
        return "the system keyring"
    path = paths.config / "keys" / name
    if not write_private(path, f"{key.bearer().removeprefix('Bearer ')}\n".encode()):
        raise StoreError(f"Cannot write the key file {path}.", "Look at the space and the permissions there.")
    return f"the file {path}"


def forget_key(name: str, paths: Paths) -> list[str]:
    """Remove it from the keyring and the file; says where it was. Raises StoreError."""
    found: list[str] = []
    if _from_keyring(name) and _out_of_keyring(name):
        found.append("the system keyring")
    path = paths.config / "keys" / name
    try:
        path.unlink()
        found.append(f"the file {path}")
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StoreError(f"Cannot remove {path}: {error.strerror}.", "Remove it yourself.") from error
    return found


def _to_keyring(name: str, value: str) -> bool:
    try:
        import keyring  # pyright: ignore[reportMissingImports] - an extra, slow to import

        keyring.set_password("stepchat", name, value)  # pyright: ignore[reportUnknownMemberType]
    except Exception:  # noqa: BLE001 - backends raise whatever they like; the file is the other way
        return False
    # Some backends keep nothing.
    return _from_keyring(name) == value


def _out_of_keyring(name: str) -> bool:
    try:
        import keyring  # pyright: ignore[reportMissingImports] - the same

        keyring.delete_password("stepchat", name)  # pyright: ignore[reportUnknownMemberType]
    except Exception:  # noqa: BLE001 - the same
        return False
    return True


def missing_key(title: str, variable: str, name: str, paths: Paths) -> KeyMissingError:
    """The error that tells the ways to give a key."""
    return KeyMissingError(
        f"No API key for {title}.",
        f"Get one with: stepchat login. Or give it in the environment (export {variable}=...), in the system keyring "
        f"(keyring set stepchat {name}), or in the private file {paths.config / 'keys' / name} (chmod 600). "
        "To look around without a key: stepchat --demo",
    )
