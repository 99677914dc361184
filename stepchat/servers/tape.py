"""One try of a request as it went over the line: what was sent, and the bytes that came, with their times."""

from __future__ import annotations

from time import monotonic, time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST = 32 * 1024 * 1024
"""Bytes of one answer that are held; the rest is not."""
REMOVED = "[key removed]"


class Tape:
    """Filled by the thread that reads; a piece is added for every read, and looked at by nobody until the end."""

    def __init__(self, url: str, headers: Mapping[str, str], redact: Callable[[str], str] = str) -> None:
        self.url = redact(url)
        self.headers = {name: redact(value) for name, value in headers.items()}
        self.started = time()
        self.status: int | None = None
        self.answered: dict[str, str] | None = None
        self.cut = False
        self.error = ""
        self._redact = redact
        self._began = monotonic()
        self._pieces: list[tuple[float, bytes]] = []
        self._size = 0

    def answer(self, status: int, headers: Mapping[str, str]) -> None:
        """The first line and the headers of what came."""
        self.status = status
        self.answered = {name: self._redact(value) for name, value in headers.items()}

    def take(self, data: bytes) -> None:
        """One read."""
        self._size += len(data)
        if self._size > LONGEST:
            self.cut = True
        else:
            self._pieces.append((monotonic() - self._began, data))

    def pieces(self) -> tuple[tuple[float, bytes], ...]:
        """What was read, exactly as it came, unless the server repeated the key."""
        pieces = tuple(self._pieces)
        whole = b"".join(data for _, data in pieces).decode("latin-1")
        if self._redact(whole) == whole:
            return pieces
        # Where the pieces were cut matters less now than that no part of the key is left in any of them.
        return ((pieces[0][0], self._redact(whole).encode("latin-1")),)
