"""Talking to a client, and what it says."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from stepchat.catalogue.backends import DEFAULT_MODEL, backend_for
from stepchat.chat.accumulator import AnswerAccumulator
from stepchat.config.api_keys import Key
from stepchat.errors import StepchatError
from stepchat.events import Delta, Retrying
from stepchat.messages import AssistantMessage
from stepchat.servers.client import Client, Options
from tests.fakes import stream_of, streaming
from tests.servers.raw_server import PATIENCE
from tests.servers.streams import chunk

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepchat.messages import Json
    from stepchat.servers.client import ServerEvent
    from tests.servers.raw_server import Caller

SECRET = "sk-or-v1-" + "0123456789abcdef" * 2
URL = "https://openrouter.ai/api/v1"

GOOD = (chunk({"reasoning": "r"}), chunk({"content": "a"}, "stop"))
ANSWER = stream_of(*GOOD)
CUT = httpx.RemoteProtocolError("peer closed connection")


def good() -> httpx.Response:
    return streaming([ANSWER])


def refusal(status: int, message: str = "no", **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": status, "message": message}}, headers=headers)


def client(url: str = URL, transport: httpx.BaseTransport | None = None, **options: Any) -> Client:
    more = {name: options.pop(name) for name in ("rng", "key") if name in options}
    key = more.pop("key", Key(SECRET, "a test"))
    chosen = Options(**{"backoff": 0.001, **options})
    return Client(url, backend_for(url), key, chosen, transport=transport, **more)


def body_of(question: str = "Why?") -> Json:
    return {"model": DEFAULT_MODEL, "messages": [{"role": "user", "content": question}], "stream": True}


class Turn:
    """What one request yields, as it comes and added up."""

    def __init__(self, client: Client, question: str = "Why?") -> None:
        self.events: list[ServerEvent] = []
        self.failure: StepchatError | None = None
        self.draft = AnswerAccumulator(AssistantMessage())
        self._client = client
        self._question = question
        self._changed = asyncio.Condition()

    async def run(self) -> Turn:
        try:
            async with aclosing(self._client.stream(body_of(self._question))) as events:
                async for event in events:
                    self.events.append(event)
                    if isinstance(event, Delta):
                        self.draft.add(event)
                    async with self._changed:
                        self._changed.notify_all()
        except StepchatError as error:
            self.failure = error
        return self

    async def until(self, condition: Callable[[Turn], bool]) -> None:
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: condition(self))

    @property
    def message(self) -> AssistantMessage:
        return self.draft.message()

    @property
    def retries(self) -> list[Retrying]:
        return [event for event in self.events if isinstance(event, Retrying)]

    @property
    def error(self) -> StepchatError:
        assert self.failure is not None
        return self.failure


async def ask(client: Client, question: str = "Why?") -> Turn:
    async with asyncio.timeout(PATIENCE):
        return await Turn(client, question).run()


async def stop(task: asyncio.Task[Turn]) -> None:
    """As Esc does."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def answer_all(caller: Caller) -> None:
    """What an ordinary server does with a connection."""
    while caller.request():
        caller.answer(ANSWER)


def reading_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "stepchat-answer"]


async def all_threads_ended() -> None:
    for thread in reading_threads():
        await asyncio.to_thread(thread.join, PATIENCE)
    assert reading_threads() == []
