"""Records one attempt of a request: what was sent, and the bytes received, with times. Exports it as a curl command."""

from __future__ import annotations

import shlex
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
"""The most bytes of a response to record; the rest is dropped."""
REMOVED = "[key removed]"
_AT_ONCE = 64 * 1024
"""Bytes to compress at a time, which takes less than a millisecond."""
_QUICK = 1
_LONGEST_ARGUMENT = 100_000
"""Characters in one argument; most systems reject more than 128 KB."""
_IMPLICIT = frozenset({"user-agent", "accept-encoding"})
"""Headers that identify the program rather than the request."""


@dataclass(frozen=True, slots=True, eq=False)
class RecordedReads:
    """The data and times of reads, decompressed during iteration, so that many reads take little memory."""

    times: Sequence[float]
    sizes: Sequence[int]
    packed: Sequence[bytes]
    """Compressed blocks of one or more complete reads."""

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
    """Records one attempt. The reading thread adds one entry per read."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        redact: Callable[[str], str] = str,
        mask: Callable[[bytes], bytes] = bytes,
    ) -> None:
        """`redact` removes the key from text, `mask` from bytes without changing their number."""
        self.url = redact(url)
        self.headers = {name: redact(value) for name, value in headers.items()}
        self.started = time()
        self.status: int | None = None
        self.answered: dict[str, str] | None = None
        self.number = 0
        """Its number in the store; 0 until it is saved."""
        self.cut = False
        self.error = ""
        self.masked = False
        """Whether `pieces` found the key in the response and masked it."""
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
        """Record status and headers, without cookies: those are never sent back and may be secrets."""
        self.status = status
        self.answered = {name: self._redact(value) for name, value in headers.items() if name.lower() != "set-cookie"}

    def add_read(self, data: bytes) -> None:
        """Record one read."""
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
        """Returns what was read, unchanged unless the server echoed the key."""
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
        """Whether the key is in these blocks. Checks neighbours together, because the key may span two."""
        before = b""
        for part in map(zlib.decompress, packed):
            both = before + part
            if self._mask(both) != both:
                return True
            before = part
        return False


def curl(url: str, headers: Mapping[str, str], body: str, variable: str) -> str:
    """Returns a shell command that sends the same request. `body` is one line of ASCII JSON; the key becomes `$variable`."""
    parts = [f"curl --no-buffer {shlex.quote(url)}"]
    for name, value in headers.items():
        match name.lower():
            case "authorization":
                parts.append(f'-H "Authorization: Bearer ${variable}"')
            case known if known in _IMPLICIT:
                pass
            case _:
                parts.append(f"-H {shlex.quote(f'{name}: {value}')}")
    if len(body) <= _LONGEST_ARGUMENT:
        return " \\\n  ".join([*parts, f"--data-raw {shlex.quote(body)}"]) + "\n"
    # A here-document, whose only line begins with a brace and so cannot end it.
    return " \\\n  ".join([*parts, "--data-binary @- <<'END'"]) + f"\n{body}\nEND\n"
