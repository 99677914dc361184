"""Error bodies of every known shape to ServerError (WIRE.md 2.7). Each says what happened and what to do next."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from stepchat import exact_json
from stepchat.errors import KeyRefusedError, ServerError, StepchatError

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

_TAG = re.compile(r"<(script|style|head)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)


def from_status(status: int, text: str, retry_after: str | None) -> StepchatError:
    """A response that is not 2xx. `text` is the whole body."""
    body = _object(text)
    error: Any = body.get("error") if body else None
    if error is None and body:
        error = body.get("message") or body.get("detail")
    if error is None:
        plain = " ".join(_TAG.sub(" ", text).split())[:300]
        error = {"message": plain or "the server gave no reason"}
    return from_error(error, status=status, retry_after=_seconds(retry_after))


def from_error(error: Any, *, status: int | None = None, retry_after: float | None = None) -> StepchatError:
    """An error object (or string) from a body or a chunk. `status` is None in mid-stream."""
    body: Json = cast("Json", error) if isinstance(error, dict) else {"message": str(error)}
    metadata = _dict(body.get("metadata"))
    availability = _dict(body.get("availability"))
    code: int | str | None = body.get("code") or body.get("http_status") or body.get("type") or status
    number = status or _number(code)
    message = _words(body, metadata)
    if number == 401:
        return KeyRefusedError(
            f"The server refused the API key: {message}", "Check the key, or make a new one on the server's website."
        )
    retryable = number in RETRYABLE
    if isinstance(wanted := availability.get("retryable"), bool):
        retryable = wanted
    if retry_after is None:
        wait = availability.get("retry_after", metadata.get("retry_after"))
        retry_after = float(wait) if isinstance(wait, int | float) else None
    provider = metadata.get("provider_name")
    said_by = f"{provider} answered" if isinstance(provider, str) and provider else "The server answered"
    place = f" {number}" if number else ""
    return ServerError(
        f"{said_by}{place}: {message}",
        _HINTS.get(number or 0, "Ask again, or choose another model."),
        code=code if isinstance(code, int | str) else number,
        retry_after=retry_after,
        body=body,
        retryable=retryable,
    )


def names_reasoning(error: ServerError) -> bool:
    """Whether a 400 or 404 complains about reasoning that was sent back (WIRE.md 3.6, last rule)."""
    if _number(error.code) not in {400, 404}:
        return False
    words = exact_json.dumps(error.body).lower()
    wanted = ("signature", "encrypted", "thought", "thinking block", "pinned_endpoint_slug", "reasoning_details")
    return any(word in words for word in wanted)


def _words(body: Json, metadata: Json) -> str:
    """The most telling sentence: older errors say only "Provider returned error" and hide the text in metadata.raw."""
    message = body.get("message")
    text = message.strip() if isinstance(message, str) else ""
    raw = metadata.get("raw")
    if raw and (not text or text.lower() == "provider returned error"):
        dug = _dig(raw)
        text = dug or text
    reasons: Any = metadata.get("reasons")
    if isinstance(reasons, list) and reasons:
        text += f" ({', '.join(str(reason) for reason in cast('list[Any]', reasons))})"
    return (text or "no reason given")[:500]


def _dig(raw: Any) -> str:
    if isinstance(raw, str):
        inner = _object(raw)
        return _dig(inner) if inner else raw.strip()[:300]
    if isinstance(raw, dict):
        source = cast("Json", raw)
        for key in ("error", "message", "detail", "msg"):
            if source.get(key):
                return _dig(source[key])
    return ""


def _object(text: str) -> Json | None:
    try:
        value = exact_json.loads(text)
    except ValueError:
        return None
    return cast("Json", value) if isinstance(value, dict) else None


def _dict(value: Any) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _number(code: Any) -> int | None:
    if isinstance(code, int) and not isinstance(code, bool):
        return code
    return int(code) if isinstance(code, str) and code.isdecimal() and len(code) == 3 else None


def _seconds(header: str | None) -> float | None:
    """Retry-After in seconds; a date is not used by any of these servers."""
    try:
        return max(0.0, float(header)) if header else None
    except ValueError:
        return None
