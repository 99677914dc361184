"""Reading a response past httpx gives the same bytes, ends and errors as httpx, however they are divided."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.servers import connection
from stepchat.servers.connection import Connection

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FRAME", 0.0)


class Socket(httpcore.NetworkStream):
    """Returns one piece after another, then "", or raises an error."""

    def __init__(self, pieces: list[bytes], error: Exception | None = None) -> None:
        self.pieces = list(pieces)
        self.error = error

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self.pieces:
            return self.pieces.pop(0)
        if self.error is not None:
            raise self.error
        return b""

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        pass

    def close(self) -> None:
        pass

    def get_extra_info(self, info: str) -> Any:
        return None


class Backend(httpcore.NetworkBackend):
    def __init__(self, stream: Socket) -> None:
        self.stream = stream

    def connect_tcp(self, *_: Any, **__: Any) -> Socket:
        return self.stream


def read_all(
    pieces: list[bytes], *, error: Exception | None = None, past_httpx: bool = True
) -> tuple[bytes, str, bool]:
    """The body, the error that ended it, and whether the connection can be used again."""
    stream, body, ending = Socket(pieces, error), b"", ""
    made = Connection(stream) if past_httpx else None
    transport = httpx.HTTPTransport(verify=False)
    transport._pool = pool = httpcore.ConnectionPool(network_backend=Backend(stream))
    with httpx.Client(transport=transport) as http:
        try:
            with http.stream("GET", "http://x/") as response:
                for part in response.iter_bytes() if made is None else made.body(response):
                    body += part
        except httpx.HTTPError as found:
            ending = repr(found)
        return body, ending, any(one.is_idle() for one in pool.connections)


def chunked(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)


def divided(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    return [data[start:end] for start, end in pairwise(places)]


PARTS = st.lists(st.sampled_from([b"a", b"\r\n", b"data: x\n\n", b"\r\n\r\n", b"5\r\n", b"w" * 300]), max_size=6)
ENDS = st.sampled_from(
    [b"0\r\n\r\n", b"0\r\nx-trailer: 1\r\n\r\n", b"", b"5", b"5\r\nab", b"zz\r\n", b"3;name=1\r\nabc\r\n0\r\n\r\n", b"-5\r\nabcde\r\n"]
)  # fmt: skip


@given(PARTS, ENDS, st.lists(st.integers(1, 500), max_size=12), st.booleans())
def test_body_end_and_error_are_those_of_httpx_however_the_bytes_are_divided(parts, end, cuts, hint):
    data = (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" if hint else b"") + HEAD + chunked(*parts) + end
    assert read_all(divided(data, cuts)) == read_all([data], past_httpx=False)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab\n\ncd",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end\r\n\r\nof the connection",
        b"HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n" + chunked(b"a\r\n\r\nb") + b"0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: identity\r\ntransfer-encoding: chunked\r\n\r\n"
        + chunked(b"a")
        + b"0\r\n\r\n",
        b"not HTTP\r\n\r\n",
    ],
)
def test_other_responses_are_left_to_httpx(data):
    whole = read_all([data], past_httpx=False)
    assert read_all([data]) == read_all(divided(data, [3, 40, 60])) == whole


def test_a_chunk_is_read_as_far_as_it_has_arrived():
    stream = Socket([HEAD, b"a\r\nfirst", b"other\r\n0\r\n\r\n"])
    made = Connection(stream)
    transport = httpx.HTTPTransport(verify=False)
    transport._pool = httpcore.ConnectionPool(network_backend=Backend(stream))
    with httpx.Client(transport=transport) as http, http.stream("GET", "http://x/") as response:
        assert list(made.body(response)) == [b"first", b"other"]


def test_an_error_of_the_connection_is_httpx_own():
    body, ending, _ = read_all([HEAD + chunked(b"a")], error=httpcore.ReadError("reset"))
    assert (body, ending) == (b"a", "ReadError('reset')")
