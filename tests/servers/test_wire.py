from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepchat import lossless_json
from stepchat.catalogue.backends import BACKENDS, OPENROUTER_URL, Backend
from stepchat.messages import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage, from_json, to_json
from stepchat.reasoning.replay import Target, same_source
from stepchat.servers.wire import NO_RESULT, compose, request_body, wire_parameters
from tests.sessions.samples import any_message, texts
from tests.strict import check_strictly

STEP, CLAUDE, GEMINI, DEEPSEEK = (
    "stepfun/step-3.5-flash",
    "anthropic/claude-sonnet-4.5",
    "google/gemini-3-pro",
    "deepseek/deepseek-v3.2",
)
OPEN = {"type": "reasoning.text", "text": " hm\n", "format": "unknown", "index": 0}
SIGNED = {"type": "reasoning.text", "text": "hm", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0}
SEALED = {"type": "reasoning.encrypted", "data": "AAAA", "id": "rs_1", "format": "openai-responses-v1", "index": 0}
SUMMARY = {"type": "reasoning.summary", "summary": "hm", "id": "rs_1", "format": "openai-responses-v1", "index": 0}
CALL = ToolCall("call_1", "look", '{"a":1}')
RESULT = ToolMessage("call_1", "look", "found")


def row(name: str) -> Backend:
    return next(profile for profile in BACKENDS if profile.name == name)


def target(model: str = STEP, server: str = "openrouter") -> Target:
    return Target(row(server), row(server).base_url or "https://example.com/v1", model, "session-1")


def answer(*details: Any, model: str = STEP, server: str = OPENROUTER_URL, **more: Any) -> AssistantMessage:
    fields: dict[str, Any] = {
        "text": "Yes.",
        "reasoning": " hm\n",
        "model_asked": model,
        "model": model,
        "server": server,
    }
    return AssistantMessage(**(fields | {"reasoning_details": details or None} | more))


def plain(server: str, field: str | None = "reasoning_content", **more: Any) -> AssistantMessage:
    """An answer without a list, from the server of this row."""
    return answer(**{"server": row(server).base_url, "model": "step", "reasoning_field": field, **more})


def sent(*messages: Message, to: Target | None = None, **more: Any) -> list[dict[str, Any]]:
    return compose([UserMessage("Why?"), *messages], to or target(), **more).body["messages"][1:]


# 3.4: what goes back


def test_rule_1_the_parts_of_an_answer():
    got = sent(answer(OPEN, tool_calls=(CALL,), stop="tool_calls"), RESULT)
    assert got == [
        {"role": "assistant", "content": "Yes.", "reasoning_details": [OPEN], "tool_calls": [CALL.to_wire()]},
        {"role": "tool", "tool_call_id": "call_1", "content": "found"},
    ]
    assert sent(answer(OPEN, text="", tool_calls=(CALL,), stop="tool_calls"), RESULT)[0]["content"] is None


def test_rule_2_every_earlier_list_goes_back_whole_and_in_order():
    odd = {
        "type": "reasoning.sketch",
        "n": lossless_json.loads("[1.10, 1E-7, -0, 12345678901234567890]"),
        "\ud800": None,
    }
    first, second = answer(SUMMARY, odd, OPEN, SEALED), answer({**OPEN, "index": 7}, OPEN)
    got = sent(first, UserMessage("And?"), second)
    assert lossless_json.dumps([entry.get("reasoning_details") for entry in got]) == lossless_json.dumps(
        [[SUMMARY, odd, OPEN, SEALED], None, [{**OPEN, "index": 7}, OPEN]]
    )


def test_rule_3_never_the_words_next_to_the_list():
    assert sent(answer(OPEN, reasoning_field="reasoning")) == [
        {"role": "assistant", "content": "Yes.", "reasoning_details": [OPEN]}
    ]


def test_rule_4_words_without_a_list_go_back_to_open_models_only():
    assert sent(answer()) == [{"role": "assistant", "content": "Yes.", "reasoning": " hm\n"}]
    assert sent(answer(reasoning_field="think_tags"))[0]["reasoning"] == " hm\n"
    for model in (CLAUDE, GEMINI):
        assert sent(answer(model=model), to=target(model)) == [{"role": "assistant", "content": "Yes."}]


def test_row_13_a_list_with_parallel_calls_is_sent_once():
    calls = (CALL, replace(CALL, id="call_2"))
    got = sent(answer(SEALED, tool_calls=calls, stop="tool_calls"), RESULT, replace(RESULT, call_id="call_2"))
    assert lossless_json.dumps(got).count("AAAA") == 1
    assert [entry["role"] for entry in got] == ["assistant", "tool", "tool"]


def test_rule_6_encrypted_entries_without_data_are_left_out():
    for empty in ({**SEALED, "data": ""}, {**SEALED, "data": None}, {"type": "reasoning.encrypted"}):
        assert sent(answer(empty, OPEN))[0]["reasoning_details"] == [OPEN]


def test_rule_6_an_encrypted_id_goes_once_in_a_request():
    again = {**SEALED, "data": "BBBB"}
    got = sent(answer(SUMMARY, SEALED, again), answer(again, {**SEALED, "id": "rs_2"}, {**SEALED, "id": None}))
    assert got[0]["reasoning_details"] == [SUMMARY, SEALED]
    assert got[1]["reasoning_details"] == [{**SEALED, "id": "rs_2"}, {**SEALED, "id": None}]
    # One that is not sent takes no id from one that is.
    assert sent(answer(SEALED, stop="cut", text="x", model=CLAUDE), answer(SEALED))[1]["reasoning_details"] == [SEALED]


@pytest.mark.parametrize("form", ["anthropic-claude-v1", "google-gemini-v1"])
@pytest.mark.parametrize("signature", [{}, {"signature": None}, {"signature": ""}])
def test_row_14_unsigned_thinking_of_a_signing_format_is_left_out(form, signature):
    unsigned = {"type": "reasoning.text", "text": "hm", "format": form, **signature}
    assert sent(answer(unsigned, SIGNED, model=CLAUDE), to=target(CLAUDE))[0]["reasoning_details"] == [SIGNED]


def test_rule_6_a_missing_format_means_anthropic_only_with_its_models():
    bare = {"type": "reasoning.text", "text": "hm", "index": 0}
    assert sent(answer(bare))[0]["reasoning_details"] == [bare]
    assert sent(answer(bare, model=CLAUDE), to=target(CLAUDE))[0]["reasoning_details"] == []


def test_rule_7_an_empty_list_goes_back_as_an_empty_list():
    assert sent(answer(reasoning_details=()))[0]["reasoning_details"] == []


def test_rule_8_calls_and_results_stay_together():
    got = sent(answer(tool_calls=(CALL,), stop="tool_calls"), UserMessage("Wait"), RESULT)
    assert [entry["role"] for entry in got] == ["assistant", "tool", "user"]
    assert got[1]["content"] == NO_RESULT


def test_a_call_without_result_gets_one_and_a_result_without_call_stays_here():
    two = (CALL, replace(CALL, id="call_2"))
    got = sent(answer(tool_calls=two, stop="tool_calls"), RESULT, RESULT, replace(RESULT, call_id="call_9"))
    assert [call["id"] for call in got[0]["tool_calls"]] == ["call_1", "call_2"]
    assert [(entry.get("tool_call_id"), entry["content"]) for entry in got[1:]] == [
        ("call_1", "found"),
        ("call_2", NO_RESULT),
    ]


@pytest.mark.parametrize("stop", ["length", "content_filter", "cancelled", "cut", "error", "stop"])
def test_a_call_that_may_be_incomplete_is_never_sent(stop):
    assert "tool_calls" not in sent(answer(tool_calls=(CALL,), stop=stop))[0]


def test_results_are_sent_in_the_order_of_the_calls():
    """Some chat templates print them without their ids."""
    calls = tuple(replace(CALL, id=f"call_{number}") for number in (1, 2, 3))
    results = [replace(RESULT, call_id=f"call_{number}") for number in (3, 1, 2)]
    got = sent(answer(tool_calls=calls, stop="tool_calls"), *results)
    assert [entry["tool_call_id"] for entry in got[1:]] == ["call_1", "call_2", "call_3"]


def test_ids_of_calls_may_come_again_in_a_later_answer():
    first = answer(tool_calls=(CALL,), stop="tool_calls")
    got = sent(first, RESULT, answer(tool_calls=(CALL,), stop="tool_calls"), replace(RESULT, text="again"))
    assert [entry["content"] for entry in got] == ["Yes.", "found", "Yes.", "again"]


@pytest.mark.parametrize(
    ("name", "arguments", "sent_name", "sent_arguments"),
    [
        ("look", '{"a": 1', "look", "{}"),
        ("look", "[1]", "look", "{}"),
        ("look up!", '{"a": 1}', "look_up_", '{"a": 1}'),
        ("", "null", "unknown", "{}"),
        ("x" * 100, '{"a":  1}', "x" * 64, '{"a":  1}'),
    ],
)
def test_a_call_that_servers_reject_is_repaired_on_its_way(name, arguments, sent_name, sent_arguments):
    wrong = replace(CALL, name=name, arguments=arguments)
    (call,) = sent(answer(tool_calls=(wrong,), stop="tool_calls"), RESULT)[0]["tool_calls"]
    assert call["function"] == {"name": sent_name, "arguments": sent_arguments}


def test_reasoning_that_was_stopped_after_a_tool_result_is_answered_from_there():
    stopped = answer(text="", stop="cancelled", reasoning="half")
    got = sent(answer(tool_calls=(CALL,), stop="tool_calls"), RESULT, stopped, answer_now=True)
    assert [entry["role"] for entry in got] == ["assistant", "tool"]
    assert got[1]["content"].startswith("found\n\n[")
    assert "half" in got[1]["content"]


# Any history, whatever was forked, retried or imported


ids = st.sampled_from(["a", "b", "c", ""])
calls = st.builds(ToolCall, ids, texts | st.just("look"), texts | st.just('{"a":1}'), st.just({}))
histories = st.lists(
    any_message
    | st.builds(
        AssistantMessage,
        text=texts,
        tool_calls=st.lists(calls, max_size=3).map(tuple),
        stop=st.sampled_from(["tool_calls", "stop", "length", "cut", "cancelled", "error"]),
        reasoning_details=st.none() | st.just(({"type": "reasoning.text", "text": "hm", "format": "unknown"},)),
        model_asked=st.just(STEP),
        server=st.just(OPENROUTER_URL),
    )
    | st.builds(ToolMessage, ids, texts, texts),
    max_size=8,
)


@settings(max_examples=200, deadline=None)
@given(histories, st.booleans())
def test_any_history_makes_a_request_that_a_strict_server_accepts(history, answer_now):
    check_strictly(compose(history, target(), answer_now=answer_now).body["messages"])


def test_calls_without_arguments_are_json_all_the_same():
    got = sent(answer(tool_calls=(replace(CALL, arguments=" "),), stop="tool_calls"), RESULT)
    assert got[0]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_the_messages_are_not_changed():
    message = answer(OPEN, {**SEALED, "data": ""}, SIGNED)
    before = lossless_json.dumps(to_json(message))
    sent(message)
    assert lossless_json.dumps(to_json(message)) == before


# 3.6: another model, another server


@pytest.mark.parametrize(
    ("asked", "answered", "wanted", "same"),
    [
        (STEP, STEP, STEP, True),
        (STEP, STEP, f"{STEP}:nitro", True),
        (f"{STEP}:floor", STEP, STEP, True),
        (STEP, "", STEP, True),
        ("openai/gpt-5", "openai/gpt-5-2025-08-07", "openai/gpt-5", True),
        (STEP, DEEPSEEK, STEP, False),
        (STEP, DEEPSEEK, DEEPSEEK, True),
        (STEP, STEP, DEEPSEEK, False),
        (f"{STEP}-2603", f"{STEP}-2603", STEP, False),
    ],
)
def test_row_18_the_list_goes_only_to_the_model_that_thought(asked, answered, wanted, same):
    message = answer(OPEN, model_asked=asked, model=answered)
    assert same_source(message, target(wanted)) is same
    assert sent(message, to=target(wanted)) == [
        {"role": "assistant", "content": "Yes."} | ({"reasoning_details": [OPEN]} if same else {})
    ]


def test_switching_back_makes_old_lists_usable_again():
    talk = [answer(OPEN), UserMessage("And you?"), answer(SIGNED, model=CLAUDE), UserMessage("And?")]
    assert ["reasoning_details" in entry for entry in sent(*talk)] == [True, False, False, False]
    assert ["reasoning_details" in entry for entry in sent(*talk, to=target(CLAUDE))] == [False, False, True, False]


def test_the_list_goes_only_to_the_server_it_came_from():
    assert sent(answer(OPEN, server="https://other.example/api/v1")) == [{"role": "assistant", "content": "Yes."}]
    assert sent(answer(OPEN, server=""))[0]["reasoning_details"] == [OPEN]
    here = Target(row("openrouter"), "http://127.0.0.1:5000/api/v1", STEP)
    assert sent(answer(OPEN, server="http://127.0.0.1:4000/api/v1"), to=here)[0]["reasoning_details"] == [OPEN]


def test_asking_again_without_the_reasoning():
    talk = [answer(OPEN, tool_calls=(CALL,), stop="tool_calls"), RESULT, answer()]
    assert not any("reasoning" in key for entry in sent(*talk, without="refused") for key in entry)
    deepseek = plain("deepseek")
    assert sent(deepseek, to=target("step", "deepseek"), without="refused") == [
        {"role": "assistant", "content": "Yes."}
    ]


# 3.7: after a cancel, a cut or an error


@pytest.mark.parametrize("stop", ["cancelled", "cut", "error"])
def test_half_an_answer_goes_back_without_half_a_thought(stop):
    assert sent(answer(OPEN, stop=stop)) == [{"role": "assistant", "content": "Yes."}]
    assert sent(answer(stop=stop)) == [{"role": "assistant", "content": "Yes."}]
    assert sent(answer(stop=stop, reasoning_details=())) == [{"role": "assistant", "content": "Yes."}]
    half = answer(tool_calls=(CALL,), stop=stop)
    assert sent(half, RESULT) == [{"role": "assistant", "content": "Yes."}]
    assert sent(answer(OPEN, stop=stop, text="")) == []


def test_finished_thoughts_of_half_an_answer_go_back():
    assert sent(answer(SIGNED, SEALED, stop="cancelled"))[0]["reasoning_details"] == [SIGNED, SEALED]
    for unfinished in (OPEN, {**SIGNED, "signature": None}, {**SEALED, "data": ""}, SUMMARY, {"type": "new"}, {}):
        assert sent(answer(SIGNED, unfinished, stop="cancelled")) == [{"role": "assistant", "content": "Yes."}]


@pytest.mark.parametrize("stop", ["length", "content_filter"])
def test_an_answer_that_met_its_limit_is_complete(stop):
    assert sent(answer(OPEN, stop=stop))[0]["reasoning_details"] == [OPEN]


def test_row_24_an_answer_of_thoughts_only_is_left_out():
    assert sent(answer(OPEN, text="", stop="length"), UserMessage("And?")) == [{"role": "user", "content": "And?"}]


def test_a_refusal_goes_back_as_what_was_said():
    assert sent(answer(text="", refusal="I cannot."))[0]["content"] == "I cannot."


# 4.1, 4.2, 4.4: other servers


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
@pytest.mark.parametrize("server", ["stepfun", "llama.cpp", "vllm", "sglang", "ollama"])
def test_row_37_words_go_back_under_the_name_they_came_under(server, field):
    assert sent(plain(server, field), to=target("step", server)) == [
        {"role": "assistant", "content": "Yes.", field: "hm"}
    ]


def test_row_34_outer_white_space_is_trimmed_for_plain_servers_only():
    spaced = plain("llama.cpp", reasoning="\n\n a\n\nb \n", text="\n Yes. ")
    assert sent(spaced, to=target("step", "llama.cpp")) == [
        {"role": "assistant", "content": "\n Yes. ", "reasoning_content": "a\n\nb"}
    ]
    assert sent(answer(OPEN))[0]["reasoning_details"] == [OPEN]
    assert spaced.reasoning == "\n\n a\n\nb \n"


def test_servers_that_ignore_or_refuse_it_get_none():
    assert sent(plain("lmstudio"), to=target("step", "lmstudio")) == [{"role": "assistant", "content": "Yes."}]
    assert sent(plain("vllm", "think_tags"), to=target("step", "vllm")) == [{"role": "assistant", "content": "Yes."}]
    assert sent(plain("vllm", None, reasoning=""), to=target("step", "vllm")) == [
        {"role": "assistant", "content": "Yes."}
    ]


def test_row_38_deepseek_wants_its_key_in_every_answer():
    there = target("step", "deepseek")
    got = sent(
        plain("deepseek"),
        plain("deepseek", None, reasoning="", tool_calls=(CALL,), stop="tool_calls"),
        RESULT,
        plain("deepseek", stop="cancelled"),
        answer(OPEN, reasoning_field="reasoning"),
        to=there,
    )
    assert [entry.get("reasoning_content") for entry in got] == ["hm", "", None, "", ""]
    assert not any("reasoning" in entry or "reasoning_details" in entry for entry in got)


def test_without_a_router_the_name_that_was_asked_for_tells():
    answered = plain("llama.cpp", model_asked="step", model="/models/step-3.5-flash.gguf")
    assert sent(answered, to=target("step", "llama.cpp"))[0]["reasoning_content"] == "hm"
    tagged = plain("ollama", model_asked="qwen3:8b", model="qwen3:8b")
    assert "reasoning_content" not in sent(tagged, to=target("qwen3:32b", "ollama"))[0]


# The request as a whole


def test_a_request():
    body = request_body([UserMessage("Why?")], target(CLAUDE), system="Be kind.", parameters={"temperature": 0.5})
    assert body == {
        "model": CLAUDE,
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Why?"}],
        "stream": True,
        "session_id": "session-1",
        "temperature": 0.5,
    }


def test_usage_is_asked_for_where_it_does_not_come_by_itself():
    assert "stream_options" not in request_body([], target())
    for server in ("llama.cpp", "vllm", "custom", "deepseek"):
        body = request_body([], target(server=server))
        assert body["stream_options"] == {"include_usage": True}
        assert "session_id" not in body
        assert "reasoning" not in body


def test_the_session_id_has_its_limit():
    long = replace(target(), session_id="x" * 300)
    assert request_body([], long)["session_id"] == "x" * 256
    assert "session_id" not in request_body([], replace(target(), session_id=""))


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        ({}, {"enabled": True}),
        ({"reasoning": {"effort": "high"}}, {"enabled": True, "effort": "high"}),
        ({"reasoning": {"enabled": False}}, {"enabled": True}),
        ({"reasoning": {"enabled": False, "effort": "none", "exclude": True}}, {"enabled": True, "exclude": True}),
        ({"reasoning_effort": "none"}, {"enabled": True}),
    ],
)
@pytest.mark.parametrize("model", [STEP, "stepfun/step-3.7-flash", f"{STEP}:nitro"])
def test_row_28_reasoning_is_never_switched_off_where_it_is_mandatory(given, settings, model):
    body = request_body([], target(model), parameters=given)
    assert body["reasoning"] == settings
    assert "reasoning_effort" not in body


def test_the_catalogue_knows_better_than_the_name_what_must_think():
    off = {"reasoning": {"enabled": False}}
    must = replace(target(CLAUDE), mandatory_reasoning=True)
    assert request_body([], must, parameters=off)["reasoning"] == {"enabled": True}
    need_not = replace(target(STEP), mandatory_reasoning=False)
    assert request_body([], need_not, parameters=off)["reasoning"] == {"enabled": False}


def test_elsewhere_reasoning_is_as_the_user_wants_it():
    assert "reasoning" not in request_body([], target(CLAUDE))
    off = {"reasoning": {"enabled": False}}
    assert request_body([], target(CLAUDE), parameters=off)["reasoning"] == {"enabled": False}
    assert off == {"reasoning": {"enabled": False}}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(any_message, max_size=5),
    st.sampled_from([profile.name for profile in BACKENDS]),
    st.sampled_from([None, "refused"]),
    texts,
)
def test_any_history_makes_a_request_that_is_in_order(messages, server, without, model):
    there = Target(row(server), "", model)
    body = compose(messages, there, without=without).body
    lossless_json.dumps(body).encode()
    open_calls: set[str] = set()
    for entry in body["messages"]:
        if entry["role"] == "tool":
            open_calls.remove(entry["tool_call_id"])
            continue
        assert not open_calls
        open_calls = {call["id"] for call in entry.get("tool_calls", ())}
        assert entry["role"] == "user" or entry["content"] or open_calls
        assert not ("reasoning_details" in entry and ("reasoning" in entry or "reasoning_content" in entry))
    assert compose([from_json(to_json(message)) for message in messages], there, without=without).body == body


@pytest.mark.parametrize("server", ["llama.cpp", "vllm", "ollama", "custom"])
@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"reasoning": {"effort": "low"}}, {"reasoning_effort": "low"}),
        ({"reasoning": {"enabled": False}}, {"reasoning_effort": "none"}),
        ({"reasoning": {"enabled": True}}, {}),
        (
            {"reasoning": {"effort": "low", "exclude": True}},
            {"reasoning_effort": "low", "reasoning": {"exclude": True}},
        ),
        ({"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
        ({"debug": {"echo_upstream_body": True}, "top_p": 1}, {"top_p": 1}),
    ],
)
def test_other_servers_get_the_effort_under_the_name_they_know(server, given, sent):
    assert wire_parameters(target("step", server), given) == sent
    assert wire_parameters(target("anthropic/claude-sonnet-4.5"), given) == given
