from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.messages import AssistantMessage, ToolMessage, UserMessage
from stepchat.sessions.database import connect, transaction
from stepchat.sessions.migrations import STEPS, migrate
from stepchat.sessions.records import message_to_text
from stepchat.sessions.search import index as search_index
from stepchat.sessions.search.search import ALL_FIELDS, SearchOptions
from stepchat.sessions.store import SessionStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepchat.config.paths import Paths

_EVERYWHERE = SearchOptions(fields=ALL_FIELDS)


@pytest.fixture
def connection(tmp_path) -> Iterator[sqlite3.Connection]:
    connection = connect(tmp_path / "x.db")
    migrate(connection, tmp_path / "x.db")
    yield connection
    connection.close()


def _rows(connection: sqlite3.Connection, word: str) -> list[int]:
    return [
        row for (row,) in connection.execute("SELECT rowid FROM message_index WHERE message_index MATCH ?", (word,))
    ]


async def _talk(store: SessionStore, *texts: str) -> str:
    session = await store.create(model="m", server="s", system=None)
    parent = None
    for text in texts:
        parent = (await store.append(session.id, parent, UserMessage(text))).id
    return session.id


async def _found(store: SessionStore, typed: str) -> list[str]:
    page = await store.search(typed, _EVERYWHERE)
    assert page is not None
    return [found.summary.id for found in page.sessions]


def test_what_was_added_can_be_taken_out_again(connection: sqlite3.Connection) -> None:
    search_index.prepare(connection, full_text=True)
    messages = [UserMessage("apple Ü"), AssistantMessage(text="pear", reasoning="apple"), ToolMessage("c", "n", "fig")]
    for number, message in enumerate(messages, 1):
        search_index.add(connection, number, message)
    assert _rows(connection, "apple") == [1, 2]
    for number, message in enumerate(messages, 1):
        search_index.remove(connection, number, message_to_text(message))
    connection.execute("INSERT INTO message_index (message_index) VALUES ('integrity-check')")
    assert [_rows(connection, word) for word in ("apple", "u", "pear", "fig")] == [[], [], [], []]
    # A number may be given again.
    search_index.add(connection, 2, UserMessage("plum"))
    assert _rows(connection, "plum") == [2]
    assert _rows(connection, "apple OR pear") == []


def test_titles_change(connection: sqlite3.Connection) -> None:
    search_index.prepare(connection, full_text=True)
    search_index.retitle(connection, 1, "", "Apple pie")
    search_index.retitle(connection, 1, "Apple pie", "Pear pie")
    found = "SELECT rowid FROM title_index WHERE title_index MATCH ?"
    assert connection.execute(found, ("apple",)).fetchall() == []
    assert connection.execute(found, ("pear",)).fetchall() == [(1,)]
    search_index.retitle(connection, 1, "Pear pie", "")
    assert connection.execute(found, ("pie",)).fetchall() == []


def test_large_batches_come_in_pieces_the_newest_first(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO session (id, created, updated, model, server) VALUES ('s', 0, 0, 'm', 's')")
    texts = [f"number{n} " + "x" * 400_000 for n in range(5)]
    connection.executemany(
        "INSERT INTO message (id, session, role, created, data) VALUES (?, 's', 'user', 0, ?)",
        [(f"m{n}", message_to_text(UserMessage(text))) for n, text in enumerate(texts)],
    )
    search_index.prepare(connection, full_text=True)
    assert search_index.is_waiting(connection)
    assert transaction(connection, search_index.add_waiting)
    assert [len(_rows(connection, f"number{n}")) for n in range(5)] == [0, 0, 1, 1, 1]
    assert not transaction(connection, search_index.add_waiting)
    assert [len(_rows(connection, f"number{n}")) for n in range(5)] == [1] * 5
    assert not search_index.is_waiting(connection)


def test_a_message_that_cannot_be_read_is_passed_over(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO session (id, created, updated, model, server) VALUES ('s', 0, 0, 'm', 's')")
    connection.executemany(
        "INSERT INTO message (id, session, role, created, data) VALUES (?, 's', 'user', 0, ?)",
        [("a", "{"), ("b", message_to_text(UserMessage("whole")))],
    )
    search_index.prepare(connection, full_text=True)
    assert not search_index.add_waiting(connection)
    assert not search_index.is_waiting(connection)
    assert len(_rows(connection, "whole")) == 1
    search_index.remove(connection, 1, "{")


async def test_a_database_of_version_1_gets_its_index(paths: Paths) -> None:
    paths.data.mkdir()
    old = connect(paths.database)
    migrate(old, paths.database, STEPS[:1])
    old.execute(
        "INSERT INTO session (id, title, created, updated, messages, model, server)"
        " VALUES ('a0old', 'Old title', 1, 2, 2, 'm', 's')"
    )
    old.executemany(
        "INSERT INTO message (id, session, role, created, owner, data) VALUES (?, 'a0old', 'user', 1, ?, ?)",
        [(f"m{n}", owner, message_to_text(UserMessage(f"word{n}"))) for n, owner in enumerate([None, "dead", None])],
    )
    old.close()
    store = SessionStore.open(paths, accumulate=accumulate)
    await store.finish_index()
    assert await _found(store, "old") == ["a0old"]
    assert await _found(store, "word0 ") == ["a0old"]
    assert await _found(store, "word2 ") == ["a0old"]
    # It is a question, so nothing could be recovered: it stays open, and is not found.
    assert store.recovered == ()
    assert await _found(store, "word1 ") == []
    await store.close()


async def test_the_index_is_built_without_being_waited_for(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate, full_text=False)
    ids = [await _talk(store, f"apple {n}", "x" * 600_000) for n in range(4)]
    await store.close()
    store = SessionStore.open(paths, accumulate=accumulate)
    # A write comes between two batches, and is found although older messages are not yet.
    new = await _talk(store, "apple pie")
    assert new in await _found(store, "apple")
    await store.finish_index()
    page = await store.search("apple")
    assert page is not None
    assert page.complete
    assert [found.summary.id for found in page.sessions] == [new, *reversed(ids)]
    await store.close()


async def test_a_page_says_that_it_is_not_complete(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    await _talk(store, "apple")
    writer = connect(store.file)
    writer.execute("INSERT INTO unindexed SELECT number FROM message")
    page = await store.search("apple")
    assert page is not None
    assert not page.complete
    writer.close()
    await store.close()


async def test_a_program_without_fts5_leaves_the_index_behind_and_the_next_one_mends_it(paths: Paths) -> None:
    with_it = SessionStore.open(paths, accumulate=accumulate)
    first = await _talk(with_it, "apple one")
    without = SessionStore.open(paths, accumulate=accumulate, full_text=False)
    second = await _talk(without, "apple two")
    await without.set_title(first, "Pear")
    for store in (with_it, without):
        # Both read the messages now.
        assert await _found(store, "apple") == [second, first]
        assert await _found(store, "pear") == [first]
        await store.close()
    mended = SessionStore.open(paths, accumulate=accumulate)
    await mended.finish_index()
    assert await _found(mended, "apple") == [second, first]
    assert await _found(mended, "pear") == [first]
    connection = connect(paths.database)
    assert search_index.is_kept(connection)
    connection.execute("INSERT INTO message_index (message_index) VALUES ('integrity-check')")
    assert _rows(connection, "apple") == [1, 2]
    connection.close()
    await mended.close()


def test_a_sqlite_without_fts5_is_noticed(connection: sqlite3.Connection) -> None:
    assert search_index.has_fts5(connection)

    def without(action: int, _: str | None, name: str | None, *__: str | None) -> int:
        asked = action == sqlite3.SQLITE_FUNCTION and str(name).startswith("fts5")
        return sqlite3.SQLITE_DENY if asked else sqlite3.SQLITE_OK

    connection.set_authorizer(without)
    assert not search_index.has_fts5(connection)
    search_index.prepare(connection, full_text=True)
    assert not search_index.is_kept(connection)
