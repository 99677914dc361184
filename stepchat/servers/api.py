"""The endpoints other than chat: JSON requests, balance, costs, providers. They block: call them in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from stepchat import lossless_json
from stepchat.catalogue.backends import bare_slug
from stepchat.catalogue.models import Prices, read_model
from stepchat.errors import ServerError
from stepchat.messages import dollars
from stepchat.servers.errors import decoded, describe_exception, find_error, from_error, from_status, status_of
from stepchat.servers.network import unreachable
from stepchat.servers.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    import httpx

    from stepchat.catalogue.context_windows import JsonServer
    from stepchat.messages import Json
    from stepchat.servers.network import Proxy

MAX_BYTES = 32 * 1024 * 1024
"""Bytes of a response; the largest list of models has a tenth of that."""


def get_json(
    request: httpx.Request,
    http: httpx.Client,
    redact: Callable[[str], str],
    seconds: float,
    proxy: Proxy | None = None,
) -> Json:
    """Sends a request and returns the JSON object of the response. Raises StepchatError, also for errors with status 200."""
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
        raise unreachable(url, "no response in time", proxy) from error
    except (httpx.InvalidURL, httpx.TransportError, httpx.DecodingError) as error:
        raise unreachable(url, redact(describe_exception(error)), proxy) from error
    if response.status_code == 407 and proxy is not None:
        raise unreachable(url, "407", proxy)
    text = decoded(body)
    if not response.is_success:
        raise from_status(response.status_code, redact(text), response.headers)
    return _object(text, url, redact)


def _gather(response: httpx.Response, end: float) -> bytes:
    import httpx

    body = bytearray()
    try:
        for part in response.iter_bytes():
            body += part
            if len(body) > MAX_BYTES or monotonic() > end:
                raise ServerError("The server's response is too large or too slow.", "Try again.")
    except httpx.TransportError:
        # For a failed request the status is what counts.
        if response.is_success:
            raise
    return bytes(body)


def _object(text: str, url: str, redact: Callable[[str], str]) -> Json:
    try:
        # Redacted after parsing: a key can also be written with escapes, and what is not text stays JSON.
        value: Any = redacted(lossless_json.loads(text.removeprefix("\ufeff")), redact)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, list):
        # Some servers send a bare list.
        return {"data": value}
    if not isinstance(value, dict):
        raise ServerError(f"{url} did not respond with a JSON object.", "Check the base URL.")
    found = cast("Json", value)
    if "data" not in found and (error := find_error(found)) is not None:
        raise from_error(error)
    return found


@dataclass(frozen=True, slots=True)
class Balance:
    """What a key may spend and has spent, in USD; None where there is no limit or nothing is reported."""

    label: str = ""
    limit: Decimal | None = None
    remaining: Decimal | None = None
    resets: str = ""
    used: Decimal | None = None
    today: Decimal | None = None
    this_week: Decimal | None = None
    this_month: Decimal | None = None
    free_tier: bool = False
    expires: str = ""


def fetch_balance(server: JsonServer, *, seconds: float = 10.0) -> Balance:
    """Returns the key's balance. Raises StepchatError, KeyRejectedError for a bad key."""
    found: Any = server.get_json("/key", seconds=seconds).get("data")
    if not isinstance(found, dict):
        raise ServerError("The server reports nothing about the key.", "It may not be OpenRouter.")
    data = cast("Json", found)
    return Balance(
        label=_text(data.get("label")),
        limit=dollars(data.get("limit")),
        remaining=dollars(data.get("limit_remaining")),
        resets=_text(data.get("limit_reset")),
        used=dollars(data.get("usage")),
        today=dollars(data.get("usage_daily")),
        this_week=dollars(data.get("usage_weekly")),
        this_month=dollars(data.get("usage_monthly")),
        free_tier=data.get("is_free_tier") is True,
        expires=_text(data.get("expires_at")),
    )


def fetch_usage(server: JsonServer, generation_id: str, *, seconds: float = 5.0) -> Json | None:
    """Returns the usage object of a generation; None if the server does not know it (yet)."""
    try:
        found: Any = server.get_json("/generation", {"id": generation_id}, seconds=seconds).get("data")
    except ServerError as error:
        if status_of(error.code) == 404:
            return None
        raise
    if not isinstance(found, dict):
        return None
    data = cast("Json", found)
    cost = _number(data.get("total_cost"))
    prompt = _number(data.get("native_tokens_prompt"))
    completion = _number(data.get("native_tokens_completion"))
    usage: Json = {
        "prompt_tokens": prompt if prompt is not None else _number(data.get("tokens_prompt")),
        "completion_tokens": completion if completion is not None else _number(data.get("tokens_completion")),
        "prompt_tokens_details": _known({"cached_tokens": _number(data.get("native_tokens_cached"))}),
        "completion_tokens_details": _known({"reasoning_tokens": _number(data.get("native_tokens_reasoning"))}),
        "cost": cost,
        "is_byok": data.get("is_byok") is True,
        "cost_details": _known({"upstream_inference_cost": _number(data.get("upstream_inference_cost"))}),
        # Marks usage that did not come with the stream.
        "generation": generation_id,
    }
    return None if cost is None else _known(usage)


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider of a model. Speed and latency are medians of the last half hour; None if unknown."""

    name: str
    prices: Prices
    context_length: int | None = None
    quantization: str = ""
    tokens_per_second: float | None = None
    first_token_seconds: float | None = None
    uptime: float | None = None


def fetch_providers(server: JsonServer, slug: str) -> list[Provider]:
    """Returns the providers of a model, with their speed and prices. Raises StepchatError."""
    data: Any = server.get_json(f"/models/{bare_slug(slug)}/endpoints").get("data")
    found: Any = cast("Json", data).get("endpoints") if isinstance(data, dict) else None
    entries = cast("list[Any]", found) if isinstance(found, list) else []
    return [provider for entry in entries if (provider := _provider(entry)) is not None]


def _provider(entry: Any) -> Provider | None:
    if not isinstance(entry, dict):
        return None
    data = cast("Json", entry)
    name: Any = data.get("provider_name") or data.get("name")
    model = read_model({"id": "x"} | data)
    if not isinstance(name, str) or model is None:
        return None
    milliseconds = _median(data.get("latency_last_30m"))
    quantization: Any = data.get("quantization")
    return Provider(
        name=name,
        prices=model.prices,
        context_length=model.context_length,
        quantization=quantization if isinstance(quantization, str) and quantization != "unknown" else "",
        tokens_per_second=_median(data.get("throughput_last_30m")),
        first_token_seconds=None if milliseconds is None else milliseconds / 1000,
        uptime=_rate(data.get("uptime_last_30m")),
    )


def _median(value: Any) -> float | None:
    return _rate(cast("Json", value).get("p50") if isinstance(value, dict) else value)


def _rate(value: Any) -> float | None:
    number = _number(value)
    return float(number) if number is not None and 0 <= number < 1e9 else None


def _known(values: Json) -> Json:
    return {name: value for name, value in values.items() if value not in (None, {})}


def _number(value: Any) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: Any) -> str:
    return value[:200] if isinstance(value, str) else ""
