"""One try of a request as it went over the line: what was sent, and the bytes that came, with their times."""

from __future__ import annotations

from itertools import accumulate
from time import monotonic, time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST = 32 * 1024 * 1024
"""Bytes of one answer that are held; the rest is not."""
REMOVED = "[key removed]"


class Tape:
    """Filled by the thread that reads; a piece is added for every read, and looked at by nobody until the end."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        redact: Callable[[str], str] = str,
        mask: Callable[[bytes], bytes] = bytes,
    ) -> None:
        """`redact` takes the key out of words, `mask` out of bytes without changing how many they are."""
        self.url = redact(url)
        self.headers = {name: redact(value) for name, value in headers.items()}
        self.started = time()
        self.status: int | None = None
        self.answered: dict[str, str] | None = None
        self.number = 0
        """Under which it is on disk; 0 before."""
        self.cut = False
        self.error = ""
        self.masked = False
        """`pieces` has found the key in what came, and taken it out."""
        self._redact = redact
        self._mask = mask
        self._began = monotonic()
        self._pieces: list[tuple[float, bytes]] = []
        self._size = 0

    def answer(self, status: int, headers: Mapping[str, str]) -> None:
        """The first line and the headers of what came, less the cookies: they are never sent back, and may be secrets."""
        self.status = status
        self.answered = {name: self._redact(value) for name, value in headers.items() if name.lower() != "set-cookie"}

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
        whole = b"".join(data for _, data in pieces)
        masked = self._mask(whole)
        self.masked = masked != whole
        if not self.masked:
            return pieces
        ends = accumulate(len(data) for _, data in pieces)
        return tuple((at, masked[end - len(data) : end]) for (at, data), end in zip(pieces, ends, strict=True))
