from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from stepchat.tools.base import ToolError
from stepchat.tools.processes import run_program


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


async def test_a_program_gets_its_input_and_returns_its_output():
    done = await run_program(python("import sys; print(sys.stdin.read()[::-1]); sys.exit(3)"), b"abc", limit=100)
    assert (done.code, done.output) == (3, b"cba\n")


async def test_output_over_the_limit_is_dropped_and_the_program_still_ends():
    done = await run_program(python("print('x' * 1_000_000)"), b"", limit=10)
    assert (done.code, done.output) == (0, b"x" * 10)


async def test_a_program_that_ignores_its_input_is_fine():
    assert (await run_program(python("pass"), b"x" * 1_000_000, limit=10)).code == 0


async def test_a_missing_program_is_an_error():
    with pytest.raises(ToolError, match="Cannot start /no/such/program"):
        await run_program(["/no/such/program"], b"", limit=10)


@pytest.mark.parametrize("at_once", [False, True])
async def test_cancelling_kills_everything_that_was_started(tmp_path: Path, at_once: bool):
    """A child that ignores SIGTERM, and a grandchild in the background; also while asyncio is still starting the child."""
    pids = tmp_path / "pids"
    code = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(pids)!r} + '.new', 'w').write(f'{{os.getpid()}} {{inner.pid}}')\n"
        f"os.rename({str(pids)!r} + '.new', {str(pids)!r})\n"
        "time.sleep(60)\n"
    )
    running = asyncio.create_task(run_program(python(code), b"", limit=10))
    for _ in range(2):  # until it has been forked
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        while not pids.exists():
            time.sleep(0.01) if at_once else await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    async with asyncio.timeout(10):
        while any(map(is_alive, map(int, pids.read_text().split()))):
            await asyncio.sleep(0.01)
