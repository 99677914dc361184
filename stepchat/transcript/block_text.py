"""The text of a block as it was said, and which part of it each character on the screen stands for."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final
from unicodedata import category

from stepchat.text.sanitize import sanitize_for_clipboard, sanitize_for_display
from stepchat.transcript.find.text_index import BlockText
from stepchat.transcript.layout.layout import shown_code
from stepchat.transcript.markdown.cursor import LONGEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stepchat.transcript.cell_map import CellMap
    from stepchat.transcript.markdown.blocks import Block

_WORD: Final = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]}']|\w+(?:[-./\\'’@~+:]+\w+)*|[^\w\s]+")
"""Addresses, paths, names with dots and hyphens are one word, without the punctuation behind them."""
_JOINER: Final = "\u200d"
_JOINS: Final = re.compile("[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff]")
"""Belongs to what stands before it: variation selectors, the frame of a key, the colour of a skin."""
_LETTER_OF_FLAG: Final = re.compile("[\U0001f1e6-\U0001f1ff]")


@dataclass(frozen=True, slots=True)
class SourceMap:
    """`starts` and `ends` tell of each character that is counted on the screen from where to where it is in the text."""

    text: str
    starts: list[int]
    ends: list[int]

    def slice(self, first: int, end: int) -> str:
        """What the characters from `first` to before `end` stand for; nothing is cut that is seen as one."""
        if not 0 <= first < end <= len(self.starts):
            return ""
        found = self.text[self.starts[first] : self.ends[end - 1]]
        return sanitize_for_clipboard(found)

    def snap(self, first: int, end: int) -> tuple[int, int]:
        """The same with the rest of what is seen as one."""
        if not 0 <= first < end <= len(self.starts):
            return first, end
        return bisect_left(self.starts, self.starts[first]), bisect_right(self.starts, self.starts[end - 1])

    def word(self, at: int) -> tuple[int, int] | None:
        """The characters of the word that this one is in."""
        if not 0 <= at < len(self.starts):
            return None
        for found in _WORD.finditer(self.text):
            if found.start() <= self.starts[at] < found.end():
                return bisect_left(self.starts, found.start()), bisect_left(self.starts, found.end())
        return None


def source_map(block: Block, measured: CellMap) -> SourceMap:
    """The text in one line unless it has line breaks of its own; the cells of a table's row with tabs between them."""
    every = measured.every
    said = "\t".join(passage.text for passage in BlockText(block, whole=True).runs())
    found = _counted(said, every=every)
    if len(found.starts) == measured.total:
        return found
    # What is not all on the screen, or more than was said.
    rows = range(len(measured.texts))
    stretches = sorted(chain.from_iterable(map(measured.runs, rows)), key=lambda stretch: stretch.before)
    return _counted(("" if every else " ").join(stretch.text for stretch in stretches), every=every)


def _counted(text: str, *, every: bool) -> SourceMap:
    starts: list[int] = []
    ends: list[int] = []
    for first, end in clusters(text):
        if every and text[first] == "\t" and len(text) <= LONGEST:
            count = len(shown_code(text[:end])) - len(shown_code(text[:first]))
        elif every:
            count = len(sanitize_for_display(text[first:end]))
        else:
            count = len("".join(sanitize_for_display(text[first:end]).split()))
        starts += [first] * count
        ends += [end] * count
    return SourceMap(text, starts, ends)


def clusters(text: str) -> Iterator[tuple[int, int]]:
    """What is seen as one character: letters with their marks, emoji that are put together, flags."""
    if text.isascii():
        yield from ((place, place + 1) for place in range(len(text)))
        return
    first = letters = 0
    for place, character in enumerate(text):
        before = text[place - 1] if place else ""
        is_letter = _LETTER_OF_FLAG.match(character) is not None
        joins = (
            _JOINER in {before, character}
            or (is_letter and letters % 2 == 1)
            or _JOINS.match(character) is not None
            or category(character)[0] == "M"
        )
        letters = letters + 1 if is_letter else 0
        if place and not joins:
            yield first, place
            first = place
    if text:
        yield first, len(text)
