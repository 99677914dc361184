"""Server-sent events: bytes to events by the WHATWG rules, with two exceptions (docs/protocol.md, Server-sent events).

1. A server may end its stream without the last empty line. `close(clean=True)` then uses what is pending if it is
   `[DONE]` or whole JSON.
2. Old llama.cpp servers report failure in a field named `error`, which the rules would ignore.
   Such a line becomes an event of its own, named `error`, at once; the event around it is not touched.
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
    """One event. `event` is "" for an ordinary message. A tuple, because it is made twice as fast as a dataclass.

    Ids and reconnection times are not kept: an answer that broke off is asked for anew, not gone on with.
    """

    data: str
    event: str = ""


class SseTooLarge(ValueError):  # noqa: N818 - it says what the matter is without a suffix
    """One event, or one line, is longer than the limit; nothing more can be read from this stream."""


class SseParser:
    """Takes bytes as they are read and gives the events they complete. `limit` bounds one event, in bytes."""

    def __init__(self, *, limit: int = 64 * 1024 * 1024) -> None:
        self._limit = limit
        self._at_start = True
        self._after_cr = False
        self._line = bytearray()
        """The unfinished line."""
        self._data: list[bytes] = []
        self._size = 0
        """Bytes of the data lines of the unfinished event."""
        self._name = ""
        self._too_large = False

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """Read on. The cost is linear however the bytes are cut.

        Raises SseTooLarge; events that were complete before the large one are handed over first, and the next call raises.
        """
        if self._too_large:
            raise self._refusal()
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
            self._forget()
            if not events:
                raise self._refusal()
        return events

    def close(self, *, clean: bool) -> list[SseEvent]:
        """The input has ended. `clean` is False after a network error: what is pending is then dropped.

        Raises SseTooLarge when the last call of `feed` met it and could not say so.
        """
        if self._too_large:
            raise self._refusal()
        events: list[SseEvent] = []
        if clean:
            line = bytes(self._line)
            if line.startswith((b"data:", b"error:")):  # other fields may be cut short, and end no event
                self._read_lines([line], events)
            self._dispatch(events)
        self._forget()
        return [event for event in events if _is_whole(event.data)]

    def _without_mark(self, chunk: bytes) -> bytes:
        """Hold the first bytes until it is clear whether they are a byte order mark."""
        chunk = bytes(self._line) + chunk
        if len(chunk) < len(_MARK) and _MARK.startswith(chunk):
            self._line[:] = chunk
            return b""
        self._at_start = False
        self._line.clear()
        return chunk.removeprefix(_MARK)

    def _read_lines(self, lines: Iterable[bytes], events: list[SseEvent]) -> None:
        """Interpret whole lines. Stops at the first that is too large."""
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

    def _forget(self) -> None:
        self._line.clear()
        self._data.clear()
        self._size = 0

    def _refusal(self) -> SseTooLarge:
        return SseTooLarge(f"The server sent an event of more than {self._limit} bytes.")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _is_whole(data: str) -> bool:
    if data == "[DONE]":
        return True
    try:
        lossless_json.loads(data)
    except ValueError:
        return False
    return True
