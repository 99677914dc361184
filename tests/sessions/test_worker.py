from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from stepchat.errors import StoreError
from stepchat.messages import UserMessage
from stepchat.sessions.database import connect
from stepchat.sessions.worker import Worker

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from stepchat.sessions.store import SessionStore


async def test_a_write_happens_although_its_task_was_cancelled(store: SessionStore) -> None:
    session = await store.create(model="m", server="s", system=None)
    holder = connect(store.file)
    holder.execute("BEGIN IMMEDIATE")
    first = asyncio.ensure_future(store.append(session.id, None, UserMessage("one")))
    second = asyncio.ensure_future(store.append(session.id, None, UserMessage("two")))
    third = asyncio.ensure_future(store.append(session.id, None, UserMessage("three")))
    # A read goes through another thread; after it, the tasks above have asked for their writes.
    assert await store.messages(session.id) == []
    first.cancel()
    second.cancel()
    for task in (first, second):
        with pytest.raises(asyncio.CancelledError):
            await task
    holder.execute("ROLLBACK")
    holder.close()
    await third
    said = [stored.message.text for stored in await store.messages(session.id)]
    assert said == ["one", "two", "three"]


async def test_an_error_is_raised_and_the_next_write_works(store: SessionStore) -> None:
    session = await store.create(model="m", server="s", system=None)
    results = await asyncio.gather(
        store.append(session.id, "nothing", UserMessage("lost")),
        store.append(session.id, None, UserMessage("kept")),
        return_exceptions=True,
    )
    assert isinstance(results[0], StoreError)
    assert [stored.message.text for stored in await store.messages(session.id)] == ["kept"]


async def test_the_error_of_a_cancelled_write_troubles_nobody(tmp_path: Path) -> None:
    worker = Worker("test", tmp_path / "x.db", connect)
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    go = threading.Event()

    def fail(_: sqlite3.Connection) -> None:
        go.wait()
        raise StoreError("nobody hears this")

    task = asyncio.ensure_future(worker.run(fail))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    assert await worker.run(lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)
    worker.close()
    assert complaints == []


def test_a_loop_that_ended_does_not_stop_a_write(tmp_path: Path) -> None:
    worker = Worker("test", tmp_path / "x.db", connect)
    go, done = threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        go.wait()
        connection.execute("CREATE TABLE t (x)")
        done.set()

    async def leave() -> None:
        task = asyncio.ensure_future(worker.run(slow))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())
    go.set()
    worker.close()
    assert done.is_set()
    connection = connect(tmp_path / "x.db")
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    connection.close()


async def test_close_waits_for_what_was_asked(store: SessionStore) -> None:
    session = await store.create(model="m", server="s", system=None)
    tasks = [asyncio.ensure_future(store.append(session.id, None, UserMessage(str(n)))) for n in range(20)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*tasks)
    connection = connect(store.file)
    assert connection.execute("SELECT count(*) FROM message").fetchone() == (20,)
    connection.close()


async def test_an_open_that_fails_is_explained_each_time(tmp_path: Path) -> None:
    worker = Worker("test", tmp_path, connect)
    for _ in range(2):
        with pytest.raises(StoreError, match="Cannot open"):
            await worker.run(lambda connection: connection.execute("SELECT 1"))
    worker.close()
    with pytest.raises(StoreError, match="closed"):
        await worker.run(lambda connection: connection.execute("SELECT 1"))
