from __future__ import annotations

import pytest

from stepchat.catalogue.capabilities import unsupported_reason
from stepchat.catalogue.models import Model, Reasoning
from stepchat.parameters.table import BY_NAME

THINKER = Model(
    "a/thinker:free",
    supported_parameters=frozenset({"reasoning", "temperature", "max_tokens"}),
    reasoning=Reasoning(mandatory=True, supported_efforts=("high", "low"), supports_max_tokens=False),
)
BUDGET = Model(
    "b/budget",
    supported_parameters=frozenset({"reasoning"}),
    reasoning=Reasoning(supported_efforts=(), supports_max_tokens=True),
)


@pytest.mark.parametrize(
    ("model", "name", "value", "words"),
    [
        (None, "top_k", 1, ""),
        (Model("local"), "top_k", 1, ""),
        (THINKER, "temperature", 1, ""),
        (THINKER, "top_k", 1, "not supported by thinker"),
        (THINKER, "provider.sort", "price", ""),
        (THINKER, "user", "me", ""),
        (THINKER, "max_completion_tokens", 1, ""),
        (THINKER, "include_reasoning", True, "not supported by thinker"),
        (THINKER, "reasoning.effort", "high", ""),
        (THINKER, "reasoning.effort", None, ""),
        (THINKER, "reasoning.effort", "max", "thinker supports only high, low"),
        (THINKER, "reasoning_effort", "max", "thinker supports only high, low"),
        (THINKER, "reasoning.max_tokens", 5, "thinker does not support a reasoning budget"),
        (THINKER, "reasoning.enabled", False, "thinker always reasons"),
        (THINKER, "reasoning.enabled", True, ""),
        (BUDGET, "reasoning.effort", None, "budget has no effort levels"),
        (BUDGET, "reasoning.max_tokens", 5, ""),
        (BUDGET, "reasoning.enabled", False, ""),
    ],
)
def test_why_not(model, name, value, words):
    assert unsupported_reason(BY_NAME[name], model, value) == words
