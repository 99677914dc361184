from __future__ import annotations

import math
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat import lossless_json
from stepchat.errors import UsageError
from stepchat.parameters.scopes import to_request
from stepchat.parameters.table import BY_NAME, PARAMETERS, find_parameter
from stepchat.parameters.values import check_value, parse_setting, parse_value

PENALTY = (["-2", "2", "0", "0.5"], ["-2.01", "2.01", "high", "true"])
UNIT = (["0", "1", "0.05"], ["-0.01", "1.01", "x", "null"])
COUNT = (["1", "4000", "262144"], ["0", "-1", "1.5", "1e3", "many", "true"])
SWITCH = (["true", "false"], ["1", "0", "yes", "True", "null", '"true"'])

# What each row takes at its edges, and what it refuses just beyond them.
EDGES: dict[str, tuple[list[str], list[str]]] = {
    "reasoning": (["{}", '{"effort":"high"}', '{"max_tokens":1,"new":null}'], ["[]", "high", '{"effort":"huge"}']),
    "reasoning.enabled": SWITCH,
    "reasoning.effort": (["max", "xhigh", "high", "medium", "low", "minimal", "none"], ["huge", "High", "1", "null"]),
    "reasoning.max_tokens": COUNT,
    "reasoning.exclude": SWITCH,
    "reasoning.summary": (["auto", "concise", "detailed"], ["long", "true"]),
    "reasoning.context": (["auto", "all_turns", "current_turn"], ["none", "1"]),
    "reasoning.mode": (["standard", "pro"], ["fast"]),
    "reasoning_effort": (["max", "none"], ["huge"]),
    "include_reasoning": SWITCH,
    "max_tokens": COUNT,
    "max_completion_tokens": COUNT,
    "temperature": (["0", "2", "0.7", "1e-3"], ["-0.1", "2.1", "NaN", "Infinity", "1e400", "warm", "[1]", "false"]),
    "top_p": (["1", "0.0001"], ["0", "-0.5", "1.0001", "x"]),
    "top_k": (["0", "40"], ["-1", "0.5", "x"]),
    "min_p": UNIT,
    "top_a": UNIT,
    "stop": (["END", '["a","b","c","d"]', "[END]", '"quoted"'], ['["a","b","c","d","e"]', '["a",1]', '[""]']),
    "frequency_penalty": PENALTY,
    "presence_penalty": PENALTY,
    "repetition_penalty": (["2", "0.01", "1.1"], ["0", "-1", "2.01"]),
    "seed": (["0", "-7", str(2**63)], ["1.5", "x", "true"]),
    "logit_bias": (['{"42":-100,"7":100}', '{"1":0.5}', "{}"], ['{"1":100.5}', '{"1":-101}', '{"1":true}', "[]", "42"]),
    "logprobs": SWITCH,
    "top_logprobs": (["0", "20"], ["-1", "21", "2.5"]),
    "response_format": (["text", "json_object", '{"type":"json_schema","json_schema":{}}'], ["xml", "5", "[]", "true"]),
    "prediction": (['{"type":"content","content":"x"}'], ["x", "[]"]),
    "tools": (["[]", '[{"type":"function"}]'], ["{}", "web", "null", "[1]", '[{"type":"function"},"now"]']),
    "tool_choice": (["none", "auto", "required", '{"type":"function"}'], ["maybe", "1", "[]"]),
    "parallel_tool_calls": SWITCH,
    "verbosity": (["low", "medium", "high", "xhigh", "max"], ["tiny", "none"]),
    "models": (["a/b", '["a/b","c/d"]'], ["[1]", '[""]']),
    "provider": (['{"sort":"price","max_price":{"prompt":1}}', "{}"], ["price", "[]"]),
    "provider.order": (["a", '["a","b"]'], ["[1]"]),
    "provider.only": (["a", '["a","b"]'], ["[1]"]),
    "provider.ignore": (["a", '["a","b"]'], ["[1]"]),
    "provider.allow_fallbacks": SWITCH,
    "provider.require_parameters": SWITCH,
    "provider.data_collection": (["allow", "deny"], ["maybe"]),
    "provider.zdr": SWITCH,
    "provider.quantizations": (["fp8", '["fp8","bf16"]'], ["[8]"]),
    "provider.sort": (["price", "throughput", "latency", '{"by":"price"}'], ["cheap", "1"]),
    "provider.max_price": (['{"prompt":1}'], ["1", "[]"]),
    "service_tier": (["auto", "flex", "ultrafast"], ["slow"]),
    "plugins": (['[{"id":"web"}]', "[]"], ["web", "{}", '["web"]']),
    "user": (["me", "5", "true", "{}"], []),
    "metadata": (['{"a":"b"}', "{}"], ["a", '{"a":1}', str({str(n): "x" for n in range(17)}).replace("'", '"')]),
    "prompt_cache_key": (["a"], []),
    "cache_control": (['{"type":"ephemeral"}'], ["ephemeral"]),
    "chat_template_kwargs": (['{"enable_thinking":false}'], ["x"]),
    "debug.echo_upstream_body": SWITCH,
}

TAKEN = [(name, text) for name, (good, _) in EDGES.items() for text in good]
REFUSED = [(name, text) for name, (_, bad) in EDGES.items() for text in bad]


def test_every_row_has_its_edges_here():
    assert set(EDGES) == set(BY_NAME) == {parameter.name for parameter in PARAMETERS}
    assert len(BY_NAME) == len(PARAMETERS)


@pytest.mark.parametrize(("name", "text"), TAKEN)
def test_taken(name, text):
    found, value = parse_setting(f"{name}={text}")
    assert found == name
    # Whatever is taken can be sent.
    assert lossless_json.loads(lossless_json.dumps(to_request([(name, value)]))) == to_request([(name, value)])


@pytest.mark.parametrize(("name", "text"), REFUSED)
def test_refused_with_the_name_and_an_example(name, text):
    with pytest.raises(UsageError) as raised:
        parse_setting(f"{name}={text}")
    assert raised.value.message.startswith(name.partition(".")[0])
    assert " must be " in raised.value.message
    assert "For example: " in raised.value.hint


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda row: row.name)
def test_the_example_of_a_row_is_taken(parameter):
    assert parse_setting(f"{parameter.name}={parameter.example}")[1] is not None
    assert parameter.help.endswith((".", "..."))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("temperature=0.5", 0.5),
        ("temperature = 0.5 ", 0.5),
        ("top_k=40", 40),
        ("stop=END", ["END"]),
        ("stop=a=b", ["a=b"]),
        ('stop="END"', ["END"]),
        ("models=a/b", ["a/b"]),
        ("response_format=json_object", {"type": "json_object"}),
        ("tool_choice=auto", "auto"),
        ("user=5", "5"),
        ('provider.order=["a"]', ["a"]),
        ("provider.sort=price", "price"),
        ("logit_bias.42=-100", -100),
        ("reasoning.other=all_turns", "all_turns"),
        ("temperature=", None),
        ("temperature= ", None),
        ("stop= ", [" "]),
        ("stop=", None),
        ("stop=\n", ["\n"]),
        ('stop= ["a"] ', ["a"]),
        ("user= me", " me"),
    ],
)  # fmt: skip
def test_value_of_a_setting(text, value):
    assert parse_setting(text)[1] == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("temperature", "'temperature' is not NAME=VALUE"),
        ("", "'' is not NAME=VALUE"),
        ("=5", "There is no parameter ''"),
        ("heat=1", "There is no parameter 'heat'"),
        ("messages=[]", "There is no parameter 'messages'"),
        ("stream=false", "There is no parameter 'stream'"),
        ("model=x", "There is no parameter 'model'"),
        ("temperature.high=1", "There is no parameter 'temperature.high'"),
        ("provider.=1", "There is no parameter 'provider.'"),
        ("provider..sort=1", "There is no parameter 'provider..sort'"),
        (".provider=1", "There is no parameter '.provider'"),
        ("logit_bias.42=101", "logit_bias.42 must be a number between -100 and 100"),
    ],
)
def test_what_is_no_setting(text, words):
    with pytest.raises(UsageError) as raised:
        parse_setting(text)
    assert raised.value.message.startswith(words)
    assert raised.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", math.nan),
        ("temperature", math.inf),
        ("temperature", date(2026, 1, 1)),
        ("temperature", Decimal(1)),
        ("seed", date(2026, 1, 1)),
        ("logit_bias", {"1": math.nan}),
        ("provider", {"until": date(2026, 1, 1)}),
        ("provider", {"max_price": {"prompt": math.nan}}),
        ("tools", [math.inf]),
        ("tool_choice", date(2026, 1, 1)),
        ("user", 5),
        ("stop", [["a"]]),
    ],
)
def test_values_of_a_config_file_that_no_request_can_carry(name, value):
    with pytest.raises(UsageError, match=f"^{name}.* must be "):
        parse_value(name, value)


def test_numbers_keep_their_spelling():
    assert lossless_json.dumps(to_request([parse_setting("temperature=0.50")])) == '{"temperature":0.50}'


def test_ranges_are_told():
    for text, words in [
        ("temperature=3", "between 0 and 2"),
        ("top_p=0", "more than 0 and at most 1"),
        ("max_tokens=0", "at least 1"),
        ("top_k=x", "a whole number, at least 0, not x"),
        ('stop=["a","b","c","d","e"]', "at most 4"),
    ]:
        with pytest.raises(UsageError, match=words):
            parse_setting(text)


def test_a_long_wrong_value_is_not_repeated_whole():
    with pytest.raises(UsageError) as raised:
        parse_setting("temperature=" + "x" * 10_000)
    assert len(str(raised.value)) < 300


def test_later_settings_win_and_none_takes_out():
    given = [("temperature", 0.5), ("top_k", 1), ("temperature", 1.0), ("top_k", None), ("seed", None)]
    assert to_request(given) == {"temperature": 1.0}


def test_dotted_names_reach_into_a_map_without_changing_it():
    whole: dict[str, Any] = {"effort": "low", "exclude": True}
    given = [
        ("reasoning", whole),
        ("reasoning.effort", "high"),
        ("reasoning.max_tokens", 5),
        ("reasoning.exclude", None),
    ]
    assert to_request(given) == {"reasoning": {"effort": "high", "max_tokens": 5}}
    assert whole == {"effort": "low", "exclude": True}


def test_a_map_that_lost_everything_is_not_sent():
    assert to_request([("reasoning.effort", "high"), ("reasoning.effort", None)]) == {}
    assert to_request([("reasoning", {"effort": "low"}), ("reasoning", None)]) == {}
    assert to_request([]) == {}


@given(st.sampled_from(PARAMETERS), st.text(max_size=20))
def test_any_text_ends_in_a_request_or_a_usage_error(parameter, text):
    with suppress(UsageError):
        lossless_json.dumps(to_request([parse_setting(f"{parameter.name}={text}")]))


@given(
    st.sampled_from(PARAMETERS),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | st.binary(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    ),
)
def test_any_value_ends_in_a_request_or_a_usage_error(parameter, value):
    with suppress(UsageError):
        lossless_json.dumps(check_value(parameter, value))


def test_flags_and_names_are_all_different():
    assert len({parameter.flag for parameter in PARAMETERS}) == len(PARAMETERS)
    assert BY_NAME["reasoning.max_tokens"].flag == "--reasoning-max-tokens"


def test_a_wrong_name_is_helped():
    with pytest.raises(UsageError) as raised:
        parse_setting("temprature=1")
    assert raised.value.hint == "Did you mean temperature?"


def test_a_schema_alone_becomes_a_format():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    sent = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
    assert parse_setting(f"response_format={lossless_json.dumps(schema)}")[1] == sent
    assert parse_value("response_format", sent) == sent


def test_a_file_for_a_value(tmp_path):
    schema = {"type": "object"}
    (tmp_path / "my schema.json").write_text(lossless_json.dumps(schema))
    (tmp_path / "tools.json").write_text("[]")
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "bytes.json").write_bytes(b"\xff")
    _, value = parse_setting(f"response_format=@{tmp_path}/my schema.json")
    assert value["json_schema"] == {"name": "my_schema", "strict": True, "schema": schema}
    assert parse_setting(f"tools=@{tmp_path}/tools.json") == ("tools", [])
    assert parse_setting("user=@me") == ("user", "@me")
    with pytest.raises(UsageError, match="cannot be read from ~nobody-of-this-name/x"):
        parse_setting("tools=@~nobody-of-this-name/x")
    for name, words in [("none", "No such file"), ("bad", "not JSON"), ("bytes", "not UTF-8")]:
        with pytest.raises(UsageError, match=words):
            parse_setting(f"response_format=@{tmp_path}/{name}.json")


def test_dotted_names_beyond_the_rows_belong_to_their_map():
    assert find_parameter("provider.max_price.prompt").kind == "any"
    assert find_parameter("reasoning.effort") is BY_NAME["reasoning.effort"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("reasoning.effrt=high", "reasoning.effort"),
        ("reasoning.Effort=high", "reasoning.effort"),
        ('reasoning={"enable":true}', "reasoning.enabled"),
        ("provider.alow_fallbacks=true", "provider.allow_fallbacks"),
    ],
)
def test_a_mistyped_name_inside_a_map_is_none_of_its_own(typed, meant):
    with pytest.raises(UsageError) as raised:
        parse_setting(typed)
    assert raised.value.hint == f"Did you mean {meant}?"


@pytest.mark.parametrize("typed", ["provider.preferred_max_latency=3", 'provider={"options":{}}', "reasoning.budget=5"])
def test_what_a_server_may_know_beyond_the_table_is_sent(typed):
    assert parse_setting(typed)[1] is not None
