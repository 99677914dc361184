"""Models and their prices as servers report them. Unusual entries and fields are ignored, never rejected."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, cast

from stepchat.lossless_json import Number
from stepchat.messages import round_amount
from stepchat.parameters.table import EFFORTS
from stepchat.text.format import short_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepchat.messages import Json, Usage

_LARGEST = 10**12
MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Prices:
    """USD per token, per request, per image; None if unknown or variable."""

    prompt: Decimal | None = None
    completion: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None
    request: Decimal | None = None
    image: Decimal | None = None
    tiers: tuple[tuple[int, Prices], ...] = ()
    """Other prices from this number of prompt tokens on, in ascending order."""

    def cost(self, prompt: int, completion: int, cached: int = 0, *, requests: int = 1) -> Decimal | None:
        """Estimates the cost in USD; reasoning tokens count as completion. None without prices.

        The tokens may be the sum of several requests, which count as equally large.
        """
        rates = self
        for threshold, other in self.tiers:
            if prompt >= threshold * requests:
                rates = other
        if rates.prompt is None or rates.completion is None:
            return None
        read = rates.prompt if rates.cache_read is None else rates.cache_read
        cached = min(max(cached, 0), prompt)
        fee = (rates.request or 0) * requests
        return (prompt - cached) * rates.prompt + cached * read + completion * rates.completion + fee

    def cost_of(self, usage: Usage) -> Decimal | None:
        """Estimates the cost of an answer from its token counts."""
        prompt, completion = usage.prompt_tokens, usage.completion_tokens
        if prompt is None and completion is None:
            return None
        return self.cost(prompt or 0, completion or 0, usage.cached_tokens or 0)


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What a model supports in its reasoning."""

    mandatory: bool = False
    default_enabled: bool = True
    supported_efforts: tuple[str, ...] = ()
    """Highest first; empty if there are no levels, or if none are reported."""
    default_effort: str | None = None
    supports_max_tokens: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """One model of a server. Most servers report only the id."""

    id: str
    name: str = ""
    description: str = ""
    created: int = 0
    context_length: int | None = None
    max_context_length: int | None = None
    """The largest context window in tokens, if the server uses a smaller one."""
    max_completion_tokens: int | None = None
    input_modalities: tuple[str, ...] = ()
    output_modalities: tuple[str, ...] = ()
    prices: Prices = field(default_factory=Prices)
    supported_parameters: frozenset[str] = frozenset()
    """Empty if the server does not report them; then anything may be supported."""
    default_parameters: tuple[tuple[str, Any], ...] = ()
    reasoning: Reasoning | None = None
    """None if the model does not reason, or if nothing is reported."""
    canonical_slug: str = ""
    owner: str = ""
    expires: str = ""

    def supports(self, parameter: str) -> bool | None:
        """Whether the model supports a request parameter; None if unknown."""
        return parameter in self.supported_parameters if self.supported_parameters else None

    @property
    def requires_reasoning(self) -> bool | None:
        """Whether the model rejects requests that turn reasoning off; None if unknown."""
        if self.reasoning is None:
            return False if self.supported_parameters else None
        return self.reasoning.mandatory

    @property
    def supports_reasoning(self) -> bool:
        return self.reasoning is not None or "reasoning" in self.supported_parameters

    @property
    def supports_tools(self) -> bool:
        return "tools" in self.supported_parameters

    @property
    def supports_images(self) -> bool:
        return "image" in self.input_modalities


def read_model(entry: Any) -> Model | None:
    """Reads one entry of a /models list, or of Ollama's or LM Studio's list; None if it has no usable id."""
    data = _map(entry)
    identity = _text(data.get("id")) or _text(data.get("key")) or _text(data.get("model")) or _text(data.get("name"))
    if not identity:
        return None
    architecture, provider = _map(data.get("architecture")), _map(data.get("top_provider"))
    meta = _map(data.get("meta"))
    # The context window in use takes precedence over the largest possible one.
    lengths = (
        data.get("loaded_context_length"), data.get("context_length"), provider.get("context_length"),
        data.get("max_model_len"), meta.get("n_ctx"), data.get("max_context_length"), meta.get("n_ctx_train"),
    )  # fmt: skip
    length = next((length for value in lengths if (length := natural_number(value))), None)
    most = natural_number(data.get("max_context_length")) or natural_number(meta.get("n_ctx_train"))
    inputs = _texts(architecture.get("input_modalities"))
    if not inputs and data.get("type") == "vlm":
        inputs = ("text", "image")
    defaults = _map(data.get("default_parameters"))
    return Model(
        id=identity,
        name=_text(data.get("name")) or _text(data.get("display_name")),
        description=_text(data.get("description"), 20_000),
        created=natural_number(data.get("created")) or 0,
        context_length=length,
        max_context_length=most if length and most and most > length else None,
        max_completion_tokens=natural_number(provider.get("max_completion_tokens")) or None,
        input_modalities=inputs,
        output_modalities=_texts(architecture.get("output_modalities")),
        prices=_prices(_map(data.get("pricing"))),
        supported_parameters=frozenset(_texts(data.get("supported_parameters"))),
        default_parameters=tuple((str(name), value) for name, value in defaults.items() if value is not None),
        reasoning=_reasoning(data.get("reasoning")),
        canonical_slug=_text(data.get("canonical_slug")),
        owner=_text(data.get("owned_by")),
        expires=_text(data.get("expiration_date")),
    )


def _reasoning(value: Any) -> Reasoning | None:
    if not isinstance(value, dict):
        return None
    data = cast("Json", value)
    mandatory = data.get("mandatory") is True
    listed: Any = data.get("supported_efforts", ())
    # null means all levels.
    efforts = EFFORTS if listed is None else _texts(listed)
    if mandatory:
        efforts = tuple(effort for effort in efforts if effort != "none")
    return Reasoning(
        mandatory=mandatory,
        default_enabled=data.get("default_enabled") is not False,
        supported_efforts=efforts,
        default_effort=_text(data.get("default_effort")) or None,
        supports_max_tokens=data.get("supports_max_tokens") is True,
    )


_PRICE_NAMES: Mapping[str, str] = {
    "prompt": "prompt",
    "completion": "completion",
    "input_cache_read": "cache_read",
    "input_cache_write": "cache_write",
    "internal_reasoning": "reasoning",
    "request": "request",
    "image": "image",
}


def _prices(data: Json) -> Prices:
    if "-1" in (str(data.get("prompt")), str(data.get("completion"))):
        # A router, whose price is known only after the answer.
        return Prices()
    prices = _rates(data, Prices())
    steps: list[tuple[int, Prices]] = []
    overrides: Any = data.get("overrides")
    for override in cast("list[Any]", overrides) if isinstance(overrides, list) else []:
        entry = _map(override)
        if threshold := natural_number(entry.get("min_prompt_tokens")):
            steps.append((threshold, _rates(entry, prices)))
    return replace(prices, tiers=tuple(sorted(steps, key=lambda step: step[0])))


def _rates(data: Json, otherwise: Prices) -> Prices:
    own: dict[str, Any] = {
        ours: price for theirs, ours in _PRICE_NAMES.items() if (price := _price(data.get(theirs))) is not None
    }
    return replace(otherwise, **own)


def _price(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        price = Decimal(value.literal if isinstance(value, Number) else str(value))
    except InvalidOperation:
        return None
    return round_amount(price) if price.is_finite() and 0 <= price < 1_000_000 else None


def _map(value: Any) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _text(value: Any, longest: int = 300) -> str:
    return value.strip()[:longest] if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return tuple(item for item in items if isinstance(item, str))


def natural_number(value: Any) -> int | None:
    """The value if it is a whole number and not negative; None otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LARGEST:
        return None
    return int(value)


def format_price_per_million(price: Decimal | None) -> str:
    """Formats a price per token as USD per million tokens, without the sign; "" if it is unknown."""
    if price is None:
        return ""
    if not price:
        return "free"
    whole, _, cents = f"{price * MILLION:.6f}".rstrip("0").partition(".")
    return f"{whole}.{cents:0<2}"


def format_context_length(tokens: int | None) -> str:
    """Formats a context length: 8.2k, 131k, 262k, 1M; "" if it is unknown."""
    return short_count(tokens) if tokens else ""
