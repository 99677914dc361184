"""Writes a report of an internal error to a private file that can be attached to a bug report."""

from __future__ import annotations

import platform
import sys
from datetime import datetime
from pathlib import Path
from traceback import TracebackException
from typing import TYPE_CHECKING

from stepchat import __version__
from stepchat.config.paths import write_private

if TYPE_CHECKING:
    from collections.abc import Callable

_KEEP = 10
"""How many reports to keep."""


def summary(error: BaseException) -> str:
    """Type, message and location of an error in one line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})"
    return f"{type(error).__name__}: {error}{where}" if str(error) else f"{type(error).__name__}{where}"


def write_crash_report(directory: Path, error: BaseException, redact: Callable[[str], str]) -> Path | None:
    """Write the traceback, without the values of variables: they hold the conversation. None if no file can be written."""
    now = datetime.now().astimezone()
    lines = [
        f"stepchat {__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"{now:%Y-%m-%d %H:%M:%S %z}, arguments: {len(sys.argv) - 1}",
        "",
        *TracebackException.from_exception(error, capture_locals=False).format(),
    ]
    path = directory / f"crash-{now:%Y%m%d-%H%M%S-%f}.txt"
    if not write_private(path, redact("\n".join(lines)).encode("utf-8", "replace")):
        return None
    for old in sorted(directory.glob("crash-*.txt"))[:-_KEEP]:
        old.unlink(missing_ok=True)
    return path
