from __future__ import annotations

from decimal import Decimal

import pytest

from stepchat import lossless_json
from tests.demo.reading import CHAT, as_message, ask, body_of, whole

USER = {"role": "user", "content": "hello"}


def test_stream_has_the_shape_of_the_real_one(client):
    reading = ask(client, "hello")
    assert reading.headers["content-type"].startswith("text/event-stream")
    generation_id = reading.headers["x-generation-id"]
    assert reading.data.startswith(b": OPENROUTER PROCESSING\n\n")
    assert reading.done
    role, *between, finish, usage = reading.chunks
    for chunk in reading.chunks:
        assert (chunk["id"], chunk["object"], chunk["provider"]) == (generation_id, "chat.completion.chunk", "StepFun")
        assert chunk["model"] == "stepfun/step-3.5-flash"
        assert chunk["created"] > 0
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert finish["choices"][0]["finish_reason"] == finish["choices"][0]["native_finish_reason"] == "stop"
    tail = usage["choices"][0]
    assert (tail["delta"], tail["finish_reason"]) == ({"role": "assistant", "content": ""}, None)
    thoughts = [c["choices"][0]["delta"] for c in between if "reasoning" in c["choices"][0]["delta"]]
    assert len(thoughts) > 100
    for delta in thoughts:
        words = delta["reasoning"]
        expected = [{"type": "reasoning.text", "text": words, "format": "unknown", "index": 0}]
        assert (delta["content"], delta["reasoning_details"]) == ("", expected)
    assert len(reading.text) > 200


def test_usage_counts_and_costs(client):
    usage = ask(client, "hello").usage
    assert len(usage) == 1
    counts = usage[0]
    reading = ask(client, "hello")
    reasoning = sum("reasoning" in delta for delta in reading.deltas)
    content = sum(bool(delta.get("content")) for delta in reading.deltas)
    assert counts["completion_tokens"] == reasoning + content
    assert counts["completion_tokens_details"]["reasoning_tokens"] == reasoning
    assert counts["total_tokens"] == counts["prompt_tokens"] + counts["completion_tokens"]
    expected = counts["prompt_tokens"] * Decimal("0.00000009") + counts["completion_tokens"] * Decimal("0.0000003")
    assert Decimal(counts["cost"].literal) == expected
    assert counts["is_byok"] is False
    assert Decimal(counts["cost_details"]["upstream_inference_cost"].literal) == expected
    assert counts["prompt_tokens_details"]["cached_tokens"] == 0


def test_prompt_tokens_include_the_reasoning_sent_back(client):
    plain = {"role": "assistant", "content": "Hi."}
    details = [{"type": "reasoning.text", "text": "x" * 4000, "index": 0}]
    without = ask(client, "and now?", USER, plain).usage[0]["prompt_tokens"]
    with_details = ask(client, "and now?", USER, {**plain, "reasoning_details": details}).usage[0]["prompt_tokens"]
    with_words = ask(client, "and now?", USER, {**plain, "reasoning": "x" * 4000}).usage[0]["prompt_tokens"]
    assert with_details - without == with_words - without == 1000


def test_second_request_of_a_session_reads_from_the_cache(client):
    long = "word " * 400
    ask(client, long, session_id="one")
    answer = {"role": "assistant", "content": "Hi."}
    again = [{"role": "user", "content": long}, answer]
    cached = ask(client, "and now?", *again, session_id="one").usage[0]["prompt_tokens_details"]["cached_tokens"]
    assert cached > 400
    assert cached % 64 == 0
    other = ask(client, "and now?", *again, session_id="two").usage[0]["prompt_tokens_details"]["cached_tokens"]
    assert other == 0


def test_whole_completion_says_the_same_as_the_stream(client):
    reading = ask(client, "demo:primes")
    completion = whole(client, "demo:primes")
    message = completion["choices"][0]["message"]
    assert completion["object"] == "chat.completion"
    assert message["content"] == reading.text
    assert message["reasoning"] == reading.reasoning
    words = "".join(entry["text"] for entry in reading.details)
    assert message["reasoning_details"] == [{"type": "reasoning.text", "text": words, "format": "unknown", "index": 0}]
    assert completion["choices"][0]["finish_reason"] == "stop"
    assert completion["usage"] == reading.usage[0]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{", 400, "not valid JSON"),
        (b"\xff\xfe", 400, "not valid JSON"),
        (b"[]", 400, "JSON object"),
        (b"", 400, "JSON object"),
        (b"{}", 400, "messages"),
        (b'{"messages":[]}', 400, "messages"),
        (b'{"messages":"hi"}', 400, "messages"),
        (b'{"messages":["hi"]}', 400, "role"),
        (b'{"messages":[{"role":"user","content":"x"}],"model":"no/such"}', 400, "no/such is not a valid model ID"),
        (b'{"messages":[{"role":"user","content":"x"}],"model":"demo/no"}', 400, "demo/no is not a valid model ID"),
        (b'{"messages":[{"role":"user","content":"x"}],"model":7}', 400, "model must be"),
    ],
)
def test_bad_requests(client, body, status, message):
    response = client.post(CHAT, content=body)
    assert response.status_code == status
    assert message in response.json()["error"]["message"]
    assert response.json()["error"]["code"] == status


@pytest.mark.parametrize(
    "part",
    [
        {"tools": [{"type": "function"}], "tool_choice": "required"},
        {"tools": [3], "tool_choice": "required"},
        {"models": 3, "model": "no/such"},
        {"messages": [{"role": "assistant", "tool_calls": [{}]}, {"role": "user", "content": "demo:tools"}]},
        {"messages": [{"role": "assistant", "reasoning": 5}]},
    ],
)
def test_parts_of_an_unexpected_form(client, part):
    response = client.post(CHAT, json=body_of("x") | part)
    assert response.status_code == 400
    assert "unexpected type" in response.json()["error"]["message"]
    assert ask(client, "demo:haiku").done


@pytest.mark.parametrize("limit", [-1, "many", 1.5])
def test_impossible_max_tokens(client, limit):
    response = client.post(CHAT, json=body_of("x", max_tokens=limit))
    assert response.status_code == 400
    assert "max_tokens" in response.json()["error"]["message"]


def test_withdrawn_free_variant(client):
    response = client.post(CHAT, json=body_of("x", model="stepfun/step-3.5-flash:free"))
    assert response.status_code == 404
    assert "No endpoints found" in response.json()["error"]["message"]


def test_model_default_suffix_and_fallback(client):
    assert ask(client, "x", model=None).chunks[0]["model"] == "stepfun/step-3.5-flash"
    assert ask(client, "x", model="stepfun/step-3.5-flash:nitro").chunks[0]["model"] == "stepfun/step-3.5-flash"
    fallback = ask(client, "x", model="no/such", models=["nor/this", "openai/gpt-5.2"])
    assert (fallback.chunks[0]["model"], fallback.chunks[0]["provider"]) == ("openai/gpt-5.2", "OpenAI")


@pytest.mark.parametrize(
    "settings", [{"reasoning": {"enabled": False}}, {"reasoning": {"effort": "none"}}, {"reasoning_effort": "none"}]
)
def test_mandatory_reasoning_cannot_be_switched_off(client, settings):
    response = client.post(CHAT, json=body_of("x", **settings))
    assert response.status_code == 400
    assert "Reasoning is mandatory for this endpoint and cannot be disabled" in response.json()["error"]["message"]
    other = ask(client, "x", model="z-ai/glm-4.7", **settings)
    assert (other.reasoning, other.details) == ("", [])
    assert other.usage[0]["completion_tokens_details"]["reasoning_tokens"] == 0
    assert other.text


def test_model_without_reasoning_does_not_think(client):
    reading = ask(client, "x", model="mistralai/mistral-small-3.2-24b-instruct")
    assert (reading.reasoning, reading.details) == ("", [])
    assert reading.text


@pytest.mark.parametrize("settings", [{"reasoning": {"exclude": True}}, {"include_reasoning": False}])
def test_excluded_reasoning_is_billed_but_not_told(client, settings):
    reading = ask(client, "demo:details", **settings)
    assert not any(key.startswith("reasoning") for delta in reading.deltas for key in delta)
    assert reading.usage[0]["completion_tokens_details"]["reasoning_tokens"] > 0


def test_max_tokens_ends_with_length(client):
    thinking = ask(client, "hello", max_tokens=20)
    assert (thinking.finish, thinking.text) == (["length"], "")
    assert thinking.usage[0]["completion_tokens"] == 20
    speaking = ask(client, "demo:noreasoning", max_completion_tokens=3)
    assert speaking.finish == ["length"]
    assert sum(bool(delta.get("content")) for delta in speaking.deltas) == 3
    assert thinking.done
    assert speaking.done


def test_signed_and_summarised_forms(client):
    signed = ask(client, "x", model="anthropic/claude-sonnet-4.5").details
    assert {entry["format"] for entry in signed} == {"anthropic-claude-v1"}
    assert "signature" in signed[-1]
    assert "text" not in signed[-1]
    summary = ask(client, "x", model="openai/gpt-5.2").details
    assert {entry["type"] for entry in summary} == {"reasoning.summary", "reasoning.encrypted"}
    assert summary[-1]["id"].startswith("rs_")


def test_reasoning_refers_to_the_question(client):
    reading = ask(client, "Why is the sea salty?")
    assert "Why is the sea salty?" in reading.reasoning
    assert 150 < reading.usage[0]["completion_tokens_details"]["reasoning_tokens"] < 500


def test_later_turn_tells_what_came_back(client):
    first = whole(client, "hello")
    assert "Round trip" not in first["choices"][0]["message"]["content"]
    message = as_message(first)
    characters = len(message["reasoning_details"][0]["text"])
    same = ask(client, "again", USER, message)
    assert f"1 of 1 earlier answer: 1 entry, {characters:,} characters, **exactly as I sent it**" in same.text
    assert f"{characters:,} characters" in same.reasoning
    edited = {**message, "reasoning_details": [{**message["reasoning_details"][0], "text": "short"}]}
    assert "not as anything I have sent" in ask(client, "again", USER, edited).text
    bare = {"role": "assistant", "content": message["content"]}
    assert "brought back the reasoning of 0 of 1 earlier answer" in ask(client, "again", USER, bare).text


def test_streamed_reasoning_is_recognised_too(client):
    reading = ask(client, "hello")
    entry = {**reading.details[0], "text": "".join(entry["text"] for entry in reading.details)}
    message = {"role": "assistant", "content": reading.text, "reasoning_details": [entry]}
    assert "exactly as I sent it" in ask(client, "again", USER, message).text


def test_exact_numbers_matter_for_the_comparison(client):
    message = as_message(whole(client, "demo:details"))
    sent = lossless_json.dumps(body_of("demo:roundtrip", USER, message))
    assert "1.10" in sent
    same = client.post(CHAT, content=sent).text
    other = client.post(CHAT, content=sent.replace("1.10", "1.1")).text
    assert "exactly" in same
    assert "exactly as" not in other


@pytest.mark.parametrize("name", ["details", "surrogates", "signed", "summary", "encrypted", "blocks", "long", "tools"])
def test_every_form_is_recognised_when_it_comes_back(client, name):
    message = as_message(whole(client, f"demo:{name}"))
    sent = lossless_json.dumps(body_of("demo:roundtrip", USER, message, stream=False))
    answer = client.post(CHAT, content=sent).json()["choices"][0]["message"]["content"]
    assert "exactly as I sent it" in answer


def test_reasoning_content_counts_as_brought_back(client):
    message = {"role": "assistant", "content": "x", "reasoning_content": "y" * 50}
    assert "1 of 1 earlier answer: 0 entries, 50 characters" in ask(client, "demo:roundtrip", USER, message).text


def test_content_may_be_a_list_of_parts(client):
    parts = [{"type": "text", "text": "demo:haiku"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    body = {"stream": True, "messages": [{"role": "user", "content": parts}]}
    assert b"window" in client.post(CHAT, json=body).content
