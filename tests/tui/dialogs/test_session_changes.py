from __future__ import annotations

import asyncio

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.config.paths import Paths
from stepchat.errors import StoreError
from stepchat.messages import UserMessage
from stepchat.sessions.store import SessionStore
from stepchat.tui.dialogs.session_changes import Changes
from tests.tui.refusing import RefusingStore


async def test_an_undo_that_failed_can_be_tried_again_and_works_once(tmp_path):
    store = RefusingStore(SessionStore.open(Paths(tmp_path, tmp_path, tmp_path), accumulate=accumulate))
    session = await store.create(model="a/b", server="demo", system=None)
    await store.append(session.id, None, UserMessage("hello", 1.0))
    changes = Changes(store)
    await changes.pin(await store.sessions())
    await changes.delete(await store.sessions())
    store.refused = {"undelete"}
    with pytest.raises(StoreError):
        await changes.undo()
    assert await store.sessions() == []
    store.refused = set()
    # Concurrently: one undoes the deletion, the other the pin before it.
    undone = await asyncio.gather(changes.undo(), changes.undo(), changes.undo())
    assert [change and change.undone for change in undone] == ["Restored “hello”", "Unpinned “hello”", None]
    assert [row.pinned for row in await store.sessions()] == [False]
    await store.close()
