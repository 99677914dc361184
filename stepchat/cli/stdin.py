"""Reads what is piped into a question."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

from stepchat.errors import UsageError
from stepchat.text.encoding import decode

if TYPE_CHECKING:
    from collections.abc import Callable

HINT_AFTER: Final = 3.0
GIVE_UP_AFTER: Final = 10.0
"""Seconds without input until that is reported, and until the question is sent without it."""
MAX_BYTES: Final = 100_000_000


def read_stdin(
    stream: TextIO,
    report: Callable[[str], None],
    *,
    has_question: bool,
    hint_after: float = HINT_AFTER,
    give_up_after: float = GIVE_UP_AFTER,
) -> str:
    """The text on stdin: `read_stdin_bytes`, decoded."""
    data = read_stdin_bytes(
        stream, report, has_question=has_question, hint_after=hint_after, give_up_after=give_up_after
    )
    return decode(data)


def read_stdin_bytes(
    stream: TextIO,
    report: Callable[[str], None],
    *,
    has_question: bool,
    hint_after: float = HINT_AFTER,
    give_up_after: float = GIVE_UP_AFTER,
) -> bytes:
    """Reads stdin to its end. If nothing arrives, this is reported, and a question in the arguments is sent alone.

    Raises UsageError if there is too much of it.
    """
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        # Not a real file, so there is nothing to wait for.
        return stream.buffer.read()
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
                return b""
    data = bytearray()
    while chunk := os.read(descriptor, 1 << 20):
        data += chunk
        if len(data) > MAX_BYTES:
            raise UsageError(f"stdin is larger than {MAX_BYTES / 1e6:.0f} MB.", "Pipe in less of it.")
    return bytes(data)


def _has_data(descriptor: int, seconds: float) -> bool:
    """Wait for the first byte, or the end."""
    from select import select

    return bool(select([descriptor], [], [], seconds)[0])
