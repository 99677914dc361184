from __future__ import annotations

import pytest

from stepchat.errors import UsageError
from stepchat.parameters.rules import check_combinations


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"reasoning": {"effort": "high", "max_tokens": 5}}, ("reasoning.effort", "reasoning.max_tokens")),
        ({"reasoning": {"effort": "high"}, "reasoning_effort": "low"}, ("reasoning_effort", "reasoning.effort")),
        ({"reasoning": {"max_tokens": 5}, "max_tokens": 5}, ("reasoning.max_tokens", "max_tokens")),
        ({"reasoning": {"max_tokens": 5}, "max_completion_tokens": 4}, ("max_completion_tokens",)),
        ({"reasoning": {"enabled": False, "effort": "low"}}, ("reasoning.enabled",)),
        ({"reasoning": {"enabled": False, "max_tokens": 9}}, ("reasoning.enabled",)),
        ({"reasoning": {"enabled": False}, "reasoning_effort": "low"}, ("reasoning.enabled",)),
        ({"reasoning": {"enabled": True, "effort": "none"}}, ("reasoning.enabled",)),
        ({"reasoning": {"exclude": True}, "include_reasoning": True}, ("include_reasoning", "reasoning.exclude")),
        ({"max_tokens": 5, "max_completion_tokens": 6}, ("max_tokens", "max_completion_tokens")),
        ({"top_logprobs": 5}, ("top_logprobs", "logprobs")),
        ({"top_logprobs": 5, "logprobs": False}, ("top_logprobs", "logprobs")),
    ],
)
def test_what_does_not_go_together(parameters, names):
    with pytest.raises(UsageError) as raised:
        check_combinations(parameters)
    assert all(name in raised.value.message for name in names)
    assert raised.value.hint


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"reasoning": {"effort": "high"}, "reasoning_effort": "high"},
        {"reasoning": {"max_tokens": 4}, "max_tokens": 5},
        {"reasoning": {"enabled": False, "effort": "none"}},
        {"reasoning": {"enabled": False}},
        {"reasoning": {"exclude": True}, "include_reasoning": False},
        {"max_tokens": 5, "max_completion_tokens": 5},
        {"top_logprobs": 0, "logprobs": True},
        {"logprobs": False},
    ],
)
def test_what_does(parameters):
    check_combinations(parameters)
