"""The errors of stepchat, as one tree. Each says what happened and what to do next.

StepchatError
├── UsageError            a wrong option, name or value; nothing was sent (exit 2)
│   └── UntrustedServerError
├── ConfigError           a config or theme file; names file, line and key (exit 2)
├── ApiKeyError           no key, or the server rejected it (exit 3)
│   ├── KeyMissingError
│   └── KeyRejectedError
├── StoreError            the session database
│   ├── SessionNotFoundError
│   ├── AmbiguousSessionError   several sessions match (exit 2)
│   └── AnswerNotOpenError
└── ServerError           the server or the connection to it
    ├── UnreachableError  no connection
    ├── StreamCutError    the connection ended before the answer
    └── SilenceError      nothing arrived for too long
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


_CANDIDATES = 8
"""How many sessions an error names."""


def as_sentence(text: str) -> str:
    """The text with a full stop, unless it ends with punctuation."""
    text = text.rstrip()
    return f"{text}." if text.rstrip("\"'`)]}»”’")[-1:].isalnum() else text


def shortage(error: BaseException | None) -> str:
    """Says what the system has run out of, if that caused the error; "" otherwise. Imports nothing: memory may be short."""
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
    """An error for the user: one sentence, and the next step (which may be empty)."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{as_sentence(self.message)} {self.hint}" if self.hint else self.message


class UsageError(StepchatError):
    """A wrong command, parameter or value."""


class UntrustedServerError(UsageError):
    """A server that only a stored session names. Neither text nor a key is sent there until the user approves it."""


class ConfigError(StepchatError):
    """A file of the user cannot be used, at this line if it is known."""

    def __init__(self, message: str, hint: str = "", *, line: int = 0) -> None:
        super().__init__(message, hint)
        self.line = line


class ApiKeyError(StepchatError):
    """The API key is missing or rejected."""


class KeyMissingError(ApiKeyError):
    """No key was found."""


class KeyRejectedError(ApiKeyError):
    """The server rejected the key (HTTP 401)."""


class StoreError(StepchatError):
    """The session database cannot be read or written."""


class SessionNotFoundError(StoreError):
    """No session has this ID or text."""


class AmbiguousSessionError(StoreError):
    """Several sessions have this ID or text, none of them more than the others."""

    def __init__(self, wanted: str, candidates: Sequence[tuple[str, str]]) -> None:
        """`candidates` are their IDs and titles, the best first."""
        self.candidates = tuple(candidates)
        self.summary = f"{wanted!r} matches {len(candidates)} sessions"
        named = [f"{session_id} ({title or 'untitled'})" for session_id, title in candidates[:_CANDIDATES]]
        more = " and more" if len(candidates) > _CANDIDATES else ""
        super().__init__(f"{self.summary}: {', '.join(named)}{more}.", "Give the beginning of an ID.")


class AnswerNotOpenError(StoreError):
    """An answer that this process does not, or no longer, own. Retrying does not help."""


class ServerError(StepchatError):
    """An error of the server, before or during the answer (docs/protocol.md, Errors).

    `code` is the HTTP status or the code in the body. `retry_after` is in seconds. `body` is the error object as received.
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
    """Connecting failed."""


class StreamCutError(ServerError):
    """The stream ended without finish_reason and [DONE]."""


class SilenceError(ServerError):
    """No data, not even a keep-alive comment, for the whole timeout."""
