"""The demo server: compatible with OpenRouter, on loopback, with scripted answers. One thread per connection."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import h11

from stepchat.demo.chat import error_body
from stepchat.demo.connection import ClientLeftError, Connection, TooLargeError
from stepchat.demo.endpoints import PREFIX, Desk, answer, send_json
from stepchat.demo.local_servers import LOCAL_SERVERS, WINDOW
from stepchat.demo.record import Record
from stepchat.errors import UsageError, shortage

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from stepchat.demo.record import RecordedRequest

HOST = "127.0.0.1"
_PATIENCE = 2.0
"""Seconds that `close` waits for the threads, and that a rejected client has to read the error."""


class DemoServer:
    """Listens as soon as it is created, until `close`.

    `speed` is in tokens per second: None like a real model, 0 as fast as possible. Requests must send this `key`; without
    one, any key. `imitates` is the name of one of LOCAL_SERVERS, `window` the context window of its models. Raises
    UsageError if the port cannot be used.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        speed: float | None = None,
        key: str | None = None,
        imitates: str | None = None,
        window: int = WINDOW,
    ) -> None:
        self._listener = _listen(port)
        self.port: int = self._listener.getsockname()[1]
        kind = next((row for row in LOCAL_SERVERS if row.name == imitates), None)
        self.url = f"http://{HOST}:{self.port}{PREFIX if kind is None else '/v1'}"
        self._record = Record()
        self._desk = Desk(self.url, self._record, speed, key, kind, window)
        self._lock = threading.Lock()
        self._clients: dict[threading.Thread, socket.socket] = {}
        self._closed = threading.Event()
        self._acceptor = threading.Thread(target=self._accept, name="demo-server", daemon=True)

    @property
    def requests(self) -> list[RecordedRequest]:
        """The chat requests it received, oldest first."""
        return _questions(self._record.requests)

    @property
    def received(self) -> list[RecordedRequest]:
        """All requests it received, oldest first."""
        return self._record.requests

    def wait_until(self, condition: Callable[[list[RecordedRequest]], bool], seconds: float = 5.0) -> bool:
        """Block until the condition holds for the chat requests. Returns False if it did not within `seconds`."""
        return self._record.wait_until(lambda requests: condition(_questions(requests)), seconds)

    def start(self) -> Self:
        """Start answering."""
        self._acceptor.start()
        return self

    def close(self) -> None:
        """Stop listening and close every connection. Can be called twice."""
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            clients = dict(self._clients)
        for sock in clients.values():
            # This wakes its thread, which closes the socket.
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        if self._acceptor.is_alive():
            # A blocked accept() does not notice that its socket is closed; a connection wakes it on every system.
            with suppress(OSError):
                socket.create_connection((HOST, self.port), timeout=_PATIENCE).close()
            self._acceptor.join(_PATIENCE)
        self._listener.close()
        for thread in clients:
            thread.join(_PATIENCE)

    def wait(self) -> None:
        """Block until the server is closed."""
        self._closed.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError as error:
                if not shortage(error) or self._closed.wait(0.05):
                    return
                continue
            thread = threading.Thread(target=self._serve, args=(sock,), name="demo-client", daemon=True)
            with self._lock:
                if self._closed.is_set():
                    sock.close()
                    return
                self._clients[thread] = sock
                # Started under the lock, so that `close` never sees a thread it cannot join.
                try:
                    thread.start()
                except RuntimeError:  # no more threads: reject this client
                    del self._clients[thread]
                    sock.close()

    def _serve(self, sock: socket.socket) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(sock)
        except OSError:  # it has left, or too many files are open
            with self._lock:
                self._clients.pop(threading.current_thread(), None)
            sock.close()
            return
        try:
            with suppress(ClientLeftError, h11.LocalProtocolError):
                self._talk(connection)
        finally:
            with self._lock:
                self._clients.pop(threading.current_thread(), None)
            connection.close()

    def _talk(self, connection: Connection) -> None:
        """Answer requests until either side closes the connection."""
        try:
            while request := connection.read_request():
                if not answer(connection, self._desk, request):
                    return
        except TooLargeError:
            send_json(connection, 413, error_body(413, "The request body is too large."))
            connection.drain(_PATIENCE)
        except h11.RemoteProtocolError as error:
            if not connection.started:
                send_json(connection, error.error_status_hint, error_body(error.error_status_hint, f"{error}."))
                connection.drain(_PATIENCE)


def _listen(port: int) -> socket.socket:
    hint = "Choose another port, or 0 for any free one."
    if not 0 <= port <= 65_535:
        raise UsageError(f"The demo server's port must be between 0 and 65535, not {port}.", hint)
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"The demo server cannot use port {port} of {HOST}: {reason}.", hint) from error


def _questions(requests: list[RecordedRequest]) -> list[RecordedRequest]:
    return [request for request in requests if request.method != "GET" and request.path != "/api/show"]
