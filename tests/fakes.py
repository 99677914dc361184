"""Servers that say what a test wants: one that a turn can talk to directly, and transports below a real `Client`."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx

from stepchat import lossless_json
from stepchat.catalogue.backends import OPENROUTER_URL, backend_for
from stepchat.events import Delta, Notice, Retrying, Silence

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence

    from stepchat.messages import Json

Step: TypeAlias = Delta | Retrying | Silence | Notice | BaseException | asyncio.Event
"""An event is waited for, an error raised, anything else yielded."""

DONE = b"data: [DONE]\n\n"


class FakeServer:
    """Plays one script per request, in order; a request too many is an AssertionError. `requests` holds the bodies.

    `playing` is true while a request is being answered; `closed` counts the requests whose generator was closed early.
    """

    def __init__(self, *scripts: Sequence[Step], base_url: str = OPENROUTER_URL, secret: str = "") -> None:
        self.base_url = base_url
        self._secret = secret
        self.backend = backend_for(base_url)
        self.requests: list[Json] = []
        self.playing = False
        self.closed = 0
        self._scripts = list(scripts)

    def redact(self, text: str) -> str:
        return text.replace(self._secret, "[removed]") if self._secret else text

    async def stream(self, body: Json, keep: Any = None) -> AsyncGenerator[Delta | Retrying | Silence | Notice]:
        # As JSON, so that what the test sees is what would have left, and is not changed later.
        self.requests.append(lossless_json.loads(lossless_json.dumps(body)))
        assert len(self.requests) <= len(self._scripts), "one request too many"
        ended = False
        self.playing = True
        try:
            for step in self._scripts[len(self.requests) - 1]:
                match step:
                    case asyncio.Event():
                        await step.wait()
                    case BaseException():
                        ended = True
                        raise step
                    case _:
                        yield step
            ended = True
        finally:
            self.playing = False
            self.closed += not ended


def event(chunk: Any) -> bytes:
    """One server-sent event: bytes as they are, text as its data, anything else as JSON."""
    if isinstance(chunk, bytes):
        return chunk
    return f"data: {chunk if isinstance(chunk, str) else lossless_json.dumps(chunk)}\n\n".encode()


def stream_of(*chunks: Any, done: bool = True) -> bytes:
    """The whole body of a stream."""
    return b"".join(map(event, chunks)) + (DONE if done else b"")


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The bytes cut at these places."""
    places = [0, *sorted(place for place in cuts if 0 < place < len(data)), len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(places)]


class Body(httpx.SyncByteStream):
    """A response body read piece by piece; an exception among the pieces is raised there."""

    def __init__(self, parts: Iterable[bytes | Exception]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            if isinstance(part, Exception):
                raise part
            yield part


def streaming(parts: Iterable[bytes | Exception], **headers: str) -> httpx.Response:
    """A 200 that streams these pieces."""
    return httpx.Response(200, headers={"content-type": "text/event-stream"} | headers, stream=Body(parts))


def sse(*chunks: Any, done: bool = True, cuts: Iterable[int] = ()) -> httpx.MockTransport:
    """A server that answers every request with this stream, cut at these bytes."""
    parts = pieces(stream_of(*chunks, done=done), cuts)
    return httpx.MockTransport(lambda _request: streaming(parts))


class Answers(httpx.BaseTransport):
    """Gives these answers one after another, an exception by raising it; `requests` holds what came."""

    def __init__(self, *answers: httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self._answers[len(self.requests) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)
