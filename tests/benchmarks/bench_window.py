"""The real program in a terminal: lag, CPU, idleness. Run with `pytest -m benchmark -s tests/benchmarks/bench_window.py`."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.benchmarks.word_server import WordServer
from tests.e2e.terminal import Terminal, environment

pytestmark = pytest.mark.benchmark

STEPCHAT = [sys.executable, "-m", "stepchat"]


def cpu(pid: int) -> float:
    """Seconds of CPU the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def switches(pid: int) -> int:
    """How often its threads were woken."""
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        for line in status.read_text().splitlines():
            if "ctxt_switches" in line:
                total += int(line.split()[1])
    return total


def opened(home: Path, server: WordServer) -> Terminal:
    keys = {"OPENROUTER_API_KEY": "sk-or-bench", "STEPCHAT_BASE_URL": server.url, "STEPCHAT_MODEL": "bench/x"}
    terminal = Terminal(STEPCHAT, home, keys, cols=120, rows=40)
    terminal.wait_for("F1 help")
    return terminal


@pytest.mark.parametrize(("tokens", "speed"), [(2_000, 350), (20_000, 10_000)])
def test_lag_and_cpu(tmp_path, capsys, tokens, speed):
    with WordServer(tokens, speed) as server, opened(tmp_path, server) as terminal:
        pid = terminal.process.pid
        terminal.type("go")
        terminal.wait_for("❯ go")
        before = cpu(pid)
        terminal.press("enter")
        # Not by looking at the screen: drawing it here would hold up the reading of what is timed.
        server.done.wait(60)
        terminal.process_wait(1)
        used = cpu(pid) - before
        terminal.wait_for("THEEND")
        lags = []
        for mark, sent in server.sent.items():
            seen = terminal.seconds_until(mark.encode())
            if seen is not None:
                lags.append((seen + terminal.started - sent) * 1000)
    lags.sort()
    plain = one_shot_cpu(tmp_path, tokens, speed)
    with capsys.disabled():
        print(f"\n{tokens:,} tokens at {speed:,} a second")
        print(f"  bytes to screen: median {statistics.median(lags):.1f} ms, p95 {lags[int(len(lags) * 0.95)]:.1f} ms")
        print(f"  of {len(server.sent)} marks {len(lags)} were painted")
        print(f"  CPU per 1,000 tokens: {used / tokens * 1e6:.0f} ms; one-shot, without drawing: {plain:.0f} ms")


def one_shot_cpu(home: Path, tokens: int, speed: float) -> float:
    """Milliseconds of CPU per 1,000 tokens, start-up taken off by a run of ten tokens."""
    used: list[float] = []
    for count in (10, tokens):
        with WordServer(count, speed) as server:
            before = os.times()
            env = environment(home, {"OPENROUTER_API_KEY": "sk-or-bench", "STEPCHAT_BASE_URL": server.url})
            subprocess.run([*STEPCHAT, "go"], env=env, check=True, capture_output=True, stdin=subprocess.DEVNULL)
            after = os.times()
            used.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return (used[1] - used[0]) / tokens * 1e6


def test_idle(tmp_path, capsys):
    with WordServer(500, 1000) as server, opened(tmp_path, server) as terminal:
        pid = terminal.process.pid
        figures = []
        for state in ("fresh", "after an answer"):
            if state != "fresh":
                terminal.type("go")
                terminal.press("enter")
                terminal.wait_for("THEEND")
            time.sleep(3)
            cpu_before, woken_before, bytes_before = cpu(pid), switches(pid), len(terminal.output())
            time.sleep(5)
            figures.append(
                f"  {state}: {(cpu(pid) - cpu_before) / 5:.1%} CPU, {(switches(pid) - woken_before) / 5:.1f} wake-ups/s, "
                f"{len(terminal.output()) - bytes_before} bytes"
            )
    with capsys.disabled():
        print("\nidle for 5 s")
        print("\n".join(figures))


@pytest.mark.parametrize("speed", [200, 2_000])
def test_echo_of_keys_while_streaming(tmp_path, capsys, speed):
    """From the byte that is sent to the first output that has the letter; letters that no word of the stream has."""
    with WordServer(12 * speed, speed) as server, opened(tmp_path, server) as terminal:
        idle = echoes(terminal, 20)
        terminal.type("go")
        terminal.press("enter")
        terminal.process_wait(1.5)
        busy = echoes(terminal, 40)
        assert not server.done.is_set()
        server.done.wait(30)
    with capsys.disabled():
        print(f"\nkey to echo at {speed:,} tokens a second (idle in brackets)")
        for name, share in (("median", 0.5), ("p95", 0.95), ("largest", 1.0)):
            here, there = at(busy, share), at(idle, share)
            print(f"  {name:8} {here:6.1f} ms ({there:.1f}): {here / there:.1f}x")


def echoes(terminal: Terminal, count: int) -> list[float]:
    """Milliseconds of each letter."""
    found: list[float] = []
    for number in range(count):
        letter = "QXZ"[number % 3]
        before = len(terminal.reads)
        began = time.perf_counter()
        terminal.send(letter.encode())
        while not any(letter.encode() in read.data for read in terminal.reads[before:]):
            time.sleep(0.0005)
            assert time.perf_counter() - began < 5
        found.append((time.perf_counter() - began) * 1e3)
        terminal.press("backspace")
        time.sleep(0.12)
    return sorted(found)


def at(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]
