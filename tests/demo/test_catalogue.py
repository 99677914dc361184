from __future__ import annotations

from decimal import Decimal

import pytest

from stepchat.demo.catalogue import DEFAULT_MODEL, MODELS, find_model, listing, price


def named(slug):
    model = find_model(slug)
    assert model is not None
    return model


def test_ids_are_unique_and_found():
    assert len({model.id for model in MODELS}) == len(MODELS)
    assert all(find_model(model.id) is model for model in MODELS)
    assert find_model("no/such") is None


def test_suffixes_and_demo_models():
    assert named(f"{DEFAULT_MODEL}:floor").id == DEFAULT_MODEL
    assert named("demo/anything").id == "demo/anything"
    assert not named("demo/anything").mandatory
    assert named("demo/anything").thinks


def test_prices():
    step = named(DEFAULT_MODEL)
    assert price(step, 1000, 0, 100) == (Decimal("0.00009"), Decimal("0.00003"))
    assert price(step, 1000, 400, 0)[0] == Decimal("0.000054") + Decimal("0.000008")


@pytest.mark.parametrize(("prompt", "cost"), [(199_999, "0.599997"), (200_000, "1.2")])
def test_long_prompts_may_cost_more(prompt, cost):
    assert price(named("anthropic/claude-sonnet-4.5"), prompt, 0, 0)[0] == Decimal(cost)


def test_prices_are_plain_decimals():
    for model in MODELS:
        for value in listing("http://x", model)["pricing"].values():
            assert isinstance(value, list) or ("e" not in value.lower() and Decimal(value) >= 0)
