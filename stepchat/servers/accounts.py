"""The account behind a key: what is left, what a cancelled answer cost (WIRE.md 5.2, 5.4). Blocks; raises StepchatError."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from stepchat.errors import ServerError
from stepchat.messages import dollars
from stepchat.servers.errors import status_of

if TYPE_CHECKING:
    from decimal import Decimal

    from stepchat.messages import Json
    from stepchat.servers.client import Client


@dataclass(frozen=True, slots=True)
class Balance:
    """USD. None where the key has no limit, or nothing is told."""

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


def fetch_balance(client: Client, *, seconds: float = 10.0) -> Balance:
    """What GET /key tells. Raises KeyRejectedError for a bad key."""
    found: Any = client.get_json("/key", seconds=seconds).get("data")
    if not isinstance(found, dict):
        raise ServerError("The server tells nothing about the key.", "It may be no OpenRouter.")
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


def fetch_usage(client: Client, generation_id: str, *, seconds: float = 5.0) -> Json | None:
    """What a generation used, in the form of a usage object; None while, or because, the server does not know it."""
    try:
        found: Any = client.get_json("/generation", {"id": generation_id}, seconds=seconds).get("data")
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
        # Not from the stream: asked for afterwards.
        "generation": generation_id,
    }
    return None if cost is None else _known(usage)


def _known(values: Json) -> Json:
    return {name: value for name, value in values.items() if value not in (None, {})}


def _number(value: Any) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: Any) -> str:
    return value[:200] if isinstance(value, str) else ""
