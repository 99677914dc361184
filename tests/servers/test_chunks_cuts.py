"""Wherever the network cuts a stream, the same message comes out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stepchat import lossless_json
from stepchat.demo.scenarios.table import SCENARIOS
from stepchat.demo.server import DemoServer
from tests.demo.conftest import KEY, plain_client
from tests.demo.reading import CHAT, body_of
from tests.fakes import pieces, stream_of
from tests.servers.streams import Read
from tests.sessions.samples import json_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

words = st.sampled_from(
    [
        "",
        "a",
        " ",
        "We need",
        "\n\n",
        "<think>",
        "</think>",
        "\n</think>\n",
        "<thi",
        "nk>",
        "`",
        "é\u2028",
        "\ud83d",
        "👩‍💻",
    ]
)
entries = st.fixed_dictionaries(
    {"type": st.sampled_from(["reasoning.text", "reasoning.summary", "reasoning.encrypted", "reasoning.new"])},
    optional={
        "index": st.integers(0, 1),
        "id": st.sampled_from([None, "x", "y"]),
        "text": words,
        "summary": words,
        "data": words,
        "signature": st.none() | words,
        "format": st.sampled_from([None, "unknown", "anthropic-claude-v1"]),
    },
)
tool_calls = st.fixed_dictionaries(
    {},
    optional={
        "index": st.integers(0, 1),
        "id": st.sampled_from(["", "c1", "c2"]),
        "function": st.fixed_dictionaries({}, optional={"name": words, "arguments": words | st.just({"a": 1})}),
    },
)
deltas = st.fixed_dictionaries(
    {},
    optional={
        "role": st.just("assistant"),
        "content": st.none() | words | words,
        "reasoning": st.none() | words,
        "reasoning_content": words,
        "reasoning_details": st.lists(entries, max_size=2),
        "tool_calls": st.lists(tool_calls, max_size=2),
        "refusal": st.none() | words,
    },
)
choices = st.fixed_dictionaries(
    {"delta": deltas},
    optional={
        "finish_reason": st.sampled_from([None, None, "", "stop", "length", "error"]),
        "native_finish_reason": st.sampled_from([None, "stop", "network_error"]),
    },
)
documented = st.fixed_dictionaries(
    {"choices": st.lists(choices, max_size=1) | st.lists(choices, min_size=1, max_size=1)},
    optional={
        "id": st.sampled_from(["gen-1", ""]),
        "model": st.sampled_from(["a/b", "a/b-2"]),
        "provider": st.just("P"),
        "usage": st.sampled_from([None, {}, {"cost": 1}, {"prompt_tokens": 2}]),
        "error": st.sampled_from([None, None, None, "text", {"code": 502, "message": "gone"}]),
    },
)
anything = st.dictionaries(
    st.sampled_from(["id", "model", "usage", "choices", "error"]),
    json_values
    | st.lists(st.dictionaries(st.sampled_from(["delta", "message", "finish_reason", "error"]), json_values)),
)
raw = st.sampled_from(
    [b": OPENROUTER PROCESSING\n\n", b"data: no json\n\n", b"\r\n", b"error: x\n\n", b"event: error\n"]
)
streams = st.builds(
    lambda chunks, done: stream_of(*chunks, done=done),
    st.lists(documented | documented | raw | anything, max_size=8),
    st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(streams, st.data())
@example(stream_of({"usage": {"cost": 1}}, {"usage": {}}), None)
def test_any_cut_of_any_stream_gives_the_same_message(stream, data):
    whole = Read([stream]).outcome
    assert Read(pieces(stream, range(len(stream)))).outcome == whole
    if data is not None:
        cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6))
        assert Read(pieces(stream, cuts)).outcome == whole


@settings(max_examples=30, deadline=None)
@given(st.lists(anything, max_size=4))
def test_no_json_of_any_shape_breaks_the_reader(chunks):
    assert Read([stream_of(*chunks)]).reader.bad_chunks == 0


@pytest.fixture(scope="module")
def demo() -> Iterator[httpx.Client]:
    with DemoServer(speed=0) as server, plain_client(base_url=server.url) as client:
        client.headers["authorization"] = f"Bearer {KEY}"
        yield client


# Left out: those that answer with another status or with JSON, and those that never end well.
OTHER = re.compile(r"http\d|html502|raw_error|unavailable|json|drop|reset|help$")


@pytest.mark.parametrize("name", [row.name for row in SCENARIOS if not OTHER.match(row.name)])
def test_any_cut_of_what_the_demo_says_gives_the_same_message(demo, name):
    example = next(row.example for row in SCENARIOS if row.name == name)
    request: dict[str, Any] = body_of(f"demo:{name} {example}")
    with demo.stream("POST", CHAT, content=lossless_json.dumps(request)) as response:
        stream = response.read()
    whole = Read([stream]).outcome
    # Every byte of a short one; of a long one, cuts that wander through the events.
    step = 1 if len(stream) < 6_000 else 97
    assert Read(pieces(stream, range(0, len(stream), step))).outcome == whole
