"""How hard a model can be asked to think: what it supports, what a server has refused, and the least there is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from stepchat import lossless_json
from stepchat.catalogue.backends import MANDATORY_REASONING, bare_slug
from stepchat.parameters.table import EFFORTS
from stepchat.servers.errors import error_text, is_length_error, mentions_other_parameter, mentions_reasoning, status_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from stepchat.catalogue.models import Model
    from stepchat.errors import ServerError
    from stepchat.messages import Json

AUTO: Final = "auto"
"""Nothing is sent, so the model decides."""
_GUESSED: Final = ("high", "medium", "low")
_LEAST_BUDGET: Final = 1024
_SETTINGS: Final = ("reasoning", "reasoning_effort", "include_reasoning")
_UNKNOWN: Final = re.compile(
    r"unknown|unrecogni[sz]ed|unexpected|unsupported|not (?:be )?(?:supported|allowed|permitted|accepted|valid)"
    r"|does not (?:support|have|know)|doesn't support|extra inputs|invalid (?:parameter|argument|field)"
)
REMEMBERED: Final = 24 * 3600.0
"""Seconds: endpoints come and go behind a model's name, so what one refused is tried again."""
REJECTED_SETTING: Final = "the server refused it before"
_OFF: Final = ("reasoning.enabled=false", 'reasoning.effort="none"', 'reasoning_effort="none"')


@dataclass(frozen=True, slots=True)
class Level:
    """One level of effort, and why it cannot be asked for, if so."""

    name: str
    reason: str = ""


def requires_reasoning(model: Model | None, slug: str) -> bool:
    """Whether the model refuses to be asked without reasoning."""
    if model is not None and model.reasoning is not None:
        return model.reasoning.mandatory
    return bare_slug(slug).startswith(MANDATORY_REASONING)


def levels(model: Model | None, slug: str, rejected: Collection[str] = ()) -> tuple[Level, ...]:
    """All levels from least to most, `none` last. `rejected` are settings that the server did not take before."""
    named = (*reversed([name for name in EFFORTS if name != "none"]), "none")
    return tuple(Level(name, _why_not(name, model, slug, rejected)) for name in named)


def _why_not(name: str, model: Model | None, slug: str, refused: Collection[str]) -> str:
    if name == "none" and requires_reasoning(model, slug):
        return "this model cannot do without reasoning"
    if f'reasoning.effort="{name}"' in refused:
        return REJECTED_SETTING
    if model is not None and not model.supports_reasoning and model.supports("reasoning") is False:
        return "this model does not reason"
    if model is None or model.reasoning is None:
        return "" if name in _GUESSED else "the server does not say whether it knows this"
    if not model.reasoning.supported_efforts:
        return "this model has no levels of effort"
    return "" if name in model.reasoning.supported_efforts else "this model does not have this level"


def next_level(current: str | None, known: Collection[Level]) -> str:
    """The one after this among those that can be asked for; after the last comes `auto`."""
    names = [AUTO, *(level.name for level in known if not level.reason)]
    place = names.index(current) if current in names else 0
    return names[(place + 1) % len(names)]


def effort_of(parameters: Json) -> str:
    """What the parameters of a request ask for, in a word."""
    settings: Any = parameters.get("reasoning")
    given = cast("Json", settings) if isinstance(settings, dict) else {}
    if given.get("enabled") is False:
        return "none"
    effort: Any = given.get("effort") or parameters.get("reasoning_effort")
    if isinstance(effort, str):
        return effort
    budget: Any = given.get("max_tokens")
    return f"{budget} tokens" if isinstance(budget, int) else AUTO


def with_minimal_effort(parameters: Json, model: Model | None, slug: str) -> Json:
    """The same parameters, asking for as little thinking as the model allows."""
    given: Any = parameters.get("reasoning")
    settings = dict(cast("Json", given)) if isinstance(given, dict) else {}
    for name in ("effort", "max_tokens", "enabled"):
        settings.pop(name, None)
    settings |= _least_settings(model, slug)
    others = {name: value for name, value in parameters.items() if name not in {"reasoning", "reasoning_effort"}}
    return others | ({"reasoning": settings} if settings else {})


def _least_settings(model: Model | None, slug: str) -> Json:
    if model is None or model.reasoning is None:
        # Nothing is known: what every model with levels has, and nothing where reasoning has none.
        unknown = requires_reasoning(model, slug) or (model is not None and model.supports("reasoning") is False)
        return {} if unknown else {"effort": "low"}
    if not model.reasoning.mandatory:
        return {"enabled": False}
    efforts = [name for name in reversed(EFFORTS) if name in model.reasoning.supported_efforts and name != "none"]
    if efforts:
        return {"effort": efforts[0]}
    return {"max_tokens": _LEAST_BUDGET} if model.reasoning.supports_max_tokens else {}


def setting_key(name: str, value: Any) -> str:
    """One setting as a server's refusal of it is remembered."""
    return f"{name}={lossless_json.dumps(value)}"


def reasoning_settings(parameters: Json) -> tuple[str, ...]:
    """What the parameters say about reasoning, each as `name=JSON`."""
    found: list[str] = []
    for name in _SETTINGS:
        value: Any = parameters.get(name)
        if isinstance(value, dict):
            given = cast("Json", value)
            found += [f"{name}.{key}={lossless_json.dumps(item)}" for key, item in given.items()]
        elif value is not None:
            found.append(f"{name}={lossless_json.dumps(value)}")
    return tuple(found)


def without_settings(parameters: Json, rejected: Collection[str]) -> Json:
    """The parameters less those settings."""
    if not rejected:
        return parameters
    kept = dict(parameters)
    for name in _SETTINGS:
        value: Any = parameters.get(name)
        if isinstance(value, dict):
            given = cast("Json", value)
            kept[name] = {
                key: item for key, item in given.items() if f"{name}.{key}={lossless_json.dumps(item)}" not in rejected
            }
            if not kept[name]:
                del kept[name]
        elif value is not None and f"{name}={lossless_json.dumps(value)}" in rejected:
            del kept[name]
    return kept


def blamed_settings(error: ServerError, parameters: Json) -> tuple[str, ...]:
    """The settings that a refusal names; none when it is about something else, or when it may be."""
    given = reasoning_settings(parameters)
    if status_of(error.code) not in {400, 422} or not given or is_length_error(error):
        return ()
    words = error_text(error)
    if re.search(r"mandatory|cannot be disabled", words):
        return tuple(setting for setting in given if setting in _OFF)
    named = tuple(setting for setting in given if _is_named(setting.partition("=")[0], words))
    if named or re.search(r"(?<![-\w])effort", words):
        return named
    refused = mentions_reasoning(words) and _UNKNOWN.search(words) and not mentions_other_parameter(words)
    return given if refused else ()


def _is_named(name: str, words: str) -> bool:
    """The whole name, or the word effort for all that set it."""
    return bool(re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.]*\w)", words)) or (
        name.endswith("effort") and bool(re.search(r"(?<![-\w])(?:reasoning_)?effort", words))
    )


# What is remembered


def read_rejected(kept: str | None, now: float) -> dict[str, float]:
    """The settings that were refused lately, and when. What is old or cannot be read will be learnt again."""
    try:
        found: Any = lossless_json.loads(kept or "{}")
    except ValueError:
        return {}
    entries: list[tuple[str, Any]] = list(cast("Json", found).items()) if isinstance(found, dict) else []
    return {name: at for name, at in entries if isinstance(at, int | float) and 0 <= now - at < REMEMBERED}


def write_rejected(refused: Mapping[str, float]) -> str:
    """As it is kept."""
    return lossless_json.dumps(dict(refused))
