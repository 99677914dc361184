"""Reads what is piped into a question."""

from __future__ import annotations

import codecs
import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

from stepchat.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

HINT_AFTER: Final = 3.0
GIVE_UP_AFTER: Final = 10.0
"""Seconds without a byte until that is reported, and until a question is asked without it."""
MAX_BYTES: Final = 100_000_000
_SAMPLE: Final = 4096


def read_stdin(
    stream: TextIO,
    report: Callable[[str], None],
    *,
    has_question: bool,
    hint_after: float = HINT_AFTER,
    give_up_after: float = GIVE_UP_AFTER,
) -> str:
    """The text on stdin, to its end. If nothing arrives, this is reported, and a question in the arguments goes ahead alone.

    Raises UsageError if there is too much of it.
    """
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        # Not a file of the system: nothing to wait for.
        return decode(stream.buffer.read())
    # Windows cannot wait for pipes.
    if sys.platform != "win32" and not _has_data(descriptor, hint_after):
        if not has_question:
            report("Waiting for the question on stdin.")
        else:
            report(
                f"Waiting for input on stdin. After {give_up_after:g} s the question is sent without it; "
                "to send it at once, add < /dev/null"
            )
            if not _has_data(descriptor, give_up_after - hint_after):
                report("No input on stdin: sending the question without it.")
                return ""
    data = bytearray()
    while chunk := os.read(descriptor, 1 << 20):
        data += chunk
        if len(data) > MAX_BYTES:
            raise UsageError(f"stdin is larger than {MAX_BYTES / 1e6:.0f} MB.", "Pipe in a part of it.")
    return decode(bytes(data))


def _has_data(descriptor: int, seconds: float) -> bool:
    """Wait for the first byte, or the end."""
    from select import select

    return bool(select([descriptor], [], [], seconds)[0])


def decode(data: bytes) -> str:
    """The text, in UTF-8 unless a byte order mark or the pattern of NULs says UTF-16 or UTF-32. Never fails."""
    return data.decode(_encoding(data), "replace")


def _encoding(data: bytes) -> str:
    if data.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    # Before UTF-16, whose mark is the beginning of this one.
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Without a mark: in mostly Latin text every second byte is NUL.
    sample = data[: min(_SAMPLE, len(data) & ~1)]
    first, second = sample[::2].count(0), sample[1::2].count(0)
    if len(sample) >= 4 and max(first, second) * 4 > len(sample) and min(first, second) == 0:
        return "utf-16-le" if second else "utf-16-be"
    return "utf-8"
