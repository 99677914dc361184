"""Runs an MCP server as a child and ends it with stepchat; its arguments are a file descriptor and the command.

stepchat holds the other end of that pipe. When it closes, because stepchat ends the server or is killed, the server has a
moment to exit by itself; then its process group is killed. Imports only what it needs, because every server has one.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import suppress

_GRACE = 2.0
"""Seconds for the server to exit after its stdin has closed, and again after SIGTERM."""


def main() -> None:
    """Exit as the server does, with 128 and the number of the signal that killed it."""
    lifetime, command = int(sys.argv[1]), sys.argv[2:]
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, _wake)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    child = os.fork()
    if child == 0:
        _become(command, lifetime)
    with suppress(OSError):
        os.setpgid(child, child)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        # The pipes belong to the server alone: when it ends, stepchat notices.
        os.dup2(nothing, stream)
    status = _wait(child, [lifetime, woken], None)
    for number in (0, signal.SIGTERM, signal.SIGKILL):
        if status is not None:
            break
        _signal(child, number)
        status = _wait(child, [woken], _GRACE)
    # What the server started may still run.
    _signal(child, signal.SIGKILL)
    code = 0 if status is None else os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _wake(_number: int, _frame: object) -> None:
    """The byte in the pipe ends the wait."""


def _become(command: list[str], lifetime: int) -> None:
    os.close(lifetime)
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        os.execv(command[0], command)  # noqa: S606 - what the user has configured
    except OSError as error:
        os.write(2, f"Cannot start {command[0]}: {error.strerror}\n".encode())
        os._exit(127)


def _wait(child: int, streams: list[int], seconds: float | None) -> int | None:
    """The status of the child once it has ended; None if the first of two streams closes, or the time is over, before."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return status
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return None
        ready, _, _ = select.select(streams, [], [], left)
        if streams[-1] in ready:
            os.read(streams[-1], 1000)
        elif ready:
            return None


def _signal(child: int, number: int) -> None:
    with suppress(OSError):
        os.killpg(child, number)


if __name__ == "__main__":
    main()
