from __future__ import annotations

from typing import Any

import pytest

from stepchat.catalogue.models import Model, read_model
from stepchat.reasoning.effort import (
    AUTO,
    effort_of,
    levels,
    next_level,
    requires_reasoning,
    with_minimal_effort,
    without_unsupported_effort,
)

STEP = "stepfun/step-3.5-flash"


def model(reasoning: Any = None, **more: Any) -> Model:
    found = read_model({"id": "a/b", "reasoning": reasoning, **more})
    assert found is not None
    return found


def sendable(*about: Any) -> list[str]:
    return [level.name for level in levels(*about) if not level.reason]


def test_only_what_the_catalogue_lists_can_be_asked_for():
    listed = model({"mandatory": True, "supported_efforts": ["high", "medium", "low"]})
    assert sendable(listed, "a/b") == ["low", "medium", "high"]
    assert sendable(model({"supported_efforts": None}), "a/b")[-1] == "none"
    assert len(sendable(model({"supported_efforts": None}), "a/b")) == 7
    assert "none" not in sendable(model({"supported_efforts": None, "mandatory": True}), "a/b")
    assert sendable(model({"supported_efforts": [], "mandatory": True}), STEP) == []
    assert sendable(model(supported_parameters=["temperature"]), "a/b") == []


def test_each_level_that_cannot_says_why():
    known = levels(model({"mandatory": True, "supported_efforts": []}), STEP)
    assert {level.reason for level in known} == {
        "this model has no effort levels",
        "this model always reasons",
    }


def test_without_a_catalogue_three_levels_are_offered_and_reasoning_is_never_switched_off_where_it_must_not_be():
    assert sendable(None, "a/b") == ["low", "medium", "high"]
    assert sendable(None, STEP) == ["low", "medium", "high"]
    assert [level.reason for level in levels(None, STEP)][-1] == "this model always reasons"
    assert requires_reasoning(None, f"{STEP}:nitro")
    assert not requires_reasoning(model({"mandatory": False}), STEP)


def test_what_the_server_refused_is_not_offered_again():
    assert sendable(None, "a/b", {'reasoning.effort="high"'}) == ["low", "medium"]


def test_a_key_goes_round():
    known = levels(None, "a/b")
    seen = [AUTO]
    for _ in range(4):
        seen.append(next_level(seen[-1], known))
    assert seen == [AUTO, "low", "medium", "high", AUTO]
    assert next_level("2000 tokens", known) == "low"


@pytest.mark.parametrize(
    ("parameters", "word"),
    [
        ({}, "auto"),
        ({"reasoning": {"effort": "high"}}, "high"),
        ({"reasoning_effort": "low"}, "low"),
        ({"reasoning": {"max_tokens": 2000}}, "2000 tokens"),
        ({"reasoning": {"enabled": False}}, "none"),
        ({"reasoning": {"exclude": True}}, "auto"),
    ],
)
def test_what_is_asked_for_in_a_word(parameters, word):
    assert effort_of(parameters) == word


@pytest.mark.parametrize(
    ("known", "slug", "settings"),
    [
        (model({"mandatory": False, "supported_efforts": None}), "a/b", {"enabled": False}),
        (model({"mandatory": True, "supported_efforts": ["high", "low"]}), "a/b", {"effort": "low"}),
        (model({"mandatory": True, "supported_efforts": None}), "a/b", {"effort": "minimal"}),
        (model({"mandatory": True, "supports_max_tokens": True}), "a/b", {"max_tokens": 1024}),
        (model({"mandatory": True, "supported_efforts": []}), STEP, None),
        (model(supported_parameters=["temperature"]), "a/b", None),
        (None, STEP, None),
        (None, "a/b", {"effort": "low"}),
    ],
)
def test_as_little_thinking_as_the_model_allows(known, slug, settings):
    given = {"temperature": 1, "reasoning_effort": "high", "reasoning": {"effort": "high", "exclude": False}}
    wanted = {"exclude": False, **(settings or {})}
    assert with_minimal_effort(given, known, slug) == {"temperature": 1, "reasoning": wanted}
    assert with_minimal_effort({}, known, slug) == ({"reasoning": settings} if settings else {})


LEVELS_AND_BUDGET = model({"mandatory": True, "supported_efforts": ["high", "low"]})


@pytest.mark.parametrize(
    ("known", "parameters", "sent", "said"),
    [
        (
            model({"mandatory": True, "supported_efforts": []}),
            {"reasoning": {"effort": "high"}},
            {},
            "no effort levels",
        ),
        (LEVELS_AND_BUDGET, {"reasoning": {"effort": "high"}}, {"reasoning": {"effort": "high"}}, ""),
        (LEVELS_AND_BUDGET, {"reasoning_effort": "max", "seed": 1}, {"seed": 1}, "not supported by this model"),
        (
            LEVELS_AND_BUDGET,
            {"reasoning": {"effort": "none", "exclude": True}},
            {"reasoning": {"exclude": True}},
            "always reasons",
        ),
        (None, {"reasoning": {"effort": "max"}}, {"reasoning": {"effort": "max"}}, ""),
        (LEVELS_AND_BUDGET, {"temperature": 1}, {"temperature": 1}, ""),
    ],
)
def test_an_effort_the_model_does_not_support_is_not_sent(known, parameters, sent, said):
    rest, words = without_unsupported_effort(parameters, known, "a/b")
    assert rest == sent
    assert said in words if said else not words
