"""The colours of code blocks: line by line while they are written, then as a whole, in slices of time for large ones."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final

from stepchat.transcript.markdown import highlighting
from stepchat.transcript.markdown.streaming_highlighting import StreamingHighlighter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stepchat.transcript.markdown.blocks import Fence
    from stepchat.transcript.markdown.highlighting import Colored

AT_ONCE: Final = 2000
"""Characters that may be highlighted while a frame waits: about 4 ms."""
_MOST_BLOCKS: Final = 64
_NOTHING: Final[list[Colored]] = []


class HighlightCache:
    """Remembers the coloured lines of recent code blocks. `shown` makes a line fit to be shown."""

    def __init__(self, shown: Callable[[str], str]) -> None:
        self._shown = shown
        self._lines: OrderedDict[Fence, list[list[Colored]] | None] = OrderedDict()
        self._growing: tuple[Fence, StreamingHighlighter] | None = None
        self._jobs: deque[tuple[Fence, list[list[Colored]], Iterator[list[Colored]]]] = deque()

    @property
    def has_work(self) -> bool:
        return bool(self._jobs)

    def line(self, fence: Fence, number: int) -> list[Colored] | None:
        """One coloured line, the same object as long as it looks the same; None while it is unknown."""
        whole = self._whole(fence)
        if whole is not None:
            return whole[number] if number < len(whole) else _NOTHING
        if self._growing is None or self._growing[0] is not fence:
            if fence.closed or not fence.language:
                return None
            self._growing = (fence, StreamingHighlighter(fence.language, self._shown))
        return self._growing[1].line(fence.lines, number)

    def _whole(self, fence: Fence) -> list[list[Colored]] | None:
        """The coloured lines of a block that is closed; None while they are unknown, or when it stays plain."""
        if not fence.closed or not fence.language:
            return None
        if fence in self._lines:
            self._lines.move_to_end(fence)
            return self._lines[fence]
        source = "\n".join([self._shown(line.text) for line in fence.lines])
        self._lines[fence] = None
        if highlighting.can_highlight(fence.language, source):
            coloured = highlighting.highlight(fence.language, source)
            if len(source) <= AT_ONCE:
                self._lines[fence] = list(coloured)
            else:
                self._jobs.append((fence, [], coloured))
        while len(self._lines) > _MOST_BLOCKS:
            self._lines.popitem(last=False)
        return self._lines[fence]

    def work(self, seconds: float) -> bool:
        """Highlight for about so long. True when a block is done."""
        end = time.perf_counter() + seconds
        done = False
        while self._jobs and time.perf_counter() < end:
            fence, found, coloured = self._jobs[0]
            line = next(coloured, None)
            if line is not None:
                found.append(line)
                continue
            self._jobs.popleft()
            self._lines[fence] = found
            done = True
        return done
