"""Writes the lines of the linear mode, which are only appended and contain no control sequences."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TextIO

from stepchat.text.sanitize import sanitize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepchat.errors import StepchatError

_KEY: Final = re.compile(r"\{key:([a-z-]+)\}")
_SENTENCE: Final = re.compile(r"[\s\S]*(?:\n|[.!?:;][\"')\]*_]*\s+)")
_LONGEST: Final = 400
"""Characters after which part of an unfinished sentence is written."""
_INSTEAD: Final[Mapping[str, str]] = {"stop": "Ctrl+C", "quit": "/quit"}
"""Keys in messages whose command differs in the linear mode."""


class Announcer:
    """Writes whole sentences, because a screen reader that gets single words stutters."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._rest = ""
        """The beginning of a sentence."""
        self._in_line = False
        """Whether the last line is unfinished."""

    def say(self, text: str) -> None:
        """Write a message of the program."""
        self.end_stream()
        self._write(f"{sanitize(_KEY.sub(_command, text))}\n")

    def fail(self, error: StepchatError) -> None:
        """Write what went wrong, and what to do."""
        self.say(f"Error: {error}")

    def stream(self, text: str) -> None:
        """Write an answer or its reasoning up to the last complete sentence."""
        self._rest += text
        found = _SENTENCE.match(self._rest)
        end = found.end() if found else 0
        if not end and len(self._rest) > _LONGEST:
            end = self._rest.rfind(" ") + 1 or len(self._rest)
        if end:
            ready, self._rest = self._rest[:end], self._rest[end:]
            self._write(sanitize(ready))

    def end_stream(self) -> None:
        """Write the rest, and end its line."""
        rest, self._rest = self._rest, ""
        if rest:
            self._write(sanitize(rest))
        if self._in_line:
            self._write("\n")

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
        except UnicodeEncodeError:
            encoding = self._out.encoding or "ascii"
            self._out.write(text.encode(encoding, "replace").decode(encoding))
        self._out.flush()
        self._in_line = not text.endswith("\n")


def _command(found: re.Match[str]) -> str:
    return _INSTEAD.get(found[1], f"/{found[1]}")
