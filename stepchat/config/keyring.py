"""The system keyring, with a time limit and readable errors, none of which is fatal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from stepchat.concurrency import start_daemon

if TYPE_CHECKING:
    from collections.abc import Callable

SERVICE = "stepchat"
TIMEOUT = 30.0
"""Seconds. A locked keyring may ask the user for a password; one without a screen may wait forever."""
_LOCKED = frozenset({"KeyringLocked"})
_MISSING = frozenset({"NoKeyringError"})


class KeyringBackend(Protocol):
    """The part of the package `keyring` that stepchat uses."""

    def get_password(self, service_name: str, username: str) -> str | None: ...
    def set_password(self, service_name: str, username: str, password: str) -> None: ...
    def delete_password(self, service_name: str, username: str) -> None: ...


class KeyringUnavailableError(Exception):
    """The keyring cannot be used. `message` continues a sentence that begins with "the system keyring"."""

    def __init__(self, message: str, hint: str, *, is_installed: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.is_installed = is_installed


def system_keyring() -> KeyringBackend | None:
    """The system's keyring; None if the optional package is not installed."""
    try:
        import keyring  # pyright: ignore[reportMissingImports] - an extra, slow to import
    except Exception:  # noqa: BLE001 - missing or broken: backends come from other packages
        return None
    found: Any = keyring
    return found


class Keyring:
    """Secrets in a keyring, under the service name of stepchat."""

    def __init__(self, backend: KeyringBackend, timeout: float = TIMEOUT) -> None:
        self._backend = backend
        self._timeout = timeout

    def get(self, name: str) -> str:
        """The secret; "" if there is none. Raises KeyringUnavailableError."""
        value: Any = self._call(lambda: self._backend.get_password(SERVICE, name))
        return value.strip() if isinstance(value, str) else ""

    def put(self, name: str, secret: str) -> None:
        """Store a secret. Raises KeyringUnavailableError, also if the backend silently stores nothing."""
        self._call(lambda: self._backend.set_password(SERVICE, name, secret))
        if self.get(name) != secret:
            raise KeyringUnavailableError(
                "does not store what it is given", "Choose another backend: keyring --list-backends"
            )

    def remove(self, name: str) -> None:
        """Delete a secret. Raises KeyringUnavailableError."""
        self._call(lambda: self._backend.delete_password(SERVICE, name))

    def _call(self, work: Callable[[], object]) -> object:
        """Call the backend in a thread, because it may wait for a password that nobody can enter."""
        future = start_daemon(work)
        try:
            return future.result(self._timeout)
        except Exception as error:  # noqa: BLE001 - backends raise anything
            if future.done():
                raise _unavailable(error) from None
        raise KeyringUnavailableError(
            f"did not answer within {self._timeout:g} seconds",
            "It may be waiting for its password: unlock it, or log in.",
        )


def _unavailable(error: Exception) -> KeyringUnavailableError:
    # Compared by name, because the package is optional.
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & _MISSING:
        return KeyringUnavailableError(
            "is not available", "Install one, such as GNOME Keyring or KWallet.", is_installed=False
        )
    if names & _LOCKED:
        return KeyringUnavailableError("is locked", "Unlock it and try again.")
    # Shows only the type, because the text of the error may contain the secret.
    return KeyringUnavailableError(f"does not work ({type(error).__name__})", "See: keyring diagnose")
