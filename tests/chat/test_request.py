"""What is kept of each request, against what the demo server received."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from stepchat import lossless_json
from stepchat.catalogue.backends import backend_for
from stepchat.chat.accumulator import accumulate
from stepchat.config.api_keys import Key
from stepchat.config.paths import Paths
from stepchat.demo.server import DemoServer
from stepchat.errors import ServerError, StepchatError
from stepchat.events import Delta, Notice
from stepchat.reasoning.ledger import hash_of, received_reasoning
from stepchat.servers.client import Client, Options
from stepchat.servers.refusals import clear_rejection
from stepchat.servers.sse import SseParser
from stepchat.sessions import exchanges
from stepchat.sessions.store import SessionStore
from tests.fakes import FakeServer, sse
from tests.turns import DONE as END
from tests.turns import answer_in, happening, question, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from stepchat.messages import StoredMessage
    from stepchat.sessions.exchanges import Exchange

KEY = "sk-or-v1-abcdefghijklmnop"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path, tmp_path, tmp_path)


@pytest.fixture
async def store(paths: Paths) -> AsyncIterator[SessionStore]:
    opened = SessionStore.open(paths, accumulate=accumulate)
    yield opened
    await opened.close()


@pytest.fixture
def demo() -> Iterator[DemoServer]:
    with DemoServer(speed=0) as server:
        yield server


@pytest.fixture
def client(demo: DemoServer) -> Iterator[Client]:
    made = Client(demo.url, backend_for(demo.url), Key(KEY, "a test"), Options(backoff=0.001))
    yield made
    made.close()


async def say(store: SessionStore, client: Client, text: str, session: str | None = None, **more: Any) -> str:
    """Ask; returns the session. What goes wrong is part of the answer."""
    asked = await question(store, text, session, **more)
    with contextlib.suppress(StepchatError):
        await happening(store, client, asked)
    return asked.session


async def kept(store: SessionStore, session: str) -> list[Exchange]:
    """Of the newest answer."""
    return await store.exchanges((await store.path(session))[-1].id)


async def all_kept(store: SessionStore, session: str) -> list[Exchange]:
    return [exchange for stored in await answers(store, session) for exchange in await store.exchanges(stored.id)]


async def answers(store: SessionStore, session: str) -> list[StoredMessage]:
    return (await store.path(session))[1::2]


async def test_the_request_is_kept_byte_for_byte(store, client, demo):
    session = await say(store, client, "demo:details", parameters={"seed": 7, "stop": ["\u2028", "\ud800"]})
    session = await say(store, client, "demo:surrogates", session, system="Be brief.")
    await say(store, client, "And?", session)
    found = await all_kept(store, session)
    assert len(found) == 3
    for exchange, seen in zip(found, demo.requests, strict=True):
        assert lossless_json.dumps(exchange.body) == lossless_json.dumps(seen.body)
        assert exchange.url == f"{demo.url}/chat/completions"


async def test_what_came_is_kept_with_its_times(store, client):
    session = await say(store, client, "demo:haiku")
    (exchange,) = await kept(store, session)
    assert exchange.status == 200
    assert exchange.answered is not None
    assert exchange.answered["content-type"].startswith("text/event-stream")
    assert exchange.pieces
    times = [seconds for seconds, _ in exchange.pieces]
    assert times == sorted(times)
    parser = SseParser()
    events = [event for _, data in exchange.pieces for event in parser.feed(data)]
    chunks = [lossless_json.loads(event.data) for event in events if event.data != "[DONE]"]
    said = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    (answer,) = await answers(store, session)
    assert said == answer.message.text
    assert events[-1].data == "[DONE]"


async def test_the_request_is_on_disk_before_anything_comes(store, client, demo):
    asked = await question(store, "demo:slow wait=30")
    events: list[Any] = []
    turn = asyncio.create_task(happening(store, client, asked, events))
    async with asyncio.timeout(10):
        while (answer := await store.last_requested_answer(asked.session)) is None:
            await asyncio.sleep(0.01)
    found = await store.exchanges(answer)
    assert await asyncio.to_thread(demo.wait_until, lambda requests: len(requests) == 1)
    assert lossless_json.dumps(found[0].body) == lossless_json.dumps(demo.requests[0].body)
    assert found[0].status is None
    # The id stands in a header.
    await until(lambda: any(isinstance(event, Delta) and event.generation_id for event in events))
    turn.cancel()
    await turn
    (found,) = await kept(store, asked.session)
    assert found.status == 200


async def test_each_try_is_an_exchange(store, client, demo):
    session = await say(store, client, "demo:http502 times=2")
    found = await kept(store, session)
    assert [exchange.status for exchange in found] == [502, 502, 200]
    assert ["502" in exchange.error for exchange in found] == [True, True, False]
    assert b"Provider returned error" in b"".join(data for _, data in found[0].pieces)
    assert len(demo.requests) == 3


async def test_the_ledger_says_what_the_server_received(store, client, demo):
    session = await say(store, client, "demo:details")
    for text in ("demo:pinned", "And?"):
        await say(store, client, text, session)
    first, *_ = await answers(store, session)
    sent = [
        (line.verdict, line.wire.get("reasoning_details"))
        for exchange in await all_kept(store, session)
        for line in exchange.lines
        if line.message == first.id
    ]
    assert [verdict for verdict, _ in sent] == [
        {"way": "unchanged"},
        {"way": "left out", "rule": "refused"},
        {"way": "unchanged"},
    ]
    seen = [request.body["messages"][1].get("reasoning_details") for request in demo.requests[1:]]
    assert [details for _, details in sent] == seen
    assert [details and hash_of(details) for details in seen] == [
        received_reasoning(first.message).hash, None, received_reasoning(first.message).hash,
    ]  # fmt: skip
    assert (await store.reasoning_outcomes(session))[first.id] == exchanges.ReasoningOutcome({"way": "unchanged"}, 2)


async def test_the_newest_request_decides_and_every_sending_counts(store, client):
    session = await say(store, client, "demo:haiku")
    await say(store, client, "demo:haiku", session)
    asked = await question(store, "demo:haiku", session)
    other = type(asked)(asked.session, "deepseek/deepseek-v3.2", asked.path, asked.text)
    answer_in(await happening(store, client, other))
    first, second, third = await answers(store, session)
    assert await store.reasoning_outcomes(session) == {
        first.id: exchanges.ReasoningOutcome({"way": "left out", "rule": "other model"}, 1),
        second.id: exchanges.ReasoningOutcome({"way": "left out", "rule": "other model"}, 0),
    }
    await say(store, client, "demo:haiku", session)
    found = await store.reasoning_outcomes(session)
    assert found[first.id] == exchanges.ReasoningOutcome({"way": "unchanged"}, 2)
    assert found[third.id] == exchanges.ReasoningOutcome({"way": "left out", "rule": "other model"}, 0)


async def test_a_setting_that_the_server_refuses_is_left_out_told_and_remembered(store, client, demo):
    more = {"parameters": {"top_p": 1, "reasoning": {"effort": "high", "exclude": False}}}
    asked = await question(store, "demo:no_effort", **more)
    events = await happening(store, client, asked)
    assert [event.text for event in events if isinstance(event, Notice)] == [
        "The server does not support reasoning.effort=high. Retrying without it, now and for the next 24 hours."
    ]
    assert answer_in(events).text
    await say(store, client, "demo:no_effort", asked.session, **more)
    sent = [request.body["reasoning"] for request in demo.requests]
    assert sent == [
        {"enabled": True, "effort": "high", "exclude": False},
        {"enabled": True, "exclude": False},
        {"enabled": True, "exclude": False},
    ]
    assert [request.body["top_p"] for request in demo.requests] == [1, 1, 1]
    # Another level, and another model, are tried.
    other = await question(store, "demo:haiku", parameters={"reasoning": {"effort": "low"}})
    await happening(store, client, other)
    assert demo.requests[-1].body["reasoning"]["effort"] == "low"


async def test_what_was_refused_before_is_told_once_in_a_session_and_tried_again_when_named(store, client, demo):
    more = {"parameters": {"reasoning": {"effort": "high"}}}
    await say(store, client, "demo:no_effort", **more)
    session = None
    told: list[list[str]] = []
    for _ in range(2):
        asked = await question(store, "demo:haiku", session, **more)
        events = await happening(store, client, asked)
        told.append([event.text for event in events if isinstance(event, Notice)])
        assert "effort" not in demo.requests[-1].body["reasoning"]
        session = asked.session
    words = "Sent without reasoning.effort=high, which the server rejected before. /set NAME=VALUE tries again."
    assert told == [[words], []]
    await clear_rejection(store, client.base_url, asked.model, ['reasoning.effort="high"'])
    await say(store, client, "demo:haiku", session, **more)
    assert demo.requests[-1].body["reasoning"]["effort"] == "high"


async def test_an_answer_keeps_what_was_sent_last(store, client, demo):
    more = {"parameters": {"top_p": 1, "reasoning": {"effort": "high", "exclude": False}}}
    session = await say(store, client, "demo:no_effort", **more)
    (answer,) = await answers(store, session)
    sent = demo.requests[-1].body
    assert "effort" not in sent["reasoning"]
    assert answer.message.parameters == {"top_p": 1, "reasoning": sent["reasoning"]}


async def test_a_setting_is_not_blamed_for_what_it_did_not_do(store, client, demo):
    more = {"parameters": {"reasoning": {"effort": "high"}}}
    await say(store, client, "demo:http400", **more)
    assert len(demo.requests) == 1
    await say(store, client, "demo:haiku", **more)
    assert demo.requests[-1].body["reasoning"]["effort"] == "high"


async def test_requests_that_begin_alike_share_what_is_kept(store, client, paths):
    session = await say(store, client, "x" * 5000 + " demo")
    for _ in range(5):
        await say(store, client, "And?", session)
    await store.reasoning_outcomes(session)
    with sqlite3.connect(paths.database) as connection:
        assert connection.execute("SELECT count(*) FROM sent_line").fetchone() == (11,)
        texts = [zlib.decompress(data) for (data,) in connection.execute("SELECT data FROM sent_text")]
    connection.close()
    assert sum(b'"user"' in text and b"xxxx" in text for text in texts) == 1


async def test_signed_reasoning_stays_here_when_what_came_before_it_has_changed(store, client, demo):
    asked = await question(store, "demo:signed", parameters={"temperature": 1})
    claude = "anthropic/claude-sonnet-4.5"
    await happening(store, client, replace(asked, model=claude))
    for tools in ([], [{"type": "function", "function": {"name": "look", "parameters": {}}}]):
        more = await question(store, "And?", asked.session, parameters={"tools": tools} if tools else {})
        await happening(store, client, replace(more, model=claude))
    first, *_ = await answers(store, asked.session)
    sent = [request.body["messages"][1]["reasoning_details"] for request in demo.requests[1:]]
    assert sent == [list(first.message.reasoning_details), []]
    assert (await store.reasoning_outcomes(asked.session))[first.id] == exchanges.ReasoningOutcome(
        {"way": "left out", "rule": "edited before", "left_out": [0]}, 1
    )


async def test_the_key_is_in_nothing_that_is_kept(store, client, paths):
    session = await say(store, client, "demo:haiku")
    (exchange,) = await kept(store, session)
    assert exchange.headers["Authorization"] == "Bearer [key removed]"
    assert KEY not in repr(exchange)


@pytest.mark.parametrize(("said", "is_kept"), [((KEY[:9], KEY[9:]), False), (("Rain ", "falls."), True)])
async def test_events_that_are_the_key_when_put_together_are_not_kept(store, demo, said, is_kept):
    chunks = [{"choices": [{"delta": {"content": text}}]} for text in said]
    end = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    client = Client(demo.url, backend_for(demo.url), Key(KEY, "a test"), transport=sse(*chunks, end))
    session = await say(store, client, "Say it.")
    client.close()
    (exchange,) = await kept(store, session)
    assert (bool(exchange.pieces), exchange.cut) == (is_kept, not is_kept)
    assert exchange.status == 200
    assert (KEY[9:].encode() in b"".join(data for _, data in exchange.pieces)) is False


async def test_of_what_came_only_so_much_is_kept_the_oldest_goes_first(paths, client):
    store = SessionStore.open(paths, accumulate=accumulate, recording_limit=6000)
    session = await say(store, client, "demo:haiku")
    for _ in range(8):
        await say(store, client, "demo:haiku", session)
    found = [(await store.exchanges(stored.id))[0] for stored in await answers(store, session)]
    there = [exchange.pieces is not None for exchange in found]
    assert there == sorted(there)
    assert 0 < sum(there) < 9
    assert all(exchange.body["messages"] for exchange in found)
    assert sum(len(exchanges.pack(exchange.pieces or ())) for exchange in found if exchange.pieces) <= 6000
    await store.close()


async def test_a_fork_begins_without_and_a_deleted_session_takes_it_along(store, client, paths):
    session = await say(store, client, "demo:haiku")
    forked = await store.fork(session, (await store.path(session))[-1].id)
    assert await store.last_requested_answer(forked.id) is None
    assert await store.reasoning_sent(forked.id) == {}
    await store.delete([session])
    await store.close()
    later = SessionStore.open(paths, accumulate=accumulate, clock=lambda: 1e11)
    await later.reasoning_outcomes(session)
    await later.close()
    with sqlite3.connect(paths.database) as connection:
        for table in ("exchange", "sent_line", "sent_text"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    connection.close()


async def test_no_harm_is_done_when_nothing_can_be_kept(store, client, paths):
    with sqlite3.connect(paths.database) as connection:
        connection.execute("DROP TABLE exchange")
    connection.close()
    session = await say(store, client, "demo:haiku")
    (answer,) = await answers(store, session)
    assert answer.message.stop == "stop"
    assert answer.message.text


async def test_exports_hold_nothing_of_it(store, client):
    from stepchat.sessions.export.formats import ExportOptions as Form
    from stepchat.sessions.export.formats import export

    session = await say(store, client, "demo:haiku")
    whole = "".join([piece async for piece in export(store, "json", [session], Form(with_reasoning=True, to_api=None))])
    assert "User-Agent" not in whole
    assert "data: " not in whole


def rejecting(message: str) -> ServerError:
    return ServerError(message, code=400, body={"message": message})


async def test_a_field_that_stepchat_adds_is_left_out_where_the_server_rejects_it(store):
    server = FakeServer(
        [rejecting("Extra inputs are not permitted: stream_options")], [END], [END], base_url="http://127.0.0.1:8000/v1"
    )
    asked = await question(store)
    events = await happening(store, server, asked)
    assert [event.text for event in events if isinstance(event, Notice)] == [
        "The server does not support stream_options. Retrying without it, now and for the next 24 hours."
    ]
    assert answer_in(events).text == " The end."
    await happening(store, server, await question(store, "And?", asked.session))
    assert ["stream_options" in body for body in server.requests] == [True, False, False]


async def test_adjacent_questions_are_merged_where_roles_must_alternate(store):
    server = FakeServer(
        [ServerError("gone", code=502)],
        [rejecting("Conversation roles must alternate user/assistant/user")],
        [END],
        [END],
        base_url="http://127.0.0.1:8000/v1",
    )
    asked = await question(store)
    with pytest.raises(ServerError):
        await happening(store, server, asked)
    assert answer_in(await happening(store, server, await question(store, "And?", asked.session))).text == " The end."
    await happening(store, server, await question(store, "So?", asked.session))
    roles = [[message["role"] for message in body["messages"]] for body in server.requests]
    assert roles == [["user"], ["user", "user"], ["user"], ["user", "assistant", "user"]]
    assert server.requests[2]["messages"] == [{"role": "user", "content": "Why?\n\nAnd?"}]
    # The messages on disk are untouched.
    assert [stored.message.text for stored in await store.path(asked.session)][::2] == ["Why?", "And?", "So?"]
