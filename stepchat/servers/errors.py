"""Turns error responses of every known shape into a ServerError with a message and a hint."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import localtime, strftime, time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from stepchat import lossless_json
from stepchat.errors import KeyRejectedError, ServerError, StepchatError
from stepchat.text.encoding import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from stepchat.messages import Json

RETRYABLE = frozenset({408, 429, 500, 502, 503, 504, 524, 529})

_HINTS: dict[int, str] = {
    400: "Change the request: another model, other parameters or a shorter conversation.",
    402: "Add credits to the account, raise the key's limit, or ask for a smaller max_tokens.",
    403: "The provider rejects this content or this region, or the key lacks permission; choose another model.",
    404: "Check the model's name, or choose another one with --model.",
    408: "Retry.",
    413: "Shorten the question or start a new session.",
    422: "Change the request: a parameter or a message is not accepted.",
    429: "Wait a moment, then retry.",
    500: "Retry; if it persists, choose another model.",
    502: "Retry; if it persists, choose another model.",
    503: "Retry in a moment, or choose another model.",
    504: "Retry.",
    524: "Retry.",
    529: "Retry in a moment, or choose another model.",
}
BASE_URL_HINT: Final = "Check the base URL; it usually ends in /v1."
_KEY_HINT: Final = "Check the key; /login (in the shell: stepchat login) replaces it."


class _Cause(NamedTuple):
    """A cause that the status does not reveal. `retryable` overrides the status, unless it is None."""

    pattern: re.Pattern[str]
    hint: str
    retryable: bool | None = False
    statuses: frozenset[int] | None = None
    """HTTP status codes to which the row applies; None for all."""


def _cause(pattern: str, hint: str, *, retryable: bool | None = False, statuses: tuple[int, ...] = ()) -> _Cause:
    return _Cause(re.compile(pattern, re.IGNORECASE), hint, retryable, frozenset(statuses) or None)


_CAUSES: tuple[_Cause, ...] = (
    _cause(
        r"api[ _-]?key (?:is )?(?:not valid|invalid|expired|missing)|(?:invalid|incorrect|expired|missing) (?:x-)?api[ _-]?key"
        r"|api_key_invalid|invalid_api_key|\b(?:access |auth(?:entication)? )?token (?:is )?(?:not valid|invalid|expired|missing)"
        r"|(?:invalid|expired|missing) (?:access |auth(?:entication)? )?token\b|login fail|authentication (?:failed|error)",
        _KEY_HINT,
    ),
    _cause(
        r"key limit|limit (?:of|for|on) (?:this|the|your) (?:api )?key",
        "Raise the key's limit (on OpenRouter: openrouter.ai/settings/keys) or use another key.",
    ),
    _cause(r"more credits|can only afford", _HINTS[402]),
    _cause(
        r"insufficient[ _-]*(?:account[ _-]*)?(?:balance|credit|fund|quota)|(?:credit )?balance is (?:too low|not enough)"
        r"|out of credits|no credits|more credits|exceeded your current quota|billing_hard_limit|arrears|account.{0,20}overdue",
        "Add credits to the account, or use another key.",
    ),
    _cause(
        r"data policy|guardrail|settings/privacy",
        "Change the account's privacy settings (on OpenRouter: openrouter.ai/settings/privacy), or choose another model.",
    ),
    _cause(
        r"unexpected endpoint or method|invalid url \(|cannot (?:get|post) /|no route|no such (?:route|endpoint)"
        r"|method not allowed|(?:path|route|endpoint) (?:was )?not found",
        BASE_URL_HINT,
    ),
    # Only the name of the status, so this was no API.
    _cause(r"^\W*(?:404\W+)?(?:(?:page |url )?not found\W*)(?:nginx|apache|caddy|cloudflare)?\W*$", BASE_URL_HINT, statuses=(404,)),
    _cause(r"", BASE_URL_HINT, statuses=(405,)),
    _cause(
        r"context[ _-]?(?:length|window|size)|too many tokens|(?:prompt|input) (?:is )?too long|exceed_context_size",
        "Start a new session, shorten the question, or choose a model with a larger context window.",
        statuses=(400, 413, 422, 500),
    ),
    _cause(
        r"moderation|flagged|content policy|safety",
        "The provider rejects this content; rephrase it or choose another model.", statuses=(403,),
    ),
    _cause(
        r"region|country|territory|location", "The provider does not serve this region; choose another model.",
        statuses=(403,),
    ),
    _cause(r"rate[ _-]?limit|too many requests|request limit|throttl", _HINTS[429], retryable=None),
    _cause(r"loading|warming up|is starting", "Wait until the server has loaded the model.", retryable=True, statuses=(503,)),
)  # fmt: skip
"""The first row that matches the error's text, type and code counts."""

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
"""The status that a kind of error means, for errors without a number."""

_TAG = re.compile(r"<(script|style|head)\b.*?</\1\s*>|<[^<>]*>", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title\s*>", re.DOTALL | re.IGNORECASE)
_PAGE = 20_000
"""Characters of a page to examine."""
_LONGEST_MESSAGE = 500
_SENT_BACK = re.compile(r"signature|encrypted|pinned_endpoint_slug")
# But not as part of a model's name.
_REASONING = re.compile(r"(?<![-\w/:])(?:thought|thinking|reasoning)")
_SETTING = re.compile(r"mandatory|effort")
_LENGTH = re.compile(
    r"context[ _-]?(?:length|window|size)|(?<!reasoning\.)max_(?:completion_|output_)?tokens"
    r"|max(?:imum)? (?:output |completion )?tokens|too many tokens|token limit|(?:prompt|input|payload) (?:is )?too l"
)
_LENGTH_TYPES = frozenset({"context_length_exceeded", "max_tokens_exceeded", "token_limit_exceeded", "string_too_long"})
_ANOTHER = re.compile(
    r"response_format|json_schema|json_object|structured[ _]output|tool_choice|\btools?\b|temperature|top_[kp]\b"
    r"|logprobs|prediction|assistant prefill"
)
_TEXT_KEYS = (
    "message", "error", "detail", "msg", "status_msg", "error_msg", "error_message", "errormessage", "description",
    "error_description", "data",
)  # fmt: skip
_MORE_TEXT_KEYS = ("faultstring", "fault", "reason", "exception", "title", "text", "value")
"""Looked at only where an error is certain."""
_CODE_KEYS = ("code", "http_status", "http_code", "status_code", "error_code", "status")
_ERROR_TYPE = re.compile(
    r"err|exception|fail|invalid|denied|limit|unauthori[sz]|forbidden|not_?found|overload|quota|timeout|insufficient",
    re.IGNORECASE,
)
_SUCCESS = frozenset({0, 200, "0", "200", "ok", "success", "OK", "SUCCESS", "Success", "completed", "in_progress"})


def from_status(status: int, text: str, headers: Mapping[str, str] | None = None) -> StepchatError:
    """Returns the error of a response that is not 2xx. `text` is the body; header names are in lower case."""
    value = _parse(text)
    body = _envelope(value)
    error: Any = find_error(body, status=status) if body else None
    if not error and isinstance(value, list):
        error = cast("Any", value)
    if not error:
        page = text[:_PAGE]
        plain = _dig(value) or ("" if text.strip() == "null" else _page_text(page))
        error = {"message": plain or "no reason given"}
        if status == 404 and page.lstrip()[:1] == "<":
            return ServerError(
                f"The server answered 404: {plain or 'a web page'}", BASE_URL_HINT, code=404, body=cast("Json", error)
            )
    return from_error(error, status=status, headers=headers, beside=body)


def _page_text(page: str) -> str:
    """The words of a page, or its title if it has none."""
    words = " ".join(_TAG.sub(" ", page).split())
    title = _TITLE.search(page)
    if title is not None and not any(char.isalnum() for char in words):
        words = " ".join(title[1].split())
    return words[:300]


def decoded(body: bytes) -> str:
    """The text of a response that may be in any encoding of JSON, or in the old one of Western Europe."""
    text = decode(body)
    return text if "\ufffd" not in text else body.decode("cp1252", "replace")


def find_error(body: Json, *, status: int | None = None) -> Any:
    """Returns the error in a body that is not an answer; None if it contains none.

    If `status` is not a failure, a text is an error only with a code or a type that says so.
    """
    if body.get("error"):
        if isinstance(body["error"], str) and isinstance(body.get("message"), str):
            return {key: value for key, value in body.items() if key != "error"}
        if not isinstance(body["error"], str):
            return body["error"]
        return {"message": body["error"], **{key: body[key] for key in _CODE_KEYS if key in body}}
    base: Any = body.get("base_resp")
    if isinstance(base, dict) and cast("Json", base).get("status_code") not in {*_SUCCESS, None}:
        return cast("Json", base)
    if body.get("errors"):
        return body["errors"]
    if not any(_dig(body.get(key)) for key in _TEXT_KEYS):
        return None
    codes: list[Any] = [body.get(key) for key in _CODE_KEYS]
    kinds: list[Any] = [body.get("type"), body.get("object")]
    has_code = any(isinstance(code, int | str) and code not in {*_SUCCESS, ""} for code in codes)
    has_kind = any(isinstance(kind, str) and _ERROR_TYPE.search(kind) for kind in kinds)
    return body if status is not None or has_code or has_kind else None


def from_error(
    error: Any,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    beside: Json | None = None,
) -> StepchatError:
    """Returns the error for an error object, list or string. `status` is None for an error in the stream.

    `beside` is the body that it was found in.
    """
    inner = _envelope(error)
    body: Json = inner or {"message": _dig(error) or str(error)}
    if isinstance(wrapped := body.get("error"), dict) and not body.get("message"):
        body = cast("Json", wrapped)
    metadata, availability = _dict(body.get("metadata")), _dict(body.get("availability"))
    code: int | str | None = status or _code(body, metadata)
    number = status or status_of(code) or status_of(metadata.get("error_type"))
    message = _words(body, metadata)
    provider = metadata.get("provider_name")
    source = f"{provider} answered" if isinstance(provider, str) and provider else "The server answered"
    sentence = f"{source}{f' {code}' if isinstance(code, int) else ''}: {message}"
    if number == 401:
        return KeyRejectedError(f"The server rejected the API key: {message}", _KEY_HINT)
    cause = _find_cause(body, message, number)
    if cause is not None and cause.hint is _KEY_HINT:
        return KeyRejectedError(sentence, _KEY_HINT)
    wait = _wait(headers or {}, body, (metadata, availability, beside or {}), message)
    # A quota that says when it resets is a rate limit.
    if cause is not None and cause.retryable is False and wait is not None and number == 429:
        cause = None
    retryable = number in RETRYABLE
    if cause is not None and cause.retryable is not None:
        retryable = cause.retryable
    if isinstance(wanted := availability.get("retryable"), bool):
        retryable = wanted
    hint = cause.hint if cause is not None else _HINTS.get(number or 0, "Retry, or choose another model.")
    if wait is not None and wait > LONGEST_WAIT:
        hint = _reset_hint(wait, message, number)
    return ServerError(sentence, hint, code=code, retry_after=wait, body=body, retryable=retryable)


def _find_cause(body: Json, message: str, number: int | None) -> _Cause | None:
    kinds = (body.get("type"), body.get("code"), body.get("status"), body.get("reason"))
    texts = (message, *(kind for kind in kinds if isinstance(kind, str)))
    for cause in _CAUSES:
        fits = cause.statuses is None or number in cause.statuses
        if fits and any(cause.pattern.search(text) for text in texts):
            return cause
    return None


def status_of(code: Any) -> int | None:
    """Returns the HTTP status that a code means: a number, a number in a string, or the name of a kind of error."""
    if isinstance(code, int) and not isinstance(code, bool):
        # Some append digits of their own: 40100.
        return code // 100 if 40_000 <= code <= 59_999 else code
    if not isinstance(code, str):
        return None
    return int(code) if re.fullmatch(r"[1-5][0-9]{2}", code) else _STATUS_OF.get(code.lower())


# When to try again

LONGEST_WAIT: Final = 60.0
"""The longest wait for a retry in seconds. For longer waits, the hint says when to try again."""
_YEAR: Final = 366 * 86_400.0
_DURATION = re.compile(
    r"(\d+(?:\.\d+)?)\s*(ms|milliseconds?|h|hours?|m|min|minutes?|s|sec|seconds?)(?![a-z])", re.IGNORECASE
)
_WAIT_KEY = re.compile(
    r"(?:retry|resets?)(?:after|in)(?:sec|secs|seconds)?|(?P<at>(?:resets?|retry)(?:at|time|timestamp)?)"
)
_LIMIT_HEADER = re.compile(r"rate-?limit", re.IGNORECASE)
_UNITS = {"ms": 0.001, "mi": 60.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_RETRY_IN = re.compile(
    r"(?:retry|try again|available|wait)[^.]{0,30}? (?:in|after|for) ((?:\d+(?:\.\d+)?\s*[a-z]+[ ,]*)+)", re.IGNORECASE
)


def _wait(headers: Mapping[str, str], body: Json, around: Iterable[Json], message: str) -> float | None:
    """Seconds until the server accepts the request again; infinite if never, None if unknown."""
    metadata, *others = around
    hidden = {str(key).lower(): value for key, value in _dict(metadata.get("headers")).items()}
    objects = (*others, metadata, body, _dict(body.get("details")))
    found = (
        _milliseconds(headers.get("retry-after-ms")),
        _seconds(headers.get("retry-after")),
        _seconds(headers.get("x-retry-after")),
        *(wait for found in objects for wait in _waits_in(found)),
        _seconds(hidden.get("retry-after")),
        _retry_delay(body.get("details")),
        _seconds(body.get("estimated_time")),
        _reset_header(headers),
        _reset_header(hidden),
        _delay_in_text(message),
    )
    wait = next((seconds for seconds in found if seconds is not None), None)
    return None if wait is None else float("inf") if wait > _YEAR else max(0.0, wait)


def _waits_in(body: Json) -> Iterator[float | None]:
    """What the keys of an object say about when to try again, however they are spelled."""
    for key, value in body.items():
        name = re.sub(r"[^a-z]", "", key.lower())
        if name in {"retryafterms", "retryaftermilliseconds"}:
            yield _milliseconds(value)
        elif found := _WAIT_KEY.fullmatch(name):
            yield _reset(value) if found["at"] else _seconds(value)


def _reset_header(headers: Mapping[str, Any]) -> float | None:
    """The header of the limit that resets last, of those that are used up; of all if none is known to be."""
    waits: dict[bool, list[float]] = {True: [], False: []}
    for name, value in headers.items():
        if not _LIMIT_HEADER.search(name):
            continue
        inside = re.search(r"(?:\bt|reset)=(\d+)", str(value))
        wait = _reset(inside[1] if inside else value) if "reset" in name or inside else None
        if wait is not None:
            left = headers.get(name.replace("reset", "remaining"))
            waits[left is not None and str(left).strip() in {"0", "0.0"}].append(wait)
    return max(waits[True] or waits[False], default=None)


def _seconds(value: Any) -> float | None:
    """Seconds as a number or a string, a duration such as `1m30s`, or an HTTP date."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return float("inf")
    except ValueError:
        return _duration(str(value)) if _DURATION.match(str(value)) else _until_date(str(value))
    return None if number != number else number  # noqa: PLR0124 - NaN


def _milliseconds(value: Any) -> float | None:
    seconds = _seconds(value)
    return None if seconds is None else seconds / 1000


def _until_date(text: str) -> float | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            at = parse(text.strip())
        except (ValueError, TypeError, OverflowError):
            continue
        # Without a time zone it is UTC, as in an HTTP date.
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - time()
    return None


def _reset(value: Any) -> float | None:
    """Seconds until a reset given in seconds, as a duration, or as Unix time in seconds or milliseconds."""
    number = _seconds(value)
    if number is None or number < 1e9:
        return number
    at = number / 1000 if number >= 1e12 else number
    # A reset in the past means that a clock is wrong, so the usual pause applies.
    return at - time() if at > time() else None


def _duration(text: str) -> float | None:
    parts = _DURATION.findall(text)
    return (
        sum(float(number) * _UNITS.get(unit.lower()[:2], _UNITS.get(unit.lower()[:1], 1.0)) for number, unit in parts)
        if parts
        else None
    )


def _retry_delay(details: Any) -> float | None:
    """Google's RetryInfo."""
    for entry in cast("list[Any]", details) if isinstance(details, list) else []:
        if isinstance(delay := _dict(entry).get("retryDelay"), str):
            return _duration(delay)
    return None


def _delay_in_text(message: str) -> float | None:
    found = _RETRY_IN.search(message)
    return _duration(found[1]) if found else None


def _reset_hint(wait: float, message: str, number: int | None) -> str:
    """Says when the limit ends, and how to avoid the wait."""
    is_free = "free-models" in message or ":free" in message
    otherwise = "add credits, or use the model without :free" if is_free else "choose another model"
    if wait >= _YEAR:
        return f"The server does not say when the limit ends. Wait, or {otherwise}."
    at = localtime(time() + wait)
    clock = strftime("%H:%M", at) if wait < 86_400 else strftime("%Y-%m-%d %H:%M", at)
    return f"{'Free' if number == 429 else 'Try'} again at {clock} (in {_span(wait)}). Or {otherwise}."


def _span(seconds: float) -> str:
    if seconds < 3600:
        return f"{max(1, round(seconds / 60))} min"
    return f"{round(seconds / 3600)} h" if seconds < 172_800 else f"{round(seconds / 86_400)} days"


# What an error is about


def is_reasoning_error(error: ServerError) -> bool:
    """Whether a 400 or 404 complains about reasoning that was sent back."""
    if status_of(error.code) not in {400, 404} or is_length_error(error):
        return False
    words = error_text(error)
    if _SENT_BACK.search(words):
        return True
    return mentions_reasoning(words) and not (_SETTING.search(words) or mentions_other_parameter(words))


def error_text(error: ServerError) -> str:
    """Returns all texts of an error, in lower case."""
    return lossless_json.dumps(error.body).lower().replace("\\n", " ")


def is_length_error(error: ServerError) -> bool:
    """Whether an error is about the length of a request or answer. Such errors often mention reasoning as well."""
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
    """Whether an error mentions reasoning, other than in a model's name."""
    return bool(_REASONING.search(words))


def mentions_other_parameter(words: str) -> bool:
    """Whether an error names a parameter that is not about reasoning, but may exclude it."""
    return bool(_ANOTHER.search(words))


def is_loading(error: ServerError) -> bool:
    """Whether the server is still loading its model."""
    return status_of(error.code) == 503 and bool(
        re.search(r"loading|warming up|is starting", error.message, re.IGNORECASE)
    )


# Exceptions of libraries

_PLAIN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), text)
    for pattern, text in (
        (
            r".*certificate verify failed:? ?(.*?)(?: \(_ssl\.c:\d+\))?",
            r"its certificate is not trusted (\1)",
        ),
        (r".*wrong[ _]version[ _]number.*|.*record layer failure.*|.*http request.*_ssl.*", "it does not speak TLS; try http:// instead of https://"),
        (r".*illegal (?:status|request|header) line.*|.*illegal header.*|.*_SWITCH_.*", "it does not speak HTTP/1.1"),
        (r".*content-length.*|.*transfer-encoding.*|.*chunk header.*", "its response is malformed HTTP/1.1"),
        (r".*receive buffer too long.*", "the headers of its response are too large"),
        (r".*while (?:decompressing|decoding).*|.*decod.*error.*", "its response is not compressed as its headers say"),
        (r".*invalid url in location header.*", "it redirects to an invalid address"),
        (r".*server disconnected without sending a response.*", "it closed the connection without a response"),
        (r".*peer closed connection without sending complete message body.*", "it closed the connection in the middle of the answer"),
        (r".*name or service not known|.*nodename nor servname.*|.*getaddrinfo failed.*|.*temporary failure in name resolution", "no such host"),
        (r"\[SSL(?:: \w+)?\] (.*?)(?: \(_ssl\.c:\d+\))?", r"TLS error: \1"),
    )
)  # fmt: skip


def describe_exception(error: Exception) -> str:
    """Returns a library's error message without internals and numbers of the operating system."""
    text = re.sub(r"^\[Errno -?\d+\] ", "", str(error)).strip().rstrip(".")
    for pattern, plain in _PLAIN:
        if found := pattern.fullmatch(text):
            return found.expand(plain).replace(" ()", "")
    text = re.sub(r" ?\(_\w+\.c:\d+\)", "", text)
    return text or type(error).__name__


# The text of an error


def _code(body: Json, metadata: Json) -> int | str | None:
    found = (*(body.get(key) for key in _CODE_KEYS), metadata.get("error_type"), body.get("type"))
    codes = [code for code in found if isinstance(code, int | str) and not isinstance(code, bool) and code]
    number = next((status_of(code) for code in codes if str(code).isdecimal()), None)
    return number or next(iter(codes), None)


def _words(body: Json, metadata: Json) -> str:
    """The most informative sentence. Some errors say only "Provider returned error", with the text in metadata.raw."""
    text = next((found for key in _TEXT_KEYS if key != "data" and (found := _dig(body.get(key)))), "")
    text = text or _dig_object({key: value for key, value in body.items() if key not in {"data", "metadata"}})
    raw = metadata.get("raw")
    if raw and text.lower().rstrip(".") in {"", "provider returned error"}:
        text = _dig(raw) or text
    if not text:
        text = _dig(body.get("data"))
    reasons: Any = metadata.get("reasons")
    if isinstance(reasons, list) and reasons:
        text += f" ({', '.join(str(reason) for reason in cast('list[Any]', reasons))})"
    return _shortened(" ".join(text.split())) or "no reason given"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[: _LONGEST_MESSAGE - 1]}…"


def _dig(raw: Any) -> str:
    """The message in an error that may be text, JSON in text, an object, or a list of these."""
    match raw:
        case str():
            inner = _parse(raw) if raw.lstrip()[:1] in {"{", "["} else None
            return (_dig(inner) if isinstance(inner, dict | list) else "") or raw.strip()
        case dict():
            return _dig_object(cast("Json", raw))
        case list():
            texts = [words for item in cast("list[Any]", raw) if (words := _dig(item))]
            more = len(texts) - _MOST
            return "; ".join(texts[:_MOST]) + (f" and {more} more" if more > 0 else "")
        case _:
            return ""


_MOST: Final = 5
"""Entries of a list that a message shows."""


def _dig_object(raw: Json) -> str:
    lowered = {key.lower(): value for key, value in raw.items()}
    words = next((found for key in (*_TEXT_KEYS, *_MORE_TEXT_KEYS) if (found := _dig(lowered.get(key)))), "")
    location: Any = raw.get("loc")
    if words and isinstance(location, list | tuple):
        # FastAPI names the rejected field beside the message.
        names = [str(part) for part in cast("list[Any]", location) if part != "body"]
        return f"{'.'.join(names)}: {words}" if names else words
    # Some name the fields: {"temperature": ["too high"]}.
    fields = {key: _dig(value) for key, value in raw.items() if isinstance(value, list)}
    return words or "; ".join([f"{key}: {text}" for key, text in fields.items() if text][:_MOST])


def _envelope(value: Any) -> Json:
    """The object in a body, which may be the only item of a list."""
    if isinstance(value, list) and len(cast("list[Any]", value)) == 1:
        value = cast("list[Any]", value)[0]
    return _dict(value)


def _parse(text: str) -> Any:
    """Parses JSON, or Python literals, which some servers print in their messages; None for anything else."""
    try:
        return lossless_json.loads(text, lenient=True)
    except ValueError:
        pass
    if not re.match(r"\s*[\[{]+'", text) or len(text) > _PAGE:
        return None
    import ast

    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _dict(value: Any) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}
