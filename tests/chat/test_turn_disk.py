from __future__ import annotations

import asyncio
import selectors
from contextlib import aclosing
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from stepchat.catalogue.backends import BACKENDS, OPENROUTER_URL
from stepchat.chat.accumulator import accumulate
from stepchat.chat.saving import RETRY_SECONDS
from stepchat.chat.turn import Question, run_turn
from stepchat.config.paths import Paths
from stepchat.errors import StoreError
from stepchat.events import Delta, Notice
from stepchat.messages import AssistantMessage, StoredMessage
from stepchat.sessions.store import SessionStore
from tests.fakes import FakeServer
from tests.turns import (
    DONE,
    MODEL,
    THINKING,
    answer_in,
    happening,
    question,
    until,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from stepchat.events import TurnEvent


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path, tmp_path, tmp_path)


@pytest.fixture
async def store(paths: Paths) -> AsyncIterator[SessionStore]:
    opened = SessionStore.open(paths, accumulate=accumulate)
    yield opened
    await opened.close()


class Jumping(selectors.DefaultSelector):
    """Does not wait: the clock jumps to what comes next."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        self.now += timeout or 0.0
        return super().select(0)


def at_once(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run with a clock that costs nothing and never lags."""
    selector = Jumping()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work())


class Notebook:
    """A store in memory that notes when which parts were kept; refuses them while `full`. Writes take some seconds."""

    def __init__(self, seconds: float = 0.01) -> None:
        self._seconds = seconds
        self.full = False
        self.tried: list[float] = []
        self.kept: list[tuple[float, Delta]] = []
        self.finished: AssistantMessage | None = None
        self.writing = False
        self.ends: list[tuple[float, AssistantMessage]] = []

    async def setting(self, name):
        return None

    async def begin_answer(self, session, parent, blank, *, asked):
        return "a"

    async def add_part(self, message_id, deltas):
        assert not self.writing
        self.tried.append(asyncio.get_running_loop().time())
        self.writing = True
        await asyncio.sleep(self._seconds)
        self.writing = False
        now = asyncio.get_running_loop().time()
        if self.full:
            raise StoreError("The disk is full.", "Free some space.")
        self.kept += [(now, delta) for delta in deltas]

    async def finish_answer(self, message_id, message, *, cost_later):
        assert cost_later
        assert not self.writing
        self.ends.append((asyncio.get_running_loop().time(), message))
        if self.full:
            raise StoreError("The disk is full.", "Free some space.")
        self.finished = message
        return StoredMessage(message_id, "s", None, message)


class Steady:
    """A delta every 30 ms of the clock, both channels; `at` does something before the nth."""

    base_url = OPENROUTER_URL
    backend = BACKENDS[0]
    redact = staticmethod(str)

    def __init__(self, count: int, at: dict[int, Callable[[], None]] | None = None) -> None:
        self.sent: list[tuple[float, Delta]] = []
        self._count = count
        self._at = at or {}

    async def stream(self, body, keep=None):
        for number in range(self._count):
            await asyncio.sleep(0.03)
            self._at.get(number, lambda: None)()
            delta = Delta(text=f"t{number} ", reasoning=f"r{number} ")
            self.sent.append((asyncio.get_running_loop().time(), delta))
            yield delta


def test_nothing_waits_longer_than_250_ms_for_the_disk():
    store, server = Notebook(), Steady(200)
    at_once(lambda: _discard(happening(store, server, Question("s", MODEL))))
    written = {delta.text: when for when, delta in store.kept}
    waits = [written[delta.text] - when for when, delta in server.sent if delta.text in written]
    # The last ones are in the finished message.
    assert len(waits) > 190
    assert max(waits) <= 0.25
    # Not one write per delta either.
    assert len(store.tried) < 50


def test_what_the_disk_refused_is_written_later_without_a_hole():
    store = Notebook()
    events: list[TurnEvent] = []
    refuse, accept = (lambda: setattr(store, "full", True)), (lambda: setattr(store, "full", False))
    server = Steady(300, {50: refuse, 150: accept})
    at_once(lambda: _discard(happening(store, server, Question("s", MODEL), events)))
    kept = [delta for _, delta in store.kept]
    assert kept == [delta for _, delta in server.sent][: len(kept)]
    assert len(kept) > 250
    assert sum(isinstance(event, Delta) for event in events) == 300
    notices = [event.text for event in events if isinstance(event, Notice)]
    assert notices == [
        "The answer is not being saved: The disk is full. Free some space.",
        "The answer is saved now.",
    ]
    assert answer_in(events).text.endswith("t299 ")
    # A disk that refuses is not asked all the time.
    assert len([when for when in store.tried if 1.5 < when < 4.5]) <= 3 / RETRY_SECONDS + 1


def test_the_end_waits_for_the_write_before_it():
    store = Notebook(seconds=1.0)
    at_once(lambda: _discard(happening(store, Steady(20), Question("s", MODEL))))
    # It would have failed in the store otherwise.
    assert len(store.kept) < 20
    assert store.finished is not None
    assert store.finished.text.endswith("t19 ")


def test_a_disk_that_refuses_the_end_is_tried_again_until_it_takes_it():
    store = Notebook()
    events: list[TurnEvent] = []

    async def turn() -> None:
        server = Steady(20, {10: lambda: setattr(store, "full", True)})
        asyncio.get_running_loop().call_later(5.0, lambda: setattr(store, "full", False))
        await _into(events, run_turn(store, server, Question("s", MODEL), lambda _: asyncio.sleep(RETRY_SECONDS)))

    at_once(turn)
    times, messages = zip(*store.ends, strict=True)
    gaps = [round(after - before, 1) for before, after in pairwise(times)]
    assert gaps == [2.0, 2.0, 2.0]
    # It is the same answer, not one that took longer.
    assert all(message is messages[0] for message in messages)
    assert store.finished is messages[0]
    assert store.finished.text.endswith("t19 ")
    told = [event.text for event in events if isinstance(event, Notice)]
    assert told[-2:] == [
        "The answer is not saved yet; retrying every 2 s. The disk is full. Free some space.",
        "The answer is saved now.",
    ]
    assert answer_in(events) is store.finished


def test_cancelling_tries_once_more_and_then_gives_up():
    store = Notebook()

    async def turn() -> None:
        server = Steady(20, {10: lambda: setattr(store, "full", True)})
        turn = run_turn(store, server, Question("s", MODEL), lambda _: asyncio.sleep(RETRY_SECONDS))
        running = asyncio.create_task(_into([], turn))
        asyncio.get_running_loop().call_later(1.0, running.cancel)
        with pytest.raises(StoreError, match="disk is full"):
            await running

    at_once(turn)
    assert [round(when, 1) for when, _ in store.ends][1:] == [1.0]


async def test_what_still_fits_of_a_refused_answer_is_there_at_the_next_start(store, paths):
    refusing = Refusing(store, finish=True, parts=False)
    asked = await question(store)
    with pytest.raises(StoreError, match="disk is full"):
        await happening(refusing, FakeServer([THINKING, DONE]), asked)
    await store.close()
    again = SessionStore.open(paths, accumulate=accumulate)
    last = (await again.path(asked.session))[-1].message
    assert isinstance(last, AssistantMessage)
    assert (last.reasoning, last.text) == ("hm ", " The end.")
    await again.close()


async def _into(events: list[TurnEvent], turn: AsyncGenerator[TurnEvent]) -> None:
    async with aclosing(turn):
        async for event in turn:
            events.append(event)


async def _discard(work: Coroutine[Any, Any, Any]) -> None:
    await work


class Refusing:
    """The real store on a disk that refuses parts, or the finished message too."""

    def __init__(self, store: SessionStore, *, finish: bool = False, parts: bool = True) -> None:
        self._store = store
        self._parts = parts
        self._finish = finish
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def add_part(self, message_id, deltas):
        if not self._parts:
            await self._store.add_part(message_id, deltas)
            return
        self.refused += 1
        raise StoreError("The disk is full.", "Free some space.")

    async def finish_answer(self, message_id, message, **more):
        if self._finish:
            raise StoreError("The disk is full.", "Free some space.")
        return await self._store.finish_answer(message_id, message, **more)


class Patient:
    """Says something, waits until the disk has refused it, and goes on."""

    base_url = OPENROUTER_URL
    backend = BACKENDS[0]
    redact = staticmethod(str)

    def __init__(self, store: Refusing) -> None:
        self._store = store

    async def stream(self, body, keep=None):
        yield THINKING
        await until(lambda: self._store.refused > 0)
        yield Delta(text="On and")
        yield Delta(text=" on.")
        yield DONE


async def test_failing_disk_is_told_once_and_the_answer_streams_on(store):
    refusing = Refusing(store)
    events = await happening(refusing, Patient(refusing), await question(store))
    kinds = [type(event).__name__ for event in events]
    assert kinds == ["MessageSaved", "Delta", "Notice", "Delta", "Delta", "Delta", "Notice", "MessageSaved"]
    assert answer_in(events).text == "On and on. The end."


async def test_disk_that_refuses_the_end_raises_after_everything_was_shown(store, paths):
    refusing = Refusing(store, finish=True)
    events: list[TurnEvent] = []
    asked = await question(store)
    with pytest.raises(StoreError, match="disk is full"):
        await happening(refusing, Patient(refusing), asked, events)
    assert "".join(event.text for event in events if isinstance(event, Delta)) == "On and on. The end."
    await store.close()
    again = SessionStore.open(paths, accumulate=accumulate)
    last = (await again.path(asked.session))[-1].message
    assert isinstance(last, AssistantMessage)
    assert last.stop == "cut"
    await again.close()


async def test_a_truly_full_database_keeps_what_fitted(paths):
    store = SessionStore.open(paths, accumulate=accumulate, max_pages=100)
    asked = await question(store)
    before = len(await happening(store, FakeServer([DONE]), asked))
    assert before == 3
    huge = [Delta(text="x" * 300_000), Delta(text="y" * 300_000, finish_reason="stop")]
    with pytest.raises(StoreError, match="disk is full"):
        await happening(store, FakeServer(huge), await question(store, "More?", asked.session))
    path = await store.path(asked.session)
    assert [stored.message.text for stored in path] == ["Why?", " The end.", "More?"]
    await store.close()
