from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import filelock
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepchat.chat.accumulator import accumulate
from stepchat.errors import StoreError
from stepchat.events import Delta
from stepchat.messages import AssistantMessage, StoredMessage, Timing, Usage, UserMessage
from stepchat.sessions.database import connect
from stepchat.sessions.recovery import Ownership
from stepchat.sessions.store import SessionStore
from tests.sessions import samples
from tests.sessions.children import start_child

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepchat.config.paths import Paths
    from stepchat.sessions.records import Session

_BLANK = AssistantMessage(model_asked="step", server="s", timing=Timing(5.0))


async def _asked(store: SessionStore) -> tuple[Session, StoredMessage]:
    session = await store.create(model="step", server="s", system=None)
    return session, await store.append(session.id, None, UserMessage("q"))


async def test_a_streamed_answer_becomes_one_message(store: SessionStore) -> None:
    session, question = await _asked(store)
    answer = await store.begin_answer(session.id, question.id, _BLANK)
    await store.add_part(answer, [Delta(reasoning="Hm"), Delta(text="Be")])
    await store.add_part(answer, [])
    await store.add_part(answer, [Delta(text="cause")])
    # Not part of the tree before it is finished.
    assert await store.messages(session.id) == [question]
    assert await store.path(session.id) == [question]
    message = AssistantMessage(text="Because", reasoning="Hm", usage=Usage({"cost": 0.5}))
    finished = await store.finish_answer(answer, message)
    assert finished == StoredMessage(answer, session.id, question.id, message)
    assert await store.path(session.id) == [question, finished]
    (row,) = await store.sessions()
    assert (row.messages, row.turns, str(row.cost)) == (2, 1, "0.5")
    connection = connect(store.file)
    assert connection.execute("SELECT count(*) FROM part").fetchone() == (0,)
    connection.close()


async def test_a_finished_answer_cannot_be_written_again(store: SessionStore) -> None:
    session, question = await _asked(store)
    answer = await store.begin_answer(session.id, question.id, _BLANK)
    finished = await store.finish_answer(answer, AssistantMessage(text="done"))
    for attempt in (
        store.add_part(answer, [Delta(text="more")]),
        store.finish_answer(answer, AssistantMessage(text="other")),
        store.add_part("nothing", [Delta(text="more")]),
    ):
        with pytest.raises(StoreError, match="nothing was changed"):
            await attempt
    assert await store.path(session.id) == [question, finished]


async def test_an_answer_is_no_parent_before_it_is_finished(store: SessionStore) -> None:
    session, question = await _asked(store)
    answer = await store.begin_answer(session.id, question.id, _BLANK)
    with pytest.raises(StoreError, match=answer):
        await store.append(session.id, answer, UserMessage("too early"))


async def test_an_open_answer_is_folded_at_the_next_start(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    session, question = await _asked(store)
    answer = await store.begin_answer(session.id, question.id, _BLANK)
    detail = {"type": "reasoning.text", "text": "H", "index": 0}
    await store.add_part(answer, [Delta(reasoning="H", details=(detail,))])
    await store.add_part(answer, [Delta(reasoning="m", details=({**detail, "text": "m"},)), Delta(text="Be")])
    # Closing gives up the lock, as a kill does.
    await store.close()
    again = SessionStore.open(paths, accumulate=accumulate)
    assert again.recovered == (answer,)
    asked, cut = await again.path(session.id)
    assert asked == question
    assert cut.message == AssistantMessage(
        text="Be",
        reasoning="Hm",
        reasoning_details=({**detail, "text": "Hm"},),
        stop="cut",
        model_asked="step",
        server="s",
        timing=Timing(5.0),
    )
    assert (await again.sessions())[0].messages == 2
    await again.close()
    third = SessionStore.open(paths, accumulate=accumulate)
    assert third.recovered == ()
    assert await third.path(session.id) == [question, cut]
    await third.close()
    assert list((paths.data / "running").iterdir()) == []


async def test_an_answer_of_which_nothing_arrived_is_shown_as_cut(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    session, question = await _asked(store)
    answer = await store.begin_answer(session.id, question.id, _BLANK)
    await store.close()
    again = SessionStore.open(paths, accumulate=accumulate)
    _, cut = await again.path(session.id)
    assert cut.id == answer
    assert isinstance(cut.message, AssistantMessage)
    assert (cut.message.text, cut.message.stop) == ("", "cut")
    await again.close()


async def test_a_session_that_went_on_keeps_its_leaf(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    session, question = await _asked(store)
    answer = await store.begin_answer(session.id, question.id, _BLANK)
    elsewhere = await store.append(session.id, question.id, AssistantMessage(text="sibling"))
    await store.close()
    again = SessionStore.open(paths, accumulate=accumulate)
    assert again.recovered == (answer,)
    assert await again.path(session.id) == [question, elsewhere]
    assert {stored.id for stored in await again.messages(session.id)} == {question.id, answer, elsewhere.id}
    await again.close()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(samples.deltas, min_size=1, max_size=3), max_size=4))
async def test_fold_is_given_what_was_stored(paths: Paths, parts: list[list[Delta]]) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    session, question = await _asked(store)
    answer = await store.begin_answer(session.id, question.id, _BLANK)
    for part in parts:
        await store.add_part(answer, part)
    await store.close()
    given_to_fold: list[object] = []

    def recording_fold(blank: AssistantMessage, deltas: Iterable[Delta]) -> AssistantMessage:
        given_to_fold.extend([blank, *deltas])
        return AssistantMessage(stop="cut")

    again = SessionStore.open(paths, accumulate=recording_fold)
    await again.close()
    assert given_to_fold == [_BLANK, *(delta for part in parts for delta in part)]


async def test_an_answer_of_a_living_owner_is_left_alone(paths: Paths) -> None:
    living = SessionStore.open(paths, accumulate=accumulate)
    session, question = await _asked(living)
    answer = await living.begin_answer(session.id, question.id, _BLANK)
    other = SessionStore.open(paths, accumulate=accumulate)
    assert other.recovered == ()
    with pytest.raises(StoreError, match="nothing was changed"):
        await other.finish_answer(answer, AssistantMessage(text="stolen"))
    await living.add_part(answer, [Delta(text="a")])
    finished = await living.finish_answer(answer, AssistantMessage(text="a"))
    assert await other.path(session.id) == [question, finished]
    await living.close()
    await other.close()


async def test_what_cannot_be_read_is_left_as_it_is(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    session, question = await _asked(store)
    broken = await store.begin_answer(session.id, question.id, _BLANK)
    whole = await store.begin_answer(session.id, question.id, _BLANK)
    await store.add_part(broken, [Delta(text="x")])
    await store.add_part(whole, [Delta(text="y")])
    await store.close()
    connection = connect(paths.database)
    connection.execute("UPDATE part SET data = '{' WHERE message = ?", (broken,))
    before = connection.execute("SELECT * FROM part WHERE message = ?", (broken,)).fetchall()
    again = SessionStore.open(paths, accumulate=accumulate)
    assert (again.recovered, again.unreadable) == ((whole,), (broken,))
    assert connection.execute("SELECT * FROM part").fetchall() == before
    connection.close()
    await again.close()


async def test_a_full_disk_does_not_keep_the_sessions_from_being_read(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    session, question = await _asked(store)
    answer = await store.begin_answer(session.id, question.id, _BLANK)
    await store.add_part(answer, [Delta(text="x" * 200_000)])
    await store.close()
    connection = connect(paths.database)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.close()
    full = SessionStore.open(paths, accumulate=accumulate, max_pages=pages)
    assert full.recovered == ()
    assert await full.path(session.id) == [question]
    await full.close()
    later = SessionStore.open(paths, accumulate=accumulate)
    assert later.recovered == (answer,)
    assert len(await later.path(session.id)) == 2
    await later.close()


async def test_lock_files_of_the_dead_are_removed(paths: Paths) -> None:
    running = paths.data / "running"
    running.mkdir(parents=True)
    (running / "d0old.lock").touch()
    os.utime(running / "d0old.lock", (1000, 1000))
    # A young one may be about to be locked.
    (running / "d0young.lock").touch()
    store = SessionStore.open(paths, accumulate=accumulate)
    session, question = await _asked(store)
    await store.begin_answer(session.id, question.id, _BLANK)
    names = {path.name for path in running.iterdir()}
    assert "d0old.lock" not in names
    assert "d0young.lock" in names
    assert len(names) == 2
    await store.close()


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
    return [cut.answer for cut in await store.interrupted_answers()]


async def test_all_answers_that_were_cut_are_told_until_each_is_decided(paths: Paths) -> None:
    (one, first), (two, second), (three, third) = await _killed(paths, "apple", "pear", "plum")
    store = SessionStore.open(paths, accumulate=accumulate)
    assert store.recovered == (first, second, third)
    newest = (await store.interrupted_answers())[0]
    assert (newest.answer, newest.session, newest.title, newest.characters) == (third, three.id, "Say plum", 4)
    await store.dismiss_interrupted([first])
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


async def test_no_lock_file_outlives_its_process(paths: Paths) -> None:
    """Neither that of one that was killed while it answered, nor that of one that ended."""
    running = paths.data / "running"
    await _killed(paths, "apple")
    with closing(connect(paths.database)) as connection:
        (owner,) = connection.execute("SELECT owner FROM message WHERE owner IS NOT NULL").fetchone()
    # A kill leaves the files, unlocked.
    (running / f"{owner}.lock").touch()
    (running / "idle.lock").touch()
    os.utime(running / "idle.lock", (0, 0))
    store = SessionStore.open(paths, accumulate=accumulate)
    assert len(store.recovered) == 1
    assert [file.name for file in running.iterdir()] == ["idle.lock"]
    session = await store.create(model="m", server="s", system=None)
    asked = await store.append(session.id, None, UserMessage("q"))
    answer = await store.begin_answer(session.id, asked.id, AssistantMessage())
    assert len(list(running.iterdir())) == 1
    await store.finish_answer(answer, AssistantMessage(text="a"))
    await store.close()
    assert list(running.iterdir()) == []


async def test_a_lock_is_free_after_recovery_and_after_the_end(paths: Paths) -> None:
    ownership = Ownership(paths.data / "running")
    token = ownership.token()
    file = paths.data / "running" / f"{token}.lock"
    with pytest.raises(filelock.Timeout):
        filelock.FileLock(file).acquire(blocking=False)
    ownership.release()
    assert (ownership.held, file.exists()) == (None, False)
    held = filelock.FileLock(file)
    held.acquire(blocking=False)
    held.release()


async def test_a_changed_setting_is_stored(store: SessionStore) -> None:
    await store.update_setting("one", lambda before: f"{before} then a")
    await store.update_setting("one", lambda before: f"{before} then b")
    assert await store.setting("one") == "None then a then b"
