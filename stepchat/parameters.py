"""The table of request parameters (WIRE.md 1.2-1.7). Adding one is adding a row; everything else follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from stepchat import exact_json
from stepchat.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stepchat.messages import Json

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
    above_low: bool = False
    """The lower end itself is not allowed."""
    longest: int | None = None
    default: str = ""
    """What applies when nothing is sent, in words."""
    example: str = ""


_BIAS = (-100, 100)
_EFFORTS = ("max", "xhigh", "high", "medium", "low", "minimal", "none")

PARAMETERS: tuple[Parameter, ...] = (
    Parameter("reasoning", "map", "Everything about reasoning in one map.", example='{"effort":"high"}'),
    Parameter("reasoning.enabled", "bool", "Think or not.", example="true"),
    Parameter("reasoning.effort", "choice", "How hard to think.", choices=_EFFORTS, example="high"),
    Parameter("reasoning.max_tokens", "int", "Budget for thinking, in tokens.", 1, example="2000"),
    Parameter("reasoning.exclude", "bool", "Think, but do not return the reasoning.", example="false"),
    Parameter(
        "reasoning.summary", "choice", "How much of a summary OpenAI models give.",
        choices=("auto", "concise", "detailed"), example="auto",
    ),
    Parameter("include_reasoning", "bool", "Older name for returning the reasoning.", example="true"),
    Parameter("max_tokens", "int", "Longest answer in tokens, reasoning included.", 1, example="4000"),
    Parameter("max_completion_tokens", "int", "The newer name of max_tokens.", 1, example="4000"),
    Parameter("temperature", "float", "Randomness.", 0, 2, default="1.0", example="0.5"),
    Parameter("top_p", "float", "Sample from the likeliest tokens with this total.", 0, 1, above_low=True, example="0.9"),
    Parameter("top_k", "int", "Sample from this many likeliest tokens; 0 is off.", 0, example="40"),
    Parameter("min_p", "float", "Least probability relative to the likeliest token.", 0, 1, example="0.05"),
    Parameter("top_a", "float", "Least probability by the square of the likeliest.", 0, 1, example="0.1"),
    Parameter("stop", "texts", "Stop at any of these texts (at most 4).", longest=4, example='["END"]'),
    Parameter("frequency_penalty", "float", "Discourage words by how often they came.", -2, 2, example="0.2"),
    Parameter("presence_penalty", "float", "Discourage words that came at all.", -2, 2, example="0.2"),
    Parameter("repetition_penalty", "float", "Discourage repetition; 1 is neutral.", 0, 2, above_low=True, example="1.1"),
    Parameter("seed", "int", "Ask for the same sampling again.", example="7"),
    Parameter("logit_bias", "map", "Token id to a bias of -100 to 100.", example='{"42":-100}'),
    Parameter("logprobs", "bool", "Return the probability of each token.", example="true"),
    Parameter("top_logprobs", "int", "Alternatives for each token; needs logprobs.", 0, 20, example="5"),
    Parameter(
        "response_format", "any", "Form of the answer: text, json_object or a JSON schema.",
        choices=("text", "json_object"), example="json_object",
    ),
    Parameter("tools", "list", "Tools in OpenAI's form.", example="[]"),
    Parameter(
        "tool_choice", "any", "none, auto, required or one function.",
        choices=("none", "auto", "required"), example="auto",
    ),
    Parameter("parallel_tool_calls", "bool", "Several calls in one reply.", example="false"),
    Parameter(
        "verbosity", "choice", "How much to say.", choices=("low", "medium", "high", "xhigh", "max"), example="low"
    ),
    Parameter("models", "texts", "Models to fall back to, in order.", example='["a/b","c/d"]'),
    Parameter("provider", "map", "Routing: order, only, ignore, sort, max_price ...", example='{"sort":"price"}'),
    Parameter("plugins", "list", "Plugins of OpenRouter.", example='[{"id":"web"}]'),
    Parameter("user", "text", "A stable name for the end user.", example="me"),
)  # fmt: skip

BY_NAME: Mapping[str, Parameter] = {parameter.name: parameter for parameter in PARAMETERS}


def parse_setting(text: str) -> tuple[str, Any]:
    """`name=value` to a name and a checked value; an empty value is None and unsets. Raises UsageError."""
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals:
        raise UsageError(f"{text!r} is not NAME=VALUE.", "For example: --set temperature=0.5")
    parameter = find_parameter(name)
    return name, None if value.strip() == "" else check(parameter, read_value(parameter, value.strip()))


def parse_value(name: str, value: Any) -> Any:
    """A value that has a type already, as from a config file. Raises UsageError."""
    return check(find_parameter(name), value)


def find_parameter(name: str) -> Parameter:
    """The row for a name; a dotted name may also reach into a map. Raises UsageError."""
    if name in BY_NAME:
        return BY_NAME[name]
    first, *rest = name.split(".")
    root = BY_NAME.get(first)
    if root is None or root.kind != "map" or not rest or not all(rest):
        raise UsageError(f"There is no parameter {name!r}.", f"Known ones: {', '.join(BY_NAME)}.")
    if root.name == "logit_bias":
        return Parameter(name, "float", root.help, *_BIAS, example="-100")
    return Parameter(name, "any", root.help)


def read_value(parameter: Parameter, text: str) -> Any:
    """Plain text or JSON to a value, as the parameter's kind suggests."""
    if parameter.kind == "text" or (parameter.kind in {"texts", "choice"} and not text.startswith(("[", '"'))):
        return text
    try:
        return exact_json.loads(text)
    except ValueError:
        return text


def check(parameter: Parameter, value: Any) -> Any:
    """The value as it is sent. Raises UsageError that names value and range."""
    try:
        exact_json.dumps(value)
    except (TypeError, ValueError):
        # TOML knows dates, infinities and nan.
        raise _wrong(parameter, str(value), "something that JSON can express") from None
    match parameter.kind:
        case "int" | "float":
            return _number(parameter, value)
        case "bool":
            if not isinstance(value, bool):
                raise _wrong(parameter, value, "true or false")
        case "choice":
            if value not in parameter.choices:
                raise _wrong(parameter, value, "one of " + ", ".join(parameter.choices))
        case "text":
            if not isinstance(value, str):
                raise _wrong(parameter, value, "text")
        case "texts":
            return _texts(parameter, value)
        case "map":
            return _map(parameter, value)
        case "list":
            return _list(parameter, value)
        case "any":
            return _form(parameter, value)
    return value


def _number(parameter: Parameter, value: Any) -> int | float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or (parameter.kind == "int" and not isinstance(value, int)):
        raise _wrong(parameter, value, "a whole number" if parameter.kind == "int" else "a number")
    low, high = parameter.low, parameter.high
    too_low = low is not None and (value < low or (parameter.above_low and value == low))
    if too_low or (high is not None and value > high):
        raise _wrong(parameter, value, _range(parameter))
    return value


def _range(parameter: Parameter) -> str:
    if parameter.high is None:
        return f"at least {parameter.low:g}"
    start = f"more than {parameter.low:g} and" if parameter.above_low else f"between {parameter.low:g} and"
    return f"{start} {'at most ' if parameter.above_low else ''}{parameter.high:g}"


def _texts(parameter: Parameter, value: Any) -> Any:
    values = cast("list[Any]", value) if isinstance(value, list) else [value]
    if not all(isinstance(item, str) and item for item in values):
        raise _wrong(parameter, value, "text or a JSON list of texts")
    if parameter.longest and len(values) > parameter.longest:
        raise _wrong(parameter, value, f"at most {parameter.longest} texts")
    return values


def _list(parameter: Parameter, value: Any) -> Any:
    if not isinstance(value, list):
        raise _wrong(parameter, value, "a JSON list")
    return cast("list[Any]", value)


def _map(parameter: Parameter, value: Any) -> Any:
    if not isinstance(value, dict):
        raise _wrong(parameter, value, "a JSON object")
    entries = cast("Json", value)
    for key, item in entries.items():
        name = f"{parameter.name}.{key}"
        if name in BY_NAME or parameter.name == "logit_bias":
            check(BY_NAME.get(name) or Parameter(name, "float", parameter.help, *_BIAS, example="-100"), item)
    return entries


def _form(parameter: Parameter, value: Any) -> Any:
    if isinstance(value, dict):
        return cast("Json", value)
    if parameter.choices and value not in parameter.choices:
        raise _wrong(parameter, value, f"{', '.join(parameter.choices)} or a JSON object")
    return {"type": value} if parameter.name == "response_format" else value


def _wrong(parameter: Parameter, value: Any, wanted: str) -> UsageError:
    shown = value if isinstance(value, str) else exact_json.dumps(value)
    hint = f"For example: {parameter.name}={parameter.example}" if parameter.example else ""
    return UsageError(f"{parameter.name} must be {wanted}, not {shown!s:.80}.", hint)


def to_request(settings: Iterable[tuple[str, Any]]) -> Json:
    """Dotted names to the nested form of the request; later ones win, None takes a name out."""
    body: Json = {}
    for name, value in settings:
        target = body
        *outer, last = name.split(".")
        for key in outer:
            inner = target.get(key)
            target[key] = dict(cast("Json", inner)) if isinstance(inner, dict) else {}
            target = target[key]
        if value is None:
            target.pop(last, None)
        else:
            target[last] = value
    return {name: value for name, value in body.items() if value != {} or name == "logit_bias"}
