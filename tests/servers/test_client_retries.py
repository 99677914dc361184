from __future__ import annotations

import random

import httpx
import pytest

from stepchat.errors import ServerError
from stepchat.servers.client import LONGEST_WAIT, RETRIES
from tests.fakes import Answers, stream_of, streaming
from tests.servers.streams import chunk
from tests.servers.turns import CUT, ask, client, good, refusal


async def test_a_refusal_that_may_pass_is_tried_again(to_demo, demo):
    turn = await ask(to_demo, "demo:http503 times=2")
    assert turn.failure is None
    assert [(retry.attempt, retry.limit) for retry in turn.retries] == [(1, RETRIES), (2, RETRIES)]
    assert "503" in turn.retries[0].reason
    assert len(demo.requests) == 3


@pytest.mark.parametrize("scenario", ["http408", "http429", "http502", "http504", "http524", "http529", "drop_headers"])
async def test_what_may_pass_is_tried_again(to_demo, scenario):
    turn = await ask(to_demo, f"demo:{scenario} times=1 retry_after=0")
    assert turn.failure is None
    assert len(turn.retries) == 1


async def test_at_most_three_times(to_demo, demo):
    turn = await ask(to_demo, "demo:http502")
    assert isinstance(turn.error, ServerError)
    assert (len(turn.retries), len(demo.requests)) == (RETRIES, RETRIES + 1) == (3, 4)


async def test_500_only_once(to_demo, demo):
    assert (await ask(to_demo, "demo:http500")).failure is not None
    assert len(demo.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
async def test_what_will_not_pass_is_not_tried_again(to_demo, demo, status):
    turn = await ask(to_demo, f"demo:http{status}")
    assert turn.failure is not None
    assert turn.retries == []
    assert len(demo.requests) == 1


@pytest.mark.parametrize(
    "shown",
    [
        {"content": "a"},
        {"reasoning": "a"},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]},
        {"tool_calls": [{"index": 0}]},
        {"refusal": "a"},
    ],
)
async def test_never_after_something_was_shown(shown):
    for end in ({"error": {"code": 502, "message": "gone"}}, b""):
        turn = await ask(client(transport=Answers(streaming([stream_of(chunk(shown), end, done=False)]))))
        assert turn.failure is not None
        assert turn.retries == []


async def test_again_after_a_stream_that_broke_before_it_said_anything():
    role = chunk({"role": "assistant", "content": "", "reasoning_details": []})
    broken = [
        streaming([stream_of(role, {"error": {"code": "server_error", "message": "x"}})]),
        streaming([stream_of(role, done=False)]),
        streaming([b": PROCESSING\n\n", CUT]),
        streaming([b": PROCESSING\n\n", httpx.ReadError("reset")]),
    ]
    for answer in broken:
        turn = await ask(client(transport=Answers(answer, good())))
        assert turn.failure is None
        assert (turn.message.text, len(turn.retries)) == ("a", 1)


async def test_what_cannot_be_decompressed_is_not_asked_for_again():
    turn = await ask(client(transport=Answers(streaming([b"nonsense"], **{"content-encoding": "gzip"}))))
    assert "not compressed as its headers say" in turn.error.message
    assert turn.retries == []


async def test_the_wait_grows_and_is_jittered():
    waits = set()
    for seed in range(5):
        answers = Answers(*[refusal(503)] * 4)
        turn = await ask(client(transport=answers, rng=random.Random(seed), backoff=0.002))
        for place, retry in enumerate(turn.retries):
            assert 0.75 <= retry.delay / (0.002 * 2**place) <= 1.25
            waits.add(retry.delay)
    assert len(waits) == 15


async def test_retry_after_is_honoured():
    turn = await ask(client(transport=Answers(refusal(429, **{"retry-after": "0.013"}), good())))
    assert [retry.delay for retry in turn.retries] == [0.013]


async def test_a_server_that_wants_too_much_patience_is_not_waited_for():
    turn = await ask(client(transport=Answers(refusal(429, **{"retry-after": str(LONGEST_WAIT + 1)}))))
    assert turn.retries == []
    assert "(in 1 min)" in turn.error.hint


async def test_a_server_that_tells_it_is_not_worth_it():
    error = {"message": "no", "http_status": 503, "availability": {"retryable": False}}
    turn = await ask(client(transport=Answers(httpx.Response(503, json={"error": error}))))
    assert turn.retries == []
