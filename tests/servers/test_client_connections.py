"""One connection for all turns, and what happens when the server thinks otherwise."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from stepchat.errors import StreamCutError
from tests.fakes import event
from tests.servers.raw_server import END, HEAD, PATIENCE, Caller, RawServer
from tests.servers.streams import chunk
from tests.servers.turns import ANSWER, answer_all, ask, client

if TYPE_CHECKING:
    from stepchat.servers.recording import ExchangeRecorder


async def test_turns_share_one_connection():
    with RawServer(answer_all) as server, closing(client(server.url)) as asked:
        for _ in range(3):
            turn = await ask(asked)
            assert (turn.failure, turn.message.text) == (None, "a")
        assert server.connections == 1


async def test_no_cookie_is_kept_or_sent_back():
    heads: list[bytes] = []

    def talk(caller: Caller) -> None:
        while request := caller.request():
            heads.append(request)
            caller.sock.sendall(HEAD.replace(b"\r\n\r\n", b"\r\nset-cookie: track=me; Path=/\r\n\r\n"))
            caller.send(ANSWER)
            caller.sock.sendall(END)

    tapes: list[ExchangeRecorder] = []
    with RawServer(talk) as server, closing(client(server.url)) as asked:
        for _ in range(2):
            assert [event async for event in asked.stream({}, tapes.append)]
    assert len(heads) == 2
    assert b"track" not in b"".join(heads)
    assert tapes[-1].answered is not None
    assert "content-type" in tapes[-1].answered
    assert "track" not in repr([tape.answered for tape in tapes])


async def test_the_end_of_the_body_may_come_a_little_after_done():
    def talk(caller: Caller) -> None:
        while caller.request():
            caller.sock.sendall(HEAD)
            caller.send(ANSWER)
            time.sleep(0.02)
            caller.send(b": bye\n\n")
            caller.sock.sendall(END)

    with RawServer(talk) as server, closing(client(server.url)) as asked:
        for _ in range(2):
            assert (await ask(asked)).failure is None
        assert server.connections == 1


async def test_refusals_keep_the_connection_too():
    def talk(caller: Caller) -> None:
        for _ in range(2):
            caller.request()
            caller.sock.sendall(b"HTTP/1.1 402 No\r\ncontent-length: 2\r\n\r\n{}")

    with RawServer(talk) as server, closing(client(server.url)) as asked:
        for _ in range(2):
            assert (await ask(asked)).failure is not None
        assert server.connections == 1


async def test_a_server_that_holds_the_connection_open_after_done_is_left():
    def talk(caller: Caller) -> None:
        caller.request()
        caller.answer(ANSWER, end=b"")
        caller.note(caller.more())

    with RawServer(talk) as server, closing(client(server.url)) as asked:
        assert (await ask(asked)).failure is None
        assert await server.noted() == b""
        turn = await ask(asked)
        assert (turn.failure, turn.message.text, server.connections) == (None, "a", 2)


async def test_a_server_that_never_stops_talking_after_done_is_left():
    def talk(caller: Caller) -> None:
        caller.request()
        caller.answer(ANSWER, end=b"")
        while True:
            caller.send(b": still here\n\n")
            time.sleep(0.01)

    with RawServer(talk) as server, closing(client(server.url)) as asked:
        assert (await ask(asked)).failure is None


async def test_an_idle_connection_that_the_server_closed_is_no_trouble():
    def talk(caller: Caller) -> None:
        caller.request()
        caller.answer(ANSWER)

    with RawServer(talk) as server, closing(client(server.url)) as asked:
        for _ in range(3):
            turn = await ask(asked)
            assert (turn.failure, turn.retries, turn.message.text) == (None, [], "a")
        assert server.connections == 3


@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_that_the_server_closes_just_as_it_is_used_is_made_again_silently(reset):
    def talk(caller: Caller) -> None:
        caller.request()
        caller.answer(ANSWER)
        if caller.number == 0:
            caller.request()
            if reset:
                caller.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with RawServer(talk) as server, closing(client(server.url)) as asked:
        for _ in range(2):
            turn = await ask(asked)
            assert (turn.failure, turn.retries, turn.message.text) == (None, [], "a")
        assert server.connections == 2


async def test_only_once_silently():
    def talk(caller: Caller) -> None:
        caller.request()
        if caller.number == 0:
            caller.answer(ANSWER)
            caller.request()

    with RawServer(talk) as server, closing(client(server.url)) as asked:
        assert (await ask(asked)).failure is None
        turn = await ask(asked)
        assert isinstance(turn.error, StreamCutError)
        # One silent attempt, and the three that everybody can see.
        assert (len(turn.retries), server.connections) == (3, 5)


async def test_an_answer_that_breaks_off_on_a_kept_connection_is_not_asked_for_again():
    def talk(caller: Caller) -> None:
        caller.request()
        caller.answer(ANSWER)
        caller.request()
        caller.answer(event(chunk({"content": "half"})), end=b"")

    with RawServer(talk) as server, closing(client(server.url)) as asked:
        await ask(asked)
        turn = await ask(asked)
        assert isinstance(turn.error, StreamCutError)
        assert (turn.message.text, turn.retries, server.connections) == ("half", [], 1)


async def test_a_request_that_lingers_does_not_hold_up_the_next():
    both_came = threading.Barrier(2, timeout=PATIENCE / 2)

    def talk(caller: Caller) -> None:
        caller.request()
        both_came.wait()
        caller.answer(ANSWER)

    with RawServer(talk) as server, closing(client(server.url)) as asked:
        turns = await asyncio.gather(ask(asked), ask(asked))
        assert [turn.failure for turn in turns] == [None, None]
