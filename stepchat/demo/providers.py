"""GET /models/{author}/{slug}/endpoints: who serves a model, how fast and for how much."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from stepchat.demo.catalogue import listing

if TYPE_CHECKING:
    from stepchat.demo.catalogue import Model
    from stepchat.messages import Json

_OTHERS = (("SiliconFlow", "fp8", "1.1", 620, 96.4), ("DeepInfra", "fp8", "1.25", 320, 141.0))
"""Name, quantization, price beside the maker's, milliseconds to the first token, tokens a second."""


def endpoints(url: str, model: Model) -> Json:
    """The maker itself, and for open weights two others."""
    whole = listing(url, model)
    rows = [_endpoint(whole, model.provider, "unknown", "1", 410, 187.0, 99.7)]
    if model.hugging_face is not None:
        rows += [_endpoint(whole, *other, uptime) for other, uptime in zip(_OTHERS, (98.2, 99.9), strict=True)]
    names = ("id", "name", "created", "description", "architecture")
    return {"data": {name: whole[name] for name in names} | {"endpoints": rows}}


def _endpoint(
    whole: Json, provider: str, quantization: str, dearer: str, latency: float, speed: float, uptime: float
) -> Json:
    prices = {
        name: format(Decimal(price) * Decimal(dearer), "f")
        for name, price in whole["pricing"].items()
        if isinstance(price, str)
    }
    return {
        "name": f"{provider} | {whole['id']}",
        "model_id": whole["id"],
        "model_name": whole["name"],
        "provider_name": provider,
        "tag": provider.lower().replace(" ", "-"),
        "context_length": whole["context_length"],
        "max_completion_tokens": whole["top_provider"]["max_completion_tokens"],
        "max_prompt_tokens": None,
        "pricing": prices,
        "quantization": quantization,
        "status": 0,
        "supported_parameters": whole["supported_parameters"],
        "supports_implicit_caching": "input_cache_read" in prices,
        "uptime_last_30m": uptime,
        "latency_last_30m": {"p50": latency, "p75": latency * 1.4, "p90": latency * 2, "p99": latency * 5},
        "throughput_last_30m": {"p50": speed, "p75": speed * 0.9, "p90": speed * 0.7, "p99": speed * 0.4},
    }
