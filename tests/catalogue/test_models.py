from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.catalogue.models import Model, Prices, Reasoning, read_model
from stepchat.demo.catalogue import MODELS, listing
from stepchat.messages import Usage
from stepchat.parameters.table import EFFORTS

DEMO = {model.id: read_model(listing("http://x", model)) for model in MODELS}
STEP = DEMO["stepfun/step-3.5-flash"]


def test_an_entry_of_openrouter_is_read_whole():
    assert STEP.name == "StepFun: Step 3.5 Flash"
    assert (STEP.context_length, STEP.max_completion_tokens, STEP.created) == (262_144, 65_536, 1_769_644_800)
    assert (STEP.input_modalities, STEP.output_modalities) == (("text",), ("text",))
    assert STEP.prices.prompt == Decimal("0.00000009")
    assert STEP.prices.completion == Decimal("0.0000003")
    assert STEP.prices.cache_read == Decimal("0.00000002")
    assert STEP.prices.request == 0
    assert STEP.reasoning == Reasoning(mandatory=True)
    assert (STEP.supports_reasoning, STEP.supports_tools, STEP.supports_images) == (True, True, False)
    assert STEP.supports("temperature") is True
    assert STEP.supports("verbosity") is False
    assert STEP.default_parameters == (("temperature", 1.0),)


def test_efforts_are_those_listed_or_all_or_none():
    assert STEP.reasoning.supported_efforts == ()
    assert DEMO["stepfun/step-3.7-flash"].reasoning.supported_efforts == ("high", "medium", "low")
    assert DEMO["z-ai/glm-4.7"].reasoning.supported_efforts == EFFORTS
    # What must think is never asked not to.
    assert DEMO["minimax/minimax-m2.1"].reasoning.supported_efforts == EFFORTS[:-1]
    assert read_model({"id": "x", "reasoning": {}}).reasoning == Reasoning()
    assert DEMO["meta-llama/llama-3.3-70b-instruct"].reasoning is None


@pytest.mark.parametrize(
    ("entry", "context"),
    [
        ({"id": "m", "object": "model", "owned_by": "llamacpp", "meta": {"n_ctx_train": 9, "n_ctx": 8192}}, 8192),
        ({"id": "m", "meta": {"n_ctx_train": 4096}}, 4096),
        ({"id": "m", "max_model_len": 32768, "owned_by": "vllm"}, 32768),
        ({"id": "m", "max_context_length": 4096, "loaded_context_length": 2048}, 2048),
        ({"id": "m", "object": "model"}, None),
        ({"name": "m", "model": "m", "size": 5}, None),
    ],
)
def test_entries_of_other_servers(entry, context):
    model = read_model(entry)
    assert (model.id, model.context_length) == ("m", context)
    assert model.supports("temperature") is None
    assert model.prices.prompt is model.prices.completion is None


@pytest.mark.parametrize("entry", [None, 5, "m", [], {}, {"id": 5}, {"id": ""}, {"id": None, "name": []}])
def test_what_names_no_model_is_none(entry):
    assert read_model(entry) is None


any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["-1", "1e999999999"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
names = ("name", "created", "context_length", "architecture", "pricing", "top_provider", "supported_parameters")
names += ("reasoning", "default_parameters", "meta", "type")


@given(
    st.dictionaries(st.sampled_from(names), any_json),
    st.dictionaries(st.sampled_from(("prompt", "completion", "overrides", "mandatory", "supported_efforts")), any_json),
)
def test_odd_fields_do_no_harm(entry, inner):
    for odd in (entry, entry | dict.fromkeys(("pricing", "reasoning", "architecture"), inner)):
        model = read_model({"id": "m"} | odd)
        assert isinstance(model, Model)
        assert model.prices.cost(10, 10) is None or model.prices.cost(10, 10) >= 0


def test_a_price_of_many_places_is_written_in_a_few():
    prices = read_model({"id": "x", "pricing": {"prompt": "1e-99999999", "completion": "0.00000009"}}).prices
    assert (f"{prices.prompt:f}", f"{prices.completion:f}") == ("0.000000000000", "0.00000009")


def test_prices_that_vary_are_not_known():
    assert read_model({"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}}).prices == Prices()
    free = read_model({"id": "x", "pricing": {"prompt": "0", "completion": "0"}}).prices
    assert (free.prompt, free.completion, free.cost(1000, 1000)) == (0, 0, 0)


def test_cost_counts_cached_tokens_and_long_prompts():
    usage = Usage({"prompt_tokens": 1000, "completion_tokens": 200, "prompt_tokens_details": {"cached_tokens": 400}})
    assert STEP.prices.cost_of(usage) == Decimal("0.000122")
    assert STEP.prices.cost_of(Usage()) is None
    claude = DEMO["anthropic/claude-sonnet-4.5"].prices
    assert claude.cost(1000, 100) == Decimal("0.0045")
    assert claude.cost(200_000, 0) == Decimal("1.2")
    # What an override does not name stays.
    assert claude.cost(200_000, 0, cached=200_000) == Decimal("0.06")
