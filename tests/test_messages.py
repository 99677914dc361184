from __future__ import annotations

from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat import lossless_json
from stepchat.lossless_json import Number
from stepchat.messages import (
    COMPLETE,
    ENDINGS,
    AssistantMessage,
    Failure,
    Stop,
    Timing,
    ToolCall,
    ToolMessage,
    Usage,
    UserMessage,
    from_json,
    to_json,
)

TEXT = st.text(st.characters(), max_size=20)
TIMES = st.floats(0, 4e9)
NUMBERS = st.sampled_from(["1.10", "1e400", "0.0", "-2E-5"]).map(Number)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=3)
MAYBE = st.none() | TEXT
ANSWERS = st.builds(
    AssistantMessage,
    text=TEXT,
    reasoning=TEXT,
    reasoning_details=st.none() | st.lists(OBJECTS, max_size=3).map(tuple),
    tool_calls=st.lists(st.builds(ToolCall, TEXT, TEXT, TEXT), max_size=2).map(tuple),
    refusal=TEXT,
    stop=st.sampled_from(["stop", "length", "tool_calls", "content_filter", "cancelled", "cut", "error"]),
    finish_reason=MAYBE,
    native_finish_reason=MAYBE,
    model_asked=TEXT,
    model=TEXT,
    provider=TEXT,
    server=TEXT,
    generation_id=TEXT,
    reasoning_field=MAYBE,
    usage=st.builds(Usage, OBJECTS),
    timing=st.builds(Timing, TIMES, st.none() | TIMES, st.none() | TIMES, st.none() | TIMES),
    error=st.none() | st.builds(Failure, st.none() | st.integers() | TEXT, TEXT, TEXT),
    parameters=OBJECTS,
    logprobs=st.lists(OBJECTS, max_size=2).map(tuple),
)
MESSAGES = ANSWERS | st.builds(UserMessage, TEXT, TIMES) | st.builds(ToolMessage, TEXT, TEXT, TEXT, st.booleans())


@given(MESSAGES)
def test_written_and_read_back(message):
    assert from_json(to_json(message)) == message
    text = lossless_json.dumps_for_storage(to_json(message))
    again = from_json(lossless_json.loads(text))
    assert again == message
    assert lossless_json.dumps_for_storage(to_json(again)) == text


@pytest.mark.parametrize("details", [None, (), ({},), ({"type": "reasoning.text", "n": Number("1.50")},)])
def test_no_list_and_an_empty_list_stay_different(details):
    text = lossless_json.dumps_for_storage(to_json(AssistantMessage(reasoning_details=details)))
    again = from_json(lossless_json.loads(text))
    assert isinstance(again, AssistantMessage)
    assert again.reasoning_details == details
    assert lossless_json.dumps(again.reasoning_details) == lossless_json.dumps(details)


STORED_USER = to_json(UserMessage("hi", 1.0))
STORED_TOOL = to_json(ToolMessage("c", "n", "t"))
STORED_ANSWER = to_json(AssistantMessage(tool_calls=(ToolCall("1", "f", "{}"),), error=Failure(1, "x")))


@pytest.mark.parametrize("stored", [STORED_USER, STORED_TOOL, STORED_ANSWER], ids=["user", "tool", "assistant"])
def test_a_missing_key_is_refused(stored):
    for key in stored:
        with pytest.raises(ValueError):
            from_json({name: value for name, value in stored.items() if name != key})


@pytest.mark.parametrize(
    "bad", [{}, {"role": "system"}, {"role": None}, {"role": ["user"]}, {"role": 1}, [], None, "user", 1]
)
def test_what_is_no_message_is_refused(bad):
    with pytest.raises(ValueError):
        from_json(bad)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("reasoning_details", 1),
        ("tool_calls", None),
        ("tool_calls", [None]),
        ("tool_calls", [{}]),
        ("tool_calls", [{"id": "1", "function": "f"}]),
        ("timing", None),
        ("timing", {"started": 0.0, "more": 1}),
        ("error", "text"),
        ("error", {}),
        # Found by type only.
        ("content", None),
        ("content", 5),
        ("reasoning", ["x"]),
        ("reasoning_details", "abc"),
        ("reasoning_details", [1]),
        ("stop", "nonsense"),
        ("stop", None),
        ("usage", []),
        ("usage", None),
        ("timing", {"started": "now", "first_reasoning": None, "first_text": None, "ended": None}),
        ("finish_reason", {}),
    ],
)
def test_a_wrong_value_is_refused(key, value):
    with pytest.raises(ValueError):
        from_json({**STORED_ANSWER, key: value})


ATTACHED = {"digest": "0a" * 32, "name": "a", "kind": "text", "media_type": "text/plain", "size": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"content": 5},
        {"content": None},
        {"time": "x"},
        {"attachments": {}},
        *(
            {"attachments": [{**ATTACHED, **wrong}]}
            for wrong in ({"digest": "../x"}, {"digest": "0A" * 32}, {"kind": "video"}, {"size": -1}, {"tokens": True})
        ),
    ],
)
def test_a_wrong_value_in_a_question_is_refused(change):
    with pytest.raises(ValueError):
        from_json({**STORED_USER, **change})


@pytest.mark.parametrize("stop", ["stop", "length", "tool_calls", "content_filter"])
def test_complete(stop):
    assert stop in COMPLETE
    assert AssistantMessage(stop=stop).complete


@pytest.mark.parametrize("stop", ["cancelled", "cut", "error"])
def test_not_complete(stop):
    assert not AssistantMessage(stop=stop).complete


def test_tool_call_goes_back_as_it_came():
    call = ToolCall("c1", "look", '{"a": 1.0}')
    assert call.to_wire() == {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1.0}'}}


def usage(text: str) -> Usage:
    return Usage(lossless_json.loads(text))


def test_usage_of_an_ordinary_answer():
    got = usage(
        '{"prompt_tokens":12,"completion_tokens":345.0,"total_tokens":357,"cost":0.00012340,"is_byok":false,'
        '"prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":300},'
        '"cost_details":{"upstream_inference_cost":0.00012340}}'
    )
    assert (got.prompt_tokens, got.completion_tokens, got.reasoning_tokens, got.cached_tokens) == (12, 345, 300, 8)
    assert got.cost == Decimal("0.00012340")


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("{}", None),
        ('{"cost":null}', None),
        ('{"cost":0}', "0"),
        ('{"cost":2}', "2"),
        ('{"cost":1e-7}', "1E-7"),
        ('{"cost":0.1,"is_byok":true}', "0.1"),
        ('{"cost":0.1,"is_byok":true,"cost_details":null}', "0.1"),
        ('{"cost":0.1,"is_byok":true,"cost_details":[]}', "0.1"),
        ('{"cost":0.1,"is_byok":true,"cost_details":{"upstream_inference_cost":null}}', "0.1"),
        ('{"cost":0.1,"is_byok":true,"cost_details":{"upstream_inference_cost":0.2}}', "0.3"),
        ('{"cost":0,"is_byok":true,"cost_details":{"upstream_inference_cost":0.2}}', "0.2"),
        ('{"is_byok":true,"cost_details":{"upstream_inference_cost":0.2}}', "0.2"),
        ('{"cost":0.1,"is_byok":false,"cost_details":{"upstream_inference_cost":0.2}}', "0.1"),
        ('{"cost":0.1,"is_byok":"true","cost_details":{"upstream_inference_cost":0.2}}', "0.1"),
        ('{"is_byok":false,"cost_details":{"upstream_inference_cost":0.2}}', None),
    ],
)
def test_cost(text, cost):
    assert usage(text).cost == (None if cost is None else Decimal(cost))


ODD = ["null", '"5"', "true", "[]", "{}", '"x"']


@pytest.mark.parametrize("odd", ODD)
def test_odd_types_in_usage_are_unknown(odd):
    got = usage(f'{{"prompt_tokens":{odd},"completion_tokens":{odd},"cost":{odd}}}')
    assert (got.prompt_tokens, got.completion_tokens, got.cost) == (None, None, None)
    got = usage(f'{{"completion_tokens_details":{odd},"prompt_tokens_details":{{"cached_tokens":{odd}}}}}')
    assert (got.reasoning_tokens, got.cached_tokens) == (None, None)


HUGE = ["1e400", "-1e400", "1e999999999999999999999", "1" * 5000]


@pytest.mark.parametrize(
    ("told", "cost"),
    [
        ("5.5e-06", "0.0000055"),
        ("0.00012345600000000001", "0.00012345600000000001"),
        ("1e-99999999", "0.000000000000"),
        ("0e-99999999", "0.000000000000"),
        (f"12.{'3' * 5000}", "12.333333333333"),
    ],
    ids=lambda text: text[:25],
)
def test_a_cost_has_as_many_places_as_a_price_can_have(told, cost):
    got = usage(f'{{"cost":{told}}}')
    assert f"{got.cost:f}" == cost


@pytest.mark.parametrize("huge", HUGE, ids=lambda text: text[:25])
def test_huge_numbers_in_usage_do_no_harm(huge):
    got = usage(f'{{"prompt_tokens":{huge},"cost":{huge},"completion_tokens":3}}')
    assert got.prompt_tokens is None
    assert got.completion_tokens == 3
    assert got.cost is None or isinstance(got.cost, Decimal)


@pytest.mark.parametrize(
    ("timing", "thinking", "first"),
    [
        (Timing(), None, None),
        (Timing(100.0, None, 2.0, 5.0), None, 2.0),
        (Timing(100.0, 1.0, 3.5, 9.0), 2.5, 1.0),
        (Timing(100.0, 1.0, None, 9.0), 8.0, 1.0),
        (Timing(100.0, 1.0, None, None), None, 1.0),
        (Timing(100.0, 3.0, 1.0, 9.0), 0.0, 1.0),
        (Timing(100.0, 0.0, 0.0, 0.0), 0.0, 0.0),
    ],
)
def test_timing(timing, thinking, first):
    assert (timing.reasoning_seconds, timing.first_token_seconds) == (thinking, first)


def test_what_was_written_before_there_were_parameters_is_read_and_written_alike():
    old = to_json(AssistantMessage(text="hello"))
    assert not {"parameters", "logprobs"} & set(old)
    assert from_json(old) == AssistantMessage(text="hello")


@pytest.mark.parametrize("wrong", [{"parameters": []}, {"parameters": None}, {"logprobs": {}}, {"logprobs": [1]}])
def test_wrong_parameters_of_an_answer(wrong):
    with pytest.raises(ValueError, match="not a stored message"):
        from_json(to_json(AssistantMessage()) | wrong)


def test_every_way_to_end_has_its_words():
    assert set(ENDINGS) == set(get_args(Stop))
    assert (AssistantMessage().ending_label, AssistantMessage(stop="length").ending_word) == (
        "",
        "truncated by a token limit",
    )


def test_an_interruption_and_a_lost_connection_are_two_things():
    lost = AssistantMessage(stop="cut", error=Failure(None, "The connection was lost."))
    assert (lost.ending_word, lost.ending_label) == ("cut off", "The connection was lost.")
    killed = AssistantMessage(stop="cut")
    assert killed.ending_word == "interrupted"
    assert killed.ending_label.startswith("Interrupted: ")
