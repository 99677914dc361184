"""Whether anything slows down as messages gather: run with `pytest -m benchmark -s tests/benchmarks/bench_growth.py`.

GROWTH_MESSAGES sets how many there are at the end (100,000). Everything goes through the store, as in a conversation.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.config.paths import Paths
from stepchat.events import Delta
from stepchat.messages import AssistantMessage, Timing, UserMessage
from stepchat.sessions.reading import ORDERS
from stepchat.sessions.store import SessionStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = pytest.mark.benchmark

MESSAGES = int(os.environ.get("GROWTH_MESSAGES", "100000"))
TURNS_A_SESSION = 20
RUNS = 15
TIMES_SLOWER = 3.0
UNNOTICED = 5.0
"""Milliseconds."""

_WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("", "n", "r", "st", "mment")]


def text(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(_WORDS, k=words))


async def turn(store: SessionStore, session: str, parent: str | None, rng: random.Random) -> tuple[str, list[float]]:
    """The new leaf, and how long each write took, in ms."""
    took: list[float] = []

    async def timed(work: Awaitable[object]) -> object:
        begun = time.perf_counter()
        result = await work
        took.append((time.perf_counter() - begun) * 1000)
        return result

    asked = await timed(store.append(session, parent, UserMessage(text(rng, 20))))
    answer = await timed(store.begin_answer(session, asked.id, AssistantMessage(timing=Timing(1.0))))
    await timed(store.add_part(answer, [Delta(text=text(rng, 35))]))
    await timed(store.finish_answer(answer, AssistantMessage(text=text(rng, 150), reasoning=text(rng, 150))))
    return answer, took


async def median(work: Callable[[], Awaitable[object]]) -> float:
    took: list[float] = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        await work()
        took.append((time.perf_counter() - begun) * 1000)
    return statistics.median(took)


async def grow(store: SessionStore, count: int, rng: random.Random) -> list[float]:
    """Add so many messages; how long each turn took on disk, in ms."""
    took: list[float] = []
    for _ in range(count // (2 * TURNS_A_SESSION)):
        session, leaf = (await store.create(model="m", server="s", system=None)).id, None
        for _ in range(TURNS_A_SESSION):
            leaf, writes = await turn(store, session, leaf, rng)
            took.append(sum(writes))
    return took


async def figures(paths: Paths, rng: random.Random, more: int) -> dict[str, float]:
    """Everything a user waits for, in ms, after `more` messages were added."""
    store = SessionStore.open(paths, accumulate=accumulate)
    writes = await grow(store, more, rng)
    await store.close()

    async def start() -> None:
        again = SessionStore.open(paths, accumulate=accumulate)
        await again.sessions(limit=50)
        await again.close()

    found: dict[str, float] = {"start, list, close": await median(start)}
    store = SessionStore.open(paths, accumulate=accumulate)

    async def resume() -> None:
        session = await store.latest()
        assert session is not None
        assert len(await store.path(session.id)) == 2 * TURNS_A_SESSION

    middle = (await store.sessions(limit=1, offset=len(await store.session_ids()) // 2))[0]
    found["resume the last session"] = await median(resume)
    found["find by the beginning of an id"] = await median(lambda: store.find(middle.id[:8]))
    for order in ORDERS:
        first_page = partial(store.sessions, 100, pinned_first=True, order=order)
        found[f"session screen, by {order}"] = await median(first_page)
    found["count of the session screen"] = await median(store.count_sessions)
    found["preview of a session"] = await median(lambda: store.preview(middle.id))
    found["draft kept"] = await median(lambda: store.set_draft(middle.id, "half a question"))
    found["search a common word"] = await median(lambda: store.search("ban "))
    found["save a turn (4 writes), median"] = statistics.median(writes[-1000:])
    found["save a turn (4 writes), slowest of 100"] = sorted(writes[-1000:])[-len(writes[-1000:]) // 100]
    await store.close()
    return found


def test_growth(tmp_path, capsys):
    paths = Paths(tmp_path, tmp_path, tmp_path)
    rng = random.Random(1)
    with capsys.disabled():
        first = MESSAGES // 100
        few = asyncio.run(figures(paths, rng, first))
        many = asyncio.run(figures(paths, rng, MESSAGES - first))
        size = paths.database.stat().st_size / 1e6
        print(f"\n{'ms':40} {first:>8,} {MESSAGES:>9,} messages ({size:.0f} MB)")
        for name, before in few.items():
            print(f"{name:40} {before:8.2f} {many[name]:9.2f}  {many[name] / before:.2f}x")
        slower = [name for name, before in few.items() if many[name] > max(before * TIMES_SLOWER, UNNOTICED)]
        print(f"more than {TIMES_SLOWER:.0f}x slower, and over {UNNOTICED:.0f} ms: {', '.join(slower) or 'none'}")
