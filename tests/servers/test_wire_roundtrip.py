"""What goes back equals what came, byte for byte as JSON: after the disk, after a restart, after a kill."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stepchat import lossless_json
from stepchat.catalogue.backends import BACKENDS, DEFAULT_MODEL, OPENROUTER_URL
from stepchat.chat.accumulator import AnswerAccumulator, accumulate
from stepchat.config.paths import Paths
from stepchat.messages import AssistantMessage, Message, UserMessage, from_json, to_json
from stepchat.reasoning.replay import Target
from stepchat.servers.chunks import ChunkReader
from stepchat.servers.sse import SseParser
from stepchat.servers.wire import request_body
from stepchat.sessions.store import SessionStore
from tests.fakes import pieces, stream_of
from tests.servers.streams import chunk
from tests.sessions.samples import objects, texts

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from stepchat.events import Delta

TARGET = Target(BACKENDS[0], OPENROUTER_URL, DEFAULT_MODEL, "session-1")
BLANK = AssistantMessage(model_asked=DEFAULT_MODEL, server=OPENROUTER_URL)

kinds = st.sampled_from(["reasoning.text", "reasoning.summary", "reasoning.server_tool_call", "reasoning.new"])
# Every key and value that JSON can hold; only what a server is known to refuse is left out.
entries = st.builds(lambda extra, kind: {**extra, "type": kind, "format": "unknown"}, objects, kinds)
fragments = st.builds(
    lambda words, index: {"type": "reasoning.text", "text": words, "format": "unknown", "index": index},
    texts,
    st.integers(0, 2),
)
chunks = st.one_of(
    st.builds(lambda words: chunk({"content": words}), texts),
    st.builds(lambda words: chunk({"reasoning": words}), texts),
    st.builds(lambda entry: chunk({"reasoning_details": [entry]}), entries | fragments),
    st.just(chunk({"reasoning_details": []})),
)
answers = st.lists(chunks, max_size=8).map(lambda said: [*said, chunk({"content": "."}, "stop", model=DEFAULT_MODEL)])


def read(said: list[Any]) -> list[Delta]:
    """The deltas of a stream that the network cut here and there."""
    reader, parser = ChunkReader(), SseParser()
    stream = stream_of(*said)
    found = [reader.read(parser.feed(part)) for part in pieces(stream, range(0, len(stream), 60))]
    assert reader.failure is None
    return [delta for delta in [*found, reader.close()] if delta is not None]


def drafted(deltas: list[Delta]) -> AssistantMessage:
    draft = AnswerAccumulator(BLANK)
    for delta in deltas:
        draft.add(delta)
    return draft.message()


def request(messages: list[Message]) -> str:
    return lossless_json.dumps(request_body(messages, TARGET))


@settings(max_examples=60, deadline=None)
@given(st.lists(entries, min_size=1, max_size=4))
def test_rule_9_what_came_in_one_piece_goes_back_as_it_came(whole):
    message = drafted(read([chunk({"content": "a", "reasoning_details": [entry]}) for entry in whole]))
    unmerged = [entry for entry in whole if entry["type"] not in ("reasoning.text", "reasoning.summary")]
    body = request_body([from_json(lossless_json.loads(lossless_json.dumps_for_storage(to_json(message))))], TARGET)
    back = body["messages"][0].get("reasoning_details", [])
    kept = [entry for entry in back if entry["type"] not in ("reasoning.text", "reasoning.summary")]
    assert lossless_json.dumps(kept) == lossless_json.dumps(unmerged)


@settings(max_examples=60, deadline=None)
@given(st.lists(answers, max_size=3))
def test_nothing_changes_on_the_way_through_json(talk):
    messages = [drafted(read(said)) for said in talk]
    again = [from_json(lossless_json.loads(lossless_json.dumps_for_storage(to_json(message)))) for message in messages]
    assert again == messages
    assert request(list(again)) == request(list(messages))
    for message, entry in zip(messages, request_body(messages, TARGET)["messages"], strict=True):
        if message.reasoning_details is not None:
            assert lossless_json.dumps(entry["reasoning_details"]) == lossless_json.dumps(message.reasoning_details)


async def store_and_reopen(home: Path, talk: list[list[Delta]]) -> list[Message]:
    """Each answer through its parts to the disk; then what another process finds there."""
    paths = Paths(home, home, home)
    store = SessionStore.open(paths, accumulate=accumulate)
    session = await store.create(model=DEFAULT_MODEL, server=OPENROUTER_URL, system=None)
    parent = None
    for deltas in talk:
        asked = await store.append(session.id, parent, UserMessage("Why?"))
        answer_id = await store.begin_answer(session.id, asked.id, BLANK)
        for delta in deltas:
            await store.add_part(answer_id, [delta])
        parent = (await store.finish_answer(answer_id, drafted(deltas))).id
    await store.close()
    return await found(paths, session.id)


async def found(paths: Paths, session: str) -> list[Message]:
    store = SessionStore.open(paths, accumulate=accumulate)
    path = await store.path(session)
    await store.close()
    return [stored.message for stored in path]


@settings(max_examples=8, deadline=None)
@given(st.lists(answers, min_size=1, max_size=2))
def test_row_31_nothing_changes_on_the_way_through_the_store(tmp_path_factory: pytest.TempPathFactory, talk):
    streams = [read(said) for said in talk]
    stored = asyncio.run(store_and_reopen(tmp_path_factory.mktemp("home"), streams))
    expected = [message for deltas in streams for message in (UserMessage("Why?"), drafted(deltas))]
    assert request(stored) == request(expected)
    assert [lossless_json.dumps(to_json(message)) for message in stored] == [
        lossless_json.dumps(to_json(message)) for message in expected
    ]


@settings(max_examples=8, deadline=None)
@given(answers)
def test_after_a_kill_the_words_are_those_that_were_stored(tmp_path_factory: pytest.TempPathFactory, said):
    # Without its end: an answer that had said it was done would be whole.
    deltas = [replace(delta, finish_reason=None, native_finish_reason=None) for delta in read(said)]

    async def killed(home: Path) -> Message:
        paths = Paths(home, home, home)
        store = SessionStore.open(paths, accumulate=accumulate)
        session = await store.create(model=DEFAULT_MODEL, server=OPENROUTER_URL, system=None)
        asked = await store.append(session.id, None, UserMessage("Why?"))
        answer_id = await store.begin_answer(session.id, asked.id, BLANK)
        for delta in deltas:
            await store.add_part(answer_id, [delta])
        # As a kill does: the lock is free and the answer is open.
        await store.close()
        return (await found(paths, session.id))[-1]

    recovered = asyncio.run(killed(tmp_path_factory.mktemp("home")))
    assert isinstance(recovered, AssistantMessage)
    whole = drafted(deltas)
    assert (recovered.text, recovered.reasoning, recovered.stop) == (whole.text, whole.reasoning, "cut")
    assert lossless_json.dumps(recovered.reasoning_details or ()) == lossless_json.dumps(whole.reasoning_details or ())
    # Half an answer goes back without half a thought.
    assert request_body([recovered], TARGET)["messages"] == [{"role": "assistant", "content": whole.text}]
