"""Whether a model supports a request parameter, according to its catalogue entry."""

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
    """Why the model would ignore or reject a parameter or its value; "" if it would not, or if nothing is known."""
    if model is None or row.capability is None:
        return ""
    name = bare_slug(model.id).rpartition("/")[2]
    if model.supports(row.capability) is False:
        return f"not supported by {name}"
    reasoning = model.reasoning
    return "" if reasoning is None else _reasoning_reason(row, reasoning, name, value)


def unsupported_warnings(parameters: Json, model: Model | None) -> list[str]:
    """A sentence for each parameter of a request that the model would ignore or reject."""
    values = [(row, value_at(parameters, row.name)) for row in PARAMETERS]
    reasons = [(row.name, unsupported_reason(row, model, value)) for row, value in values if value is not None]
    return [f"{name}: {reason}; sent anyway." for name, reason in reasons if reason]


def _reasoning_reason(row: Parameter, reasoning: Reasoning, name: str, value: Any) -> str:
    match row.name:
        case "reasoning.effort" | "reasoning_effort":
            levels = reasoning.supported_efforts
            if not levels:
                return f"{name} has no effort levels"
            if value is not None and value not in levels:
                return f"{name} supports only {', '.join(levels)}"
        case "reasoning.max_tokens":
            if not reasoning.supports_max_tokens:
                return f"{name} does not support a reasoning budget"
        case "reasoning.enabled":
            if reasoning.mandatory and value is False:
                return f"{name} always reasons"
        case _:
            pass
    return ""
