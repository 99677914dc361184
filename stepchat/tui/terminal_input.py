"""What the terminal sends, as messages of Textual: its own parser, but a paste is one message whatever is in it.

Textual 8.2 ends a paste at any escape sequence inside it: what follows would be typed, and an Enter in it would send.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING, Final
from unicodedata import category

from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.events import Key, Paste

from stepchat.tui.paste import clean_text

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from textual.message import Message

MISREAD = (
    ("\x1b\r", "\x1b[13;3u"),  # Alt+Enter: taken for Enter, after a delay
    ("\x1b[27;2;13~", "\x1b[13;2u"),  # Shift+Enter as xterm and tmux may send it
    ("\x1b[27;3;13~", "\x1b[13;3u"),
    ("\x1b[27;5;13~", "\x1b[13;5u"),
)
"""Keys that Textual 8.2 misreads, and the form of them that it knows."""
_ALT: Final = re.compile("(?<!\x1b)\x1b([ac-eg-z])")
"""Alt with a letter, but for Alt+B and Alt+F, which it knows. It would wait whether more comes; and where another key follows at
once, because it repeats or the line is slow, it would type the letter instead."""
WAYS_OUT = (b"\x03", b"\x11", b"\x1b[99;5u", b"\x1b[113;5u")
"""Ctrl+C and Ctrl+Q end even a paste whose end got lost: typed alone, when nothing has come for a while."""
_HELD = len(BRACKETED_PASTE_START) - 1


class TerminalInput:
    """Takes the terminal's bytes, cut anywhere."""

    __slots__ = ("_decoder", "_end", "_parser", "_paste", "_quiet")

    def __init__(self, *, debug: bool = False) -> None:
        self._parser = XTermParser(debug)
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._paste: list[str] | None = None
        """The parts of a paste that has not ended."""
        self._end = ""
        """The last characters of what came: a mark may have begun in them."""
        self._quiet = False

    def feed(self, data: bytes) -> Iterable[Message]:
        if self._paste is not None and self._quiet and data in WAYS_OUT:
            yield self._finished(self._paste)
        self._quiet = False
        text = self._decoder.decode(data)
        while text:
            if self._paste is None:
                text = yield from self._keys(text)
            else:
                text = yield from self._pasted(text, self._paste)

    def tick(self) -> Iterable[Message]:
        """Nothing has come for a while: an ESC at the end was the Escape key."""
        self._quiet = True
        if self._paste is None:
            self._end = ""
            yield from self._parser.tick()

    def _keys(self, text: str) -> Generator[Message, None, str]:
        """The messages up to the start of a paste; returns what comes behind that."""
        before = len(self._end)
        whole = self._end + text
        found = whole.find(BRACKETED_PASTE_START)
        cut = len(text) if found < 0 else found + len(BRACKETED_PASTE_START) - before
        self._end = whole[-_HELD:] if found < 0 else ""
        if found >= 0:
            self._paste = []
        # The parser gets the mark, too: it may have the half of it already.
        yield from self._parsed(text[:cut])
        return text[cut:]

    def _pasted(self, text: str, parts: list[str]) -> Generator[Message, None, str]:
        """The paste, if it ends in the text; returns what comes behind that."""
        before = len(self._end)
        whole = self._end + text
        found = whole.find(BRACKETED_PASTE_END)
        if found < 0:
            parts.append(text)
            self._end = whole[-_HELD:]
            return ""
        end = found + len(BRACKETED_PASTE_END) - before
        parts.append(text[:end])
        yield self._finished(parts)
        return text[end:]

    def _finished(self, parts: list[str]) -> Paste:
        self._paste, self._end = None, ""
        for _ in self._parser.feed(BRACKETED_PASTE_END):
            pass  # the empty paste that the parser knows of
        return Paste(clean_text("".join(parts).removesuffix(BRACKETED_PASTE_END)))

    def _parsed(self, text: str) -> Iterable[Message]:
        for sent, known in MISREAD:
            text = text.replace(sent, known)
        text = _ALT.sub(lambda found: f"\x1b[{ord(found[1])};3u", text)
        # An empty text would end the parser.
        for message in self._parser.feed(text) if text else ():
            yield _typed(message)


def _typed(message: Message) -> Message:
    """Textual's fields drop what `str.isprintable` refuses: wide spaces, joiners, private characters. Pasted, it stays."""
    character = message.character if isinstance(message, Key) and not message.key.startswith("alt+") else None
    if character is None or len(character) > 1 or character.isprintable() or category(character) in {"Cc", "Cs"}:
        return message
    return Paste(character)
