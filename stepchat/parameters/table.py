"""The table of request parameters (WIRE.md 1.2-1.7). Adding one is adding a row; everything else follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from stepchat.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind: TypeAlias = Literal["int", "float", "bool", "text", "texts", "choice", "map", "list", "any"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row: what it is called, what it may hold, and where it stands in the request (`name`, dotted)."""

    name: str
    kind: Kind
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    excludes_low: bool = False
    """The lower end itself is not allowed."""
    max_items: int | None = None
    default: str = ""
    """What applies when nothing is sent, in words."""
    example: str = ""
    capability_name: str = ""
    """Its name in a model's `supported_parameters`, where that is not the first part of its own."""
    handled_by_server: bool = False
    """Read by OpenRouter or the server itself, so no model lists it."""
    flag_name: str = ""
    """The flag, where the usual one belongs to another row."""

    @property
    def flag(self) -> str:
        return self.flag_name or "--" + self.name.replace(".", "-").replace("_", "-")

    @property
    def capability(self) -> str | None:
        """What a model's `supported_parameters` must hold for it; None when that does not matter."""
        return None if self.handled_by_server else self.capability_name or self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that belong together, as the settings screen and the manual show them."""

    title: str
    rows: tuple[Parameter, ...]


EFFORTS = ("max", "xhigh", "high", "medium", "low", "minimal", "none")
_BIAS = (-100, 100)

GROUPS: tuple[Group, ...] = (
    Group("Reasoning", (
        Parameter("reasoning", "map", "Everything about reasoning in one map.", example='{"effort":"high"}'),
        Parameter("reasoning.enabled", "bool", "Think or not.", default="the model's own", example="true"),
        Parameter(
            "reasoning.effort", "choice", "How hard to think.",
            choices=EFFORTS, default="the model's own", example="high",
        ),
        Parameter("reasoning.max_tokens", "int", "Budget for thinking, in tokens.", 1, example="2000"),
        Parameter(
            "reasoning.exclude", "bool", "Think, but do not return the reasoning; nothing can be sent back then.",
            default="false", example="false",
        ),
        Parameter(
            "reasoning.summary", "choice", "How much of a summary OpenAI models give.",
            choices=("auto", "concise", "detailed"), example="auto",
        ),
        Parameter(
            "reasoning.context", "choice", "Which earlier reasoning GPT-5.6 and later may use.",
            choices=("auto", "all_turns", "current_turn"), example="all_turns",
        ),
        Parameter(
            "reasoning.mode", "choice", "Standard or pro reasoning of GPT-5.6 and later.",
            choices=("standard", "pro"), example="standard",
        ),
        Parameter(
            "reasoning_effort", "choice", "The same as reasoning.effort for servers that know only this name.",
            choices=EFFORTS, example="high", capability_name="reasoning", flag_name="--reasoning_effort",
        ),
        Parameter(
            "include_reasoning", "bool", "Older name for returning the reasoning.", default="true", example="true"
        ),
    )),
    Group("Length", (
        Parameter(
            "max_tokens", "int", "Longest answer in tokens, reasoning included.",
            1, default="the model's limit", example="4000",
        ),
        Parameter(
            "max_completion_tokens", "int", "The newer name of max_tokens; many servers know only the older.",
            1, default="the model's limit", example="4000", capability_name="max_tokens",
        ),
        Parameter("stop", "texts", "Stop at any of these texts.", max_items=4, example='["END","###"]'),
        Parameter(
            "verbosity", "choice", "How much to say.",
            choices=("low", "medium", "high", "xhigh", "max"), default="medium", example="low",
        ),
    )),
    Group("Sampling", (
        Parameter("temperature", "float", "Randomness.", 0, 2, default="1.0", example="0.5"),
        Parameter(
            "top_p", "float", "Sample from the likeliest tokens with this total.",
            0, 1, excludes_low=True, default="1.0", example="0.9",
        ),
        Parameter("top_k", "int", "Sample from this many likeliest tokens; 0 is off.", 0, default="0", example="40"),
        Parameter(
            "min_p", "float", "Least probability relative to the likeliest token.", 0, 1, default="0", example="0.05"
        ),
        Parameter(
            "top_a", "float", "Least probability by the square of the likeliest.", 0, 1, default="0", example="0.1"
        ),
        Parameter(
            "frequency_penalty", "float", "Discourage words by how often they came.",
            -2, 2, default="0", example="0.2",
        ),
        Parameter(
            "presence_penalty", "float", "Discourage words that came at all.", -2, 2, default="0", example="0.2"
        ),
        Parameter(
            "repetition_penalty", "float", "Discourage repetition; 1 is neutral.",
            0, 2, excludes_low=True, default="1.0", example="1.1",
        ),
        Parameter("seed", "int", "Ask for the same sampling again.", example="7"),
        Parameter("logit_bias", "map", "Token id to a bias of -100 to 100.", example='{"42":-100}'),
        Parameter(
            "logprobs", "bool", "Return the probability of each token; /tokens shows them.",
            default="false", example="true",
        ),
        Parameter("top_logprobs", "int", "Alternatives for each token; needs logprobs.", 0, 20, example="5"),
    )),
    Group("Form and tools", (
        Parameter(
            "response_format", "any", "Form of the answer: text, json_object, or a JSON schema as @FILE.",
            choices=("text", "json_object"), default="text", example="json_object",
        ),
        Parameter(
            "prediction", "map", "What the answer will mostly say, to be quicker.",
            example='{"type":"content","content":"..."}', handled_by_server=True,
        ),
        Parameter(
            "tools", "list", "Tools in OpenAI's form, or @FILE.",
            example='[{"type":"function","function":{"name":"now"}}]',
        ),
        Parameter(
            "tool_choice", "any", "none, auto, required or one function.",
            choices=("none", "auto", "required"), default="auto", example="auto",
        ),
        Parameter("parallel_tool_calls", "bool", "Several calls in one reply.", default="true", example="false"),
    )),
    Group("Routing", (
        Parameter(
            "models", "texts", "Models to fall back to, in order.", example='["a/b","c/d"]', handled_by_server=True
        ),
        Parameter(
            "provider", "map", "Everything about the choice of provider in one map.",
            example='{"sort":"price"}', handled_by_server=True,
        ),
        Parameter(
            "provider.order", "texts", "Providers to try first, in order.", example='["stepfun"]', handled_by_server=True
        ),
        Parameter("provider.only", "texts", "No other providers than these.", example='["stepfun"]', handled_by_server=True),
        Parameter("provider.ignore", "texts", "Never these providers.", example='["other"]', handled_by_server=True),
        Parameter(
            "provider.allow_fallbacks", "bool", "Try another provider when the first fails.",
            default="true", example="false", handled_by_server=True,
        ),
        Parameter(
            "provider.require_parameters", "bool", "Only providers that know every parameter sent.",
            default="false", example="true", handled_by_server=True,
        ),
        Parameter(
            "provider.data_collection", "choice", "Whether providers that keep prompts may answer.",
            choices=("allow", "deny"), default="allow", example="deny", handled_by_server=True,
        ),
        Parameter("provider.zdr", "bool", "Only providers that keep no data.", example="true", handled_by_server=True),
        Parameter(
            "provider.quantizations", "texts", "Only models quantized so.", example='["fp8","bf16"]', handled_by_server=True
        ),
        Parameter(
            "provider.sort", "any", "Prefer the cheapest, the quickest, or the first to begin.",
            choices=("price", "throughput", "latency"), default="price-weighted", example="throughput", handled_by_server=True,
        ),
        Parameter(
            "provider.max_price", "map", "Highest price in USD per million tokens.",
            example='{"prompt":1,"completion":2}', handled_by_server=True,
        ),
        Parameter("plugins", "list", "Plugins of OpenRouter.", example='[{"id":"web"}]', handled_by_server=True),
        Parameter(
            "service_tier", "choice", "How urgent it is, at which price.",
            choices=("auto", "default", "fast", "flex", "priority", "scale", "ultrafast"), example="flex",
            handled_by_server=True,
        ),
    )),
    Group("Server", (
        Parameter("user", "text", "A stable name for the end user.", example="me", handled_by_server=True),
        Parameter("metadata", "map", "Notes for your own records.", max_items=16, example='{"project":"x"}', handled_by_server=True),
        Parameter("prompt_cache_key", "text", "Which requests share a prompt cache.", example="notes", handled_by_server=True),
        Parameter(
            "cache_control", "map", "Cache the prompt by itself (Anthropic models).",
            example='{"type":"ephemeral"}', handled_by_server=True,
        ),
        Parameter(
            "chat_template_kwargs", "map", "Switches of the chat template (llama.cpp, vLLM, SGLang).",
            example='{"enable_thinking":true}', handled_by_server=True,
        ),
        Parameter(
            "debug.echo_upstream_body", "bool", "Have OpenRouter tell what it gave the provider, for the inspector.",
            example="true", handled_by_server=True,
        ),
    )),
)  # fmt: skip

PARAMETERS: tuple[Parameter, ...] = tuple(row for group in GROUPS for row in group.rows)
BY_NAME: Mapping[str, Parameter] = {parameter.name: parameter for parameter in PARAMETERS}


_ALMOST = 0.92
"""How alike two dotted names are of which one is mistyped."""


def find_parameter(name: str) -> Parameter:
    """The row for a name; a dotted name may also reach into a map. Raises UsageError."""
    if name in BY_NAME:
        return BY_NAME[name]
    first, *rest = name.split(".")
    root = BY_NAME.get(first)
    if root is None or root.kind != "map" or not rest or not all(rest):
        raise UsageError(f"There is no parameter {name!r}.", _similar(name))
    return map_entry(root, name)


def map_entry(root: Parameter, name: str) -> Parameter:
    """The row for something inside a map that has none of its own. Raises UsageError when it is almost one that has.

    Servers take more than the table knows, so what is like none of its names is sent as it is.
    """
    from difflib import get_close_matches

    inside = [row.name for row in PARAMETERS if row.name.startswith(f"{root.name}.")]
    if inside and (close := get_close_matches(name.lower(), inside, n=1, cutoff=_ALMOST)):
        raise UsageError(f"There is no parameter {name!r}.", f"Did you mean {close[0]}?")
    if root.name == "logit_bias":
        return Parameter(name, "float", root.help, *_BIAS, example="-100")
    if root.name == "metadata":
        return Parameter(name, "text", root.help, example="x", handled_by_server=True)
    return Parameter(
        name, "any", root.help, capability_name=root.capability_name, handled_by_server=root.handled_by_server
    )


def _similar(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, BY_NAME, n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(close)}?" if close else "`stepchat parameters` lists all of them."


def allowed_text(parameter: Parameter) -> str:
    """What it may hold, in words that fit behind "must be"."""
    match parameter.kind:
        case "bool":
            return "true or false"
        case "choice":
            return "one of " + ", ".join(parameter.choices)
        case "text":
            return "text"
        case "texts":
            most = f" (at most {parameter.max_items})" if parameter.max_items else ""
            return f"text or a JSON list of texts{most}"
        case "map":
            return f"a JSON object (at most {parameter.max_items} entries)" if parameter.max_items else "a JSON object"
        case "list":
            return "a JSON list of objects"
        case "any":
            return f"one of {', '.join(parameter.choices)}, or a JSON object" if parameter.choices else "JSON"
        case "int" | "float":
            return f"{'a whole number' if parameter.kind == 'int' else 'a number'}{_range(parameter)}"


def _range(parameter: Parameter) -> str:
    if parameter.low is None:
        return ""
    if parameter.high is None:
        return f", at least {parameter.low:g}"
    if parameter.excludes_low:
        return f", more than {parameter.low:g} and at most {parameter.high:g}"
    return f" between {parameter.low:g} and {parameter.high:g}"
