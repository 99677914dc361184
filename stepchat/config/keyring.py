"""The system's keyring: asked with patience that ends, and what is wrong with it in words. Its faults are never fatal."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

SERVICE = "stepchat"
PATIENCE = 30.0
"""Seconds; a locked one may ask the person for a password, and one without a screen may wait for that for ever."""
_LOCKED = frozenset({"KeyringLocked"})
_NONE = frozenset({"NoKeyringError"})


class KeyringBackend(Protocol):
    """The part of the package `keyring` that is used."""

    def get_password(self, service_name: str, username: str) -> str | None: ...
    def set_password(self, service_name: str, username: str, password: str) -> None: ...
    def delete_password(self, service_name: str, username: str) -> None: ...


class KeyringUnavailableError(Exception):
    """What is wrong, as a clause that goes on from "the system keyring"; and what to do about it."""

    def __init__(self, message: str, hint: str, *, is_installed: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.is_installed = is_installed


def system_keyring() -> KeyringBackend | None:
    """The keyring of this system; None when the package, an extra, is not there."""
    try:
        import keyring  # pyright: ignore[reportMissingImports] - an extra, slow to import
    except Exception:  # noqa: BLE001 - not there, or in pieces: backends come from other packages
        return None
    found: Any = keyring
    return found


class Keyring:
    """What stepchat keeps in a keyring, under the service of its name."""

    def __init__(self, backend: KeyringBackend, patience: float = PATIENCE) -> None:
        self._backend = backend
        self._patience = patience

    def get(self, name: str) -> str:
        """The secret, "" when there is none. Raises KeyringUnavailableError."""
        value: Any = self._ask(lambda: self._backend.get_password(SERVICE, name))
        return value.strip() if isinstance(value, str) else ""

    def put(self, name: str, secret: str) -> None:
        """Raises KeyringUnavailableError, also when it does not keep it: some backends keep nothing."""
        self._ask(lambda: self._backend.set_password(SERVICE, name, secret))
        if self.get(name) != secret:
            raise KeyringUnavailableError(
                "does not keep what it is given", "Choose another backend: keyring --list-backends"
            )

    def remove(self, name: str) -> None:
        """Raises KeyringUnavailableError."""
        self._ask(lambda: self._backend.delete_password(SERVICE, name))

    def _ask(self, work: Callable[[], object]) -> object:
        """In a thread, because a backend may wait for a password that nobody can type."""
        outcome: list[object] = []
        failure: list[Exception] = []

        def run() -> None:
            try:
                outcome.append(work())
            except Exception as error:  # noqa: BLE001 - backends raise whatever they like
                failure.append(error)

        thread = Thread(target=run, name="stepchat-keyring", daemon=True)
        thread.start()
        thread.join(self._patience)
        if failure:
            raise _trouble(failure[0])
        if not outcome:
            raise KeyringUnavailableError(
                f"did not answer for {self._patience:g} seconds", "It may wait for its password: unlock it, or log in."
            )
        return outcome[0]


def _trouble(error: Exception) -> KeyringUnavailableError:
    # By name: the package is an extra.
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & _NONE:
        return KeyringUnavailableError(
            "is not there", "Install one, such as GNOME Keyring or KWallet.", is_installed=False
        )
    if names & _LOCKED:
        return KeyringUnavailableError("is locked", "Unlock it and try again.")
    # Only the kind: what a backend says may hold what it was given.
    return KeyringUnavailableError(f"does not work ({type(error).__name__})", "See: keyring diagnose")
