from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.errors import StoreError
from stepchat.messages import AssistantMessage, ToolMessage, UserMessage
from stepchat.sessions.database import connect
from stepchat.sessions.store import SessionStore

if TYPE_CHECKING:
    from stepchat.config.paths import Paths
    from stepchat.messages import Message, StoredMessage


async def _new(store: SessionStore) -> str:
    return (await store.create(model="m", server="s", system=None)).id


async def _say(store: SessionStore, session: str, parent: str | None, text: str) -> str:
    message: Message = UserMessage(text) if text.startswith("q") else AssistantMessage(text=text)
    return (await store.append(session, parent, message)).id


async def _shown(store: SessionStore, session: str) -> str:
    return " ".join(stored.message.text for stored in await store.path(session))


async def _undo(store: SessionStore, session: str) -> bool:
    """As the window does."""
    path = await store.path(session)
    while path and not isinstance(path[-1].message, UserMessage):
        path.pop()
    if path:
        await store.set_leaf(session, path[-1].parent)
    return bool(path)


async def _redo(store: SessionStore, session: str) -> bool:
    end = await store.exchange_after(session, (await store.session(session)).leaf)
    if end is not None:
        await store.set_leaf(session, end)
    return end is not None


async def _places(store: SessionStore, session: str) -> dict[str, tuple[int, int]]:
    leaf = (await store.session(session)).leaf
    return {} if leaf is None else await store.sibling_positions(session, leaf)


def _ids(found: list[StoredMessage]) -> list[str]:
    return [stored.id for stored in found]


async def test_children_and_siblings_are_in_the_order_of_creation(store: SessionStore) -> None:
    session, other = await _new(store), await _new(store)
    q1 = await _say(store, session, None, "q1")
    await _say(store, other, None, "q1 of another")
    a1 = await _say(store, session, q1, "a1")
    q2 = await _say(store, session, a1, "q2")
    a1b = await _say(store, session, q1, "a1b")
    q1b = await _say(store, session, None, "q1b")
    assert _ids(await store.children(q1)) == [a1, a1b]
    assert _ids(await store.children(a1)) == [q2]
    assert await store.children(q2) == []
    for message in (a1, a1b):
        assert _ids(await store.siblings(message)) == [a1, a1b]
    for message in (q1, q1b):
        assert _ids(await store.siblings(message)) == [q1, q1b]
    assert _ids(await store.siblings(q2)) == [q2]
    # An answer that is being written is not one of them yet.
    open_answer = await store.begin_answer(session, q1, AssistantMessage())
    assert _ids(await store.children(q1)) == [a1, a1b]
    for attempt in (store.children, store.siblings, store.deepest_leaf):
        for unknown in (open_answer, "x0gone"):
            with pytest.raises(StoreError, match=unknown):
                await attempt(unknown)


async def test_places_among_siblings_are_told_for_the_branch_that_is_shown(store: SessionStore) -> None:
    session = await _new(store)
    assert await _places(store, session) == {}
    q1 = await _say(store, session, None, "q1")
    a1 = await _say(store, session, q1, "a1")
    q2 = await _say(store, session, a1, "q2")
    await _say(store, await _new(store), None, "q1 of another")
    assert await _places(store, session) == {}
    a1b = await _say(store, session, q1, "a1b")
    assert await _places(store, session) == {a1b: (2, 2)}
    await store.set_leaf(session, q2)
    q1b = await _say(store, session, None, "q1b")
    await store.set_leaf(session, q2)
    assert await _places(store, session) == {q1: (1, 2), a1: (1, 2)}
    await store.set_leaf(session, q1b)
    assert await _places(store, session) == {q1b: (2, 2)}
    # An answer that is being written is not one of them yet.
    await store.begin_answer(session, q1, AssistantMessage())
    await store.set_leaf(session, a1)
    assert (await _places(store, session))[a1] == (1, 2)


async def test_a_branch_is_found_again_where_it_was_left(store: SessionStore) -> None:
    session = await _new(store)
    q1 = await _say(store, session, None, "q1")
    a1 = await _say(store, session, q1, "a1")
    q2 = await _say(store, session, a1, "q2")
    q2b = await _say(store, session, a1, "q2b")
    a2 = await _say(store, session, q2, "a2")
    a1b = await _say(store, session, q1, "a1b")
    # Never touched since: the newest, where nothing else was chosen. q2 was, by its answer.
    assert await store.deepest_leaf(a1) == a2
    assert await store.deepest_leaf(q1) == a1b
    await store.set_leaf(session, q2b)
    assert await store.deepest_leaf(q1) == q2b
    await store.set_leaf(session, a1b)
    assert await store.deepest_leaf(a1) == q2b
    assert await store.deepest_leaf(q1) == a1b
    assert await store.deepest_leaf(a1b) == a1b
    # A new child is what is shown.
    new = await _say(store, session, a1, "q2c")
    assert await store.deepest_leaf(q1) == new


async def test_undo_and_redo_walk_by_exchanges(store: SessionStore) -> None:
    session = await _new(store)
    assert not await _undo(store, session)
    assert not await _redo(store, session)
    parent = None
    for text in ("q1", "a1", "q2", "a2"):
        parent = await _say(store, session, parent, text)
    call = await store.append(session, parent, ToolMessage("c", "clock", "12:00"))
    await _say(store, session, call.id, "a2-after")
    shown = [await _shown(store, session)]
    while await _undo(store, session):
        shown.append(await _shown(store, session))
    assert shown == ["q1 a1 q2 a2 12:00 a2-after", "q1 a1", ""]
    again = []
    while await _redo(store, session):
        again.append(await _shown(store, session))
    assert again == shown[-2::-1]


async def test_redo_goes_where_undo_came_from(store: SessionStore) -> None:
    session = await _new(store)
    q1 = await _say(store, session, None, "q1")
    a1 = await _say(store, session, q1, "a1")
    q2 = await _say(store, session, a1, "q2")
    a2 = await _say(store, session, q2, "a2")
    await _say(store, session, q2, "a2b")
    await _say(store, session, a1, "q3")
    await store.set_leaf(session, a2)
    for _ in range(2):
        assert await _undo(store, session)
    assert await _shown(store, session) == ""
    for _ in range(2):
        assert await _redo(store, session)
    assert await _shown(store, session) == "q1 a1 q2 a2"
    # A new question takes the place of what was undone, which is still there.
    await _undo(store, session)
    q4 = await _say(store, session, a1, "q4")
    assert not await _redo(store, session)
    assert [stored.message.text for stored in await store.siblings(q4)] == ["q2", "q3", "q4"]
    assert await store.exchange_after("x0gone", None) is None


async def test_what_is_shown_is_remembered_whatever_happened_before(store: SessionStore) -> None:
    """Against a model that is as simple as can be: the child on the last path that went through its parent."""
    rng = random.Random(7)
    session = await _new(store)
    parents: dict[str, str | None] = {}
    last: dict[str | None, str] = {}
    for _ in range(250):
        at = rng.choice([None, *parents])
        if rng.random() < 0.5 or not parents:
            leaf = await _say(store, session, at, rng.choice("qa"))
            parents[leaf] = at
        elif rng.random() < 0.5:
            leaf = at or next(iter(parents))
            await store.set_leaf(session, leaf)
        else:
            blank = await store.begin_answer(session, at, AssistantMessage())
            leaf = (await store.finish_answer(blank, AssistantMessage(text="a"))).id
            parents[leaf] = at
        child: str | None = leaf
        while child is not None:
            last[parents[child]] = child
            child = parents[child]
    for message in parents:
        expected = message
        while expected in last:
            expected = last[expected]
        assert await store.deepest_leaf(message) == expected
    await store.set_leaf(session, None)
    await _redo(store, session)
    assert (await store.path(session))[0].id == last[None]


async def test_a_recovered_answer_does_not_change_what_is_shown(paths: Paths) -> None:
    dying = SessionStore.open(paths, accumulate=accumulate)
    session = await _new(dying)
    q1 = await _say(dying, session, None, "q1")
    a1 = await _say(dying, session, q1, "a1")
    await dying.begin_answer(session, q1, AssistantMessage())
    q2 = await _say(dying, session, a1, "q2")
    await dying.close()
    store = SessionStore.open(paths, accumulate=accumulate)
    assert len(store.recovered) == 1
    assert len(await store.children(q1)) == 2
    assert await store.deepest_leaf(q1) == q2
    await _undo(store, session)
    await _undo(store, session)
    await _redo(store, session)
    assert await _shown(store, session) == "q1 a1"
    await store.close()


async def test_a_circle_in_a_damaged_tree_ends(store: SessionStore) -> None:
    session = await _new(store)
    q1 = await _say(store, session, None, "q1")
    a1 = await _say(store, session, q1, "a1")
    connection = connect(store.file)
    connection.execute("UPDATE message SET parent = ? WHERE id = ?", (a1, q1))
    connection.close()
    assert await store.deepest_leaf(q1) == a1
    await store.set_leaf(session, a1)


async def test_many_siblings_and_a_long_path_are_remembered(store: SessionStore) -> None:
    session = await _new(store)
    parent = None
    for number in range(300):
        parent = await _say(store, session, parent, f"q{number}")
    middle = (await store.path(session))[100].id
    await _say(store, session, middle, "q-other")
    assert parent
    await store.set_leaf(session, parent)
    assert await store.deepest_leaf(middle) == parent
    connection = connect(store.file)
    # Only where there is a choice.
    assert connection.execute("SELECT count(*) FROM shown").fetchone() == (1,)
    connection.close()
