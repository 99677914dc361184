"""Colours for the lines of a code block while it is written: each line once, from where the lexer stood after the one before.

Pygments reads whole texts. Its lexers that are tables of states can be made to go on from a state, which is right but for
what they match over several lines at once; once the block is closed it is highlighted as a whole, and that holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from stepchat.transcript.markdown import highlighting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stepchat.transcript.markdown.blocks import Block
    from stepchat.transcript.markdown.highlighting import Colored

_MOST_AT_ONCE: Final = 200
"""Lines that may be caught up with in one go, about 8 ms; with more the block stays plain until it is closed."""


class StreamingHighlighter:
    """The coloured lines of one block so far."""

    def __init__(self, language: str, shown: Callable[[str], str]) -> None:
        self._lexer: Any = highlighting.stateful_lexer(language)
        self._shown = shown
        self._states: Any = ["root"]
        self._in_comment = False
        self._has_comments = self._lexer is not None and highlighting.has_star_comments(language)
        self._lines: list[list[Colored]] = []

    def line(self, lines: Sequence[Block], number: int) -> list[Colored] | None:
        """The line with this number of those there are; None while it is written, or if it cannot be told."""
        if number < len(self._lines):
            return self._lines[number]
        if self._lexer is None or lines[number].open:
            return None
        if number - len(self._lines) > _MOST_AT_ONCE:
            self._lexer = None
            return None
        for block in lines[len(self._lines) : number + 1]:
            text = self._shown(block.text)
            try:
                self._lines.append([] if len(text) > highlighting.LONGEST_LINE else list(self._coloured(text)))
            except Exception:  # noqa: BLE001 - lexers that need more than their states fail in ways of their own
                self._lexer = None
                return None
            if text and not self._lines[-1]:
                self._lexer = None
                return None
        return self._lines[number]

    def _coloured(self, text: str) -> Iterator[Colored]:
        """The pieces of a line. Comments between stars are followed by hand, because lexers match them whole."""
        if self._in_comment:
            comment, end, text = text.partition("*/")
            self._in_comment = not end
            if comment or end:
                yield comment + end, "comment"
        if self._in_comment or not text:
            return
        pieces, self._states = highlighting.lex_line(self._lexer, text, self._states)
        at = 0
        for piece, name in pieces:
            begins = text.startswith("/*", at) and name not in {"comment", "string"}
            if begins and self._has_comments and "*/" not in text[at:]:
                self._in_comment = True
                yield text[at:], "comment"
                return
            at += len(piece)
            yield piece, name
