"""Temporary sessions: a store like any other, of which nothing reaches the disk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from stepchat.chat.accumulator import accumulate
from stepchat.config.paths import Paths
from stepchat.events import Delta
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.sessions.search.search import SearchOptions
from stepchat.sessions.store import SessionStore

if TYPE_CHECKING:
    from pathlib import Path


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


async def test_it_works_without_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    paths = Paths(tmp_path / "data", tmp_path, tmp_path)
    store = SessionStore.open_in_memory(paths, accumulate=accumulate)
    session = await store.create(model="m", server="s", system=None)
    question = await store.append(session.id, None, UserMessage("apples?"))
    answer, _ = await store.begin_answer(session.id, question.id, AssistantMessage()), None
    for _ in range(20):
        await asyncio.gather(
            store.add_part(answer, [Delta(text="pears ")]), store.set_draft(session.id, "x"), store.sessions()
        )
    await store.finish_answer(answer, AssistantMessage("pears", stop="stop"), cost_later=False)
    assert [stored.message.text for stored in await store.path(session.id)] == ["apples?", "pears"]
    await store.finish_index()
    page = await store.search("pears ", SearchOptions())
    assert [found.summary.id for found in page.sessions] == [session.id]
    assert not files(tmp_path)
    await store.close()
    assert not files(tmp_path)


async def test_each_is_empty_and_knows_the_choices(tmp_path):
    paths = Paths(tmp_path, tmp_path, tmp_path)
    kept = SessionStore.open(paths, accumulate=accumulate)
    await kept.set_setting("theme", "light")
    first, second = (SessionStore.open_in_memory(paths, accumulate=accumulate) for _ in range(2))
    assert await first.setting("theme") == "light"
    await first.set_setting("theme", "dark")
    await first.append((await first.create(model="m", server="s", system=None)).id, None, UserMessage("hello"))
    assert len(await first.sessions()) == 1
    assert not await second.sessions()
    assert not await kept.sessions()
    assert await kept.setting("theme") == "light"
    for store in (first, second, kept):
        await store.close()
