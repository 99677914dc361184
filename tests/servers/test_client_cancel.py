"""Cancelling at any moment: the connection is closed at once, nothing is left behind, the next turn works."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from stepchat.servers.client import _Inbox
from stepchat.servers.stream import KeptConnection, StreamReader
from tests.fakes import Answers, stream_of, streaming
from tests.servers.raw_server import HEAD, PATIENCE, Caller, RawServer
from tests.servers.turns import (
    ANSWER,
    GOOD,
    Turn,
    all_threads_ended,
    answer_all,
    ask,
    client,
    good,
    reading_threads,
    stop,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


async def cancelled_while_waiting(server: RawServer, asked: Any) -> None:
    task = asyncio.create_task(Turn(asked).run())
    assert await server.noted() == "asked"
    await stop(task)
    assert await server.noted() == "gone"


@pytest.mark.parametrize("before", [b"", HEAD, HEAD + b"5\r\n: hi\n\r\n"], ids=["no headers", "no body", "a comment"])
async def test_row_29_cancelling_closes_the_connection_whatever_is_waited_for(before):
    def talk(caller: Caller) -> None:
        caller.request()
        caller.sock.sendall(before)
        caller.wait_for_the_end()

    with RawServer(talk) as server, closing(client(server.url)) as asked:
        await cancelled_while_waiting(server, asked)
        await all_threads_ended()


async def test_cancelling_closes_a_kept_connection_that_waits_for_headers():
    def talk(caller: Caller) -> None:
        caller.request()
        caller.answer(ANSWER)
        caller.request()
        caller.wait_for_the_end()

    with RawServer(talk) as server, closing(client(server.url)) as asked:
        assert (await ask(asked)).failure is None
        await cancelled_while_waiting(server, asked)
        assert server.connections == 1
        assert (await ask(asked)).message.text == "a"


async def test_cancelling_one_request_spares_another_on_the_kept_connection():
    released = threading.Event()

    def talk(caller: Caller) -> None:
        caller.request()
        caller.answer(ANSWER)
        caller.request()
        caller.note("asked")
        released.wait(PATIENCE)
        caller.answer(ANSWER)

    with RawServer(talk) as server, closing(client(server.url)) as asked:
        await ask(asked)
        first = asyncio.create_task(ask(asked))
        assert await server.noted() == "asked"
        second = reading(None, lambda _: None, connection=asked._kept)
        second.cancel()
        released.set()
        assert (await first).message.text == "a"
        assert server.connections == 1


async def test_the_demo_notices_a_cancel_and_the_next_turn_works(to_demo, demo):
    for number in range(3):
        turn = Turn(to_demo, "demo:silent at=5 wait=60")
        task = asyncio.create_task(turn.run())
        await turn.until(lambda turn: bool(turn.message.text))
        await stop(task)
        place = 2 * number
        assert await asyncio.to_thread(demo.wait_until, lambda requests, place=place: requests[place].disconnected)
        assert (await ask(to_demo, "demo:haiku")).failure is None
    await all_threads_ended()


async def test_cancelling_between_two_attempts():
    asked = client(transport=Answers(httpx.Response(503, headers={"retry-after": "50"}, json={"error": "busy"})))
    turn = Turn(asked)
    task = asyncio.create_task(turn.run())
    await turn.until(lambda turn: bool(turn.retries))
    await stop(task)


async def test_a_cancel_while_connecting_does_not_hold_up_the_next_turn():
    server = RawServer(answer_all, backlog=0)
    asked = client(server.url)
    with socket.socket() as first, socket.socket() as second:
        # The kernel takes one or two connections that nobody accepts; the next one hangs.
        for sock in (first, second):
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", server.port))
        task = asyncio.create_task(Turn(asked).run())
        while not reading_threads():
            await asyncio.sleep(0.001)
        await stop(task)
    with server, closing(asked):
        assert (await ask(asked)).message.text == "a"
        await all_threads_ended()


async def test_cancelling_during_the_tls_handshake_closes_the_connection():
    def talk(caller: Caller) -> None:
        assert caller.more().startswith(b"\x16\x03")
        caller.wait_for_the_end()

    with RawServer(talk, scheme="https") as server, closing(client(server.url)) as asked:
        await cancelled_while_waiting(server, asked)
        await all_threads_ended()


class Recorded:
    """Stands for httpx's client and for its network stream."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.reached: list[str] = []
        self.closed = False
        self.sockets = socket.socketpair()

    def close(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str) -> Any:
        return self.sockets[0] if name == "socket" else None

    def stream(self, method: str, url: str, **more: Any) -> Any:
        for name in self.names:
            made = {"return_value": self} if name.endswith("complete") else {}
            more["extensions"]["trace"](name, made)
            self.reached.append(name)
        raise httpx.ReadError("cut")


STAGES = (
    "connection.connect_tcp.started",
    "connection.connect_tcp.complete",
    "connection.start_tls.started",
    "connection.start_tls.complete",
    "http11.send_request_headers.started",
    "http11.response_closed.started",
)


def reading(http: Any, deliver: Any, url: str = "https://x/v1", **more: Any) -> StreamReader:
    return StreamReader(http, url, b"{}", {}, deliver, **more)


@pytest.mark.parametrize("url", ["https://x/v1", "http://x/v1"])
@pytest.mark.parametrize("stage", range(len(STAGES)))
def test_a_cancel_at_any_stage_ends_the_request_and_leaves_no_socket(stage, url):
    delivered: list[Any] = []
    http = Recorded(*STAGES[stage:])
    asked = reading(http, delivered.append, url)
    real = http.stream

    def cancelled_first(method: str, url: str, **more: Any) -> Any:
        asked.cancel()
        return real(method, url, **more)

    http.stream = cancelled_first
    asked.run()
    assert delivered == [None]
    # Before the request is out it is given up; afterwards httpcore must be let clean up.
    assert http.reached == ([] if stage in (0, 1, 3, 4) else list(STAGES[stage : stage + 1]))
    assert http.closed is (stage in (1, 2, 3))
    for sock in http.sockets:
        sock.close()


def test_a_cancel_before_the_thread_starts_sends_nothing():
    delivered: list[Any] = []
    answers = Answers(good())
    with httpx.Client(transport=answers) as http:
        asked = reading(http, delivered.append)
        asked.cancel()
        asked.run()
    assert delivered == [None]
    assert answers.requests == []


def test_a_cancel_after_the_end_spares_the_kept_connection():
    line = KeptConnection()
    with RawServer(answer_all) as server, httpx.Client(limits=httpx.Limits(max_keepalive_connections=1)) as http:
        for _ in range(3):
            asked = reading(http, lambda _: None, f"{server.url}/chat/completions", connection=line)
            asked.run()
            asked.cancel()
        assert server.connections == 1


async def test_delivering_after_the_loop_has_closed_is_quiet():
    loop = asyncio.new_event_loop()
    inbox = _Inbox(loop)
    loop.close()
    inbox.put(None)
    inbox.put(None)


# Threads


async def test_threads_end_with_their_turns(to_demo):
    for question in ("demo:haiku", "demo:error1 at=1", "demo:http404", "demo:cut at=3", "demo:drop at=3"):
        await ask(to_demo, question)
    await all_threads_ended()


async def test_nothing_comes_of_a_fault_in_the_reader_but_an_error():
    def broken() -> Iterator[bytes]:
        yield stream_of(*GOOD, done=False)[:-30]
        raise KeyError("a fault")

    turn = await ask(client(transport=Answers(streaming(broken()))))
    assert "a fault" in turn.error.message
    assert turn.message.reasoning == "r"
