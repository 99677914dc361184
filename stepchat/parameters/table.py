"""The table of request parameters. Add one here: everything else follows from its row (docs/protocol.md, Parameters)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from stepchat.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind: TypeAlias = Literal["int", "float", "bool", "text", "texts", "choice", "map", "list", "any", "budget"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row: its dotted name in the request, the values it accepts, and its help."""

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
    """What applies if nothing is sent, in words."""
    examples: tuple[str, ...] = ()
    """Values as the user writes them. The first is shown in help and docs; tests try them all."""
    refused: tuple[str, ...] = ()
    """Values that are rejected, beside those that its kind and range imply. For tests."""
    capability_name: str = ""
    """Its name in a model's `supported_parameters`, if that is not the first part of its own."""
    handled_by_server: bool = False
    """Interpreted by OpenRouter or the server itself, so no model lists it."""
    is_local: bool = False
    """Used by stepchat itself and never sent."""
    flag_name: str = ""
    """Its flag, if the usual one belongs to another row."""

    @property
    def example(self) -> str:
        return self.examples[0] if self.examples else ""

    @property
    def flag(self) -> str:
        return self.flag_name or "--" + self.name.replace(".", "-").replace("_", "-")

    @property
    def capability(self) -> str | None:
        """The name that a model's `supported_parameters` must contain; None if no model lists it."""
        return None if self.handled_by_server or self.is_local else self.capability_name or self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Group:
    """A heading and its rows in help, docs and the settings screen."""

    title: str
    rows: tuple[Parameter, ...]


EFFORTS = ("max", "xhigh", "high", "medium", "low", "minimal", "none")
_BIAS = (-100, 100)

GROUPS: tuple[Group, ...] = (
    Group("Reasoning", (
        Parameter(
            "reasoning", "map", "All reasoning settings in one object.",
            examples=('{"effort":"high"}', "{}", '{"max_tokens":1,"new":null}'), refused=("high", '{"effort":"huge"}'),
        ),
        Parameter(
            "reasoning.enabled", "bool", "Reason before answering.", default="the model's own", examples=("true",)
        ),
        Parameter(
            "reasoning.effort", "choice", "How hard to reason.",
            choices=EFFORTS, default="the model's own", examples=("high",),
        ),
        Parameter(
            "think_at_most", "budget", "After this much reasoning the answer is requested. Never sent: it works with every model.",
            default="no limit", examples=("20s", "2000", "1.5 min", "800 tokens"), refused=("0", "-1", "fast", "1.5", "2h"),
            is_local=True,
        ),
        Parameter("reasoning.max_tokens", "int", "Reasoning budget in tokens.", 1, examples=("2000",)),
        Parameter(
            "reasoning.exclude", "bool", "Reason, but do not return the reasoning; then none can be sent back.",
            default="false", examples=("false",),
        ),
        Parameter(
            "reasoning.summary", "choice", "How detailed the reasoning summary of OpenAI models is.",
            choices=("auto", "concise", "detailed"), examples=("auto",),
        ),
        Parameter(
            "reasoning.context", "choice", "Which earlier reasoning GPT-5.6 and later may use.",
            choices=("auto", "all_turns", "current_turn"), examples=("all_turns",),
        ),
        Parameter(
            "reasoning.mode", "choice", "Standard or pro reasoning of GPT-5.6 and later.",
            choices=("standard", "pro"), examples=("standard",),
        ),
        Parameter(
            "reasoning_effort", "choice", "reasoning.effort under the name that other servers use.",
            choices=EFFORTS, examples=("high",), capability_name="reasoning", flag_name="--reasoning_effort",
        ),
        Parameter(
            "include_reasoning", "bool", "Return the reasoning (older name).", default="true", examples=("true",)
        ),
    )),
    Group("Length", (
        Parameter(
            "max_tokens", "int", "Longest answer in tokens, reasoning included.",
            1, default="the model's limit", examples=("4000", "262144"), refused=("1e3",),
        ),
        Parameter(
            "max_completion_tokens", "int", "Newer name of max_tokens; many servers support only the older one.",
            1, default="the model's limit", examples=("4000",), capability_name="max_tokens",
        ),
        Parameter(
            "stop", "texts", "Stop at any of these texts.",
            max_items=4, examples=('["END","###"]', "END", "[END]", '"quoted"'), refused=('["a",1]', '[""]'),
        ),
        Parameter(
            "verbosity", "choice", "How long the answer is.",
            choices=("low", "medium", "high", "xhigh", "max"), default="medium", examples=("low",),
        ),
    )),
    Group("Sampling", (
        Parameter(
            "temperature", "float", "Randomness of sampling.",
            0, 2, default="1.0", examples=("0.5", "1e-3"), refused=("NaN", "Infinity", "1e400"),
        ),
        Parameter(
            "top_p", "float", "Nucleus sampling: the smallest set of tokens whose probabilities add up to this.",
            0, 1, excludes_low=True, default="1.0", examples=("0.9", "0.0001"),
        ),
        Parameter(
            "top_k", "int", "Sample from this many of the most probable tokens; 0 turns it off.",
            0, default="0", examples=("40",),
        ),
        Parameter(
            "min_p", "float", "Drop tokens below this share of the highest probability.",
            0, 1, default="0", examples=("0.05",),
        ),
        Parameter(
            "top_a", "float", "Drop tokens below this × (highest probability)².", 0, 1, default="0", examples=("0.1",)
        ),
        Parameter(
            "frequency_penalty", "float", "Penalize tokens by how often they have occurred.",
            -2, 2, default="0", examples=("0.2",),
        ),
        Parameter(
            "presence_penalty", "float", "Penalize tokens that have occurred.", -2, 2, default="0", examples=("0.2",)
        ),
        Parameter(
            "repetition_penalty", "float", "Penalize repetition; 1 is neutral.",
            0, 2, excludes_low=True, default="1.0", examples=("1.1", "0.01"),
        ),
        Parameter("seed", "int", "Seed for reproducible sampling.", examples=("7", "0", "-7", str(2**63))),
        Parameter(
            "logit_bias", "map", "Bias of -100 to 100 for each token id.",
            examples=('{"42":-100}', '{"42":-100,"7":100}', '{"1":0.5}', "{}"),
            refused=('{"1":100.5}', '{"1":-101}', '{"1":true}'),
        ),
        Parameter(
            "logprobs", "bool", "Return the probability of each token; /tokens shows them.",
            default="false", examples=("true",),
        ),
        Parameter("top_logprobs", "int", "Alternatives for each token; needs logprobs.", 0, 20, examples=("5",)),
    )),
    Group("Format and tools", (
        Parameter(
            "response_format", "any", "Format of the answer: text, json_object, or a JSON schema as @FILE.",
            choices=("text", "json_object"), default="text",
            examples=("json_object", '{"type":"json_schema","json_schema":{}}'), refused=("xml", "5", "[]", "true"),
        ),
        Parameter(
            "prediction", "map", "Most of the expected answer, to speed it up.",
            examples=('{"type":"content","content":"..."}',), handled_by_server=True,
        ),
        Parameter(
            "tools", "list", "Tools in OpenAI's format, or @FILE.",
            examples=('[{"type":"function","function":{"name":"now"}}]', "[]"),
            refused=('[{"type":"function"},"now"]',),
        ),
        Parameter(
            "tool_choice", "any", "none, auto, required or one function.", choices=("none", "auto", "required"),
            default="auto", examples=("auto", '{"type":"function"}'), refused=("maybe", "1", "[]"),
        ),
        Parameter(
            "parallel_tool_calls", "bool", "Allow several calls in one answer.", default="true", examples=("false",)
        ),
    )),
    Group("Routing", (
        Parameter(
            "models", "texts", "Fallback models, in order.",
            examples=('["a/b","c/d"]', "a/b"), refused=('[""]',), handled_by_server=True,
        ),
        Parameter(
            "provider", "map", "All provider settings in one object.",
            examples=('{"sort":"price"}', '{"sort":"price","max_price":{"prompt":1}}', "{}"), refused=("price",),
            handled_by_server=True,
        ),
        Parameter(
            "provider.order", "texts", "Providers to try first, in order.",
            examples=('["stepfun"]', "stepfun"), handled_by_server=True,
        ),
        Parameter("provider.only", "texts", "Use only these providers.", examples=('["stepfun"]',), handled_by_server=True),
        Parameter(
            "provider.ignore", "texts", "Never use these providers.", examples=('["other"]',), handled_by_server=True
        ),
        Parameter(
            "provider.allow_fallbacks", "bool", "Try another provider if the first one fails.",
            default="true", examples=("false",), handled_by_server=True,
        ),
        Parameter(
            "provider.require_parameters", "bool", "Use only providers that support every parameter of the request.",
            default="false", examples=("true",), handled_by_server=True,
        ),
        Parameter(
            "provider.data_collection", "choice", "Whether providers that store prompts may be used.",
            choices=("allow", "deny"), default="allow", examples=("deny",), handled_by_server=True,
        ),
        Parameter(
            "provider.zdr", "bool", "Use only providers with zero data retention.",
            examples=("true",), handled_by_server=True,
        ),
        Parameter(
            "provider.quantizations", "texts", "Use only these quantizations.",
            examples=('["fp8","bf16"]',), handled_by_server=True,
        ),
        Parameter(
            "provider.sort", "any", "Prefer the cheapest provider, the fastest, or the first to respond.",
            choices=("price", "throughput", "latency"), default="price-weighted",
            examples=("throughput", '{"by":"price"}'), refused=("cheap", "1"), handled_by_server=True,
        ),
        Parameter(
            "provider.max_price", "map", "Highest price in USD per million tokens.",
            examples=('{"prompt":1,"completion":2}',), handled_by_server=True,
        ),
        Parameter(
            "plugins", "list", "OpenRouter plugins.",
            examples=('[{"id":"web"}]', "[]"), refused=('["web"]',), handled_by_server=True,
        ),
        Parameter(
            "service_tier", "choice", "Processing tier: speed against price.",
            choices=("auto", "default", "fast", "flex", "priority", "scale", "ultrafast"), examples=("flex",),
            handled_by_server=True,
        ),
    )),
    Group("Server", (
        Parameter(
            "user", "text", "A stable identifier of the end user.",
            examples=("me", "5", "true", "{}"), handled_by_server=True,
        ),
        Parameter(
            "metadata", "map", "Notes for your own records.",
            max_items=16, examples=('{"project":"x"}', "{}"), refused=('{"a":1}',), handled_by_server=True,
        ),
        Parameter(
            "prompt_cache_key", "text", "Requests with the same key share a prompt cache.",
            examples=("notes",), handled_by_server=True,
        ),
        Parameter(
            "cache_control", "map", "Cache the prompt automatically (Anthropic models).",
            examples=('{"type":"ephemeral"}',), handled_by_server=True,
        ),
        Parameter(
            "chat_template_kwargs", "map", "Arguments of the chat template (llama.cpp, vLLM, SGLang).",
            examples=('{"enable_thinking":true}',), handled_by_server=True,
        ),
        Parameter(
            "debug.echo_upstream_body", "bool", "Return the request that OpenRouter sends to the provider.",
            examples=("true",), handled_by_server=True,
        ),
    )),
)  # fmt: skip

PARAMETERS: tuple[Parameter, ...] = tuple(row for group in GROUPS for row in group.rows)
BY_NAME: Mapping[str, Parameter] = {parameter.name: parameter for parameter in PARAMETERS}


_TYPO = 0.92
"""Similarity of a mistyped dotted name to the name that was meant."""


def find_parameter(name: str) -> Parameter:
    """The row of a name; a dotted name may also reach into a map. Raises UsageError."""
    if name in BY_NAME:
        return BY_NAME[name]
    first, *rest = name.split(".")
    root = BY_NAME.get(first)
    if root is None or root.kind != "map" or not rest or not all(rest):
        raise UsageError(f"There is no parameter {name!r}.", _similar(name))
    return map_entry(root, name)


def map_entry(root: Parameter, name: str) -> Parameter:
    """A row for an entry of a map that has none of its own. Raises UsageError if its name is probably mistyped.

    Servers support more than the table lists, so any other name is sent unchanged.
    """
    from difflib import get_close_matches

    inside = [row.name for row in PARAMETERS if row.name.startswith(f"{root.name}.")]
    if inside and (close := get_close_matches(name.lower(), inside, n=1, cutoff=_TYPO)):
        raise UsageError(f"There is no parameter {name!r}.", f"Did you mean {close[0]}?")
    if root.name == "logit_bias":
        return Parameter(name, "float", root.help, *_BIAS, examples=("-100",))
    if root.name == "metadata":
        return Parameter(name, "text", root.help, examples=("x",), handled_by_server=True)
    return Parameter(
        name, "any", root.help, capability_name=root.capability_name, handled_by_server=root.handled_by_server
    )


def _similar(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, BY_NAME, n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(close)}?" if close else "`stepchat parameters` lists all of them."


def allowed_text(parameter: Parameter) -> str:
    """The values it accepts, as a phrase after "must be"."""
    match parameter.kind:
        case "bool":
            return "true or false"
        case "choice":
            return "one of " + ", ".join(parameter.choices)
        case "text":
            return "text"
        case "budget":
            return "seconds such as 20s, minutes such as 2min, or a number of tokens"
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
