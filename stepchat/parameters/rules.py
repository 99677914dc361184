"""Which parameters cannot be combined. Each rule checks a whole request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from stepchat.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepchat.messages import Json


def check_combinations(parameters: Json) -> None:
    """Raises UsageError, which names both parameters."""
    for rule in _RULES:
        if problem := rule(parameters):
            raise UsageError(*problem)


def _unset(*names: str) -> str:
    return f"Unset one of them: {' or '.join(f'{name}=' for name in names)}"


def _reasoning(parameters: Json) -> Json:
    value: Any = parameters.get("reasoning")
    return cast("Json", value) if isinstance(value, dict) else {}


def _one_amount(parameters: Json) -> tuple[str, str] | None:
    reasoning = _reasoning(parameters)
    names = [name for name in ("effort", "max_tokens") if reasoning.get(name) is not None]
    if len(names) < 2:
        return None
    return (
        "reasoning.effort and reasoning.max_tokens exclude each other: both control how much the model reasons.",
        _unset("reasoning.effort", "reasoning.max_tokens"),
    )


def _one_effort(parameters: Json) -> tuple[str, str] | None:
    short, long = parameters.get("reasoning_effort"), _reasoning(parameters).get("effort")
    if short is None or long is None or short == long:
        return None
    return (
        f"reasoning_effort is {short}, but reasoning.effort is {long}: two names of one setting.",
        _unset("reasoning_effort", "reasoning.effort"),
    )


def _budget_within_answer(parameters: Json) -> tuple[str, str] | None:
    budget: Any = _reasoning(parameters).get("max_tokens")
    for name in ("max_tokens", "max_completion_tokens"):
        limit: Any = parameters.get(name)
        if budget is not None and limit is not None and budget >= limit:
            return (
                f"reasoning.max_tokens ({budget}) must be less than {name} ({limit}), which includes the reasoning.",
                f"Raise {name}, or unset one: {name}= or reasoning.max_tokens=",
            )
    return None


def _enabled_or_not(parameters: Json) -> tuple[str, str] | None:
    reasoning = _reasoning(parameters)
    effort = reasoning.get("effort", parameters.get("reasoning_effort"))
    enabled = reasoning.get("enabled")
    if enabled is False and (effort not in {None, "none"} or reasoning.get("max_tokens") is not None):
        return (
            "reasoning.enabled is false, but an effort or a budget asks for reasoning.",
            _unset("reasoning.enabled", "reasoning.effort", "reasoning.max_tokens"),
        )
    if enabled is True and effort == "none":
        return (
            "reasoning.enabled is true, but the effort is none.",
            _unset("reasoning.enabled", "reasoning.effort"),
        )
    return None


def _returned_or_not(parameters: Json) -> tuple[str, str] | None:
    exclude, include = _reasoning(parameters).get("exclude"), parameters.get("include_reasoning")
    if exclude is None or include is None or exclude is not include:
        return None
    return (
        "include_reasoning and reasoning.exclude contradict each other.",
        _unset("include_reasoning", "reasoning.exclude"),
    )


def _one_length(parameters: Json) -> tuple[str, str] | None:
    older, newer = parameters.get("max_tokens"), parameters.get("max_completion_tokens")
    if older is None or newer is None or older == newer:
        return None
    return (
        f"max_tokens is {older}, but max_completion_tokens is {newer}: two names of one limit.",
        _unset("max_tokens", "max_completion_tokens"),
    )


def _alternatives(parameters: Json) -> tuple[str, str] | None:
    if parameters.get("top_logprobs") is None or parameters.get("logprobs") is True:
        return None
    return "top_logprobs needs logprobs=true.", "Set logprobs=true first, or unset it: top_logprobs="


_RULES: tuple[Callable[[Json], tuple[str, str] | None], ...] = (
    _one_amount, _one_effort, _budget_within_answer, _enabled_or_not, _returned_or_not, _one_length, _alternatives,
)  # fmt: skip
