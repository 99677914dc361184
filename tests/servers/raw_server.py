"""A server that does with its sockets whatever a test wants."""

from __future__ import annotations

import asyncio
import queue
import re
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    Talk = Callable[["Caller"], None]

PATIENCE = 10.0
"""Seconds after which a test that waits for something has failed."""
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


class Caller:
    """One connection, numbered from 0."""

    def __init__(self, sock: socket.socket, number: int, note: Callable[[object], None]) -> None:
        self.sock = sock
        self.number = number
        self.note = note
        sock.settimeout(PATIENCE)

    def request(self) -> bytes:
        """The next request with its body; b"" when the client has closed the connection."""
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self.more()
            if not data:
                return b""
        length = re.search(rb"content-length: (\d+)", data, re.IGNORECASE)
        while length and len(data) < end + 4 + int(length[1]):
            data += self.more()
        return data

    def more(self) -> bytes:
        """What comes next; b"" when the client has gone."""
        try:
            return self.sock.recv(65_536)
        except ConnectionError:
            return b""

    def send(self, *parts: bytes) -> None:
        """Parts of a chunked body."""
        for part in parts:
            self.sock.sendall(b"%x\r\n%s\r\n" % (len(part), part))

    def wait_for_the_end(self) -> None:
        """Note that a request has come, and whether the client leaves."""
        self.note("asked")
        self.note("gone" if self.more() == b"" else "talks on")

    def answer(self, *parts: bytes, end: bytes = END) -> None:
        """A whole answer."""
        self.sock.sendall(HEAD)
        self.send(*parts)
        self.sock.sendall(end)


class RawServer:
    """Gives each connection to `talk`, in a thread, and closes it afterwards. What `talk` notes can be waited for."""

    def __init__(self, talk: Talk, *, scheme: str = "http", backlog: int = 8) -> None:
        self._talk = talk
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(backlog)
        self.port = self._listener.getsockname()[1]
        self.url = f"{scheme}://127.0.0.1:{self.port}/v1"
        self.connections = 0
        self._notes: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept)

    def start(self) -> Self:
        self._acceptor.start()
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in [self._acceptor, *self._threads]:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    async def noted(self) -> object:
        """What `talk` noted next."""
        return await asyncio.to_thread(self._next_note)

    def _next_note(self) -> object:
        return self._notes.get(timeout=PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(Caller(sock, self.connections, self._notes.put),))
            self.connections += 1
            self._threads.append(thread)
            thread.start()

    def _serve(self, caller: Caller) -> None:
        with caller.sock, suppress(ConnectionError):
            self._talk(caller)
