"""Parses a growing Markdown text into blocks. Closed blocks are final.

The incomplete last line is shown as far as it has arrived. Once its nature is decided, more of it only makes its block
longer; until then it is undone and read again when more arrives. The blocks do not depend on how the text was split into
pieces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat.transcript.markdown import block_starts
from stepchat.transcript.markdown.block_parser import BlockParser
from stepchat.transcript.markdown.block_starts import LINE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepchat.transcript.markdown.blocks import Block, Links, Voice
    from stepchat.transcript.markdown.containers import ParserSnapshot


class IncrementalParser:
    """Feed text, read `blocks`."""

    def __init__(self, voice: Voice = "answer", *, first_gap: int = 1) -> None:
        self._parser = BlockParser(voice, first_gap)
        self.blocks: list[Block] = self._parser.blocks
        self._line_so_far = ""
        self._endless = False
        """The current line exceeds the limit, and its beginning is in the blocks already."""
        self._carriage_return = False
        self._before: ParserSnapshot | None = None
        """The state before the incomplete line was read."""
        self._decided = False
        """Nothing that follows can change the nature of the incomplete line."""

    @property
    def links(self) -> Links:
        return self._parser.links

    def feed(self, text: str) -> int:
        """Adds text. Returns the index of the first block that may have changed."""
        text = self._plain_newlines(text)
        if not text:
            return len(self.blocks)
        dirty = self._take_back()
        if self._endless or self._decided:
            head, newline, text = text.partition("\n")
            self._extend(head)
            if not newline:
                return dirty
            self._end_line()
            self._line_so_far = ""
        *lines, self._line_so_far = (self._line_so_far + text).split("\n")
        for line in lines:
            self._complete(line)
        self._show_line_so_far()
        return dirty

    def finish(self) -> int:
        """Ends the text. Returns the index of the first block that may have changed."""
        dirty = self._take_back()
        self._carriage_return = False
        if self._endless or self._decided:
            self._end_line()
        elif self._line_so_far:
            self._complete(self._line_so_far)
        self._line_so_far = ""
        self._parser.finish()
        return dirty

    def _plain_newlines(self, text: str) -> str:
        """Turns CR and CRLF into LF; a CR at the end waits for what follows."""
        if self._carriage_return:
            text = "\r" + text
            self._carriage_return = False
        if "\r" not in text:
            return text
        if text.endswith("\r"):
            self._carriage_return = True
            text = text[:-1]
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def _complete(self, line: str) -> None:
        if len(line) <= LINE_LIMIT:
            self._parser.line(line)
            self._parser.settle()
        else:
            self._begin_endless(line)
            self._end_line()

    def _show_line_so_far(self) -> None:
        line = self._line_so_far
        if not line:
            return
        if len(line) > LINE_LIMIT:
            self._line_so_far = ""
            self._begin_endless(line)
        elif not block_starts.undecided(line, in_fence=self._parser.in_fence):
            before = self._parser.save()
            self._parser.line(line)
            self._decided = self._parser.is_decided(before, line)
            self._before = None if self._decided else before

    def _extend(self, text: str) -> None:
        """Adds more of a line whose beginning is in the blocks already."""
        self._parser.extend(text, stable=self._endless)
        if self._decided:
            self._line_so_far += text
            if len(self._line_so_far) > LINE_LIMIT:
                self._line_so_far, self._decided, self._endless = "", False, True
                self._parser.extend("", stable=True)

    def _begin_endless(self, line: str) -> None:
        self._endless = True
        self._parser.line(line[:LINE_LIMIT])
        self._parser.extend(line[LINE_LIMIT:], stable=True)

    def _end_line(self) -> None:
        if self._endless:
            self._parser.end_endless()
        self._decided = self._endless = False
        self._parser.settle()

    def _take_back(self) -> int:
        """Undoes the incomplete line. Returns the index of the first block that this or any later line may change."""
        if self._before is not None:
            self._parser.restore(self._before)
            self._before = None
        return max(0, len(self.blocks) - 1)


_FENCE = "``````````json\n"
"""Longer than any fence that an answer may contain."""
_JSON = ("{", "[")
_AT_A_TIME: Final = 16_000
"""Characters, parsed in about two milliseconds."""
_SMALL_PIECES: Final = 512
"""Pieces to keep before they are joined: each costs more memory than a token's text."""


class StreamingText:
    """The growing text of one channel. `add` only appends to a list; `parse_new` parses what has arrived since."""

    def __init__(self, voice: Voice, *, first_gap: int = 1, as_json: bool = False) -> None:
        """With `as_json`, JSON is shown as a code block, whatever its strings contain."""
        self._pieces: list[str] = []
        self._joined = 0
        """The pieces before this one are large."""
        self._read = 0
        """The pieces before this one have been parsed."""
        self._made = (voice, as_json)
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
            if len(self._pieces) - self._joined > _SMALL_PIECES:
                self._join_pieces()

    def _join_pieces(self) -> None:
        """Joins the small pieces, those that have been parsed and the others."""
        parsed, new = self._pieces[self._joined : self._read], self._pieces[max(self._joined, self._read) :]
        self._pieces[self._joined :] = ["".join(part) for part in (parsed, new) if part]
        self._read = min(self._read, self._joined + 1)
        self._joined = len(self._pieces)

    def parse_new(self) -> int:
        """Brings the blocks up to date. Returns the index of the first one that may have changed."""
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
        """Ends the text. Returns the index of the first block that may have changed."""
        if self._finished:
            return len(self.blocks)
        self._finished = True
        return min(self.parse_new(), self._splitter.finish())

    def fresh_blocks(self) -> Iterator[Block | None]:
        """The blocks of the whole text, parsed again for the caller; None in between, where it takes time."""
        voice, as_json = self._made
        other, source = StreamingText(voice, as_json=as_json), self.source
        for start in range(0, len(source), _AT_A_TIME):
            other.add(source[start : start + _AT_A_TIME])
            other.parse_new()
            yield None
        other.finish()
        yield from other.blocks
