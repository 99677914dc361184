from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepchat import lossless_json
from stepchat.demo.scenarios.faults import STATUSES
from stepchat.errors import KeyRejectedError, ServerError, StepchatError
from stepchat.servers.errors import decoded, find_error, from_error, from_status, is_reasoning_error, status_of
from tests.sessions.samples import json_values


def refused(status: int, body: Any, retry_after: str | None = None) -> ServerError:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    error = from_status(status, body if isinstance(body, str) else lossless_json.dumps(body), headers)
    assert isinstance(error, ServerError)
    return error


def told(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "code": 400, **more}}


# Before the first token (docs/protocol.md, Retries)


@pytest.mark.parametrize("status", STATUSES)
def test_which_statuses_are_worth_another_try(status):
    error = from_status(status, lossless_json.dumps({"error": {"code": status, "message": "So it is"}}))
    assert "So it is" in error.message
    assert error.hint
    if status == 401:
        assert isinstance(error, KeyRejectedError)
        return
    assert isinstance(error, ServerError)
    assert error.code == status
    assert str(status) in error.message
    assert error.retryable is (status in {408, 429, 500, 502, 503, 504, 524, 529})


def test_the_status_counts_more_than_the_code_in_the_body():
    error = refused(400, {"error": {"message": "no", "type": "invalid_request_error", "code": "invalid_request_error"}})
    assert (error.code, error.retryable) == (400, False)
    assert refused(503, {"error": {"message": "no", "code": "overloaded"}}).retryable


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "in an object"}}, "in an object"),
        ({"error": "in a string"}, "in a string"),
        ({"message": "at the top"}, "at the top"),
        ({"error": None, "detail": "in detail"}, "in detail"),
        ({"detail": [{"loc": ["body"], "msg": "field required"}, {"msg": "too long"}]}, "field required; too long"),
        ({"error": {"message": {"error": {"message": "deep inside"}}}}, "deep inside"),
        ({"error": {"code": 500, "detail": "beside the code"}}, "beside the code"),
        ({"error": {}, "problem": 7}, '"problem":7'),
        ("", "no reason"),
        ("upstream timed out", "upstream timed out"),
        ("[1, 2]", "[1, 2]"),
    ],
)
def test_words_are_found_wherever_they_are(body, words):
    assert words in refused(502, body).message


def test_html_becomes_words():
    page = (
        "<html><head><title>No</title><style>p {}</style></head><body><script>x<y</script><h1>Bad\n Gateway</h1></body>"
    )
    assert refused(502, page).message == "The server answered 502: Bad Gateway"
    assert len(refused(502, f"<p>{'word ' * 1000}").message) < 350


def test_a_hostile_page_costs_little():
    # Each of these made an earlier pattern look at the rest of the page again and again.
    for text in ("<" * 1_000_000, "<script>" * 100_000, "<style " * 100_000):
        assert refused(502, text).message.startswith("The server answered 502")


@pytest.mark.parametrize(
    "raw",
    [
        "messages.1: wrong",
        '{"error":{"message":"messages.1: wrong","type":"invalid"}}',
        {"error": {"message": "messages.1: wrong"}},
        {"detail": "messages.1: wrong"},
        '{"error":"{\\"message\\":\\"messages.1: wrong\\"}"}',
    ],
)
def test_the_real_reason_is_dug_out_of_metadata(raw):
    body = told("Provider returned error", metadata={"raw": raw, "provider_name": "StepFun"})
    assert refused(400, body).message == "StepFun answered 400: messages.1: wrong"


def test_a_reason_that_cannot_be_dug_out_is_told_as_it_is():
    assert "no words" in refused(400, told("Provider returned error", metadata={"raw": '{"no words": 1}'})).message
    assert "returned error" in refused(400, told("Provider returned error", metadata={"raw": 7})).message
    assert "better" in refused(400, told("A better reason", metadata={"raw": "worse"})).message


def test_reasons_of_moderation_are_named():
    metadata = {"reasons": ["violence", "spam"], "flagged_input": "never shown", "provider_name": "OpenAI"}
    message = refused(403, {"error": {"code": 403, "message": "Flagged", "metadata": metadata}}).message
    assert message == "OpenAI answered 403: Flagged (violence, spam)"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("", None),
        (None, None),
        ("nan", None),
        ("inf", float("inf")),
        ("Wed, 21 Oct 2020 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 9999 07:28:00 GMT", float("inf")),
        ("Wed, 99 Oct 2026 07:28:00 GMT", None),
        ("1e26", float("inf")),
        ("9" * 400, float("inf")),
        ("1m30s", 90.0),
        ("soon", None),
    ],
)
def test_retry_after_is_read_in_seconds(header, seconds):
    assert refused(429, {"error": "slow down"}, header).retry_after == seconds


def test_availability_errors_decide_themselves():
    availability = {"code": "overloaded", "retryable": True, "retry_after": 3, "requested_models": ["a/b"]}
    error = {
        "message": "All busy",
        "error_type": "provider_overloaded",
        "http_status": 503,
        "availability": availability,
    }
    kept = refused(503, {"error": error})
    assert (kept.retryable, kept.retry_after, kept.code) == (True, 3.0, 503)
    never = refused(503, {"error": error | {"availability": availability | {"retryable": False}}})
    assert not never.retryable
    assert refused(503, {"error": error}, "9").retry_after == 9.0


# In mid-stream there is no status


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        ({"code": 502, "message": "x"}, 502, True),
        ({"code": "429", "message": "x"}, 429, True),
        ({"code": "server_error", "message": "x"}, "server_error", True),
        ({"type": "overloaded_error", "message": "x"}, "overloaded_error", True),
        ({"http_status": 503, "code": "busy", "message": "x"}, 503, True),
        ({"code": "odd", "metadata": {"error_type": "rate_limit_exceeded"}, "message": "x"}, "odd", True),
        ({"metadata": {"error_type": "provider_overloaded"}, "message": "x"}, "provider_overloaded", True),
        ({"code": 400, "message": "x"}, 400, False),
        ({"code": "content_policy_violation", "message": "x"}, "content_policy_violation", False),
        ({"code": True, "message": "x"}, None, False),
        ("x", None, False),
    ],
)
def test_errors_without_a_status(error, code, retryable):
    found = from_error(error)
    assert isinstance(found, ServerError)
    assert (found.code, found.retryable) == (code, retryable)
    assert "x" in found.message


def test_a_bad_key_is_known_by_its_name_too():
    assert isinstance(from_error({"type": "authentication_error", "message": "invalid x-api-key"}), KeyRejectedError)


def test_messages_are_one_short_line():
    message = from_error({"code": 500, "message": "first\n\n   second " + "x" * 2000}).message
    assert message.startswith("The server answered 500: first second xxx")
    assert len(message) < 600


@settings(max_examples=60, deadline=None)
@given(json_values, st.sampled_from([None, 400, 404, 429]))
def test_no_error_of_any_shape_breaks_the_reading(value, status):
    error = from_error(value, status=status)
    assert isinstance(error, StepchatError)
    assert error.message
    assert error.hint
    assert isinstance(from_status(status or 500, lossless_json.dumps(value)), StepchatError)
    if isinstance(error, ServerError):
        assert is_reasoning_error(error) in {True, False}


def test_what_a_code_means():
    assert [status_of(code) for code in (429, "429", "rate_limit_exceeded", "4290", "x", None, True, 4.5, [])] == [
        429, 429, 429, None, None, None, None, None, None,
    ]  # fmt: skip


# Whether to ask again without the earlier reasoning


@pytest.mark.parametrize(
    "message",
    [
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        "Thinking blocks in the latest message cannot be modified",
        "Corrupted thought_signature",
        "invalid_encrypted_content",
        "The reasoning_content in the thinking mode must be passed back",
        "messages.1.reasoning_details.0.data: expected string",
        "reasoning\nis not accepted",
        "The encrypted content can only be replayed to its creator",
    ],
)
@pytest.mark.parametrize("status", [400, 404])
def test_row_18_a_refusal_that_names_the_reasoning(message, status):
    assert is_reasoning_error(refused(status, told(message)))
    assert is_reasoning_error(refused(status, told("Provider returned error", metadata={"raw": message})))


def test_a_pinned_endpoint_names_the_reasoning():
    body = {"error": {"code": 404, "message": "No endpoint", "metadata": {"pinned_endpoint_slug": "a/b"}}}
    assert is_reasoning_error(refused(404, body))


@pytest.mark.parametrize(
    "message",
    [
        "Reasoning is mandatory for this endpoint and cannot be disabled.",
        "reasoning.effort must be one of low, high",
        "qwen/qwen3-235b-a22b-thinking-2507 is not a valid model ID",
        "anthropic/claude-3.7-sonnet:thinking is not a valid model ID",
        "No endpoints found for microsoft/phi-4-reasoning.",
        "This endpoint's maximum context length is 4096 tokens",
        "maximum context length is 4096 tokens; you requested 5000 (1000 of text, 4000 reasoning output)",
        "max_tokens is too small: with reasoning enabled at least 1025 tokens are needed",
        "Unable to apply response_format together with reasoning on this provider",
    ],
)
def test_a_refusal_of_something_else(message):
    assert not is_reasoning_error(refused(400, told(message)))


def test_only_a_400_or_404_can_be_about_the_reasoning():
    assert not is_reasoning_error(refused(500, told("invalid signature")))
    assert not is_reasoning_error(refused(403, told("invalid signature")))


NOW = 1_796_045_000.0
FREE = "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day"


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        (f"{NOW + 20:.0f}000", 20.0),
        (f"{NOW + 20:.0f}", 20.0),
        ("20", 20.0),
        ("1m20s", 80.0),
        (f"{NOW - 20:.0f}000", None),
        ("nonsense", None),
    ],
)
@pytest.mark.parametrize("is_header", [True, False])
def test_when_a_limit_resets(monkeypatch, reset, seconds, is_header):
    monkeypatch.setattr("stepchat.servers.errors.time", lambda: NOW)
    headers = {"X-RateLimit-Reset": reset}
    metadata = {} if is_header else {"metadata": {"headers": headers}}
    body = lossless_json.dumps({"error": {"message": "Slow down", "code": 429, **metadata}})
    found = from_status(429, body, {name.lower(): value for name, value in headers.items()} if is_header else {})
    assert isinstance(found, ServerError)
    assert found.retry_after == seconds
    assert found.retryable


def test_a_limit_that_ends_later_names_the_time_and_what_to_do_without_waiting(monkeypatch):
    monkeypatch.setattr("stepchat.servers.errors.time", lambda: NOW)
    found = from_status(429, lossless_json.dumps(told(FREE)), {"x-ratelimit-reset": f"{NOW + 6 * 3600:.0f}000"})
    assert re.fullmatch(
        r"Free again at \d\d:\d\d \(in 6 h\)\. Or add credits, or use the model without :free\.", found.hint
    )
    later = from_status(503, "{}", {"retry-after": str(3 * 86_400)})
    assert re.match(r"Try again at \d{4}-\d\d-\d\d \d\d:\d\d \(in 3 days\)\.", later.hint)
    assert from_status(429, "{}", {"retry-after": "inf"}).hint.startswith("The server does not say when the")


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Please try again in 6m0s.", 360.0),
        ("Please retry in 38.7s.", 38.7),
        ("Try again in 20ms", 0.02),
        ("retry after 2 hours", 7200.0),
        ("Slow down", None),
    ],
)
def test_a_wait_in_words(message, seconds):
    assert refused(429, told(message)).retry_after == seconds


@pytest.mark.parametrize(
    "body",
    [
        {"errors": [{"message": "It broke", "code": 7}]},
        {"detail": {"message": "It broke"}},
        {"base_resp": {"status_code": 1004, "status_msg": "It broke"}},
        {"code": 40001, "msg": "It broke"},
        [{"error": {"message": "It broke"}}],
        {"statusCode": 400, "error": "Bad Request", "message": "It broke"},
    ],
)
def test_envelopes_of_errors(body):
    assert refused(400, body).message == "The server answered 400: It broke"
    if isinstance(body, dict) and "detail" not in body and "statusCode" not in body:
        assert find_error(body) is not None


@pytest.mark.parametrize(
    "body",
    [{"base_resp": {"status_code": 0, "status_msg": "ok"}}, {"code": 0, "msg": "ok"}, {"type": "ping"}, {"id": "x"}],
)
def test_what_is_no_error(body):
    assert find_error(body) is None


def test_long_lists_in_messages_are_shortened():
    names = refused(400, {"detail": [{"msg": f"tool{number}"} for number in range(20_000)]}).message
    assert names == "The server answered 400: tool0; tool1; tool2; tool3; tool4 and 19995 more"


# Siblings: the same classes in other spellings


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": {"text": "So it is"}}}, "So it is"),
        ({"errors": {"temperature": ["too high"]}}, "temperature: too high"),
        ({"__type": "ValidationException", "Message": "So it is"}, "So it is"),
        ({"fault": {"faultstring": "So it is", "detail": {"errorcode": "x"}}}, "So it is"),
        ({"error": {"reason": "So it is"}}, "So it is"),
        ({"exception": "So it is"}, "So it is"),
        ({"title": "Bad", "detail": "So it is"}, "So it is"),
        ('"So it is"', "400: So it is"),
        ("null", "no reason given"),
        ("<html><head><title>So it is</title></head><body> .. </body></html>", "So it is"),
    ],
)
def test_the_words_of_unusual_errors(body, words):
    assert words in refused(400, body).message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
def test_a_body_in_any_encoding(encoding):
    text = lossless_json.dumps({"error": {"message": "Schlüssel fehlt"}}, ascii_only=False)
    assert decoded(text.encode(encoding)) == text


@pytest.mark.parametrize(
    "message", ["token invalid", "Invalid access token", "login fail: no key", "Authentication failed"]
)
def test_a_key_by_any_name_is_a_key(message):
    error = from_error({"code": 1004, "message": message})
    assert isinstance(error, KeyRejectedError)
    assert isinstance(from_error({"code": 40100, "msg": "no"}), KeyRejectedError)


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "2024-03-01T12:00:20Z"}, {}, 20),
        ({"retry-after": "Fri, 01 Mar 2024 12:00:20 GMT"}, {}, 20),
        ({"retry-after": "Friday, 01-Mar-24 12:00:20 GMT"}, {}, 20),
        ({"retry-after": "Fri Mar  1 12:00:20 2024"}, {}, 20),
        ({"retry-after": "1m20s"}, {}, 80),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-reset-tokens": "20s"}, {}, 360),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-reset-tokens": "20s", "x-ratelimit-remaining-tokens": "0"}, {}, 20),
        ({"ratelimit-reset": "33"}, {}, 33),
        ({"ratelimit": '"default";r=0;t=34'}, {}, 34),
        ({"ratelimit": "limit=100, remaining=0, reset=50"}, {}, 50),
        ({"x-rate-limit-reset": "1709294420"}, {}, 20),
        ({"anthropic-ratelimit-requests-reset": "2024-03-01T12:00:20Z"}, {}, 20),
        ({}, {"error": {"message": "m", "reset_at": "2024-03-01T12:00:20+00:00"}}, 20),
        ({}, {"error": {"message": "m"}, "retry_after": 22}, 22),
        ({}, {"error": {"message": "m"}, "retryAfterMs": 1500}, 1.5),
        ({}, {"error": {"message": "m", "resets_in_seconds": 7300}}, 7300),
        ({}, {"error": {"message": "m", "resets_at": 1709294420000}}, 20),
        ({"x-ratelimit-limit": "100", "x-ratelimit-remaining": "0"}, {"error": {"message": "m"}}, None),
        ({"retry-after": "soon"}, {"error": {"message": "m"}}, None),
        ({"x-ratelimit-reset": "[]"}, {"error": {"message": "m", "retry_after": {}}}, None),
    ],
)  # fmt: skip
def test_when_to_try_again_in_any_spelling(headers, body, seconds, monkeypatch):
    monkeypatch.setattr("stepchat.servers.errors.time", lambda: 1709294400.0)
    error = from_status(429, lossless_json.dumps(body or {"error": {"message": "m"}}), headers)
    assert isinstance(error, ServerError)
    assert error.retry_after == seconds
