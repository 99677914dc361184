"""Sends frames to the client at the speed of a model: in bursts, and never slower than requested."""

from __future__ import annotations

import time
from itertools import cycle
from typing import TYPE_CHECKING

from stepchat.demo.chunks import COMMENT, StreamWriter, completion
from stepchat.demo.steps import Drop, Wait
from stepchat.lossless_json import dumps_for_storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stepchat.demo.answer import Answer
    from stepchat.demo.chunks import Frame, Generation
    from stepchat.demo.connection import Connection
    from stepchat.demo.steps import Framing, Step

SPEED = 180.0
"""Tokens per second by default."""
LEAD = 0.5
"""Seconds until the provider responds, at that speed."""
_BURSTS = (1, 2, 4, 3, 1, 5, 2, 6, 1, 3)
_COMMENT_EVERY = 0.8
_SMALLEST_NAP = 0.003
_FULL = 32_768
_ODD_SIZES = (1, 2, 3, 5, 7, 11, 4, 1, 13, 17)


class Player:
    """Plays one answer to one client. `speed` is in tokens per second, 0 as fast as possible."""

    def __init__(
        self,
        connection: Connection,
        speed: float,
        framing: Framing,
        answer: Answer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._speed = speed
        self._framing = framing
        self._answer = answer
        self._clock = clock
        self._sizes = cycle(_ODD_SIZES)
        self._bursts = cycle(_BURSTS)

    def stream(self, steps: Iterator[Step], generation: Generation, headers: tuple[tuple[str, str], ...]) -> bool:
        """Send the stream. Returns False if the script broke the connection. Raises ClientLeftError."""
        self._connection.start(200, [("content-type", "text/event-stream"), ("cache-control", "no-cache"), *headers])
        frames = StreamWriter(generation, self._framing, self._answer).frames(steps)
        dropped = self._play(frames)
        if dropped is not None:
            self._connection.drop(reset=dropped.reset)
            return False
        self._connection.end()
        return True

    def whole(self, steps: Iterator[Step], generation: Generation, headers: tuple[tuple[str, str], ...]) -> bool:
        """Send the same answer as one JSON object, after the same time."""
        seconds = 0.0
        for frame in StreamWriter(generation, self._framing, self._answer).frames(steps):
            match frame:
                case Wait():
                    seconds += frame.seconds
                case Drop():
                    self._connection.drop(reset=frame.reset)
                    return False
                case (_, tokens):
                    seconds += tokens / self._speed if self._speed else 0.0
        self._answer.first_token = self._clock()
        self._connection.wait(seconds)
        body = dumps_for_storage(completion(generation, self._answer)).encode()
        self._connection.respond(200, [("content-type", "application/json"), *headers], body)
        return True

    def _play(self, frames: Iterator[Frame]) -> Drop | None:
        """Send frames when they are due. Tokens are timed from the last wait, so that delays are made up."""
        out = bytearray()
        start = sent = self._clock()
        played, burst = 0, 1
        for frame in frames:
            match frame:
                case Wait():
                    self._flush(out)
                    self._idle(frame)
                    start, played, burst = self._clock(), 0, 1
                    continue
                case Drop():
                    self._flush(out)
                    return frame
                case (data, tokens):
                    out += data
                    played += tokens
            if played < burst and len(out) < _FULL:
                continue
            if tokens and self._answer.first_token is None:
                self._answer.first_token = self._clock()
            now = self._clock()
            due = start + played / self._speed if self._speed else now
            if due > now:
                self._connection.wait(due - now)
            elif now - sent < _SMALLEST_NAP and len(out) < _FULL:
                continue
            self._flush(out)
            sent = self._clock()
            burst = played + max(next(self._bursts), int(self._speed * _SMALLEST_NAP))
        self._flush(out)
        return None

    def _idle(self, step: Wait) -> None:
        if not step.comments:
            self._connection.wait(step.seconds)
            return
        left = step.seconds
        comment = f"{COMMENT}{self._framing.newline * 2}".encode()
        while True:
            self._send(comment)
            if left <= 0:
                return
            nap = min(left, _COMMENT_EVERY)
            self._connection.wait(nap)
            left -= nap

    def _flush(self, out: bytearray) -> None:
        if out:
            self._connection.wait(0)
            self._send(bytes(out))
            out.clear()

    def _send(self, data: bytes) -> None:
        if not self._framing.chopped:
            self._connection.send(data)
            return
        start = 0
        while start < len(data):
            size = next(self._sizes)
            self._connection.send(data[start : start + size])
            start += size
