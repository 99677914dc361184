"""Effort levels: those that a model supports, and the lowest that can be requested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from stepchat.catalogue.backends import MANDATORY_REASONING, bare_slug
from stepchat.parameters.table import EFFORTS

if TYPE_CHECKING:
    from collections.abc import Collection

    from stepchat.catalogue.models import Model
    from stepchat.messages import Json

AUTO: Final = "auto"
"""No effort is sent: the model decides."""
_GUESSED: Final = ("high", "medium", "low")
_LEAST_BUDGET: Final = 1024
REJECTED_SETTING: Final = "the server rejected it before"


@dataclass(frozen=True, slots=True)
class Level:
    """One effort level, and why it cannot be requested, if so."""

    name: str
    reason: str = ""


def requires_reasoning(model: Model | None, slug: str) -> bool:
    """Whether the model rejects requests without reasoning."""
    if model is not None and model.reasoning is not None:
        return model.reasoning.mandatory
    return bare_slug(slug).startswith(MANDATORY_REASONING)


def levels(model: Model | None, slug: str, rejected: Collection[str] = ()) -> tuple[Level, ...]:
    """Returns all levels from lowest to highest, `none` last. `rejected` are settings that the server rejected before."""
    named = (*reversed([name for name in EFFORTS if name != "none"]), "none")
    return tuple(Level(name, _why_not(name, model, slug, rejected)) for name in named)


def _why_not(name: str, model: Model | None, slug: str, refused: Collection[str]) -> str:
    if name == "none" and requires_reasoning(model, slug):
        return "this model always reasons"
    if f'reasoning.effort="{name}"' in refused:
        return REJECTED_SETTING
    if model is not None and not model.supports_reasoning and model.supports("reasoning") is False:
        return "this model does not reason"
    if model is None or model.reasoning is None:
        return "" if name in _GUESSED else "unknown: the server does not list it"
    if not model.reasoning.supported_efforts:
        return "this model has no effort levels"
    return "" if name in model.reasoning.supported_efforts else "not supported by this model"


def next_level(current: str | None, known: Collection[Level]) -> str:
    """Returns the next level that can be requested; after the last comes `auto`."""
    names = [AUTO, *(level.name for level in known if not level.reason)]
    place = names.index(current) if current in names else 0
    return names[(place + 1) % len(names)]


def effort_of(parameters: Json) -> str:
    """Returns the effort that request parameters ask for, in a word."""
    settings: Any = parameters.get("reasoning")
    given = cast("Json", settings) if isinstance(settings, dict) else {}
    if given.get("enabled") is False:
        return "none"
    effort: Any = given.get("effort") or parameters.get("reasoning_effort")
    if isinstance(effort, str):
        return effort
    budget: Any = given.get("max_tokens")
    return f"{budget} tokens" if isinstance(budget, int) else AUTO


def without_unsupported_effort(parameters: Json, model: Model | None, slug: str) -> tuple[Json, str]:
    """Returns the parameters without an effort that the model is known not to support, and a sentence about it; "" if none."""
    given: Any = parameters.get("reasoning")
    settings = cast("Json", given) if isinstance(given, dict) else {}
    effort: Any = settings.get("effort") or parameters.get("reasoning_effort")
    is_known = model is not None and (model.reasoning is not None or model.supports("reasoning") is False)
    if not isinstance(effort, str) or not is_known or not (reason := _why_not(effort, model, slug, ())):
        return parameters, ""
    rest = {name: value for name, value in parameters.items() if name not in {"reasoning", "reasoning_effort"}}
    if others := {name: value for name, value in settings.items() if name != "effort"}:
        rest["reasoning"] = others
    return rest, f"Effort {effort} is not sent: {reason}."


def with_minimal_effort(parameters: Json, model: Model | None, slug: str) -> Json:
    """Returns the parameters with the least reasoning the model allows."""
    given: Any = parameters.get("reasoning")
    settings = dict(cast("Json", given)) if isinstance(given, dict) else {}
    for name in ("effort", "max_tokens", "enabled"):
        settings.pop(name, None)
    settings |= _least_settings(model, slug)
    others = {name: value for name, value in parameters.items() if name not in {"reasoning", "reasoning_effort"}}
    return others | ({"reasoning": settings} if settings else {})


def _least_settings(model: Model | None, slug: str) -> Json:
    if model is None or model.reasoning is None:
        # Unknown model: `low` exists wherever levels do.
        unknown = requires_reasoning(model, slug) or (model is not None and model.supports("reasoning") is False)
        return {} if unknown else {"effort": "low"}
    if not model.reasoning.mandatory:
        return {"enabled": False}
    efforts = [name for name in reversed(EFFORTS) if name in model.reasoning.supported_efforts and name != "none"]
    if efforts:
        return {"effort": efforts[0]}
    return {"max_tokens": _LEAST_BUDGET} if model.reasoning.supports_max_tokens else {}
