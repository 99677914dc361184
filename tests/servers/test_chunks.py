from __future__ import annotations

from typing import Any

import pytest

from stepchat import lossless_json
from stepchat.errors import KeyRejectedError, ServerError
from stepchat.events import Delta
from stepchat.servers.chunks import ChunkReader, read_body
from tests.fakes import stream_of
from tests.servers.streams import Read, both, chunk, say

# 2.2 and 2.3: the chunk and its delta


def test_facts_of_a_chunk():
    message = say(
        chunk({"role": "assistant", "content": "Hi"}, model="a/b", provider="P", created=1, object="x")
    ).message
    assert (message.text, message.generation_id, message.model, message.provider) == ("Hi", "gen-1", "a/b", "P")


def test_row_35_every_key_is_optional():
    read = say(
        {}, {"choices": None}, {"choices": [{}]}, {"choices": [{"delta": None}, None, 3]}, chunk({"content": "a"})
    )
    assert (read.message.text, read.failure, read.reader.bad_chunks) == ("a", None, 0)


def test_row_22_an_empty_list_of_choices_is_nothing():
    assert say({"id": "gen-1", "choices": [], "debug": {"echo": 1}}).deltas == [Delta(generation_id="gen-1")]


def test_content_may_be_null_or_a_list_of_parts():
    parts = [{"type": "text", "text": "b"}, {"type": "image"}, {"type": "text", "text": "c"}, None]
    assert say(chunk({"content": "a"}), chunk({"content": None}), chunk({"content": parts})).message.text == "abc"


def test_refusal_is_not_content():
    message = say(chunk({"content": None, "refusal": "I "}), chunk({"refusal": "cannot"}, "stop")).message
    assert (message.text, message.refusal) == ("", "I cannot")


def test_a_chunk_that_says_the_same_twice_is_read_once():
    choice = {"delta": {"content": "a"}, "message": {"content": "a"}}
    assert say({"choices": [choice]}).message.text == "a"


def test_a_message_next_to_an_empty_delta_is_the_answer():
    end = {"delta": {"role": "assistant", "content": ""}, "message": {"content": "abc"}, "finish_reason": "stop"}
    assert say({"choices": [end]}).message.text == "abc"
    assert say(chunk({"content": "ab"}), {"choices": [end]}).message.text == "abc"


def test_logprobs_are_kept_as_they_came():
    token = {"token": "Hi", "logprob": -0.10, "bytes": [72, 105], "top_logprobs": [{"token": "Ho", "logprob": -2}]}

    def with_tokens(logprobs: Any) -> dict[str, Any]:
        return {"choices": [{"delta": {"content": "Hi"}, "logprobs": logprobs}]}

    odd = [None, {}, {"content": None}, {"content": {"token": "x"}}, {"content": ["x", {"logprob": 1}]}, 5]
    read = say(with_tokens({"content": [token], "refusal": None}), *map(with_tokens, odd))
    assert read.message.logprobs == (token,)
    assert say(chunk({"content": "Hi"})).message.logprobs == ()


# 2.4: tool calls


def test_tool_calls_arrive_as_fragments():
    first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
    calls = say(
        chunk({"tool_calls": [first]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}, "tool_calls"),
    ).message.tool_calls
    assert [(call.id, call.name, call.arguments) for call in calls] == [("call_1", "f", '{"a":1}')]


def test_arguments_may_be_an_object():
    call = {"id": "a", "function": {"name": "f", "arguments": lossless_json.loads('{"x":1.10}')}}
    assert say(chunk({"tool_calls": [call]})).message.tool_calls[0].arguments == '{"x":1.10}'


def test_broken_calls_do_no_harm():
    odd = [None, 3, {}, {"index": "0", "id": 5, "function": "f"}, {"function": {"name": None, "arguments": 7}}]
    assert say(chunk({"tool_calls": odd}), chunk({"tool_calls": {}, "content": "a"})).message.text == "a"


# 2.5: finish_reason


@pytest.mark.parametrize("tail", [chunk({"content": ""}, None), chunk({}, ""), {"choices": []}])
def test_a_finish_reason_survives_the_usage_chunk(tail):
    read = say(chunk({"content": "a"}, "stop"), tail | {"usage": {"cost": 1}}, done=False)
    assert (read.message.finish_reason, read.reader.complete, read.message.usage.raw) == ("stop", True, {"cost": 1})


@pytest.mark.parametrize("native", ["network_error", "MALFORMED_FUNCTION_CALL", "error", "abort"])
def test_row_6_a_failure_that_looks_like_a_stop(native):
    end = {"choices": [{"delta": {"content": ""}, "finish_reason": "stop", "native_finish_reason": native}]}
    failure = say(chunk(), end).failure
    assert isinstance(failure, ServerError)
    assert native in failure.message
    assert failure.retryable
    # With anything said it is no failure.
    for said in (chunk({"content": "a"}), both("a"), chunk({"refusal": "a"}), chunk({"tool_calls": [{"index": 0}]})):
        assert say(said, end).failure is None


# 2.6: usage


def test_row_23_the_last_usage_counts_and_is_never_added_up():
    usages = [{"prompt_tokens": 1}, {"prompt_tokens": 2, "cost": lossless_json.Number("0.10")}, None, {}]
    read = say(*(chunk({"content": "a"}, usage=usage) for usage in usages))
    assert lossless_json.dumps(read.message.usage.raw) == '{"prompt_tokens":2,"cost":0.10}'


# 2.7: errors in mid-stream

ERROR = {"code": 502, "message": "Gone away", "metadata": {"error_type": "provider_unavailable"}}
SHAPES = {
    "1 documented": chunk({"content": ""}, "error", error=ERROR),
    "2 no choices": {"choices": [], "error": ERROR},
    "3 bare": {"error": {"message": "Gone away", "type": "server_error", "code": "server_error"}},
    "4 text": {"error": "Gone away"},
    "5 in the choice": {"choices": [{"delta": {}, "finish_reason": "error", "error": ERROR}]},
    "7 event": b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Gone away"}}\n\n',
    "7 event with a bare body": b'event: error\ndata: {"message":"Gone away"}\n\n',
    "7 event with text": b"event: error\ndata: Gone away\n\n",
    "8 old llama.cpp": b'error: {"code":500,"message":"Gone away","type":"server_error"}\n\n',
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("done", [True, False])
def test_every_shape_of_error_fails_and_keeps_the_partial_answer(shape, done):
    read = say(both("hm"), chunk({"content": "partial"}), shape, chunk({"content": "never"}), done=done)
    assert isinstance(read.failure, ServerError)
    assert "Gone away" in read.failure.message
    assert (read.message.text, read.message.reasoning) == ("partial", "hm")
    assert not read.reader.done


def test_row_2_finish_reason_error_alone_is_a_failure():
    end = {"choices": [{"delta": {}, "finish_reason": "error", "native_finish_reason": "MALFORMED_FUNCTION_CALL"}]}
    failure = say(chunk({"content": "a"}), end).failure
    assert failure is not None
    assert "MALFORMED_FUNCTION_CALL" in failure.message


def test_row_3_what_comes_with_the_error_is_kept():
    read = say(chunk({"content": "last words"}, "error", error=ERROR, usage={"cost": 1}))
    assert (read.message.text, read.message.usage.raw) == ("last words", {"cost": 1})


def test_null_is_no_error():
    assert say(chunk({"content": "a"}, error=None), chunk({}, "stop", error=None)).failure is None


def test_a_refused_key_in_mid_stream():
    assert isinstance(say({"error": {"code": 401, "message": "User not found"}}).failure, KeyRejectedError)


def test_secrets_are_removed_from_errors_before_they_are_shortened():
    secret = "sk-or-v1-0123456789abcdef"
    for fill in range(460, 520):
        failure = say({"error": "x" * fill + secret}, redact=lambda text: text.replace(secret, "[removed]")).failure
        assert "sk-" not in str(failure)


# 2.8: the end


@pytest.mark.parametrize(
    ("chunks", "done", "complete"),
    [
        ([chunk({"content": "a"}, "stop")], True, True),
        ([chunk({"content": "a"})], True, True),
        ([chunk({"content": "a"}, "stop")], False, True),
        ([chunk({"content": "a"})], False, False),
        ([], False, False),
    ],
)
def test_row_7_complete_needs_a_finish_reason_or_done(chunks, done, complete):
    assert say(*chunks, done=done).reader.complete is complete


def test_nothing_is_read_after_done():
    assert say("[DONE]", chunk({"content": "a"}, error=ERROR)).deltas == []


def test_rows_1_and_5_comments_and_empty_events_are_not_data():
    data = b": OPENROUTER PROCESSING\n\ndata:\n\ndata: OPENROUTER PROCESSING\n\ndata: [1]\n\n"
    read = say(data, '{"choices":[{"delta":{"content":"no', chunk({"content": "a"}, "stop"))
    assert (read.message.text, read.failure, read.reader.bad_chunks) == ("a", None, 3)
    assert read.reader.lost_text == 1


@pytest.mark.parametrize("end", ["\n\n", "\n", ""])
def test_row_8_the_last_event_may_lack_its_empty_line(end):
    body = (
        stream_of(chunk({"content": "a"}), done=False)
        + b"data: "
        + lossless_json.dumps(chunk({"content": "b"}, "stop")).encode()
    )
    assert Read([body + end.encode()]).message.text == "ab"
    assert Read([stream_of(done=False) + b"data: [DONE]" + end.encode()]).reader.done


def test_row_9_separators_inside_the_json_do_not_cut_it():
    words = "a\u2028b\u2029c\u0085d\x0be\x0cf"
    data = ('data: {"choices":[{"delta":{"content":"' + words[:6] + '"}}]}\n\n').encode()
    assert Read([data]).message.text == words[:6]
    assert say(chunk({"content": words})).message.text == words


# A 200 with JSON instead of a stream


def body(value: dict[str, Any]) -> tuple[ChunkReader, Delta | None]:
    reader = ChunkReader()
    return reader, read_body(value, reader)


def test_a_whole_completion_is_an_answer():
    message = {
        "role": "assistant",
        "content": "a",
        "reasoning": "r",
        "reasoning_details": [{"type": "reasoning.text", "text": "r"}],
    }
    whole = {"id": "gen-1", "choices": [{"message": message, "finish_reason": "stop"}], "usage": {"cost": 1}}
    reader, delta = body(whole)
    assert delta is not None
    assert (delta.text, delta.reasoning, delta.finish_reason, delta.usage) == ("a", "r", "stop", {"cost": 1})
    assert (reader.complete, reader.failure) == (True, None)


@pytest.mark.parametrize(
    "value",
    [
        {"error": ERROR},
        {"choices": [{"message": {}, "error": ERROR, "finish_reason": "error"}]},
        {"message": "Gone away"},
    ],
)
def test_an_error_under_200(value):
    reader, _ = body(value)
    assert reader.failure is not None
    assert "Gone away" in reader.failure.message
    assert not reader.done


def test_json_that_is_no_answer():
    reader, _ = body({"hello": "world"})
    assert reader.failure is not None
    assert "base URL" in reader.failure.message


# Shapes that are not in any documentation


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (7, "7"),
        (lossless_json.Number("0.10"), "0.10"),
        ({"text": "a"}, "a"),
        ({"type": "text", "text": {"value": "a"}}, "a"),
        (["a", {"type": "output_text", "text": "b"}, 1], "ab1"),
    ],
)
def test_text_is_read_from_any_shape(content, text):
    read = say(chunk({"content": content}), chunk({"reasoning": content}, "stop"))
    assert (read.message.text, read.message.reasoning, read.reader.lost_text) == (text, text, 0)


def test_reasoning_parts_of_a_content_are_reasoning():
    part = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    message = say(chunk({"content": [part]}), chunk({"content": [{"type": "text", "text": "a"}]}, "stop")).message
    assert (message.text, message.reasoning) == ("a", "Hm.")


@pytest.mark.parametrize("content", [{"blob": 1}, [{"type": "text"}], [{"type": "text", "text": {"x": 1}}]])
def test_text_that_is_lost_is_counted(content):
    assert say(chunk({"content": content}, "stop")).reader.lost_text == 1


def test_parts_without_text_are_counted_by_name():
    read = say(
        chunk({"content": [{"type": "image_url", "image_url": {}}], "images": [1, 2], "audio": {"id": 1}}, "stop")
    )
    assert (read.reader.dropped, read.reader.lost_text) == ({"image_url": 1, "image": 2, "audio": 1}, 0)


def test_only_the_first_choice_is_the_answer():
    def two(first: Any, second: Any) -> dict[str, Any]:
        return {"choices": [{"index": 1, "delta": second, "finish_reason": "length"}, {"index": 0, "delta": first}]}

    read = say(two({"content": "a"}, {"content": "x", "reasoning": "y"}), chunk({}, "stop"))
    assert (read.message.text, read.message.reasoning, read.message.finish_reason) == ("a", "", "stop")
    assert read.reader.dropped == {"alternative answer": 1}


@pytest.mark.parametrize("where", ["choice", "delta", "x_groq"])
def test_usage_is_found_where_it_is(where):
    usage = {"usage": {"prompt_tokens": 3}}
    body = chunk({"content": "a", **(usage if where == "delta" else {})}, "stop")
    if where == "choice":
        body["choices"][0] |= usage
    if where == "x_groq":
        body["x_groq"] = usage
    assert say(body).message.usage.prompt_tokens == 3


def test_a_chunk_that_is_almost_json_is_read():
    data = b'data: {"choices":[{"delta":{"content":"a\tb\x01"},"logprobs":{"content":[{"token":"a","logprob":-Infinity}]}}],"x":NaN}\n\n'
    read = say(data, chunk({}, "stop"))
    assert (read.message.text, read.reader.bad_chunks) == ("a\tb\x01", 0)
    assert read.message.logprobs == ({"token": "a", "logprob": None},)


def test_lone_surrogates_are_replaced_in_text_and_kept_in_details():
    entry = {"type": "reasoning.text", "text": "\ud83d", "index": 0}
    first = chunk({"content": "a\ud83d", "reasoning": "\ude00", "reasoning_details": [entry]})
    read = say(first, chunk({"content": "\ude00b\ud800"}), chunk({"content": "c"}, "stop"))
    assert (read.message.text, read.message.reasoning) == ("a\U0001f600b\ufffdc", "\ufffd")
    assert read.message.reasoning_details == (entry,)


@pytest.mark.parametrize(
    "calls",
    [
        {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}},
        {"0": {"id": "c", "function": {"name": "f", "arguments": "{}"}}},
    ],
)
def test_tool_calls_may_be_an_object(calls):
    assert [call.name for call in say(chunk({"tool_calls": calls}, "tool_calls")).message.tool_calls] == ["f"]
    older = say(chunk({"function_call": {"name": "f", "arguments": "{"}}), chunk({"function_call": {"arguments": "}"}}))
    assert [(call.name, call.arguments) for call in older.message.tool_calls] == [("f", "{}")]


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["ha", "ha", "ha"], "hahaha"),
        (["1", "11", "111"], "111111"),
        (["H", "He", "Hel", "Hell"], "Hell"),
        (["ab", "abc"], "ababc"),
        (["ab", "abc", "abcd", "abcd", "abcde"], "abcde"),
        (["ab", "abc", "x"], "ababcx"),
        (["ab", "abc", "abcd", "xyz"], "abcdxyz"),
        (["\n", "\n\n", "\n\n\n"], "\n" * 6),
    ],
)
@pytest.mark.parametrize("name", ["content", "reasoning", "refusal"])
def test_restated_text_is_read_once(pieces, text, name):
    message = say(*(chunk({name: piece}) for piece in pieces), chunk({}, "stop")).message
    assert getattr(message, "text" if name == "content" else name) == text


@pytest.mark.parametrize(("whole", "text"), [("ab", "ab"), ("abc", "abc"), ("xyz", "ab"), ("a", "ab"), ("", "ab")])
def test_a_whole_message_adds_only_its_rest(whole, text):
    end = {"choices": [{"message": {"content": whole, "tool_calls": []}, "finish_reason": "stop"}]}
    assert say(chunk({"content": "a"}), chunk({"content": "b"}), end).message.text == text


# Shapes that no document has


@pytest.mark.parametrize(
    ("part", "text", "reasoning"),
    [
        ({"content": [{"type": "output_text", "text": "Hi"}, ["!"]]}, "Hi!", ""),
        ({"content": {"parts": ["Hi"]}}, "Hi", ""),
        ({"text": "Hi"}, "Hi", ""),
        ({"content": "", "output_text": "Hi"}, "Hi", ""),
        ({"content": 0}, "0", ""),
        ("Hi", "Hi", ""),
        ([{"content": "H"}, {"content": "i"}, {"reasoning": "r"}], "Hi", "r"),
        ({"content": "Hi", "thinking": "r"}, "Hi", "r"),
        ({"content": "Hi", "thinking_blocks": [{"type": "thinking", "thinking": "r", "signature": "s"}]}, "Hi", "r"),
        ({"content": "Hi", "reasoning_details": "r"}, "Hi", "r"),
        ({"content": "Hi", "reasoning": "r", "thinking": "r"}, "Hi", "r"),
    ],
)
def test_a_part_may_have_any_shape(part, text, reasoning):
    read = say({"choices": [{"delta": part}]}, {"choices": [{"delta": {}, "finish_reason": "stop"}]})
    assert (read.message.text, read.message.reasoning, read.failure) == (text, reasoning, None)
    assert not read.reader.lost_text + read.reader.bad_chunks


@pytest.mark.parametrize("wrap", ["data", "result", "output", "response"])
def test_a_chunk_may_be_in_an_envelope_or_a_string(wrap):
    assert say({wrap: chunk({"content": "Hi"}, "stop")}).message.text == "Hi"
    assert say({"choices": {"0": {"delta": {"content": "Hi"}}}}).message.text == "Hi"
    assert say(lossless_json.dumps(chunk({"content": "Hi"}, "stop"))).message.text == "Hi"


def test_a_call_without_a_function_is_a_function():
    call = {"index": 0, "id": "c", "name": "f", "arguments": {"a": 1}, "note": "x"}
    (found,) = say(chunk({"tool_calls": [call]})).message.tool_calls
    assert (found.name, found.arguments, found.extra) == ("f", '{"a":1}', {"note": "x"})


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("MAX_TOKENS", "length"), ("max_output_tokens", "length"), ({"type": "length"}, "length"),
        ("SAFETY", "content_filter"), ("tool_use", "tool_calls"), ("end_turn", "stop"), ("STOP", "stop"),
    ],
)  # fmt: skip
def test_other_names_of_finish_reasons(reason, stop):
    end = {"choices": [{"delta": {}, "finish_reason": reason}]}
    assert say(chunk({"content": "a"}), end).message.stop == stop


def test_a_refusal_may_be_a_part():
    message = say(chunk({"content": [{"type": "refusal", "refusal": "No."}]}, "stop")).message
    assert (message.text, message.refusal) == ("", "No.")


@pytest.mark.parametrize(
    "event",
    [
        {"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "response.output_text.delta", "delta": "Hi"},
        {"token": {"text": "Hi"}, "generated_text": None},
    ],
)
def test_events_of_another_protocol_are_no_empty_answer(event):
    failure = say(event, event).failure
    assert isinstance(failure, ServerError)
    assert "base URL" in failure.hint
    assert not failure.retryable
    # Beside an answer they are counted.
    read = say(chunk({"content": "a"}, "stop"), event)
    assert (read.message.text, read.failure, read.reader.bad_chunks) == ("a", None, 1)
