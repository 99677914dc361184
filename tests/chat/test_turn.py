from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from stepchat import lossless_json
from stepchat.catalogue.backends import BACKENDS, OPENROUTER_URL
from stepchat.chat.accumulator import accumulate
from stepchat.chat.turn import ANSWER_NOW, run_turn
from stepchat.config.paths import Paths
from stepchat.errors import KeyRejectedError, ServerError, StreamCutError
from stepchat.events import Delta, MessageSaved, RequestStarted, Retrying
from stepchat.messages import AssistantMessage, Failure, UserMessage
from stepchat.parameters.budget import ThinkingBudget
from stepchat.sessions.store import SessionStore
from tests.fakes import FakeServer
from tests.turns import (
    DONE,
    MODEL,
    THINKING,
    THOUGHT,
    answer_in,
    answered,
    cancelled,
    happening,
    look,
    parts,
    question,
    until,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from stepchat.events import TurnEvent


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path, tmp_path, tmp_path)


@pytest.fixture
async def store(paths: Paths) -> AsyncIterator[SessionStore]:
    opened = SessionStore.open(paths, accumulate=accumulate)
    yield opened
    await opened.close()


# Saving


async def test_the_answer_keeps_what_was_asked_for_as_it_was_sent(store):
    server = FakeServer([DONE])
    asked = await question(store, parameters={"temperature": 0.5, "reasoning": {"enabled": False, "effort": "none"}})
    answer = await answered(store, server, asked)
    # This model refuses to be told not to think, so that was not sent.
    assert answer.parameters == {"temperature": 0.5, "reasoning": {"enabled": True}}
    assert {name: server.requests[0][name] for name in answer.parameters} == answer.parameters


@pytest.mark.parametrize(("url", "asked_for"), [(OPENROUTER_URL, ["gen-1"]), ("http://127.0.0.1:8080/v1", [])])
async def test_a_cost_is_only_waited_for_where_it_can_be_asked_for(store, url, asked_for):
    server = FakeServer([Delta(text="Half", generation_id="gen-1"), StreamCutError("cut")], base_url=url)
    with pytest.raises(StreamCutError):
        await happening(store, server, await question(store))
    assert [one.generation for one in await store.unpriced(0)] == asked_for


async def test_question_is_on_disk_before_the_request_leaves(store, paths):
    seen: list[Any] = []

    class Looking:
        base_url = OPENROUTER_URL
        backend = BACKENDS[0]
        redact = staticmethod(str)

        async def stream(self, body, keep=None):
            seen.extend(look(paths, "SELECT data FROM message WHERE role = 'user' AND owner IS NULL"))
            yield DONE

    await happening(store, Looking(), await question(store, "Is it safe?"))
    assert [lossless_json.loads(data)["content"] for (data,) in seen] == ["Is it safe?"]


async def test_events_come_in_order_and_both_messages_are_stored(store):
    server = FakeServer([THINKING, Delta(text="Because."), DONE])
    asked = await question(store)
    events = await happening(store, server, asked)
    assert [type(event) for event in events] == [MessageSaved, Delta, Delta, Delta, MessageSaved]
    answer = answer_in(events)
    assert (answer.text, answer.reasoning, answer.stop) == ("Because. The end.", "hm ", "stop")
    assert answer.reasoning_details == (THOUGHT,)
    assert (answer.model_asked, answer.server) == (MODEL, OPENROUTER_URL)
    assert answer.timing.ended is not None
    path = await store.path(asked.session)
    assert [stored.message for stored in path] == [path[0].message, answer]
    assert isinstance(path[0].message, UserMessage)
    assert path[0].message.text == "Why?"


async def test_both_channels_are_on_disk_while_the_server_is_silent(store, paths):
    go_on = asyncio.Event()
    server = FakeServer([THINKING, Delta(text="Half an"), go_on, DONE])
    turn = asyncio.create_task(answered(store, server, await question(store)))
    await until(lambda: parts(paths).text == "Half an")
    assert server.playing
    kept = parts(paths)
    assert (kept.reasoning, kept.reasoning_details) == ("hm ", (THOUGHT,))
    go_on.set()
    assert (await turn).text == "Half an The end."
    assert look(paths, "SELECT count(*) FROM part") == [(0,)]


# Stopping


async def test_cancel_keeps_the_partial_and_ends_like_any_turn(store):
    asked = await question(store)
    events, server = await cancelled(store, [THINKING, Delta(text="Half")], asked)
    answer = answer_in(events)
    assert (answer.stop, answer.text, answer.reasoning, answer.complete) == ("cancelled", "Half", "hm ", False)
    assert answer.error is None
    assert [stored.message for stored in await store.path(asked.session)][1] == answer
    assert (server.closed, server.playing) == (1, False)


@pytest.mark.parametrize("second", [None, 0, 1, 3])
@pytest.mark.parametrize("steps", [1, 2, 3, 5, 8, 13, 30])
async def test_cancel_at_any_moment_leaves_nothing_open(store, paths, steps, second):
    server = FakeServer([THINKING, Delta(text="Half"), asyncio.Event()])
    asked = await question(store)
    turn = asyncio.create_task(happening(store, server, asked))
    for _ in range(steps):
        await asyncio.sleep(0)
    turn.cancel()
    if second is not None:
        for _ in range(second):
            await asyncio.sleep(0)
        turn.cancel()
    # The turn ends at once although the server would never.
    await asyncio.wait([turn], timeout=10)
    assert turn.done()
    path = [stored.message for stored in await store.path(asked.session)]
    assert [getattr(message, "stop", "question") for message in path] == ["question", "cancelled"]
    assert look(paths, "SELECT count(*) FROM message WHERE owner IS NOT NULL") == [(0,)]
    assert look(paths, "SELECT count(*) FROM part") == [(0,)]


async def test_front_end_that_goes_away_leaves_the_partial(store):
    server = FakeServer([THINKING, Delta(text="Half"), asyncio.Event()])
    asked = await question(store)
    async with aclosing(run_turn(store, server, asked)) as turn:
        async for event in turn:
            if isinstance(event, Delta) and event.text:
                break
    answer = (await store.path(asked.session))[-1].message
    assert isinstance(answer, AssistantMessage)
    assert (answer.stop, answer.text, answer.reasoning) == ("cancelled", "Half", "hm ")
    assert server.closed == 1


# Failing


@pytest.mark.parametrize(
    ("error", "stop", "code"),
    [
        (ServerError("It broke.", "Ask again.", code=502), "error", 502),
        (ServerError("It broke.", "Ask again.", code="server_error"), "error", "server_error"),
        (StreamCutError("It was cut.", "Ask again."), "cut", None),
        (KeyRejectedError("No.", "Check the key."), "error", 401),
    ],
)
async def test_failure_is_kept_with_the_partial_and_raised(store, error, stop, code):
    asked = await question(store)
    events: list[TurnEvent] = []
    with pytest.raises(type(error)) as raised:
        await happening(store, FakeServer([THINKING, Delta(text="Half"), error]), asked, events)
    assert raised.value is error
    answer = answer_in(events)
    assert (answer.stop, answer.text, answer.reasoning) == (stop, "Half", "hm ")
    assert answer.error == Failure(code, error.message, error.hint)
    assert (await store.path(asked.session))[-1].message == answer


async def test_a_fault_of_our_own_keeps_the_partial_too(store):
    asked = await question(store)
    with pytest.raises(ZeroDivisionError):
        await happening(store, FakeServer([Delta(text="Half"), ZeroDivisionError()]), asked)
    answer = (await store.path(asked.session))[-1].message
    assert isinstance(answer, AssistantMessage)
    assert (answer.stop, answer.text) == ("error", "Half")


async def test_retries_are_passed_on(store):
    server = FakeServer([Retrying(1, 3, 0.5, "Overloaded."), DONE])
    assert Retrying(1, 3, 0.5, "Overloaded.") in await happening(store, server, await question(store))


# The request


async def test_request_carries_system_parameters_and_one_session(store):
    asked = await question(store, system="Be brief.", parameters={"temperature": 0.5})
    server = FakeServer([DONE])
    await happening(store, server, asked)
    body = server.requests[0]
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (body["temperature"], body["session_id"], body["model"]) == (0.5, asked.session, MODEL)
    assert body["reasoning"] == {"enabled": True}


async def test_a_key_that_came_in_pieces_is_not_kept(store):
    details = [{"type": "reasoning.text", "text": text, "index": 0} for text in ("se", "cret")]
    pieces = [
        Delta(text=text, reasoning=text, details=(entry,)) for text, entry in zip(("se", "cret"), details, strict=True)
    ]
    server = FakeServer([*pieces, DONE], secret="secret")
    answer = await answered(store, server, await question(store))
    assert (answer.text, answer.reasoning) == (f"[removed]{DONE.text}", "[removed]")
    assert answer.reasoning_details == ({"type": "reasoning.text", "text": "[removed]", "index": 0},)


# The limit of the reasoning


@pytest.mark.parametrize("limit", [ThinkingBudget(tokens=3), ThinkingBudget(seconds=1e-9)])
async def test_after_enough_reasoning_the_answer_is_requested(store, limit):
    server = FakeServer([THINKING, *[Delta(reasoning="and so on ")] * 3, DONE], [DONE])
    asked = await question(store, think_at_most=limit, least_reasoning={"reasoning": {"effort": "low"}})
    events = await happening(store, server, asked)
    stopped, answer = (event.stored.message for event in events[1:] if isinstance(event, MessageSaved))
    assert (stopped.stop, stopped.text) == ("answer_now", "")
    assert stopped.reasoning
    assert (answer.stop, answer.text) == ("stop", " The end.")
    assert any(isinstance(event, RequestStarted) for event in events)
    assert server.closed == 1
    assert stopped.reasoning in server.requests[1]["messages"][0]["content"]
    assert server.requests[1]["reasoning"]["effort"] == "low"


async def test_an_answer_that_has_begun_is_not_stopped(store):
    server = FakeServer([THINKING, Delta(text="So"), Delta(reasoning="a long afterthought"), DONE])
    answer = await answered(store, server, await question(store, think_at_most=ThinkingBudget(tokens=2)))
    assert answer.stop == "stop"


async def test_the_user_may_ask_for_the_answer_at_any_time(store):
    waits = asyncio.Event()
    server = FakeServer([THINKING, waits], [DONE])
    events: list[TurnEvent] = []
    turn = asyncio.ensure_future(happening(store, server, await question(store), events))
    await until(lambda: any(isinstance(event, Delta) for event in events))
    turn.cancel(ANSWER_NOW)
    await turn
    assert answer_in(events).text == " The end."
