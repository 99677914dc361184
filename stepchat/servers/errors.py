"""Error bodies of every known shape to ServerError (WIRE.md 2.7). Each says what happened and what to do next."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, cast

from stepchat import lossless_json
from stepchat.errors import KeyRejectedError, ServerError, StepchatError

if TYPE_CHECKING:
    from stepchat.messages import Json

RETRYABLE = frozenset({408, 429, 500, 502, 503, 504, 524, 529})

_HINTS: dict[int, str] = {
    400: "Change the request: another model, other parameters or a shorter conversation.",
    402: "Add credits to the account, raise the key's limit, or ask for a smaller max_tokens.",
    403: "The provider refused this content or this region; rephrase or choose another model.",
    404: "Check the model's name, or choose another one with --model.",
    408: "Ask again.",
    413: "Shorten the question or start a new session.",
    422: "Change the request: a parameter or a message is not accepted.",
    429: "Wait a moment, then ask again.",
    500: "Ask again; if it stays, choose another model.",
    502: "Ask again; if it stays, choose another model.",
    503: "Ask again in a moment, or choose another model.",
    504: "Ask again.",
    524: "Ask again.",
    529: "Ask again in a moment, or choose another model.",
}

_STATUS_OF: dict[str, int] = {
    "authentication": 401,
    "authentication_error": 401,
    "payment_required": 402,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "server": 500,
    "server_error": 500,
    "provider_unavailable": 502,
    "provider_overloaded": 503,
    "overloaded_error": 529,
    "timeout": 504,
    "timeout_error": 504,
}
"""Kinds of errors that come without a number, as in the middle of a stream, and the status that means the same."""

_TAG = re.compile(r"<(script|style|head)\b.*?</\1\s*>|<[^<>]*>", re.DOTALL | re.IGNORECASE)
_PAGE = 20_000
"""Characters of a page that are looked at."""
_SENT_BACK = re.compile(r"signature|encrypted|pinned_endpoint_slug")
# Not as a part of a model's name.
_THOUGHTS = re.compile(r"(?<![-\w/:])(?:thought|thinking|reasoning)")
_SETTING = re.compile(r"mandatory|effort")
_LENGTH = re.compile(
    r"context[ _-]?(?:length|window|size)|(?<!reasoning\.)max_(?:completion_|output_)?tokens"
    r"|max(?:imum)? (?:output |completion )?tokens|too many tokens|token limit|(?:prompt|input|payload) (?:is )?too l"
)
_LENGTH_TYPES = frozenset({"context_length_exceeded", "max_tokens_exceeded", "token_limit_exceeded", "string_too_long"})
_ERROR_NUMBER = re.compile(r"^\[Errno -?\d+\] ")
_ANOTHER = re.compile(
    r"response_format|json_schema|json_object|structured[ _]output|tool_choice|\btools?\b|temperature|top_[kp]\b"
    r"|logprobs|prediction|assistant prefill"
)


def from_status(status: int, text: str, retry_after: str | None) -> StepchatError:
    """A response that is not 2xx. `text` is the whole body."""
    body = _object(text)
    error: Any = body.get("error") if body else None
    if not error and body:
        error = body.get("message") or body.get("detail")
    if not error:
        plain = " ".join(_TAG.sub(" ", text[:_PAGE]).split())[:300]
        error = {"message": plain or "the server gave no reason"}
    return from_error(error, status=status, retry_after=_seconds(retry_after))


def from_error(error: Any, *, status: int | None = None, retry_after: float | None = None) -> StepchatError:
    """An error object (or string) from a body or a chunk. `status` is None in mid-stream."""
    body: Json = cast("Json", error) if isinstance(error, dict) else {"message": _dig(error) or str(error)}
    metadata = _dict(body.get("metadata"))
    availability = _dict(body.get("availability"))
    code: int | str | None = status or _code(body, metadata)
    number = status or status_of(code) or status_of(metadata.get("error_type"))
    message = _words(body, metadata)
    if number == 401:
        return KeyRejectedError(
            f"The server refused the API key: {message}",
            "Check the key; /login (in the shell: stepchat login) takes another one.",
        )
    retryable = number in RETRYABLE
    if isinstance(wanted := availability.get("retryable"), bool):
        retryable = wanted
    if retry_after is None:
        retry_after = _seconds(availability.get("retry_after")) or _seconds(metadata.get("retry_after"))
    provider = metadata.get("provider_name")
    said_by = f"{provider} answered" if isinstance(provider, str) and provider else "The server answered"
    return ServerError(
        f"{said_by}{f' {code}' if isinstance(code, int) else ''}: {message}",
        _HINTS.get(number or 0, "Ask again, or choose another model."),
        code=code,
        retry_after=retry_after,
        body=body,
        retryable=retryable,
    )


def status_of(code: Any) -> int | None:
    """The HTTP status that a code means: a number, a number in a string, or the name of a kind of error."""
    if isinstance(code, int) and not isinstance(code, bool):
        return code
    if not isinstance(code, str):
        return None
    return int(code) if re.fullmatch(r"[1-5][0-9]{2}", code) else _STATUS_OF.get(code)


def is_reasoning_error(error: ServerError) -> bool:
    """Whether a 400 or 404 complains about reasoning that was sent back (WIRE.md 3.6, last rule)."""
    if status_of(error.code) not in {400, 404} or is_length_error(error):
        return False
    words = error_text(error)
    if _SENT_BACK.search(words):
        return True
    return mentions_reasoning(words) and not (_SETTING.search(words) or mentions_other_parameter(words))


def error_text(error: ServerError) -> str:
    """All that a refusal says, in small letters."""
    return lossless_json.dumps(error.body).lower().replace("\\n", " ")


def is_length_error(error: ServerError) -> bool:
    """Whether a refusal is about how long a request or its answer may be; such words often count the reasoning, too."""
    kinds = (
        error.code,
        error.body.get("code"),
        error.body.get("type"),
        _dict(error.body.get("metadata")).get("error_type"),
    )
    return any(isinstance(kind, str) and kind in _LENGTH_TYPES for kind in kinds) or bool(
        _LENGTH.search(error_text(error))
    )


def mentions_reasoning(words: str) -> bool:
    """Whether the words of a refusal name the reasoning, other than in a model's name."""
    return bool(_THOUGHTS.search(words))


def mentions_other_parameter(words: str) -> bool:
    """Whether they name a parameter that has nothing to do with reasoning, but may not go with it."""
    return bool(_ANOTHER.search(words))


def describe_exception(error: Exception) -> str:
    """What a library says, without the number that the operating system has for it."""
    return _ERROR_NUMBER.sub("", str(error)).rstrip(".") or type(error).__name__


def _code(body: Json, metadata: Json) -> int | str | None:
    found = (body.get("code"), body.get("http_status"), metadata.get("error_type"), body.get("type"))
    codes = [code for code in found if isinstance(code, int | str) and not isinstance(code, bool) and code]
    number = next((status_of(code) for code in codes if str(code).isdecimal()), None)
    return number or next(iter(codes), None)


def _words(body: Json, metadata: Json) -> str:
    """The most telling sentence: older errors say only "Provider returned error" and hide the text in metadata.raw."""
    text = _dig(body.get("message")) or _dig(body.get("error")) or _dig(body.get("detail"))
    raw = metadata.get("raw")
    if raw and text.lower().rstrip(".") in {"", "provider returned error"}:
        text = _dig(raw) or text
    reasons: Any = metadata.get("reasons")
    if isinstance(reasons, list) and reasons:
        text += f" ({', '.join(str(reason) for reason in cast('list[Any]', reasons))})"
    return " ".join(text.split())[:500] or "no reason given"


def _dig(raw: Any) -> str:
    """The words in an error that may be text, JSON in text, an object or a list of them."""
    match raw:
        case str():
            inner = _object(raw)
            return (_dig(inner) if inner else "") or raw.strip()
        case dict():
            found = (_dig(cast("Json", raw).get(key)) for key in ("error", "message", "detail", "msg"))
            return next((words for words in found if words), "")
        case list():
            return "; ".join(words for item in cast("list[Any]", raw) if (words := _dig(item)))
        case _:
            return ""


def _object(text: str) -> Json | None:
    try:
        value = lossless_json.loads(text)
    except ValueError:
        return None
    return cast("Json", value) if isinstance(value, dict) else None


def _dict(value: Any) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _seconds(wait: Any) -> float | None:
    """Retry-After in seconds, from a header or a body; a date is not used by any of these servers."""
    try:
        seconds = float(wait) if isinstance(wait, str | int | float) and not isinstance(wait, bool) else math.nan
    except (ValueError, OverflowError):
        return None
    return None if math.isnan(seconds) else max(0.0, seconds)
