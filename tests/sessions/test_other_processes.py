from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.errors import SessionNotFoundError
from stepchat.messages import AssistantMessage, StoredMessage, UserMessage
from stepchat.sessions.store import SessionStore
from tests.sessions.children import start_child

if TYPE_CHECKING:
    from stepchat.config.paths import Paths


async def _exchange(store: SessionStore) -> tuple[str, StoredMessage]:
    """A session and its last answer."""
    session = await store.create(model="m", server="s", system=None)
    asked = await store.append(session.id, None, UserMessage("q1"))
    return session.id, await store.append(session.id, asked.id, AssistantMessage(text="a1"))


def _question(session: str, parent: str | None, text: str, name: str) -> StoredMessage:
    return StoredMessage(name, session, parent, UserMessage(text))


async def test_a_question_that_another_process_has_answered_is_not_gone_on_from(paths: Paths) -> None:
    # Each store has a lock of its own, as each process has.
    ours, theirs = SessionStore.open(paths, accumulate=accumulate), SessionStore.open(paths, accumulate=accumulate)
    session, end = await _exchange(ours)
    asked = _question(session, end.id, "q2", "q0theirs")
    answer = await theirs.begin_answer(session, asked.id, AssistantMessage(), asked=asked)
    assert (await ours.session(session)).leaf == asked.id
    assert await ours.last_complete_message(session) == end.id
    assert await ours.last_complete_message(session, asked.id) == end.id
    assert [stored.message.text for stored in await ours.complete_path(session)] == ["q1", "a1"]
    # Who has it answered goes on from it.
    assert await theirs.last_complete_message(session) == asked.id
    await theirs.finish_answer(answer, AssistantMessage(text="a2"))
    assert await ours.last_complete_message(session) == answer
    await ours.close()
    await theirs.close()


async def test_the_first_question_of_a_session_can_be_another_ones(paths: Paths) -> None:
    ours, theirs = SessionStore.open(paths, accumulate=accumulate), SessionStore.open(paths, accumulate=accumulate)
    session = (await ours.create(model="m", server="s", system=None)).id
    asked = _question(session, None, "q1", "q0theirs")
    await theirs.begin_answer(session, asked.id, AssistantMessage(), asked=asked)
    assert await ours.complete_path(session) == []
    mine = await ours.append(session, None, UserMessage("q1 here"))
    assert await ours.has_concurrent_question(mine)
    with pytest.raises(SessionNotFoundError):
        await ours.complete_path("x0gone")
    await ours.close()
    await theirs.close()


async def test_asked_beside_is_what_runs_and_what_came_later(store: SessionStore, paths: Paths) -> None:
    theirs = SessionStore.open(paths, accumulate=accumulate)
    session, end = await _exchange(store)
    old = await store.append(session, end.id, UserMessage("q2"))
    await store.append(session, old.id, AssistantMessage(text="a2"))
    mine = await store.append(session, end.id, UserMessage("q2 edited"))
    assert not await store.has_concurrent_question(mine)
    # Somewhere else in the session is not beside.
    elsewhere = _question(session, None, "q1 again", "q0else")
    await theirs.begin_answer(session, elsewhere.id, AssistantMessage(), asked=elsewhere)
    assert not await store.has_concurrent_question(mine)
    again = await theirs.begin_answer(session, old.id, AssistantMessage())
    assert await store.has_concurrent_question(mine)
    await theirs.finish_answer(again, AssistantMessage(text="a2b"))
    assert not await store.has_concurrent_question(mine)
    await theirs.append(session, end.id, UserMessage("q2 of theirs"))
    assert await store.has_concurrent_question(mine)
    await theirs.close()


async def test_what_a_killed_process_was_answering_is_recovered_where_one_goes_on(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    session = (await store.create(model="m", server="s", system=None)).id
    with start_child("hold", paths.data, session) as child:
        assert child.stdout is not None
        answer = (await asyncio.to_thread(child.stdout.readline)).strip()
        assert await store.last_complete_message(session) is None
        child.kill()
        await asyncio.to_thread(child.wait)
    assert await store.last_complete_message(session) == answer
    asked, cut = await store.complete_path(session)
    assert asked.message.text == "held"
    assert cut.message == AssistantMessage(text="half", stop="cut")
    await store.close()


async def test_a_question_and_its_answer_begin_in_one_moment(store: SessionStore) -> None:
    session, end = await _exchange(store)
    asked = _question(session, end.id, "q2", "q0asked")
    answer = await store.begin_answer(session, asked.id, AssistantMessage(), asked=asked)
    assert [stored.message.text for stored in await store.path(session)] == ["q1", "a1", "q2"]
    assert (await store.sessions())[0].turns == 2
    done = await store.finish_answer(answer, AssistantMessage(text="a2"))
    assert done.parent == asked.id
