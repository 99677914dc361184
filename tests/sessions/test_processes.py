"""Real processes on one store: at once, and killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from contextlib import ExitStack
from string import ascii_lowercase
from typing import IO, TYPE_CHECKING

import pytest

from stepchat.catalogue.backends import backend_for
from stepchat.chat.accumulator import accumulate
from stepchat.config.paths import Paths
from stepchat.messages import AssistantMessage, StoredMessage, UserMessage
from stepchat.reasoning.replay import Target
from stepchat.servers.wire import request_body
from stepchat.sessions.export.formats import export_json
from stepchat.sessions.records import Session
from stepchat.sessions.store import SessionStore
from tests.sessions.children import start_child

if TYPE_CHECKING:
    from pathlib import Path


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
    # The index holds every message that does not wait for it, and no other.
    connection.execute("INSERT INTO message_index (message_index) VALUES ('integrity-check')")
    connection.execute("INSERT INTO title_index (title_index) VALUES ('integrity-check')")
    every_word = " OR ".join(f"{letter}*" for letter in ascii_lowercase)
    indexed = connection.execute(
        "SELECT rowid FROM message_index WHERE message_index MATCH ? ORDER BY rowid", (every_word,)
    ).fetchall()
    said = connection.execute(
        "SELECT number FROM message WHERE data ->> 'content' <> '' AND number NOT IN (SELECT number FROM unindexed)"
        " ORDER BY number"
    ).fetchall()
    assert indexed == said
    connection.close()


def _is_valid(path: list[StoredMessage]) -> None:
    """What is sent next is nothing that a server refuses."""
    profile = backend_for("https://openrouter.ai/api/v1")
    target = Target(profile, "https://openrouter.ai/api/v1", "step")
    sent = request_body([stored.message for stored in path], target)["messages"]
    assert len(sent) >= len([stored for stored in path if stored.message.text])
    for entry, stored in zip(sent, (stored for stored in path if stored.message.text), strict=True):
        assert entry["content"] == stored.message.text
        # Half a thought is not sent back.
        cut = isinstance(stored.message, AssistantMessage) and stored.message.stop == "cut"
        assert not (cut and entry.keys() & {"reasoning", "reasoning_details", "reasoning_content", "tool_calls"})


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
    store = SessionStore.open(paths, accumulate=accumulate)
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
    _is_valid(path)
    return "cut" if any(getattr(stored.message, "stop", "") == "cut" for stored in path) else "clean"


def _finished() -> AssistantMessage:
    return AssistantMessage(text="".join(f"t{n} " for n in range(12)), model_asked="step")


async def _kill_often(paths: Paths, times: int, seed: int) -> None:
    rng = random.Random(seed)
    store = SessionStore.open(paths, accumulate=accumulate)
    session = await store.create(model="step", server="s", system=None)
    await store.close()
    results = [await _killed_and_checked(paths, session.id, rng) for _ in range(times)]
    assert "cut" in results


async def test_a_kill_at_any_moment_loses_nothing_that_was_acknowledged(paths: Paths) -> None:
    await _kill_often(paths, 8, seed=1)


@pytest.mark.slow
async def test_two_hundred_kills_lose_nothing_that_was_acknowledged(paths: Paths) -> None:
    await _kill_often(paths, 200, seed=2)


async def _busy_and_killed(paths: Paths, rng: random.Random, seed: int) -> None:
    with start_child("busy", paths.data, str(seed)) as child:
        said = [_lines(child.stdout).readline() for _ in range(rng.randrange(1, 40))]
        deadline = time.perf_counter() + rng.random() / 500
        while time.perf_counter() < deadline:
            pass
        child.kill()
        said += [line for line in _lines(child.stdout) if line.endswith("\n")]
    store = SessionStore.open(paths, accumulate=accumulate)
    try:
        # The kill may have come while one was deleted.
        ids = [row.id for deleted in (False, True) for row in await store.sessions(limit=-1, deleted=deleted)]
        kept = {stored.id for session in ids for stored in await store.messages(session)}
        assert {line.split()[1] for line in said} <= kept
        for session in ids:
            _is_valid(await store.path(session))
            for stored in await store.messages(session):
                await store.deepest_leaf(stored.id)
    finally:
        await store.close()
    _is_whole(paths.database)


async def test_a_kill_in_the_middle_of_anything_leaves_a_whole_database(paths: Paths) -> None:
    rng = random.Random(3)
    for seed in range(5):
        await _busy_and_killed(paths, rng, seed)


@pytest.mark.slow
async def test_two_hundred_kills_in_the_middle_of_anything(tmp_path: Path) -> None:
    rng = random.Random(4)
    for seed in range(200):
        # Ten on each database, so that reading all of it stays quick.
        home = tmp_path / str(seed // 10)
        await _busy_and_killed(Paths(home, home, home), rng, seed)


async def test_a_kill_in_the_middle_of_an_import_leaves_all_of_a_file_or_nothing(paths: Paths, tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for number in range(12):
        said = [StoredMessage(f"m{number}x{n}", f"s{number}", None, UserMessage("go on")) for n in range(400)]
        session = Session(f"s{number}", "", 1.0, 1.0, said[-1].id, "m", "s", None)
        (files / f"s{number:02}.json").write_text(export_json(session, said))
    rng = random.Random(5)
    complete = 0
    for _ in range(4):
        with start_child("import", paths.data, str(files)) as child:
            lines = [_lines(child.stdout).readline() for _ in range(rng.randrange(1, 20))]
            deadline = time.perf_counter() + rng.random() / 50
            while time.perf_counter() < deadline:
                pass
            child.kill()
        store = SessionStore.open(paths, accumulate=accumulate)
        counts = [row.messages for row in await store.sessions()]
        await store.close()
        assert set(counts) <= {400}
        complete = max(complete, len([line for line in lines if line.startswith("done")]))
        assert len(counts) >= complete
        _is_whole(paths.database)


async def test_a_kill_while_old_sessions_are_purged_and_others_indexed(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate, full_text=False, clock=lambda: 1.0)
    ids: list[str] = []
    for _ in range(3):
        session = await store.create(model="m", server="s", system=None)
        parent = None
        for number in range(6):
            parent = (await store.append(session.id, parent, UserMessage(f"go on {number} " + "x" * 200_000))).id
        ids.append(session.id)
    await store.delete(ids[1:])
    await store.close()
    for _ in range(4):
        with start_child("purge", paths.data) as child:
            assert _lines(child.stdout).readline() == "opened\n"
            child.kill()
    again = SessionStore.open(paths, accumulate=accumulate)
    await again.finish_index()
    connection = sqlite3.connect(paths.database)
    while connection.execute("SELECT count(*) FROM session").fetchone() != (1,):
        # Comes between two steps of the purge.
        await again.set_setting("wait", "")
    connection.close()
    page = await again.search("go on")
    assert page is not None
    assert [found.summary.id for found in page.sessions] == [ids[0]]
    await again.close()
    _is_whole(paths.database)


async def test_two_processes_write_to_one_session_at_once(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
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
    store = SessionStore.open(paths, accumulate=accumulate)
    session = await store.create(model="m", server="s", system=None)
    with start_child("hold", paths.data, session.id) as child:
        answer = _lines(child.stdout).readline().strip()
        second = SessionStore.open(paths, accumulate=accumulate)
        assert second.recovered == ()
        await second.close()
        _tell(child.stdin)
        assert _lines(child.stdout).readline() == "finished\n"
    assert [stored.message.text for stored in await store.path(session.id)] == ["held", "whole"]
    assert (await store.path(session.id))[-1].id == answer
    await store.close()
    _is_whole(paths.database)


async def test_the_answer_of_a_killed_process_is_recovered_by_the_next_start_only(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    session = await store.create(model="m", server="s", system=None)
    with start_child("hold", paths.data, session.id) as child:
        answer = _lines(child.stdout).readline().strip()
        child.kill()
    second = SessionStore.open(paths, accumulate=accumulate)
    assert second.recovered == (answer,)
    # The store that was open all the time sees it as well.
    assert [stored.message.text for stored in await store.path(session.id)] == ["held", "half"]
    await second.close()
    await store.close()
    _is_whole(paths.database)
