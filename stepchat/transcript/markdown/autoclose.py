"""Closes markup that is still open at the end of a growing text, so that `**bo` is bold at once and its stars never show."""

from __future__ import annotations

import re
from typing import Final

from stepchat.transcript.markdown import formulas

_RUN: Final = re.compile(
    r"(?P<formula>\$\$?|\\[(\[])|\\.|(?P<code>`+)|(?P<mark>\*{1,3}(?!\*)|_{1,3}(?!_)|~~(?!~))|\*+|_+|~+", re.DOTALL
)
_LINK_TARGET: Final = re.compile(r"(?<!\\)\]\([^()\s]*$")


def close_open_markup(source: str) -> str:
    """The text with open markup closed; an opener with nothing after it is dropped."""
    source += formulas.closing_of(source)
    opened: list[str] = []
    at = 0
    while found := _RUN.search(source, at):
        start, at = found.span()
        if found["formula"]:
            at = formulas.end(source, start, len(source)) or at
            continue
        if run := found["code"]:
            close = re.compile(rf"(?<!`){run}(?!`)").search(source, at)
            if close is None:
                return _with_code(source, start, at, opened)
            at = close.end()
        elif run := found["mark"]:
            if at == len(source):
                source = _without_half(source, start, run, opened)
                break
            _read_mark(run, source[start - 1 : start], source[at], opened)
    if _LINK_TARGET.search(source):
        source += ")"
    return _closed(source, opened)


def _read_mark(run: str, before: str, after: str, opened: list[str]) -> None:
    """A delimiter run between two characters first closes what is open, then opens."""
    if before.strip():
        while run and opened and opened[-1][0] == run[0]:
            width = min(len(run), len(opened[-1]))
            run = run[width:]
            opened[-1] = opened[-1][width:]
            if not opened[-1]:
                opened.pop()
    inside_word = before.isalnum() and (len(run) == 1 or run[:1] == "_")
    if run and not after.isspace() and not inside_word:
        opened.append(run)


def _without_half(source: str, start: int, run: str, opened: list[str]) -> str:
    """The text, which ends with a delimiter run, without that run unless it closes markup completely."""
    if source[start - 1 : start].strip() and opened and opened[-1] == run:
        opened.pop()
        return source
    return source[:start]


def _with_code(source: str, start: int, at: int, opened: list[str]) -> str:
    """The text with an open code span closed."""
    run, content = source[start:at], source[at:].rstrip("`")
    if not content.strip():
        return _closed(source[:start], opened)
    return _closed(f"{source[:at]}{content}{run}", opened)


def _closed(source: str, opened: list[str]) -> str:
    if not opened:
        return source
    source = source.rstrip()
    while opened and source.endswith(opened[-1]):  # nothing follows this one yet
        source = source.removesuffix(opened.pop()).rstrip()
    return source + "".join(reversed(opened))
