"""Reads from one connection: what httpx asks for, and past it the chunks of a response.

httpx takes longer for a chunk than everything else that happens to a token, and most servers send one chunk per token.
"""

from __future__ import annotations

import re
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

READ_SIZE = 64 * 1024
FRAME = 1 / 60
"""Seconds between two reads of a slow stream: nobody can see more, and each read has a price."""
FAST = 16 * 1024
"""After a read of so many bytes, the next one does not wait."""
_BLANK_LINE = re.compile(rb"\n\r?\n")
_CHUNK_SIZE = re.compile(rb"\r\n(0{0,7}[1-9A-Fa-f][0-9A-Fa-f]{0,7})\r\n")
_INCOMPLETE = re.compile(rb"(?:\r(?:\n(?:[0-9A-Fa-f]{1,8}\r?)?)?)?")


class Connection:
    """Replaces the `read` of a network stream of httpcore."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.beginning = b""
        """The first bytes received, for errors: without a response, httpx does not say whether there were any."""
        self._read: Any = getattr(stream, "read", None)
        self._unread = b""
        self._error: Exception | None = None
        self._in_head = True
        self._at_body = False
        """Whether httpx has read the head of the response and nothing else."""
        stream.read = self.read

    def begin_request(self) -> None:
        """Expect the head of a response."""
        self._in_head = True

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What httpx reads. A head and what follows it are two reads, so that the body can be read past httpx."""
        if self._error is not None:
            raise self._error
        data = self._unread or self._received(max_bytes, timeout)
        end = min(len(data), max_bytes)
        if self._in_head:
            blank = _BLANK_LINE.search(data, 0, end)
            self._at_body = blank is not None
            end = blank.end() if blank is not None else end
        self._unread = data[end:]
        return data[:end]

    def _received(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data: bytes = self._read(max_bytes, timeout)
        if len(self.beginning) < 16:
            self.beginning += data[:16]
        return data

    def body(self, response: httpx.Response) -> Iterator[bytes]:
        """The body of the response in pieces as they arrive. Its end and its errors come from httpx."""
        self._in_head = False
        headers = response.headers
        if self._at_body and headers.get("transfer-encoding") == "chunked" and "content-encoding" not in headers:
            yield from self._chunks()
        yield from response.iter_bytes()

    def _chunks(self) -> Iterator[bytes]:
        """The data of all chunks that arrived together, up to the last chunk or anything that httpx has to judge."""
        rest, left, next_read = b"\r\n", 0, 0.0
        while True:
            sleep(max(0.0, next_read - monotonic()))
            try:
                received = self.read(READ_SIZE)
            except Exception as error:  # noqa: BLE001 - httpx raises it again, as its own
                self._error = error
                return
            next_read = monotonic() + FRAME if len(received) < FAST else 0.0
            data, at = rest + received, 0
            parts: list[bytes] = []
            while at < len(data):
                if not left:
                    size = _CHUNK_SIZE.match(data, at)
                    if size is None:
                        break
                    at, left = size.end(), int(size[1], 16)
                parts.append(data[at : at + left])
                at, left = at + len(parts[-1]), left - len(parts[-1])
            rest = data[at:]
            if parts:
                yield b"".join(parts)
            if not received or not _INCOMPLETE.fullmatch(rest):
                self._unread = rest.removeprefix(b"\r\n")
                return
