"""Real processes on one store: at once, and killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING

import pytest

from stepchat.draft import fold
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.sessions.store import SessionStore
from tests.sessions.children import start_child

if TYPE_CHECKING:
    from pathlib import Path

    from stepchat.paths import Paths


def _lines(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def _tell(stream: IO[str] | None) -> None:
    assert stream is not None
    stream.write("\n")
    stream.flush()


def _is_whole(path: Path) -> None:
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert connection.execute("SELECT count(*) FROM part").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM message WHERE owner IS NOT NULL").fetchone() == (0,)
    # What lists show is what is there.
    assert (
        connection.execute("SELECT id, messages, turns FROM session").fetchall()
        == connection.execute(
            "SELECT session, count(*), sum(role = 'user') FROM message JOIN session ON session.id = message.session"
            " GROUP BY session ORDER BY session.number"
        ).fetchall()
    )
    connection.close()


async def _killed_and_checked(paths: Paths, session: str, rng: random.Random) -> str:
    """Kill a child somewhere and check everything it said was kept. How its last answer stood: begun, cut or done."""
    with start_child("stream", paths.data, session) as child:
        said = [_lines(child.stdout).readline().split() for _ in range(rng.randrange(1, 45))]
        # Anywhere between two acknowledgements, not only right after one.
        deadline = time.perf_counter() + rng.random() / 1000
        while time.perf_counter() < deadline:
            pass
        os.kill(child.pid, signal.SIGKILL)
        said += [words for line in _lines(child.stdout) if line.endswith("\n") and (words := line.split())]
    store = SessionStore.open(paths, fold=fold)
    try:
        tree = {stored.id: stored for stored in await store.messages(session)}
        path = await store.path(session)
    finally:
        await store.close()
    _is_whole(paths.database)
    parts: dict[str, int] = {}
    done: set[str] = set()
    for kind, message_id, *number in said:
        # "begun" says that the answer exists, so it must have been recovered or finished.
        assert message_id in tree
        if kind == "part":
            parts[message_id] = int(number[0]) + 1
        if kind == "done":
            done.add(message_id)
    for message_id, count in parts.items():
        message = tree[message_id].message
        assert isinstance(message, AssistantMessage)
        assert message.text.startswith("".join(f"t{n} " for n in range(count)))
        assert message.text == "".join(f"t{n} " for n in range(message.text.count("t")))
        if message.stop == "cut":
            words = message.text.replace("t", "r")
            assert message.reasoning == words
            last = {"type": "reasoning.text", "text": words, "index": 0, "n": words.count("r") - 1}
            assert message.reasoning_details == (last,)
    assert all(tree[message_id].message == _finished() for message_id in done)
    # One line from the first question to the last thing said; nothing was left beside it.
    assert [stored.id for stored in path] == list(tree)
    return "cut" if any(getattr(stored.message, "stop", "") == "cut" for stored in path) else "clean"


def _finished() -> AssistantMessage:
    return AssistantMessage(text="".join(f"t{n} " for n in range(12)), model_asked="step")


async def _kill_often(paths: Paths, times: int, seed: int) -> None:
    rng = random.Random(seed)
    store = SessionStore.open(paths, fold=fold)
    session = await store.create(model="step", server="s", system=None)
    await store.close()
    results = [await _killed_and_checked(paths, session.id, rng) for _ in range(times)]
    assert "cut" in results


async def test_a_kill_at_any_moment_loses_nothing_that_was_acknowledged(paths: Paths) -> None:
    await _kill_often(paths, 8, seed=1)


@pytest.mark.slow
async def test_two_hundred_kills_lose_nothing_that_was_acknowledged(paths: Paths) -> None:
    await _kill_often(paths, 200, seed=2)


async def test_two_processes_write_to_one_session_at_once(paths: Paths) -> None:
    store = SessionStore.open(paths, fold=fold)
    session = await store.create(model="m", server="s", system=None)
    with ExitStack() as stack:
        children = [stack.enter_context(start_child("write", paths.data, f"{session.id} {name}")) for name in "ab"]
        for child in children:
            _tell(child.stdin)
        # This process writes, too.
        mine = [(await store.append(session.id, None, UserMessage(f"mine {n}"))).id for n in range(30)]
        ids = [[line.strip() for line in _lines(child.stdout)] for child in children]
    # What the others added is seen without opening again.
    tree = {stored.id: stored for stored in await store.messages(session.id)}
    assert set(tree) == {*mine, *ids[0], *ids[1]}
    assert len(tree) == 90
    for name, chain in zip("ab", ids, strict=True):
        path = await store.path(session.id, chain[-1])
        assert [stored.id for stored in path] == chain
        assert [stored.message.text for stored in path] == [f"{name} {n}" for n in range(30)]
    await store.close()
    _is_whole(paths.database)


async def test_many_processes_make_the_database_at_once(paths: Paths) -> None:
    with ExitStack() as stack:
        children = [stack.enter_context(start_child("nothing", paths.data)) for _ in range(5)]
        for child in children:
            _tell(child.stdin)
        assert [_lines(child.stdout).read() for child in children] == ["opened\n"] * 5
    _is_whole(paths.database)


async def test_the_answer_of_another_living_process_is_left_alone(paths: Paths) -> None:
    store = SessionStore.open(paths, fold=fold)
    session = await store.create(model="m", server="s", system=None)
    with start_child("hold", paths.data, session.id) as child:
        answer = _lines(child.stdout).readline().strip()
        second = SessionStore.open(paths, fold=fold)
        assert second.recovered == ()
        await second.close()
        _tell(child.stdin)
        assert _lines(child.stdout).readline() == "finished\n"
    assert [stored.message.text for stored in await store.path(session.id)] == ["held", "whole"]
    assert (await store.path(session.id))[-1].id == answer
    await store.close()
    _is_whole(paths.database)


async def test_the_answer_of_a_killed_process_is_recovered_by_the_next_start_only(paths: Paths) -> None:
    store = SessionStore.open(paths, fold=fold)
    session = await store.create(model="m", server="s", system=None)
    with start_child("hold", paths.data, session.id) as child:
        answer = _lines(child.stdout).readline().strip()
        child.kill()
    second = SessionStore.open(paths, fold=fold)
    assert second.recovered == (answer,)
    # The store that was open all the time sees it as well.
    assert [stored.message.text for stored in await store.path(session.id)] == ["held", "half"]
    await second.close()
    await store.close()
    _is_whole(paths.database)
