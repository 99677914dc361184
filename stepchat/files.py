"""Reads files that the user names: regular ones only, of a limited size."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def read_regular_file(path: Path | str, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes. Raises OSError for a larger one, and for FIFOs and devices."""

    def opener(name: str, flags: int) -> int:
        # Opening a FIFO would otherwise wait for a writer.
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    with open(path, "rb", opener=opener) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"larger than {limit:,} bytes")
    return content
