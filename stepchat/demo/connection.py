"""One client connection: HTTP/1.1 with h11 over a plain socket; notices when the client leaves."""

from __future__ import annotations

import selectors
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import h11

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_BODY = 64 * 1024 * 1024
_READ = 65_536


class ClientLeftError(Exception):
    """The client closed the connection, or the server is closing."""


class TooLargeError(Exception):
    """The request body is larger than MAX_BODY."""


@dataclass(frozen=True, slots=True)
class Request:
    """One complete HTTP request."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


class Connection:
    """Reads requests and writes responses. Raises ClientLeftError once the client is gone."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_READ)
        self._selector = selectors.DefaultSelector()
        self._selector.register(sock, selectors.EVENT_READ)
        self.started = False
        """The headers of the current response have been sent."""
        self._method = ""

    def close(self) -> None:
        self._selector.close()
        self._sock.close()

    def read_request(self) -> Request | None:
        """The next request; None if there is none. Raises TooLargeError, h11.RemoteProtocolError."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        if self._http.our_state is not h11.IDLE:
            return None
        self.started = False
        self._method = ""
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = self._http.next_event()
            match event:
                case h11.Request():
                    head = event
                    declared = dict(event.headers).get(b"content-length", b"0")
                    if int(declared) > MAX_BODY:
                        raise TooLargeError
                case h11.Data():
                    body += event.data
                    if len(body) > MAX_BODY:
                        raise TooLargeError
                case h11.EndOfMessage():
                    break
                case h11.ConnectionClosed() | h11.PAUSED:
                    return None
                case _:
                    self._receive()
        if head is None:
            return None
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)
        self._method = head.method.decode("ascii")
        return Request(self._method, head.target.decode("latin-1"), headers, bytes(body))

    def _receive(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            self._write(self._http.send(h11.InformationalResponse(status_code=100, headers=[])))
        try:
            data = self._sock.recv(_READ)
        except OSError:
            data = b""
        self._http.receive_data(data)

    def respond(self, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        """Send a whole response."""
        data = self._head(status, [*headers, ("content-length", str(len(body)))])
        if self._method != "HEAD":
            data += self._http.send(h11.Data(body)) or b""
        data += self._http.send(h11.EndOfMessage()) or b""
        self._write(data)

    def start(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Send the headers of a response, which `send` and `end` complete."""
        self._write(self._head(status, headers))

    def send(self, data: bytes) -> None:
        self._write(self._http.send(h11.Data(data)))

    def end(self) -> None:
        self._write(self._http.send(h11.EndOfMessage()))

    def drop(self, *, reset: bool) -> None:
        """Break the connection, in the middle of a chunk if the headers have been sent."""
        if self.started:
            whole = self._http.send(h11.Data(b'data: {"id":"gen-')) or b""
            self._write(whole[:-6])
        if reset:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def drain(self, seconds: float) -> None:
        """Stop sending and read until the client leaves: closing with unread data would lose the response."""
        until = time.monotonic() + seconds
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
            while self._selector.select(max(0.0, until - time.monotonic())) and self._sock.recv(_READ):
                pass

    def wait(self, seconds: float) -> None:
        """Sleep while the client stays connected. 0 only checks."""
        until = time.monotonic() + seconds
        while self._selector.select(max(0.0, until - time.monotonic())):
            try:
                data = self._sock.recv(_READ)
            except OSError as error:
                raise ClientLeftError from error
            if not data:
                raise ClientLeftError
            # The next request, sent before this response is complete.
            self._http.receive_data(data)

    def _head(self, status: int, headers: Iterable[tuple[str, str]]) -> bytes:
        self.started = True
        return self._http.send(h11.Response(status_code=status, headers=list(headers))) or b""

    def _write(self, data: bytes | None) -> None:
        try:
            self._sock.sendall(data or b"")
        except OSError as error:
            raise ClientLeftError from error
