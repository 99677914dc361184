"""What the tests of a turn share: a question, all that happens, and a look at the disk from outside."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

from stepchat.catalogue.backends import OPENROUTER_URL
from stepchat.chat.accumulator import accumulate
from stepchat.chat.turn import Question, run_turn
from stepchat.events import Delta, MessageSaved
from stepchat.messages import AssistantMessage
from stepchat.sessions import records
from tests.fakes import FakeServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepchat.config.paths import Paths
    from stepchat.events import TurnEvent
    from stepchat.sessions.store import SessionStore

MODEL = "stepfun/step-3.5-flash"
DONE = Delta(text=" The end.", finish_reason="stop")
THOUGHT = {"type": "reasoning.text", "text": "hm ", "format": "unknown", "index": 0}
THINKING = Delta(reasoning="hm ", details=(THOUGHT,))


async def question(store: SessionStore, text: str | None = "Why?", session: str | None = None, **more: Any) -> Question:
    if session is None:
        session = (await store.create(model=MODEL, server=OPENROUTER_URL, system=None)).id
    return Question(session, MODEL, await store.path(session), text, **more)


async def happening(store: Any, server: Any, asked: Question, into: list[TurnEvent] | None = None) -> list[TurnEvent]:
    """Everything a turn yields."""
    events: list[TurnEvent] = [] if into is None else into
    async with aclosing(run_turn(store, server, asked)) as turn:
        async for event in turn:
            events.append(event)
    return events


async def answered(store: Any, server: Any, asked: Question) -> AssistantMessage:
    return answer_in(await happening(store, server, asked))


def answer_in(events: list[TurnEvent]) -> AssistantMessage:
    last = events[-1]
    assert isinstance(last, MessageSaved)
    assert isinstance(last.stored.message, AssistantMessage)
    return last.stored.message


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


def look(paths: Paths, query: str) -> list[Any]:
    """What another program sees in the database just now."""
    with closing(sqlite3.connect(f"file:{paths.database}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def parts(paths: Paths) -> AssistantMessage:
    """The parts on disk, added up as after a kill."""
    rows = look(paths, "SELECT data FROM part ORDER BY number")
    return accumulate(AssistantMessage(), [delta for (data,) in rows for delta in records.deltas_from_text(data)])


async def cancelled(store: SessionStore, said: list[Delta], asked: Question) -> tuple[list[TurnEvent], FakeServer]:
    """A turn that is cancelled when all was said and the server is silent."""
    events: list[TurnEvent] = []
    server = FakeServer([*said, asyncio.Event()])
    turn = asyncio.create_task(happening(store, server, asked, events))
    await until(lambda: events[1:] == said)
    turn.cancel()
    await turn
    assert not turn.cancelled()
    return events, server
