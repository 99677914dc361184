"""What a stream adds up to: bytes through the parser, the reader and the draft, as the client does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stepchat import lossless_json
from stepchat.chat.accumulator import AnswerAccumulator
from stepchat.messages import AssistantMessage, to_json
from stepchat.servers.chunks import ChunkReader
from stepchat.servers.sse import SseParser
from tests.fakes import stream_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepchat.errors import StepchatError
    from stepchat.events import Delta


class Read:
    """What a stream, read in these pieces, adds up to."""

    def __init__(self, parts: Iterable[bytes], **options: Any) -> None:
        self.reader = ChunkReader(**options)
        self.deltas: list[Delta] = []
        self._draft = AnswerAccumulator(AssistantMessage())
        parser = SseParser()
        for part in parts:
            self._take(self.reader.read(parser.feed(part)))
        self._take(self.reader.read(parser.close(clean=True)))
        self._take(self.reader.close())
        self.message = self._draft.message()

    def _take(self, delta: Delta | None) -> None:
        if delta is not None:
            self.deltas.append(delta)
            self._draft.add(delta)

    @property
    def failure(self) -> StepchatError | None:
        return self.reader.failure

    @property
    def outcome(self) -> tuple[Any, ...]:
        """Everything that must not depend on the cuts."""
        message = lossless_json.dumps(to_json(self.message))
        return message, str(self.failure), self.reader.complete, self.reader.done, self.reader.bad_chunks


def chunk(delta: dict[str, Any] | None = None, finish: Any = None, **more: Any) -> dict[str, Any]:
    return {"id": "gen-1", "choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}], **more}


def say(*chunks: Any, done: bool = True, **options: Any) -> Read:
    return Read([stream_of(*chunks, done=done)], **options)


def both(words: str) -> dict[str, Any]:
    entry = {"type": "reasoning.text", "text": words, "format": "unknown", "index": 0}
    return chunk({"role": "assistant", "content": "", "reasoning": words, "reasoning_details": [entry]})


def listed(words: str, **more: Any) -> dict[str, Any]:
    return chunk({"reasoning_details": [{"type": "reasoning.text", "text": words, **more}]})
