"""The width of text in terminal cells: rich's count, corrected where it is too low.

Rich gives no cell to spacing combining marks, as in Devanagari, Tamil or Javanese. Xterm, tmux and most others give them
one; some join them with their letter. So such a mark counts as one cell here, and in a row to be painted EXTRA_CELL
precedes it: then rich and Textual count it as well, and never separate the two. EXTRA_CELL never reaches the terminal:
tui/terminal/output.py removes it, and moves the cursor to the calculated end of the word.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size, split_graphemes

if TYPE_CHECKING:
    from collections.abc import Sequence

_FLAGS: Final = re.compile("[\U0001f1e6-\U0001f1ff]+$")
"""Regional indicators, two of which are a flag; rich does not join them."""
_LONGEST_GRAPHEME: Final = 100
"""Characters of a cluster; longer ones are split."""
EXTRA_CELL: Final = "\ufdd0"
"""Not a character; `sanitize` removes it from any text, so this one is always ours."""

UNSURE: Final = "\u2630-\u2637\u268a-\u268f\u2ffc-\u2fff\u31e4-\u31ef"  # wide since Unicode 15 or 16
UNSURE_FAR: Final = "\U0001d300-\U0001d376\U0001f6d5-\U0001f6df\U0001f7f0\U0001fa70-\U0001faff"  # the same; new emoji
"""Characters that older terminals give fewer cells than rich does, as the contents of a regular expression's set."""

UNDERCOUNTED_AREA: Final = "\u0903-\u1cf7\u3248-\u324f\ua823-\uabec"
_UNDERCOUNTED_AREA: Final = re.compile(f"[{UNDERCOUNTED_AREA}\U00011000-\U0001d172]")
"""A few ranges around the undercounted characters: a quick first test, which a set of many scattered characters is not."""

_UNDERCOUNTED: Final = (  # spacing combining marks (category Mc), and numbers in black squares
    "\u0903\u093b\u093e-\u0940\u0949-\u094c\u094e\u094f\u0982\u0983\u09be-\u09c0\u09c7\u09c8\u09cb\u09cc\u09d7"
    "\u0a03\u0a3e-\u0a40\u0a83\u0abe-\u0ac0\u0ac9\u0acb\u0acc\u0b02\u0b03\u0b3e\u0b40\u0b47\u0b48\u0b4b\u0b4c\u0b57"
    "\u0bbe\u0bbf\u0bc1\u0bc2\u0bc6-\u0bc8\u0bca-\u0bcc\u0bd7\u0c01-\u0c03\u0c41-\u0c44\u0c82\u0c83\u0cbe"
    "\u0cc0-\u0cc4\u0cc7\u0cc8\u0cca\u0ccb\u0cd5\u0cd6\u0cf3\u0d02\u0d03\u0d3e-\u0d40\u0d46-\u0d48\u0d4a-\u0d4c"
    "\u0d57\u0d82\u0d83\u0dcf-\u0dd1\u0dd8-\u0ddf\u0df2\u0df3\u0f3e\u0f3f\u0f7f\u102b\u102c\u1031\u1038\u103b\u103c"
    "\u1056\u1057\u1062-\u1064\u1067-\u106d\u1083\u1084\u1087-\u108c\u108f\u109a-\u109c\u1715\u1734\u17b6"
    "\u17be-\u17c5\u17c7\u17c8\u1923-\u1926\u1929-\u192b\u1930\u1931\u1933-\u1938\u1a19\u1a1a\u1a55\u1a57\u1a61"
    "\u1a63\u1a64\u1a6d-\u1a72\u1b04\u1b35\u1b3b\u1b3d-\u1b41\u1b43\u1b44\u1b82\u1ba1\u1ba6\u1ba7\u1baa\u1be7"
    "\u1bea-\u1bec\u1bee\u1bf2\u1bf3\u1c24-\u1c2b\u1c34\u1c35\u1ce1\u1cf7\u3248-\u324f\ua823\ua824\ua827\ua880"
    "\ua881\ua8b4-\ua8c3\ua952\ua953\ua983\ua9b4\ua9b5\ua9ba\ua9bb\ua9be-\ua9c0\uaa2f\uaa30\uaa33\uaa34\uaa4d\uaa7b"
    "\uaa7d\uaaeb\uaaee\uaaef\uaaf5\uabe3\uabe4\uabe6\uabe7\uabe9\uabea\uabec"
)
_UNDERCOUNTED_FAR: Final = (
    "\U00011000\U00011002\U00011082\U000110b0-\U000110b2\U000110b7\U000110b8\U0001112c\U00011145\U00011146"
    "\U00011182\U000111b3-\U000111b5\U000111bf\U000111c0\U000111ce\U0001122c-\U0001122e\U00011232\U00011233"
    "\U00011235\U000112e0-\U000112e2\U00011302\U00011303\U0001133e\U0001133f\U00011341-\U00011344\U00011347"
    "\U00011348\U0001134b-\U0001134d\U00011357\U00011362\U00011363\U000113b8-\U000113ba\U000113c2\U000113c5"
    "\U000113c7-\U000113ca\U000113cc\U000113cd\U000113cf\U00011435-\U00011437\U00011440\U00011441\U00011445"
    "\U000114b0-\U000114b2\U000114b9\U000114bb-\U000114be\U000114c1\U000115af-\U000115b1\U000115b8-\U000115bb"
    "\U000115be\U00011630-\U00011632\U0001163b\U0001163c\U0001163e\U000116ac\U000116ae\U000116af\U000116b6"
    "\U0001171e\U00011720\U00011721\U00011726\U0001182c-\U0001182e\U00011838\U00011930-\U00011935\U00011937"
    "\U00011938\U0001193d\U00011940\U00011942\U000119d1-\U000119d3\U000119dc-\U000119df\U000119e4\U00011a39"
    "\U00011a57\U00011a58\U00011a97\U00011b61\U00011b65\U00011b67\U00011c2f\U00011c3e\U00011ca9\U00011cb1\U00011cb4"
    "\U00011d8a-\U00011d8e\U00011d93\U00011d94\U00011d96\U00011ef5\U00011ef6\U00011f03\U00011f34\U00011f35"
    "\U00011f3e\U00011f3f\U00011f41\U0001612a-\U0001612c\U00016f51-\U00016f87\U0001d165\U0001d166"
    "\U0001d16d-\U0001d172"
)
_WIDEST: Final = 2


def cells(text: str) -> int:
    if text.isascii():
        return len(text)
    return cell_len(text) + undercounted_cells(text)


def undercounted_cells(text: str) -> int:
    """The number of characters that take one cell more than rich counts."""
    return len(_undercounted().findall(text)) if _UNDERCOUNTED_AREA.search(text) else 0


def graphemes(text: str) -> list[tuple[int, int, int]]:
    """Grapheme clusters of at most two cells each: begin, end, cells."""
    found = split_graphemes(text)[0]
    if not _UNDERCOUNTED_AREA.search(text):
        return found
    marks = _undercounted()
    parts: list[tuple[int, int, int]] = []
    for start, end, size in found:
        begins, used = start, size
        for mark in marks.finditer(text, start, end):
            if used == _WIDEST:
                parts.append((begins, mark.start(), used))
                begins, used = mark.start(), 0
            used += 1
        parts.append((begins, end, used))
    return parts


def grapheme_left(text: str, at: int) -> int:
    """The start of the grapheme cluster before the cursor: an emoji with its joiners, a letter with its accents."""
    start = max(text.rfind("\n", 0, at) + 1, at - _LONGEST_GRAPHEME)
    if start == at:
        return max(0, at - 1)
    if flags := _FLAGS.search(text, start, at):
        return at - 2 + len(flags[0]) % 2
    return start + split_graphemes(text[start:at])[0][-1][0]


def pad_for_rich(text: str) -> str:
    """Text for a row, padded so that rich counts `cells(text)`."""
    if text.isascii() or not _UNDERCOUNTED_AREA.search(text):
        return text
    return _undercounted().sub(rf"{EXTRA_CELL}\g<0>", text)


def pad_ranges_for_rich(text: str, ranges: Sequence[tuple[int, int]]) -> tuple[str, Sequence[tuple[int, int]]]:
    """Pads a text, and adjusts the ranges in it."""
    if not undercounted_cells(text):
        return text, ranges
    return pad_for_rich(text), [
        (start + undercounted_cells(text[:start]), end + undercounted_cells(text[:end])) for start, end in ranges
    ]


def unpad(text: str) -> str:
    """Reverses `pad_for_rich`."""
    return text.replace(EXTRA_CELL, "")


@cache
def _undercounted() -> re.Pattern[str]:
    return re.compile(f"[{_UNDERCOUNTED}]|(?=[\U00011000-\U0001d172])[{_UNDERCOUNTED_FAR}]")


def pad(text: str, width: int) -> str:
    """Exactly `width` cells; an ellipsis marks a cut."""
    return set_cell_size(truncate(text, width), max(0, width))


def truncate(text: str, width: int) -> str:
    """At most `width` cells; an ellipsis marks a cut."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def align(text: str, width: int, *, left: bool = False) -> str:
    """Exactly `width` cells, aligned right unless `left`."""
    shown = truncate(text, width)
    blank = " " * (width - cell_len(shown))
    return shown + blank if left else blank + shown
