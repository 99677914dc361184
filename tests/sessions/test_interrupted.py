from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.events import Delta
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.sessions.store import SessionStore
from tests.sessions.children import start_child

if TYPE_CHECKING:
    from stepchat.config.paths import Paths
    from stepchat.sessions.records import Session


async def _killed(paths: Paths, *texts: str) -> list[tuple[Session, str]]:
    """Sessions with an answer that had begun, of which this text had come."""
    store = SessionStore.open(paths, accumulate=accumulate)
    begun: list[tuple[Session, str]] = []
    for text in texts:
        session = await store.create(model="m", server="s", system=None)
        asked = await store.append(session.id, None, UserMessage(f"Say {text}"))
        answer = await store.begin_answer(session.id, asked.id, AssistantMessage())
        await store.add_part(answer, [Delta(text=text)])
        begun.append((session, answer))
    await store.close()
    return begun


async def _undecided(store: SessionStore) -> list[str]:
    return [cut.answer for cut in await store.interrupted.all()]


async def test_all_answers_that_were_cut_are_told_until_each_is_decided(paths: Paths) -> None:
    (one, first), (two, second), (three, third) = await _killed(paths, "apple", "pear", "plum")
    store = SessionStore.open(paths, accumulate=accumulate)
    assert store.recovered == (first, second, third)
    newest = (await store.interrupted.all())[0]
    assert (newest.answer, newest.session, newest.title, newest.characters) == (third, three.id, "Say plum", 4)
    await store.interrupted.dismiss([first])
    assert (await store.path(one.id))[-1].id == first
    await store.close()
    # It does not matter who finds them, nor how often it is begun.
    store = SessionStore.open(paths, accumulate=accumulate)
    assert store.recovered == ()
    assert await _undecided(store) == [third, second]
    await store.append(two.id, second, UserMessage("Go on"))
    await store.delete([three.id])
    assert await _undecided(store) == []
    await store.undelete([three.id])
    assert await _undecided(store) == [third]
    await store.close()


@pytest.mark.parametrize("how", ["asked again", "in other words"])
async def test_an_attempt_decides_and_one_that_is_killed_is_told_in_its_place(paths: Paths, how: str) -> None:
    ((session, answer),) = await _killed(paths, "apple")
    store = SessionStore.open(paths, accumulate=accumulate)
    asked, _ = await store.path(session.id)
    if how == "in other words":
        asked = await store.append(session.id, None, UserMessage("An apple, please"))
    again = await store.begin_answer(session.id, asked.id, AssistantMessage())
    assert await _undecided(store) == []
    await store.close()
    store = SessionStore.open(paths, accumulate=accumulate)
    assert await _undecided(store) == [again]
    # It is what was on the screen.
    assert (await store.path(session.id))[-1].id == again
    assert answer in {stored.id for stored in await store.messages(session.id)}
    await store.close()


async def test_what_another_window_asked_meanwhile_is_no_decision(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    session = await store.create(model="m", server="s", system=None)
    asked = await store.append(session.id, None, UserMessage("q"))
    answer = await store.begin_answer(session.id, asked.id, AssistantMessage())
    await store.append(session.id, None, UserMessage("beside"))
    await store.append(session.id, asked.id, AssistantMessage(text="regenerated elsewhere"))
    await store.close()
    store = SessionStore.open(paths, accumulate=accumulate)
    assert await _undecided(store) == [answer]
    await store.close()


async def test_a_process_that_is_killed_leaves_its_answer_to_be_decided(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    session = await store.create(model="m", server="s", system=None)
    with start_child("hold", paths.data, session.id) as child:
        assert child.stdout is not None
        answer = child.stdout.readline().strip()
        assert await _undecided(store) == []
        child.kill()
    other = SessionStore.open(paths, accumulate=accumulate)
    assert await _undecided(other) == [answer] == await _undecided(store)
    await other.close()
    await store.close()
