from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stepchat import lossless_json
from stepchat.chat.accumulator import accumulate
from stepchat.chat.turn import Question
from stepchat.config.paths import Paths
from stepchat.errors import ServerError, StreamCutError
from stepchat.events import Delta, MessageSaved, Notice
from stepchat.messages import AssistantMessage
from stepchat.sessions.store import SessionStore
from tests.fakes import FakeServer
from tests.turns import (
    DONE,
    MODEL,
    THINKING,
    THOUGHT,
    answer_in,
    cancelled,
    happening,
    question,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


STRANGE: dict[str, Any] = lossless_json.loads(
    '{"type":"reasoning.sketch","weight":1.10,"tiny":1E-7,"count":12345678901234567890,"\\ud800":["\\u0000",null,{}]}'
)
SEALED = {"type": "reasoning.encrypted", "data": "AAAA==", "id": "rs_1", "index": 0}


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path, tmp_path, tmp_path)


@pytest.fixture
async def store(paths: Paths) -> AsyncIterator[SessionStore]:
    opened = SessionStore.open(paths, accumulate=accumulate)
    yield opened
    await opened.close()


# Asking again


async def test_asking_again_makes_a_sibling(store):
    asked = await question(store)
    await happening(store, FakeServer([Delta(text="One"), DONE]), asked)
    first = await store.path(asked.session)
    again = Question(asked.session, MODEL, first[:1])
    server = FakeServer([Delta(text="Two"), DONE])
    events = await happening(store, server, again)
    assert [type(event) for event in events] == [Delta, Delta, MessageSaved]
    second = await store.path(asked.session)
    assert second[0] == first[0]
    assert second[1].parent == first[1].parent == first[0].id
    assert second[1].message.text == "Two The end."
    assert {stored.id for stored in await store.messages(asked.session)} == {first[0].id, first[1].id, second[1].id}
    assert server.requests[0]["messages"] == [{"role": "user", "content": "Why?"}]


# Reasoning that goes back


async def earlier(store: SessionStore, *details: dict[str, Any]) -> str:
    """A session with one answer that came with these details."""
    asked = await question(store)
    await happening(store, FakeServer([Delta(reasoning="hm", details=details), DONE]), asked)
    return asked.session


async def test_details_go_back_exactly_also_after_a_restart(store, paths):
    session = await earlier(store, STRANGE, THOUGHT, SEALED)
    await happening(store, FakeServer([DONE]), await question(store, "And?", session))
    await store.close()
    reopened = SessionStore.open(paths, accumulate=accumulate)
    server = FakeServer([DONE])
    await happening(reopened, server, await question(reopened, "And then?", session))
    sent = [message for message in server.requests[0]["messages"] if message["role"] == "assistant"]
    assert [list(message) for message in sent] == [["role", "content", "reasoning_details"], ["role", "content"]]
    # Byte for byte, the spelling of numbers and the order of keys included.
    assert lossless_json.dumps(sent[0]["reasoning_details"]) == lossless_json.dumps([STRANGE, THOUGHT, SEALED])
    await reopened.close()


async def test_an_empty_list_goes_back_as_one(store):
    session = await earlier(store)
    server = FakeServer([DONE])
    await happening(store, server, await question(store, "And?", session))
    assert server.requests[0]["messages"][1]["reasoning_details"] == []


@pytest.mark.parametrize("ending", [StreamCutError("Cut."), ServerError("Broke."), None])
async def test_an_incomplete_answer_goes_back_without_its_details(store, ending):
    asked = await question(store)
    if ending is None:
        await cancelled(store, [THINKING, Delta(text="Half")], asked)
    else:
        with pytest.raises(type(ending)):
            await happening(store, FakeServer([THINKING, Delta(text="Half"), ending]), asked)
    server = FakeServer([DONE])
    await happening(store, server, await question(store, "Go on", asked.session))
    assert server.requests[0]["messages"] == [
        {"role": "user", "content": "Why?"},
        {"role": "assistant", "content": "Half"},
        {"role": "user", "content": "Go on"},
    ]


def refusal(message: str = "Encrypted payloads can only be replayed to their creator.", code: int = 404) -> ServerError:
    return ServerError(message, code=code, body={"code": code, "message": message})


async def test_refused_reasoning_is_left_out_once_and_told(store):
    session = await earlier(store, SEALED)
    # Facts about the answer are nothing that was shown.
    server = FakeServer([Delta(generation_id="gen-1", model=MODEL, provider="X"), refusal()], [DONE])
    events = await happening(store, server, await question(store, "And?", session))
    assert [("reasoning_details" in body["messages"][1]) for body in server.requests] == [True, False]
    assert [event.text for event in events if isinstance(event, Notice)] == [
        "The server rejected the earlier reasoning. Retrying without it; it stays on disk."
    ]
    assert answer_in(events).stop == "stop"
    kept = (await store.path(session))[1].message
    assert isinstance(kept, AssistantMessage)
    assert kept.reasoning_details == (SEALED,)


@pytest.mark.parametrize("shown", [Delta(text="x"), Delta(reasoning="x"), Delta(details=(THOUGHT,))])
async def test_nothing_is_sent_again_once_something_was_shown(store, shown):
    session = await earlier(store, SEALED)
    server = FakeServer([shown, refusal()])
    with pytest.raises(ServerError, match="replayed"):
        await happening(store, server, await question(store, "And?", session))


async def test_a_second_refusal_is_raised(store):
    session = await earlier(store, SEALED)
    server = FakeServer([refusal()], [refusal()])
    with pytest.raises(ServerError, match="replayed"):
        await happening(store, server, await question(store, "And?", session))
    assert len(server.requests) == 2


@pytest.mark.parametrize("error", [refusal(code=429), refusal("Context length exceeded", 400)])
async def test_other_refusals_are_no_reason_to_leave_it_out(store, error):
    session = await earlier(store, SEALED)
    server = FakeServer([error])
    with pytest.raises(ServerError):
        await happening(store, server, await question(store, "And?", session))


async def test_without_reasoning_in_the_request_there_is_nothing_to_leave_out(store):
    with pytest.raises(ServerError, match="replayed"):
        await happening(store, FakeServer([refusal()]), await question(store))


async def test_stopped_thoughts_are_no_reasoning_that_a_server_could_refuse(store):
    asked = await question(store)
    await cancelled(store, [THINKING], asked)
    # More than one request would be one too many: the same again would be refused again, without end.
    server = FakeServer([refusal("Invalid signature in thinking block", 400)])
    with pytest.raises(ServerError, match="Invalid signature"):
        await happening(store, server, await question(store, None, asked.session))


async def test_a_turn_gives_in_only_so_often(store):
    asked = await question(store, parameters={"reasoning": {f"option{number}": True for number in range(10)}})
    server = FakeServer(*([refusal(f"reasoning.option{number} is unknown", 400)] for number in range(10)))
    with pytest.raises(ServerError):
        await happening(store, server, asked)
    assert len(server.requests) == 5
