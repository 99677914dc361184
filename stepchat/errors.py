"""Everything that can go wrong, as one tree. Each error says what happened and what to do next.

StepchatError
├── UsageError            a wrong option, name or value; nothing was sent (exit 2)
│   └── UntrustedServerError
├── ConfigError           a config or theme file; names file, line and key (exit 2)
├── ApiKeyError           no key, or the server refused it (exit 3)
│   ├── KeyMissingError
│   └── KeyRejectedError
├── StoreError            the session database
│   ├── SessionNotFoundError
│   └── AnswerNotOpenError
└── ServerError           the server or the way to it
    ├── UnreachableError  no connection was made
    ├── StreamCutError    the connection ended before the answer did
    └── SilenceError      nothing arrived for too long
"""

from __future__ import annotations

from typing import Any


def as_sentence(text: str) -> str:
    """What somebody said, with a full stop when more is to follow and it has no end of its own."""
    text = text.rstrip()
    return f"{text}." if text.rstrip("\"'`)]}»”’")[-1:].isalnum() else text


def shortage(error: BaseException | None) -> str:
    """What the system has run out of, if that is why this was raised; "" otherwise. Imports nothing: memory may be short."""
    while error is not None:
        match error:
            case MemoryError() | OSError(errno=12):
                return "Out of memory."
            case OSError(errno=23 | 24):
                return "Too many open files. Raise the limit, for example with: ulimit -n 256"
            case RuntimeError() if "start new thread" in str(error):
                return "Cannot start a thread: too many processes or too little memory."
            case _:
                error = error.__cause__ or error.__context__
    return ""


class StepchatError(Exception):
    """One clear sentence, and one with the next step (which may be empty)."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{as_sentence(self.message)} {self.hint}" if self.hint else self.message


class UsageError(StepchatError):
    """The command, a parameter or a value is wrong."""


class UntrustedServerError(UsageError):
    """Only a stored session names this server: neither text nor a key goes there before the user has named it."""


class ConfigError(StepchatError):
    """A file the user wrote cannot be used."""


class ApiKeyError(StepchatError):
    """The API key is missing or refused."""


class KeyMissingError(ApiKeyError):
    """No key was found in any place."""


class KeyRejectedError(ApiKeyError):
    """The server does not accept the key (HTTP 401)."""


class StoreError(StepchatError):
    """The session database cannot be read or written."""


class SessionNotFoundError(StoreError):
    """No session has this id or text."""


class AnswerNotOpenError(StoreError):
    """An answer is not, or no longer, this program's to write; trying again does not help."""


class ServerError(StepchatError):
    """The server answered with an error, before or during the answer (WIRE.md 2.7).

    `code` is the HTTP status or the code in the body. `retry_after` is in seconds. `body` is the error object as it came.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        code: int | str | None = None,
        retry_after: float | None = None,
        body: dict[str, Any] | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message, hint)
        self.code = code
        self.retry_after = retry_after
        self.body = body or {}
        self.retryable = retryable


class UnreachableError(ServerError):
    """No connection could be made."""


class StreamCutError(ServerError):
    """The stream ended with neither finish_reason nor [DONE] (WIRE.md 2.8)."""


class SilenceError(ServerError):
    """Not even a keep-alive comment came for the whole timeout."""
