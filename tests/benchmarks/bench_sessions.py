"""How soon the session screen is there: run with `pytest -m benchmark -s tests/benchmarks/bench_sessions.py`.

The real program in a terminal, from the byte of the key to the first rows of the list.
"""

from __future__ import annotations

import sqlite3
import statistics
import sys
import time
from typing import TYPE_CHECKING

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.config.paths import Paths
from stepchat.sessions.store import SessionStore
from tests.e2e.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.benchmark

RUNS = 15


def fill(home: Path, count: int) -> None:
    """Sessions of one exchange, straight into the tables."""
    SessionStore.open(Paths(home, home, home), accumulate=accumulate).close_now()
    connection = sqlite3.connect(Paths(home, home, home).database, isolation_level=None)
    connection.execute("BEGIN")
    now = time.time()
    for number in range(count):
        when = now - 3600.0 * (count - number)
        connection.execute(
            "INSERT INTO session (id, title, created, updated, leaf, messages, turns, model, server, cost)"
            " VALUES (?, ?, ?, ?, NULL, 2, 1, 'lab/thinker', 'https://openrouter.ai/api/v1', '0.0012')",
            (f"s{number:07}", f"Session {number} about things", when, when),
        )
    connection.execute("COMMIT")
    connection.close()


def until(terminal: Terminal, keys: bytes, wanted: bytes) -> float:
    """Milliseconds from the keys to these bytes."""
    before = len(terminal.reads)
    began = time.perf_counter()
    terminal.send(keys)
    while not any(wanted in read.data for read in terminal.reads[before:]):
        time.sleep(0.0002)
        assert time.perf_counter() - began < 5
    return (terminal.reads[-1].seconds + terminal.started - began) * 1e3


def back(terminal: Terminal) -> None:
    terminal.press("escape")
    terminal.wait_for("Ask, or / for commands")
    terminal.process_wait(0.4)


@pytest.mark.parametrize("count", [10, 10_000])
def test_session_screen(tmp_path, capsys, count):
    fill(tmp_path / "stepchat", count)
    with Terminal([sys.executable, "-m", "stepchat", "--demo"], tmp_path, cols=120, rows=40) as terminal:
        terminal.wait_for("Ctrl+O")
        terminal.process_wait(1.5)
        took: list[float] = []
        for _ in range(RUNS):
            took.append(until(terminal, b"\x0f", f"Session {count - 2} ".encode()))
            terminal.process_wait(0.4)
            back(terminal)
    with capsys.disabled():
        print(f"\n{count:,} sessions, from the key to the list: first {took[0]:.0f} ms,", end="")
        print(f" then median {statistics.median(took[1:]):.0f} ms, least {min(took):.0f} ms")
