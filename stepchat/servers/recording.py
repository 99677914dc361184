"""One try of a request as it went over the line: what was sent, and the bytes that came, with their times."""

from __future__ import annotations

import zlib
from array import array
from dataclasses import dataclass
from itertools import accumulate
from threading import Lock
from time import monotonic, time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

LONGEST = 32 * 1024 * 1024
"""Bytes of one answer that are held; the rest is not."""
REMOVED = "[key removed]"
_AT_ONCE = 64 * 1024
"""Bytes that are packed in one go, in less than a millisecond."""
_QUICK = 1


@dataclass(frozen=True, slots=True, eq=False)
class RecordedReads:
    """What was read and when, unpacked while it is gone through: of an answer of ten thousands of pieces there is little."""

    times: Sequence[float]
    sizes: Sequence[int]
    packed: Sequence[bytes]
    """Each has some pieces, all of them whole."""

    def __len__(self) -> int:
        return len(self.times)

    def __contains__(self, piece: object) -> bool:
        return any(piece == mine for mine in self)

    def __iter__(self) -> Iterator[tuple[float, bytes]]:
        parts = map(zlib.decompress, self.packed)
        part, at = b"", 0
        for seconds, size in zip(self.times, self.sizes, strict=True):
            if size and at == len(part):
                part, at = next(parts), 0
            yield seconds, part[at : at + size]
            at += size


class ExchangeRecorder:
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
        self._lock = Lock()
        self._times = array("d")
        self._sizes = array("I")
        self._packed: list[bytes] = []
        self._recent = bytearray()
        self._size = 0

    def response_started(self, status: int, headers: Mapping[str, str]) -> None:
        """The first line and the headers of what came, less the cookies: they are never sent back, and may be secrets."""
        self.status = status
        self.answered = {name: self._redact(value) for name, value in headers.items() if name.lower() != "set-cookie"}

    def add_read(self, data: bytes) -> None:
        """One read."""
        self._size += len(data)
        if self._size > LONGEST:
            self.cut = True
            return
        with self._lock:
            self._times.append(monotonic() - self._began)
            self._sizes.append(len(data))
            self._recent += data
            if len(self._recent) >= _AT_ONCE:
                self._packed.append(zlib.compress(self._recent, _QUICK))
                self._recent = bytearray()

    def pieces(self) -> Collection[tuple[float, bytes]]:
        """What was read, exactly as it came, unless the server repeated the key."""
        with self._lock:
            packed = (*self._packed, zlib.compress(self._recent, _QUICK)) if self._recent else tuple(self._packed)
            pieces = RecordedReads(self._times[:], self._sizes[:], packed)
        self.masked = self._has_key(packed)
        if not self.masked:
            return pieces
        whole, ends = self._mask(b"".join(map(zlib.decompress, packed))), accumulate(pieces.sizes)
        return tuple(
            (at, whole[end - size : end]) for at, size, end in zip(pieces.times, pieces.sizes, ends, strict=True)
        )

    def _has_key(self, packed: Sequence[bytes]) -> bool:
        """Looked at two by two, because a key may be in both."""
        before = b""
        for part in map(zlib.decompress, packed):
            both = before + part
            if self._mask(both) != both:
                return True
            before = part
        return False
