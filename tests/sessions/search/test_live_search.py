from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from stepchat.errors import StoreError
from stepchat.messages import UserMessage
from stepchat.sessions.search.live_search import LiveSearch
from stepchat.sessions.search.search import USUAL, SearchPage

if TYPE_CHECKING:
    import sqlite3

    from stepchat.sessions.store import SessionStore


async def test_a_newer_query_takes_the_place_of_an_older_one(store: SessionStore) -> None:
    session = await store.create(model="m", server="s", system=None)
    await store.append(session.id, None, UserMessage("apple pear"))
    await store.search("warm")
    assert store._search is not None
    gate = threading.Event()
    held = asyncio.ensure_future(store._search._worker.run(lambda _: gate.wait(10)))
    first = asyncio.ensure_future(store.search("apple"))
    second = asyncio.ensure_future(store.search("pear"))
    third = asyncio.ensure_future(store.search("apple pear"))
    await asyncio.sleep(0)  # all three are asked before any is answered
    gate.set()
    assert await held
    pages = await asyncio.gather(first, second, third)
    assert pages[:2] == [None, None]
    assert pages[2] is not None
    assert len(pages[2].sessions) == 1


async def test_a_running_statement_is_interrupted(store: SessionStore) -> None:
    """A statement that would run for ages, on the connection of the search."""
    live = LiveSearch(store.file)
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def endless(connection: sqlite3.Connection) -> None:
        connection.create_function("begun", 0, lambda: loop.call_soon_threadsafe(begun.set) and None)
        connection.execute(
            "WITH RECURSIVE n (x) AS (SELECT begun() IS NULL UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
        ).fetchone()

    running = asyncio.ensure_future(live._worker.run(endless))
    await begun.wait()
    page = await live.search("apple", USUAL)
    assert page is not None
    with pytest.raises(StoreError, match="interrupted"):
        await running
    await asyncio.to_thread(live.close)


async def test_a_search_in_the_middle_of_its_statement_makes_room(store: SessionStore) -> None:
    live = LiveSearch(store.file)
    begun, go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold() -> None:
        loop.call_soon_threadsafe(begun.set)
        go.wait()

    await live._worker.run(lambda connection: connection.set_progress_handler(hold, 1))
    for cancelled in (False, True):
        begun.clear()
        go.clear()
        running = asyncio.ensure_future(live.search("apple", USUAL))
        await begun.wait()
        if cancelled:
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
        newer = asyncio.ensure_future(live.search("pear", USUAL))
        # Lets the newer one ask, and so interrupt, before the statement goes on.
        await asyncio.sleep(0)
        go.set()
        assert await newer == SearchPage()
        assert cancelled or await running is None
    await asyncio.to_thread(live.close)


async def test_a_cancelled_query_leaves_the_next_alone(store: SessionStore) -> None:
    session = await store.create(model="m", server="s", system=None)
    await store.append(session.id, None, UserMessage("apple"))
    for _ in range(20):
        task = asyncio.ensure_future(store.search("apple"))
        await asyncio.sleep(0)
        task.cancel()
        page = await store.search("apple")
        assert page is not None
        assert len(page.sessions) == 1
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_closed_store_says_so(store: SessionStore) -> None:
    await store.search("x y")
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.search("x y")
