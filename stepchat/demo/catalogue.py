"""The models of the demo server. The figures are plausible, but invented."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from stepchat.messages import Json

DEFAULT_MODEL = "stepfun/step-3.5-flash"
_SAMPLING = ("temperature", "top_p", "max_tokens", "stop", "frequency_penalty", "presence_penalty", "seed")
_LOCAL = ("top_k", "min_p", "repetition_penalty", "logit_bias", "logprobs", "top_logprobs")
_TOOLS = ("tools", "tool_choice")
_SHAPED = ("response_format", "structured_outputs")
_THINKS = ("reasoning", "include_reasoning")
_SUFFIXES = (":nitro", ":floor", ":online", ":exacto")


@dataclass(frozen=True, slots=True)
class Model:
    """One row: what GET /models returns, and how the demo plays the model. Prices are USD per token."""

    id: str
    name: str
    provider: str
    tokenizer: str
    context: int
    prompt: str
    completion: str
    description: str
    created: int
    cache_read: str | None = None
    max_output: int | None = None
    modalities: tuple[str, ...] = ("text",)
    parameters: tuple[str, ...] = (*_SAMPLING, *_LOCAL, *_TOOLS, *_SHAPED, *_THINKS)
    defaults: tuple[tuple[str, float], ...] = ()
    reasoning: Json | None = None
    thoughts: Literal["text", "signed", "summary"] = "text"
    """The format of its reasoning."""
    hugging_face: str | None = None
    cutoff: str | None = None
    expires: str | None = None
    moderated: bool = False
    more_prices: Json = field(default_factory=dict[str, Any])

    @property
    def thinks(self) -> bool:
        return self.reasoning is not None

    @property
    def mandatory(self) -> bool:
        return self.reasoning is not None and self.reasoning["mandatory"] is True


def _may_think(**more: Any) -> Json:
    return {"mandatory": False, "default_enabled": True, **more}


MODELS: tuple[Model, ...] = (
    Model(
        DEFAULT_MODEL,
        "StepFun: Step 3.5 Flash",
        "StepFun",
        "Other",
        262_144,
        "0.00000009",
        "0.0000003",
        "A sparse mixture of experts, 196B parameters with 11B active, that always reasons before it answers.",
        1_769_644_800,
        cache_read="0.00000002",
        max_output=65_536,
        defaults=(("temperature", 1.0),),
        reasoning={"mandatory": True, "default_enabled": True, "supported_efforts": []},
        hugging_face="stepfun-ai/Step-3.5-Flash",
    ),
    Model(
        "stepfun/step-3.7-flash",
        "StepFun: Step 3.7 Flash",
        "StepFun",
        "Other",
        262_144,
        "0.00000012",
        "0.0000004",
        "The successor of Step 3.5 Flash, with three levels of effort and images.",
        1_777_593_600,
        cache_read="0.00000003",
        max_output=65_536,
        modalities=("text", "image"),
        reasoning={
            "mandatory": True,
            "default_enabled": True,
            "default_effort": "medium",
            "supported_efforts": ["high", "medium", "low"],
        },
    ),
    Model(
        "deepseek/deepseek-v3.2",
        "DeepSeek: DeepSeek V3.2",
        "DeepSeek",
        "DeepSeek",
        163_840,
        "0.00000026",
        "0.00000038",
        "An open-weight model with sparse attention and optional reasoning.",
        1_764_547_200,
        cache_read="0.00000013",
        reasoning=_may_think(default_enabled=False, supported_efforts=None),
        hugging_face="deepseek-ai/DeepSeek-V3.2",
    ),
    Model(
        "z-ai/glm-4.7",
        "Z.AI: GLM 4.7",
        "Z.AI",
        "Other",
        202_752,
        "0.0000004",
        "0.0000015",
        "An open-weight model for coding and agents.",
        1_766_361_600,
        reasoning=_may_think(supported_efforts=None),
        hugging_face="zai-org/GLM-4.7",
    ),
    Model(
        "moonshotai/kimi-k2.5",
        "MoonshotAI: Kimi K2.5",
        "Moonshot AI",
        "Other",
        262_144,
        "0.0000006",
        "0.000003",
        "A large open-weight model with image input.",
        1_769_472_000,
        cache_read="0.0000001",
        modalities=("text", "image"),
        reasoning=_may_think(supported_efforts=None),
        hugging_face="moonshotai/Kimi-K2.5",
    ),
    Model(
        "qwen/qwen3-235b-a22b-thinking-2507",
        "Qwen: Qwen3 235B A22B Thinking 2507",
        "Alibaba",
        "Qwen3",
        262_144,
        "0.00000011",
        "0.0000006",
        "The thinking variant of Qwen3; it always reasons.",
        1_753_401_600,
        reasoning={"mandatory": True, "default_enabled": True, "supported_efforts": None},
        hugging_face="Qwen/Qwen3-235B-A22B-Thinking-2507",
    ),
    Model(
        "minimax/minimax-m2.1",
        "MiniMax: MiniMax M2.1",
        "Minimax",
        "Other",
        196_608,
        "0.0000003",
        "0.0000012",
        "Made for long chains of tool calls; expects its reasoning back between them.",
        1_766_448_000,
        reasoning={"mandatory": True, "default_enabled": True, "supported_efforts": None},
    ),
    Model(
        "anthropic/claude-sonnet-4.5",
        "Anthropic: Claude Sonnet 4.5",
        "Anthropic",
        "Claude",
        1_000_000,
        "0.000003",
        "0.000015",
        "Signs its reasoning, which must come back unedited.",
        1_759_104_000,
        cache_read="0.0000003",
        max_output=64_000,
        modalities=("text", "image", "file"),
        parameters=("temperature", "top_p", "top_k", "max_tokens", "stop", *_TOOLS, *_SHAPED, *_THINKS),
        reasoning=_may_think(default_enabled=False, supported_efforts=None, supports_max_tokens=True),
        thoughts="signed",
        moderated=True,
        more_prices={
            "input_cache_write": "0.00000375",
            "web_search": "0.01",
            "overrides": [{"min_prompt_tokens": 200_000, "prompt": "0.000006", "completion": "0.0000225"}],
        },
    ),
    Model(
        "openai/gpt-5.2",
        "OpenAI: GPT-5.2",
        "OpenAI",
        "GPT",
        400_000,
        "0.00000175",
        "0.000014",
        "Returns a summary of its reasoning, and the rest encrypted.",
        1_765_411_200,
        cache_read="0.000000175",
        max_output=128_000,
        modalities=("text", "image", "file"),
        parameters=("max_tokens", "seed", "verbosity", *_TOOLS, *_SHAPED, *_THINKS),
        reasoning=_may_think(default_effort="medium", supported_efforts=["xhigh", "high", "medium", "low", "none"]),
        thoughts="summary",
        cutoff="2025-08-31",
        moderated=True,
        more_prices={"web_search": "0.01"},
    ),
    Model(
        "mistralai/mistral-small-3.2-24b-instruct",
        "Mistral: Mistral Small 3.2 24B",
        "Mistral",
        "Mistral",
        131_072,
        "0.00000006",
        "0.00000018",
        "Small and fast, with image input and without reasoning.",
        1_750_377_600,
        modalities=("text", "image"),
        parameters=(*_SAMPLING, *_LOCAL, *_TOOLS, *_SHAPED),
        defaults=(("temperature", 0.3),),
        hugging_face="mistralai/Mistral-Small-3.2-24B-Instruct-2506",
    ),
    Model(
        "meta-llama/llama-3.3-70b-instruct",
        "Meta: Llama 3.3 70B Instruct",
        "DeepInfra",
        "Llama3",
        131_072,
        "0.0000001",
        "0.00000032",
        "An older model for dialogue in several languages, without reasoning.",
        1_733_443_200,
        max_output=16_384,
        parameters=(*_SAMPLING, *_LOCAL, *_TOOLS),
        hugging_face="meta-llama/Llama-3.3-70B-Instruct",
        cutoff="2023-12-31",
        expires="2027-06-30",
    ),
    Model(
        "google/gemma-3-27b-it",
        "Google: Gemma 3 27B",
        "Google",
        "Gemma",
        131_072,
        "0",
        "0",
        "Free of charge, to show a price of zero.",
        1_741_737_600,
        max_output=8_192,
        modalities=("text", "image"),
        parameters=(*_SAMPLING, *_SHAPED),
        defaults=(("temperature", 1.0), ("top_p", 0.95)),
        hugging_face="google/gemma-3-27b-it",
    ),
)


def find_model(slug: str) -> Model | None:
    """The row of a slug, with or without a routing suffix. `demo/...` is Step with optional reasoning."""
    for suffix in _SUFFIXES:
        slug = slug.removesuffix(suffix)
    for model in MODELS:
        if model.id == slug:
            return model
    if slug.startswith("demo/"):
        return replace(MODELS[0], id=slug, reasoning=_may_think())
    return None


def listing(url: str, model: Model) -> Json:
    """One entry of GET /models."""
    inputs = "+".join(model.modalities)
    pricing: Json = {
        "prompt": model.prompt,
        "completion": model.completion,
        "request": "0",
        "image": "0",
        "internal_reasoning": "0",
    }
    if model.cache_read is not None:
        pricing["input_cache_read"] = model.cache_read
    names = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "repetition_penalty")
    entry: Json = {
        "id": model.id,
        "canonical_slug": model.id,
        "hugging_face_id": model.hugging_face,
        "name": model.name,
        "created": model.created,
        "description": model.description,
        "context_length": model.context,
        "architecture": {
            "modality": f"{inputs}->text",
            "input_modalities": list(model.modalities),
            "output_modalities": ["text"],
            "tokenizer": model.tokenizer,
            "instruct_type": None,
        },
        "pricing": pricing | model.more_prices,
        "top_provider": {
            "context_length": model.context,
            "max_completion_tokens": model.max_output,
            "is_moderated": model.moderated,
        },
        "per_request_limits": None,
        "supported_parameters": list(model.parameters),
        "default_parameters": dict.fromkeys(names) | dict(model.defaults),
        "supported_voices": None,
        "knowledge_cutoff": model.cutoff,
        "expiration_date": model.expires,
        "links": {"details": f"{url}/models/{model.id}/endpoints"},
    }
    return entry if model.reasoning is None else entry | {"reasoning": model.reasoning}


def price(model: Model, prompt: int, cached: int, completion: int) -> tuple[Decimal, Decimal]:
    """The cost in USD of the prompt and of the answer."""
    rates: Json = {"prompt": model.prompt, "completion": model.completion}
    for override in model.more_prices.get("overrides", []):
        if prompt >= override["min_prompt_tokens"]:
            rates |= override
    whole = Decimal(rates["prompt"])
    read = Decimal(model.cache_read or rates["prompt"])
    return (prompt - cached) * whole + cached * read, completion * Decimal(rates["completion"])
