"""The text of one channel while it grows: pieces are kept as they come, and read only when somebody wants to see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat.transcript.markdown.incremental import IncrementalParser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepchat.transcript.markdown.blocks import Block, Voice

_FENCE = "``````````json\n"
"""Longer than any that an answer may hold."""
_JSON = ("{", "[")
_AT_A_TIME: Final = 16_000
"""Letters, read in about two milliseconds."""


class StreamingText:
    """`add` costs nothing but a place in a list; `parse_new` reads what has come since."""

    def __init__(self, voice: Voice, *, first_gap: int = 1, as_json: bool = False) -> None:
        """`as_json` shows JSON as a block of code, whatever stands in its texts."""
        self._pieces: list[str] = []
        self._made = (voice, as_json)
        self._read = 0
        self._splitter = IncrementalParser(voice, first_gap=first_gap)
        self._finished = False
        self._blank = True
        self._as_json = as_json
        self.length = 0

    def __bool__(self) -> bool:
        """Whether there is anything to read."""
        return not self._blank

    @property
    def blocks(self) -> list[Block]:
        return self._splitter.blocks

    @property
    def source(self) -> str:
        return "".join(self._pieces)

    def add(self, text: str) -> None:
        if text:
            self._pieces.append(text)
            self.length += len(text)
            self._blank = self._blank and text.isspace()

    def parse_new(self) -> int:
        """Bring the blocks up to date. Returns the place of the first that may have changed."""
        if self._read == len(self._pieces):
            return len(self.blocks)
        if self._as_json:
            start = self.source.lstrip()[:1]
            if not start:
                return len(self.blocks)
            self._as_json = False
            if start in _JSON:
                self._splitter.feed(_FENCE)
        new = "".join(self._pieces[self._read :])
        self._read = len(self._pieces)
        return self._splitter.feed(new)

    def finish(self) -> int:
        """The text has ended. Returns the place of the first block that may have changed."""
        if self._finished:
            return len(self.blocks)
        self._finished = True
        return min(self.parse_new(), self._splitter.finish())

    def fresh_blocks(self) -> Iterator[Block | None]:
        """The blocks of the whole text, made anew for whoever asks; None in between, where that takes its time."""
        voice, as_json = self._made
        other, source = StreamingText(voice, as_json=as_json), self.source
        for start in range(0, len(source), _AT_A_TIME):
            other.add(source[start : start + _AT_A_TIME])
            other.parse_new()
            yield None
        other.finish()
        yield from other.blocks
