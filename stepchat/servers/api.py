"""Everything of a server but the chat itself: one JSON question, one JSON answer. Blocks, so it is called in a thread."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from stepchat import lossless_json
from stepchat.errors import ServerError, UnreachableError
from stepchat.servers.errors import describe_exception, from_status
from stepchat.servers.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from stepchat.messages import Json

MAX_BYTES = 32 * 1024 * 1024
"""Bytes of an answer; the largest list of models is a tenth of it."""


def get_json(request: httpx.Request, http: httpx.Client, redact: Callable[[str], str], seconds: float) -> Json:
    """The JSON object that answers the request, within so many seconds. Raises StepchatError."""
    import httpx

    url = str(request.url.copy_with(query=None))
    end = monotonic() + seconds
    try:
        response = http.send(request, stream=True)
        try:
            body = _gather(response, end)
        finally:
            response.close()
    except httpx.TimeoutException as error:
        raise UnreachableError(f"No answer from {url} in time.", "Check the address and the network.") from error
    except (httpx.InvalidURL, httpx.TransportError, httpx.DecodingError) as error:
        words = redact(describe_exception(error))
        raise UnreachableError(
            f"Cannot reach {url}: {words}.", "Check the address, the network and whether the server runs."
        ) from error
    text = body.decode("utf-8", "replace")
    if not response.is_success:
        raise from_status(response.status_code, redact(text), response.headers.get("retry-after"))
    return _object(text, url, redact)


def _gather(response: httpx.Response, end: float) -> bytes:
    import httpx

    body = bytearray()
    try:
        for part in response.iter_bytes():
            body += part
            if len(body) > MAX_BYTES or monotonic() > end:
                raise ServerError("The server answered with too much, or too slowly.", "Try again.")
    except httpx.TransportError:
        # Of a refusal the status is what counts.
        if response.is_success:
            raise
    return bytes(body)


def _object(text: str, url: str, redact: Callable[[str], str]) -> Json:
    try:
        # Not in the raw text: a key is also found where it is written with escapes, and what is not text stays JSON.
        value: Any = redacted(lossless_json.loads(text.removeprefix("\ufeff")), redact)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, list):
        # Some servers give a bare list.
        return {"data": value}
    if not isinstance(value, dict):
        raise ServerError(f"{url} answered with something that is no JSON object.", "Check the base URL.")
    return cast("Json", value)
