from __future__ import annotations

import asyncio
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from stepchat.errors import SilenceError
from stepchat.events import Silence
from tests.fakes import Answers, event, stream_of, streaming
from tests.servers.raw_server import PATIENCE, Caller, RawServer
from tests.servers.streams import chunk
from tests.servers.turns import ANSWER, Turn, ask, client

if TYPE_CHECKING:
    from collections.abc import Iterator


async def test_silence_is_told_then_given_up():
    released = threading.Event()

    def silent() -> Iterator[bytes]:
        yield event(chunk({"content": "a"}))
        released.wait(PATIENCE)

    turn = await ask(client(transport=Answers(streaming(silent())), silence_hint=0.05, silence_timeout=0.2))
    released.set()
    hints = [event for event in turn.events if isinstance(event, Silence)]
    assert hints
    assert all(hint.limit == 0.2 and hint.seconds >= 0.05 for hint in hints)
    assert isinstance(turn.error, SilenceError)
    assert "0.2 seconds" in turn.error.message
    assert turn.message.text == "a"
    assert turn.retries == []


async def test_a_limit_below_the_hint_counts():
    released = threading.Event()

    def silent() -> Iterator[bytes]:
        released.wait(PATIENCE)
        yield b""

    turn = await ask(client(transport=Answers(streaming(silent())), silence_hint=60.0, silence_timeout=0.1))
    released.set()
    assert isinstance(turn.error, SilenceError)


@pytest.mark.parametrize("kind", ["text/event-stream", "application/json"])
async def test_anything_that_arrives_is_life(kind):
    whole = b'{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}'

    def slow() -> Iterator[bytes]:
        # Longer than the limit in all.
        for _ in range(40):
            time.sleep(0.025)
            yield b"\n" if "json" in kind else b": PROCESSING\n\n"
        yield whole if "json" in kind else ANSWER

    answer = streaming(slow(), **{"content-type": kind})
    turn = await ask(client(transport=Answers(answer), silence_hint=0.4, silence_timeout=0.8))
    assert (turn.failure, turn.message.text) == (None, "a")


async def test_life_that_returns_is_told():
    waiting = threading.Event()

    def told(seconds: bool) -> bool:
        return any(isinstance(found, Silence) and bool(found.seconds) is seconds for found in turn.events)

    def pausing() -> Iterator[bytes]:
        waiting.wait(PATIENCE)
        while not told(seconds=False):
            time.sleep(0.01)
            yield b": alive\n\n"
        yield ANSWER

    turn = Turn(client(transport=Answers(streaming(pausing())), silence_hint=0.1, silence_timeout=30.0))
    task = asyncio.create_task(turn.run())
    await turn.until(lambda _: told(seconds=True))
    waiting.set()
    async with asyncio.timeout(PATIENCE):
        await task
    assert (turn.failure, turn.message.text) == (None, "a")


async def test_an_end_mark_that_never_comes_is_not_waited_for():
    def talk(caller: Caller) -> None:
        caller.request()
        caller.answer(stream_of(chunk({"content": "a <"}, "stop"), done=False), end=b"")
        caller.more()

    with RawServer(talk) as server, closing(client(server.url, silence_hint=0.1, silence_timeout=60.0)) as asked:
        turn = await ask(asked)
        assert (turn.failure, turn.message.text, turn.message.finish_reason) == (None, "a <", "stop")
