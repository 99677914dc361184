from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.errors import SessionNotFoundError
from stepchat.messages import AssistantMessage, Usage, UserMessage
from stepchat.reasoning.ledger import SentMessage
from stepchat.sessions import organizing
from stepchat.sessions.database import connect, transaction
from stepchat.sessions.exchanges import Exchange
from stepchat.sessions.search import index as search_index
from stepchat.sessions.search.search import DEFAULT_OPTIONS, SearchOptions
from stepchat.sessions.store import SessionStore

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from stepchat.config.paths import Paths
    from stepchat.sessions.records import Session

_DAY = 86400.0


async def _talk(store: SessionStore, question: str) -> Session:
    session = await store.create(model="m", server="s", system=None)
    asked = await store.append(session.id, None, UserMessage(question))
    await store.append(session.id, asked.id, AssistantMessage(text=f"answer to {question}"))
    return await store.session(session.id)


async def _listed(store: SessionStore, **which: Any) -> list[str]:
    return [row.title for row in await store.sessions(**which)]


async def _found(store: SessionStore, typed: str, options: SearchOptions = DEFAULT_OPTIONS) -> list[str]:
    page = await store.search(typed, options)
    assert page is not None
    return [found.summary.title for found in page.sessions]


async def _everything(store: SessionStore, session: Session) -> tuple[object, ...]:
    return (await store.session(session.id), await store.messages(session.id))


async def test_pinned_sessions_can_come_first(store: SessionStore) -> None:
    ids = [(await _talk(store, name)).id for name in ("one", "two", "three")]
    before = [row.updated for row in await store.sessions()]
    await store.set_pinned(ids[:1], pinned=True)
    assert await _listed(store) == ["three", "two", "one"]
    assert await _listed(store, pinned_first=True) == ["one", "three", "two"]
    assert [row.pinned for row in await store.sessions()] == [False, False, True]
    assert (await store.session(ids[0])).pinned
    # That is no change to the conversation.
    assert [row.updated for row in await store.sessions()] == before
    await store.set_pinned(ids, pinned=False)
    assert await _listed(store, pinned_first=True) == ["three", "two", "one"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 9])
@pytest.mark.parametrize("order", ["updated", "title", "turns"])
async def test_pages_with_pinned_ones_first_make_the_whole_list(store: SessionStore, size: int, order: str) -> None:
    ids = [(await _talk(store, name)).id for name in "gfedcba"]
    await store.set_pinned([ids[2], ids[3], ids[6]], pinned=True)
    pages = [await _listed(store, limit=size, offset=at, pinned_first=True, order=order) for at in range(0, 9, size)]
    whole = await _listed(store, pinned_first=True, order=order)
    assert [title for page in pages for title in page] == whole
    assert (sorted(whole[:3]), sorted(whole[3:])) == (["a", "d", "e"], ["b", "c", "f", "g"])


async def test_archived_sessions_are_out_of_the_way_and_still_found(store: SessionStore) -> None:
    one, two = await _talk(store, "apple one"), await _talk(store, "apple two")
    await store.set_archived([one.id], archived=True)
    assert await _listed(store) == ["apple two"]
    assert await _listed(store, archived=True) == ["apple one"]
    assert await _listed(store, archived=None) == ["apple two", "apple one"]
    assert await _found(store, "apple") == ["apple two", "apple one"]
    assert await _found(store, "apple", SearchOptions(archived=True)) == ["apple one"]
    assert await _found(store, "apple", SearchOptions(archived=False)) == ["apple two"]
    assert (await store.find("apple one")).id == one.id
    await store.set_archived([one.id, two.id], archived=False)
    assert await _listed(store, archived=True) == []


async def test_a_deleted_session_is_nowhere_until_it_is_brought_back(store: SessionStore) -> None:
    one, two = await _talk(store, "apple one"), await _talk(store, "apple two")
    await store.set_draft(one.id, "draft")
    before = await _everything(store, one)
    await store.delete([one.id, two.id])
    assert await _listed(store) == []
    assert await _listed(store, archived=None) == []
    assert await _listed(store, deleted=True) == ["apple two", "apple one"]
    assert await _found(store, "apple") == []
    assert await store.latest() is None
    for wanted in (one.id, "apple"):
        with pytest.raises(SessionNotFoundError):
            await store.find(wanted)
    assert (await store.session(one.id)).deleted is not None
    await store.undelete([one.id])
    assert await _listed(store) == ["apple one"]
    assert await _everything(store, one) == before
    assert await store.draft(one.id) == "draft"
    assert await _found(store, "apple") == ["apple one"]


async def test_many_at_once_are_all_or_none(store: SessionStore) -> None:
    one, two = await _talk(store, "one"), await _talk(store, "two")
    for attempt in (
        store.delete([one.id, "x0gone", two.id]),
        store.set_pinned([one.id, "x0gone"], pinned=True),
        store.set_archived([one.id, "x0gone"], archived=True),
        store.undelete(["x0gone"]),
    ):
        with pytest.raises(SessionNotFoundError, match="x0gone"):
            await attempt
    assert await store.session(one.id) == one
    assert await _listed(store) == ["two", "one"]
    await store.delete(iter([one.id, two.id]))
    await store.delete([])
    assert await _listed(store) == []


async def test_who_goes_on_with_a_deleted_session_brings_it_back(paths: Paths, store: SessionStore) -> None:
    other = SessionStore.open(paths, accumulate=accumulate)
    session = await _talk(store, "one")
    await other.delete([session.id])
    await store.append(session.id, session.leaf, UserMessage("more"))
    assert await _listed(other) == ["one"]
    # The end of an answer that ran while it was deleted does not.
    answer = await store.begin_answer(session.id, session.leaf, AssistantMessage())
    await other.delete([session.id])
    await store.finish_answer(answer, AssistantMessage(text="done"))
    assert await _listed(other) == []
    await store.undelete([session.id])
    assert (await store.path(session.id))[-1].message.text == "done"
    await other.close()


async def test_what_was_deleted_long_ago_is_purged(paths: Paths) -> None:
    now = [0.0]
    store = SessionStore.open(paths, accumulate=accumulate, clock=lambda: now[0])
    old, new, kept = [await _talk(store, f"apple {name}") for name in ("old", "new", "kept")]
    await store.set_leaf(old.id, None)
    await store.delete([old.id])
    now[0] = 20 * _DAY
    # The first time counts.
    await store.delete([old.id, new.id])
    await store.close()
    now[0] = 30 * _DAY + 1
    again = SessionStore.open(paths, accumulate=accumulate, clock=lambda: now[0])
    # A write comes after what is purged in the background.
    await again.set_setting("a", "b")
    with pytest.raises(SessionNotFoundError):
        await again.session(old.id)
    with pytest.raises(SessionNotFoundError):
        await again.undelete([old.id])
    await again.undelete([new.id])
    assert await _found(again, "apple") == ["apple kept", "apple new"]
    assert await again.session(kept.id) == kept
    connection = connect(paths.database)
    assert connection.execute("SELECT count(*) FROM message").fetchone() == (4,)
    assert connection.execute("SELECT count(*) FROM message_index('apple')").fetchone() == (4,)
    assert connection.execute("SELECT count(*) FROM title_index('apple')").fetchone() == (2,)
    connection.execute("INSERT INTO message_index (message_index) VALUES ('integrity-check')")
    connection.close()
    await again.close()


async def test_a_large_session_is_purged_in_pieces_and_cannot_come_back_half(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate, clock=lambda: 0.0)
    session = await store.create(model="m", server="s", system=None)
    parent = None
    for _ in range(4):
        parent = (await store.append(session.id, parent, UserMessage("apple " + "x" * 300_000))).id
    await store.delete([session.id])
    connection = connect(paths.database)
    left: list[int] = []
    while transaction(connection, lambda connection: organizing.purge_some(connection, 1.0)):
        left += connection.execute("SELECT count(*) FROM message").fetchone()
        with pytest.raises(SessionNotFoundError):
            await store.undelete([session.id])
        with pytest.raises(SessionNotFoundError):
            await store.append(session.id, None, UserMessage("too late"))
        assert await _listed(store, deleted=True) == []
    assert left == [2, 0, 0]
    assert connection.execute("SELECT count(*) FROM session").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM message_index('apple')").fetchone() == (0,)
    connection.close()
    await store.close()


async def test_what_was_sent_is_purged_in_pieces_too(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate, clock=lambda: 0.0)
    gone, kept = await _talk(store, "gone"), await _talk(store, "kept")
    for session in (gone, kept):
        for number in range(6):
            sent = tuple(SentMessage({"content": f"{number} {place}"}, verdict={}) for place in range(1500))
            pieces = ((0.0, random.Random(number).randbytes(200_000)),)
            exchange = Exchange(session.leaf or "", sent, {}, "u", {}, 0.0, pieces=pieces)
            store.record_exchange(session.id, lambda exchange=exchange: exchange, lambda _: None)
    await store.delete([gone.id])
    connection = connect(paths.database)
    tables = ("exchange", "sent_line", "sent_text", "message", "session")
    sizes = [_sizes(connection, gone.id, tables)]
    while transaction(connection, lambda connection: organizing.purge_some(connection, 1.0)):
        sizes.append(_sizes(connection, gone.id, tables))
    removed = [[before - after for before, after in zip(*pair, strict=True)] for pair in itertools.pairwise(sizes)]
    assert sizes[-1] == [0, 0, 0, 0, 0]
    assert sizes[0] == _sizes(connection, kept.id, tables)
    # Never much at once.
    assert all(exchanges <= 3 and lines + texts <= 5001 for exchanges, lines, texts, *_ in removed)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    await store.close()


def _sizes(connection: sqlite3.Connection, session: str, tables: Iterable[str]) -> list[int]:
    column = {"session": "id"}
    statements = (f"SELECT count(*) FROM {table} WHERE {column.get(table, 'session')} = ?" for table in tables)
    return [connection.execute(statement, (session,)).fetchone()[0] for statement in statements]


async def test_a_session_that_is_being_written_is_not_purged(paths: Paths, store: SessionStore) -> None:
    session = await _talk(store, "one")
    answer = await store.begin_answer(session.id, session.leaf, AssistantMessage())
    await store.delete([session.id])
    connection = connect(paths.database)
    assert not organizing.is_due(connection, 1e12)
    await store.finish_answer(answer, AssistantMessage())
    assert organizing.is_due(connection, 1e12)
    connection.close()


async def test_a_message_that_waits_for_the_index_is_purged_too(paths: Paths, store: SessionStore) -> None:
    session = await _talk(store, "one")
    connection = connect(paths.database)
    (number,) = connection.execute("SELECT max(number) FROM message").fetchone()
    data = connection.execute("SELECT data FROM message WHERE number = ?", (number,)).fetchone()[0]
    search_index.remove(connection, number, data)
    connection.execute("INSERT INTO unindexed VALUES (?)", (number,))
    await store.delete([session.id])
    while transaction(connection, lambda connection: organizing.purge_some(connection, 1e12)):
        pass
    assert connection.execute("SELECT count(*) FROM unindexed").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM message_index('one')").fetchone() == (0,)
    connection.close()


async def test_a_session_without_messages_can_be_deleted_and_brought_back(store: SessionStore) -> None:
    session = await store.create(model="m", server="s", system=None)
    await store.delete([session.id])
    await store.undelete([session.id])
    assert await store.session(session.id) == session


async def test_lists_can_be_sorted_and_counted(store: SessionStore) -> None:
    ids = [(await _talk(store, name)).id for name in ("pear", "Apple", "fig")]
    for session_id, cost in zip(ids, ("0.5", "10", None), strict=True):
        usage = Usage({} if cost is None else {"cost": float(cost)})
        parent = (await store.session(session_id)).leaf
        await store.append(session_id, parent, AssistantMessage(text="more", usage=usage))
    assert await _listed(store, order="title") == ["Apple", "fig", "pear"]
    assert await _listed(store, order="cost") == ["Apple", "pear", "fig"]
    assert await _listed(store, order="created") == ["fig", "Apple", "pear"]
    await store.append(ids[0], None, UserMessage("one more"))
    assert (await _listed(store, order="turns"))[0] == "pear"
    await store.set_archived(ids[:1], archived=True)
    await store.delete(ids[1:2])
    assert [await store.count_sessions(**which) for which in ({}, {"archived": True}, {"archived": None})] == [1, 1, 2]
    assert await store.count_sessions(deleted=True) == 1


async def test_deleted_sessions_are_searched_when_asked_for(store: SessionStore) -> None:
    one, _ = await _talk(store, "apple one"), await _talk(store, "apple two")
    await store.delete([one.id])
    assert await _found(store, "apple") == ["apple two"]
    assert await _found(store, "apple", SearchOptions(deleted=True)) == ["apple one"]
