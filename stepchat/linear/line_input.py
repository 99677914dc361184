"""Reads lines: with readline at the prompt, and in the middle of a turn without blocking it."""

from __future__ import annotations

import asyncio
import os
import sys
from select import select
from typing import TYPE_CHECKING, Final

from stepchat.text.sanitize import sanitize_paste

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

PROMPT: Final = "> "
_MORE: Final = '"""'
"""The line that begins and ends a text of several lines."""
_PASTE_SECONDS: Final = 0.03
_MAX_BYTES: Final = 65_536


class LineInput:
    """The prompt. `complete` returns the completions of a line."""

    def __init__(self, history: Sequence[str], complete: Callable[[str], Sequence[str]]) -> None:
        self._complete = complete
        self._is_terminal = sys.stdin.isatty()
        self._readline = _plain_readline() if self._is_terminal else None
        if self._readline is not None:
            self._readline.set_completer(self._completion)
            self._readline.set_completer_delims("")
            self._readline.parse_and_bind("tab: complete")
            for text in history:
                if "\n" not in text:
                    self._readline.add_history(text)

    def read(self) -> str:
        """Reads what the user types or pastes; pasted lines are one text. Raises EOFError and KeyboardInterrupt."""
        line = input(PROMPT)
        if line.startswith(_MORE):
            return sanitize_paste(self._read_block(line.removeprefix(_MORE)))
        lines = [line]
        # Lines that arrive at once are a paste, and one question; commands stay apart.
        while self._is_terminal and not line.startswith("/") and select([sys.stdin], [], [], _PASTE_SECONDS)[0]:
            line = input()
            lines.append(line)
        return sanitize_paste("\n".join(lines).strip())

    def _read_block(self, line: str) -> str:
        lines: list[str] = []
        while _MORE not in line:
            lines.append(line)
            line = input("... ")
        return "\n".join([*lines, line.partition(_MORE)[0]]).strip("\n")

    async def ask(self, prompt: str) -> str:
        """Asks a question during a turn, and returns the reply; "" at the end of the input. Can be cancelled."""
        print(prompt, end=" ", flush=True)
        if not self._is_terminal:
            return (await asyncio.to_thread(sys.stdin.readline)).strip()
        loop, descriptor = asyncio.get_running_loop(), sys.stdin.fileno()
        reply: asyncio.Future[str] = loop.create_future()

        def read() -> None:
            data = os.read(descriptor, _MAX_BYTES)
            if not reply.done():
                reply.set_result(data.decode(sys.stdin.encoding, "replace").strip())

        loop.add_reader(descriptor, read)
        try:
            return await reply
        finally:
            loop.remove_reader(descriptor)

    def _completion(self, text: str, state: int) -> str | None:
        found = [line for line in self._complete(text) if line.startswith(text)]
        return found[state] if state < len(found) else None


def _plain_readline() -> ModuleType | None:
    """Returns readline, configured for dumb terminals: without control sequences and bracketed paste."""
    # It reads this once, with the first line.
    os.environ["TERM"] = "dumb"
    try:
        import readline
    except ImportError:
        return None
    for setting in ("enable-bracketed-paste off", "enable-meta-key off", "show-all-if-ambiguous on"):
        readline.parse_and_bind(f"set {setting}")
    return readline
