"""Sanitizes what Textual paints, as the last step before the terminal.

Removes invisible characters and those that change the writing direction, wherever they come from. After text whose width
differs between terminals, it sets the cursor to the expected column, so that nothing right of it shifts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from stepchat.text.sanitize import HARMFUL, HARMFUL_FAR
from stepchat.text.widths import EXTRA_CELL, UNDERCOUNTED_AREA, UNSURE, UNSURE_FAR, undercounted_cells, unpad

if TYPE_CHECKING:
    from collections.abc import Mapping

_HARMFUL: Final = re.compile(f"[{HARMFUL}{HARMFUL_FAR}\x80-\x9f]")
_JOINED: Final = re.compile("(?:[^\u200d]\ufe0f?\u200d)+[^\u200d]\ufe0f?")
"""Emoji sequences: one emoji in terminals that join them, several beside each other in others."""
_UNSURE: Final = re.compile(f"[{EXTRA_CELL}{UNSURE}{UNSURE_FAR}]")
_PERHAPS: Final = re.compile(f"[{HARMFUL}{UNSURE}\u200d{UNDERCOUNTED_AREA}\x80-\x9f\U00011000-\U000e0fff]")
"""Finds all of these (EXTRA_CELL is a harmful one) and more, but much faster."""
_TOKEN: Final = re.compile(
    r"\x1b\[(?:(?P<row>\d+);(?P<column>\d+)H|[0-?]*[ -/]*[@-~])"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[^\[\]]|[\x00-\x1f\x7f]"
    r"|(?P<text>[^\x00-\x1f\x7f]+)"
)
_WORDS: Final = re.compile("[^ \u2500-\u257f]+(?: [^ \u2500-\u257f]+)*")
"""Text that may shift within itself: up to the line of a table, or to more than one space."""

_JOINING_TERMS: Final = ("xterm-kitty", "xterm-ghostty", "foot", "wezterm")
_JOINING_PROGRAMS: Final = frozenset({"kitty", "ghostty", "wezterm"})
_BLANKS: Final = re.compile(" +|[^ ]+")


def joins_emoji(environ: Mapping[str, str]) -> bool:
    """Whether this terminal is known to draw emoji sequences (families, flags, skin tones) as one emoji of two cells."""
    if "TMUX" in environ or "STY" in environ:
        return False
    return (
        environ.get("TERM", "").startswith(_JOINING_TERMS)
        or environ.get("TERM_PROGRAM", "").lower() in _JOINING_PROGRAMS
        or "WT_SESSION" in environ
    )


def sanitize_output(data: str) -> str:
    """Returns the output made safe; almost always unchanged."""
    if data.isascii() or not _PERHAPS.search(data):
        return data
    data = _HARMFUL.sub(_harmless, data)
    return _anchored(data) if "\u200d" in data or _UNSURE.search(data) or undercounted_cells(data) else data


def _harmless(match: re.Match[str]) -> str:
    character = match[0]
    if character == EXTRA_CELL:
        return character
    return ("", "\ufffd", "\ufffd ")[cell_len(character)]


def _anchored(data: str) -> str:
    parts: list[str] = []
    column = shift = 0
    """The cursor's column from 1, 0 if unknown; and how much further right the terminal may have it."""
    for token in _TOKEN.finditer(data):
        text = token["text"]
        if text is None:
            parts.append(token[0])
            if token["column"]:
                column, shift = int(token["column"]), 0
            elif token[0] < " " and len(token[0]) == 1:
                column = 0
        elif not column:
            parts.append(unpad(text))
        else:
            if _UNSURE.search(text):
                parts += _anchored_words(text, column)
                shift = 0
            elif "\u200d" in text and not undercounted_cells(text):
                parts += _behind_joined(text, column)
                shift = 0
            elif shift or undercounted_cells(text):
                shift = _caught_up(text, column, shift, parts)
            else:
                parts.append(text)
            column += cell_len(text)
    return "".join(parts)


def _behind_joined(text: str, column: int) -> list[str]:
    """Set the cursor to the end of a joined emoji, over the parts that other terminals show beside it."""
    parts: list[str] = []
    at = 0
    for found in _JOINED.finditer(text):
        column += cell_len(text[at : found.end()])
        parts += [text[at : found.end()], f"\x1b[{column}G"]
        at = found.end()
    return [*parts, text[at:]]


def _caught_up(text: str, column: int, shift: int, parts: list[str]) -> int:
    """Compensates in the next wide enough blanks for spacing marks that some terminals give a cell.

    Appends to `parts`, and returns the shift that is left.
    """
    for found in _BLANKS.finditer(text):
        column += cell_len(found[0])
        parts.append(found[0])
        if found[0][0] != " ":
            shift += undercounted_cells(found[0])
        elif 0 < shift < len(found[0]):
            parts.append(f"\x1b[{column}G")
            shift = 0
    return shift


def _anchored_words(text: str, column: int) -> list[str]:
    """Blank the cells of such words before writing them: a terminal may give them fewer."""
    parts: list[str] = []
    at = 0
    for words in _WORDS.finditer(text):
        if not _UNSURE.search(words[0]):
            continue
        before, size = text[at : words.start()], cell_len(words[0])
        column += cell_len(before)
        parts += [before, " " * size, f"\x1b[{column}G", unpad(words[0]), f"\x1b[{column + size}G"]
        column += size
        at = words.end()
    return [*parts, text[at:]]
