"""Whether a model takes a request parameter, as its catalogue entry tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepchat.catalogue.backends import bare_slug
from stepchat.parameters.scopes import value_at
from stepchat.parameters.table import PARAMETERS

if TYPE_CHECKING:
    from stepchat.catalogue.models import Model, Reasoning
    from stepchat.messages import Json
    from stepchat.parameters.table import Parameter


def unsupported_reason(row: Parameter, model: Model | None, value: Any = None) -> str:
    """Why the parameter, or this value of it, would be ignored or refused; "" when it would not, or nothing is told."""
    if model is None or row.capability is None:
        return ""
    name = bare_slug(model.id).rpartition("/")[2]
    if model.supports(row.capability) is False:
        return f"not supported by {name}"
    reasoning = model.reasoning
    return "" if reasoning is None else _reasoning(row, reasoning, name, value)


def unsupported_warnings(parameters: Json, model: Model | None) -> list[str]:
    """A sentence for each parameter of a request that the model would ignore or refuse."""
    values = [(row, value_at(parameters, row.name)) for row in PARAMETERS]
    reasons = [(row.name, unsupported_reason(row, model, value)) for row, value in values if value is not None]
    return [f"{name}: {reason}; it is sent all the same." for name, reason in reasons if reason]


def _reasoning(row: Parameter, reasoning: Reasoning, name: str, value: Any) -> str:
    match row.name:
        case "reasoning.effort" | "reasoning_effort":
            levels = reasoning.supported_efforts
            if not levels:
                return f"{name} has no levels of effort"
            if value is not None and value not in levels:
                return f"{name} has only {', '.join(levels)}"
        case "reasoning.max_tokens":
            if not reasoning.supports_max_tokens:
                return f"{name} takes no budget for thinking"
        case "reasoning.enabled":
            if reasoning.mandatory and value is False:
                return f"{name} cannot do without reasoning"
        case _:
            pass
    return ""
