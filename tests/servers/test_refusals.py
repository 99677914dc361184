from __future__ import annotations

import pytest

from stepchat.errors import ServerError
from stepchat.servers.refusals import (
    ADDED_FIELDS,
    ALTERNATION,
    REMEMBERED,
    blamed_fields,
    blamed_settings,
    read_rejected,
    reasoning_settings,
    without_settings,
    write_rejected,
)


def rejection(message: str, code: int = 400) -> ServerError:
    return ServerError(message, code=code, body={"message": message, "code": code})


GIVEN = {"top_p": 1, "reasoning": {"effort": "high", "enabled": False}, "reasoning_effort": "high"}


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (rejection("Reasoning is mandatory for this endpoint and cannot be disabled."), ("reasoning.enabled=false",)),
        (
            rejection("reasoning.effort must be one of low"),
            ('reasoning.effort="high"', 'reasoning_effort="high"'),
        ),
        (rejection("Unknown parameter: 'reasoning'.", 422), reasoning_settings(GIVEN)),
        (rejection("Context length exceeded"), ()),
        (rejection("qwen/qwen3-thinking is not a valid model ID"), ()),
        (rejection("effort", 429), ()),
        (rejection("max_tokens is too small: with reasoning enabled at least 1025 tokens are needed"), ()),
        (
            rejection(
                "This endpoint's maximum context length is 131072 tokens. However, you requested about 140000 tokens"
                " (130000 of text input, 10000 reasoning output)"
            ),
            (),
        ),
        (rejection("Unable to apply response_format together with reasoning on this provider"), ()),
        (rejection("temperature is not supported with reasoning"), ()),
        (rejection("best-effort routing knows no such provider"), ()),
        (ServerError("x", code=400, body={"message": "effort", "type": "context_length_exceeded"}), ()),
        (rejection("reasoning.enabled is not known here"), ("reasoning.enabled=false",)),
        (rejection("This model does not support reasoning."), reasoning_settings(GIVEN)),
        (rejection("Something about reasoning went wrong"), ()),
    ],
)
def test_an_error_blames_settings(error, named):
    assert blamed_settings(error, GIVEN) == named
    assert blamed_settings(error, {"top_p": 1}) == ()


def test_only_the_rejected_settings_are_removed():
    assert without_settings(GIVEN, {'reasoning.effort="high"'}) == {
        "top_p": 1, "reasoning": {"enabled": False}, "reasoning_effort": "high",
    }  # fmt: skip
    assert without_settings(GIVEN, reasoning_settings(GIVEN)) == {"top_p": 1}
    assert without_settings(GIVEN, ()) == GIVEN
    assert without_settings({"reasoning": {"effort": "low"}}, {'reasoning.effort="high"'}) == {
        "reasoning": {"effort": "low"}
    }
    assert GIVEN["reasoning"] == {"effort": "high", "enabled": False}


@pytest.mark.parametrize("kept", [None, "", "[]", "{", "5", "null", '["reasoning.effort"]', '{"a": null, "b": "c"}'])
def test_unreadable_memory_counts_as_empty(kept):
    assert read_rejected(kept, 1000.0) == {}


def test_a_rejected_setting_is_remembered_for_a_day():
    kept = write_rejected({'reasoning.effort="high"': 1000.0, "reasoning.enabled=false": 5000.0})
    assert read_rejected(kept, 5000.0) == {'reasoning.effort="high"': 1000.0, "reasoning.enabled=false": 5000.0}
    assert read_rejected(kept, 1000.0 + REMEMBERED) == {"reasoning.enabled=false": 5000.0}
    assert read_rejected(kept, 0.0) == {}


BODY = {
    "messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
    "stream_options": {"include_usage": True},
    "session_id": "s",
    "reasoning": {"enabled": True},
}


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (rejection("Extra inputs are not permitted, field: 'stream_options'"), ("stream_options",)),
        (rejection("Unknown parameter: session_id", 422), ("session_id",)),
        (rejection("Unrecognized request argument supplied: reasoning"), ("reasoning",)),
        (rejection("reasoning_effort is unknown"), ()),
        (rejection("max_stream_options is unknown"), ()),
        (rejection("stream_options", 404), ()),
        (rejection("Conversation roles must alternate user/assistant/user/assistant/...", 500), (ALTERNATION,)),
        (rejection("After the optional system message, roles must alternate"), (ALTERNATION,)),
        (rejection('found multiple "user" roles in a row'), (ALTERNATION,)),
        (rejection("Messages with the user role cannot be back-to-back"), (ALTERNATION,)),
        (rejection("user messages must be followed by an assistant message"), (ALTERNATION,)),
        (rejection("Invalid field streamOptions.includeUsage", 422), ("stream_options",)),
        (rejection("Unrecognized request argument: include_usage"), ("stream_options",)),
    ],
)
def test_an_error_blames_fields_that_stepchat_added(error, fields):
    assert blamed_fields(error, BODY, {}) == fields
    alone = {**BODY, "messages": BODY["messages"][:1]}
    assert blamed_fields(error, alone, dict.fromkeys(ADDED_FIELDS)) == ()
