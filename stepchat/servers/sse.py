"""Parses server-sent events by the WHATWG rules, with two exceptions (docs/protocol.md, Server-sent events).

1. A server may end its stream without the last empty line. `close(clean=True)` then accepts a pending event that is
   `[DONE]` or complete JSON.
2. Old llama.cpp servers report a failure in a field named `error`, which the rules would ignore. Such a line becomes an
   event named `error` at once, without affecting the event around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stepchat import lossless_json

if TYPE_CHECKING:
    from collections.abc import Iterable

_MARK = b"\xef\xbb\xbf"
_CR = 0x0D
_LINE_ENDS = b"\r\n"


class SseEvent(NamedTuple):
    """One event. `event` is "" for an ordinary message. A tuple, because a dataclass takes twice as long to create.

    Ids and reconnection times are ignored, because an interrupted stream is never resumed.
    """

    data: str
    event: str = ""


class SseTooLargeError(ValueError):
    """An event or a line exceeds the limit. Nothing more can be read from this stream."""


class SseParser:
    """Turns bytes into events as they arrive. `limit` is the largest event in bytes."""

    def __init__(self, *, limit: int = 64 * 1024 * 1024) -> None:
        self._limit = limit
        self._at_start = True
        self._after_cr = False
        self._line = bytearray()
        """The unfinished line."""
        self._data: list[bytes] = []
        self._size = 0
        """Bytes in the data lines of the unfinished event."""
        self._name = ""
        self._too_large = False

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """Returns the events that these bytes complete. The cost is linear, however the bytes are divided.

        Raises SseTooLargeError. If events were complete before the large one, it returns them, and the next call raises.
        """
        if self._too_large:
            raise self._too_large_error()
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if self._at_start:
            chunk = self._without_mark(chunk)
        if not chunk:
            return []
        lines = chunk.splitlines()  # of bytes: at CR, LF and CRLF only
        self._after_cr = chunk[-1] == _CR
        rest = b"" if chunk[-1] in _LINE_ENDS else lines.pop()
        if lines and self._line:
            self._line += lines[0]
            lines[0] = bytes(self._line)
            self._line.clear()
        events: list[SseEvent] = []
        self._read_lines(lines, events)
        self._line += rest
        if self._too_large or self._size + len(self._line) > self._limit:
            self._too_large = True
            self._clear()
            if not events:
                raise self._too_large_error()
        return events

    def close(self, *, clean: bool) -> list[SseEvent]:
        """End the input and return the pending event, if any. After a network error (not `clean`) it is dropped.

        Raises SseTooLargeError if the last call of `feed` exceeded the limit and returned events instead.
        """
        if self._too_large:
            raise self._too_large_error()
        events: list[SseEvent] = []
        if clean:
            line = bytes(self._line)
            if line.startswith((b"data:", b"error:")):  # other fields may be truncated, and do not end an event
                self._read_lines([line], events)
            self._dispatch(events)
        self._clear()
        return [event for event in events if _is_complete(event.data)]

    def _without_mark(self, chunk: bytes) -> bytes:
        """Remove a byte order mark. Holds the first bytes until it is clear whether they are one."""
        chunk = bytes(self._line) + chunk
        if len(chunk) < len(_MARK) and _MARK.startswith(chunk):
            self._line[:] = chunk
            return b""
        self._at_start = False
        self._line.clear()
        return chunk.removeprefix(_MARK)

    def _read_lines(self, lines: Iterable[bytes], events: list[SseEvent]) -> None:
        """Interpret complete lines. Stops at the first one that is too large."""
        data = self._data
        for line in lines:
            if not line:
                if data:
                    self._dispatch(events)
                self._name = ""
                continue
            length = self._size + len(line)
            if length > self._limit:
                self._too_large = True
                return
            if line.startswith(b"data:"):
                data.append(line[6:] if line.startswith(b"data: ") else line[5:])
                self._size = length
            elif not line.startswith(b":"):
                self._read_field(line, events)

    def _read_field(self, line: bytes, events: list[SseEvent]) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._data.append(value)
                self._size += len(line)
            case b"event":
                self._name = _text(value)
            case b"error" if value:
                events.append(SseEvent(_text(value), "error"))
            case _:
                pass

    def _dispatch(self, events: list[SseEvent]) -> None:
        if not self._data:
            return
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        events.append(SseEvent(data.decode("utf-8", "replace"), self._name))
        self._data.clear()
        self._size = 0
        self._name = ""

    def _clear(self) -> None:
        self._line.clear()
        self._data.clear()
        self._size = 0

    def _too_large_error(self) -> SseTooLargeError:
        return SseTooLargeError(f"The server sent an event of more than {self._limit} bytes.")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _is_complete(data: str) -> bool:
    if data == "[DONE]":
        return True
    try:
        lossless_json.loads(data)
    except ValueError:
        return False
    return True
