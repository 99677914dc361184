"""Who serves a model, how fast and for how much (GET /models/{author}/{slug}/endpoints, WIRE.md 5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from stepchat.catalogue.backends import bare_slug
from stepchat.catalogue.models import Prices, read_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepchat.messages import Json


@dataclass(frozen=True, slots=True)
class Provider:
    """One endpoint. Speed and latency are medians of the last half hour; None where nothing is told."""

    name: str
    prices: Prices
    context_length: int | None = None
    quantization: str = ""
    tokens_per_second: float | None = None
    first_token_seconds: float | None = None
    uptime: float | None = None


def fetch_providers(get_json: Callable[[str], Json], slug: str) -> list[Provider]:
    """Ask the server; blocks. Raises StepchatError."""
    data: Any = get_json(f"/models/{bare_slug(slug)}/endpoints").get("data")
    found: Any = cast("Json", data).get("endpoints") if isinstance(data, dict) else None
    entries = cast("list[Any]", found) if isinstance(found, list) else []
    return [provider for entry in entries if (provider := _read(entry)) is not None]


def _read(entry: Any) -> Provider | None:
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
        uptime=_number(data.get("uptime_last_30m")),
    )


def _median(value: Any) -> float | None:
    return _number(cast("Json", value).get("p50") if isinstance(value, dict) else value)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        return None
    return float(value)
