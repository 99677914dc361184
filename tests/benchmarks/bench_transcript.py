"""What the transcript costs. Run with `pytest -m benchmark -s tests/benchmarks/bench_transcript.py`.

CPU is that of the whole process, net of the same process doing everything but showing (`none`).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median

import pytest

from tests.benchmarks.texts import CASES
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).parents[2]
RUNS = 5
FLOOR = 50.0
"""Milliseconds of CPU per 1,000 tokens."""


def run(home: Path, job: dict) -> dict:
    result = home / "result.json"
    result.unlink(missing_ok=True)
    argv = [sys.executable, "-m", "tests.benchmarks.transcript_app", str(result), json.dumps(job)]
    with Terminal(argv, home, {"PYTHONPATH": str(ROOT)}, cols=120, rows=40) as terminal:
        assert terminal.wait_exit(timeout=120) == 0
    return json.loads(result.read_text())


def stream(home: Path, case: str, *, before: int, tokens: int, rate: int, mode: str = "text") -> dict:
    return run(home, {"what": "stream", "case": case, "before": before, "tokens": tokens, "rate": rate, "mode": mode})


def say(name: str, found: dict, nothing: dict) -> None:
    print(
        f"  {name:28} {found['cpu'] - nothing['cpu']:7.0f} ms  stall p95 {found['p95']:5.1f} max {found['max']:5.1f} ms"
        f"  late {found['late']:6.1f} ms"
    )


@pytest.mark.parametrize(("rate", "tokens"), [(350, 1000), (2000, 4000), (10_000, 20_000)])
def test_streaming(tmp_path, capsys, rate, tokens):
    nothing = stream(tmp_path, "mixed", before=0, tokens=tokens, rate=rate, mode="none")
    rows = {
        f"after {before:,} tokens": stream(tmp_path, "mixed", before=before, tokens=tokens, rate=rate)
        for before in (0, 8_000, 32_000, 64_000)
    }
    rows["reasoning, its tail shown"] = stream(tmp_path, "mixed", before=0, tokens=tokens, rate=rate, mode="tail")
    rows["reasoning, folded"] = stream(tmp_path, "mixed", before=0, tokens=tokens, rate=rate, mode="folded")
    with capsys.disabled():
        print(f"\nCPU per 1,000 tokens at {rate:,} a second, net of {nothing['cpu']:.0f} ms without drawing")
        for name, found in rows.items():
            say(name, found, nothing)


@pytest.mark.parametrize("case", [case for case in CASES if case != "mixed"])
def test_hard_shapes(tmp_path, capsys, case):
    """Medians of runs that take turns. Where a shape costs less than FLOOR, as blank lines do, the ratio is that to FLOOR:
    what a machine does beside it would be most of what is compared."""
    jobs = {"none": (0, "none"), "small": (1_000, "text"), "large": (32_000, "text")}
    runs: dict[str, list[dict]] = {name: [] for name in jobs}
    for _ in range(RUNS):
        for name, (before, mode) in jobs.items():
            runs[name].append(stream(tmp_path, case, before=before, tokens=700, rate=350, mode=mode))
    found = {name: {key: median(run[key] for run in done) for key in done[0]} for name, done in runs.items()}
    small, large = (found[name]["cpu"] - found["none"]["cpu"] for name in ("small", "large"))
    with capsys.disabled():
        print(f"\n{case}: 32K costs {large / max(FLOOR, small):.2f} of 1K")
        for name, (before, mode) in jobs.items():
            if mode != "none":
                say(f"after {before:,} tokens", found[name], found["none"])


@pytest.mark.parametrize(("turns", "letters"), [(400, 1_000_000), (2_000, 5_000_000)])
def test_long_session(tmp_path, capsys, turns, letters):
    empty = run(tmp_path, {"what": "session", "turns": 2, "letters": 100})
    found = run(tmp_path, {"what": "session", "turns": turns, "letters": letters})
    with capsys.disabled():
        print(f"\n{turns:,} turns, {letters / 1e6:.0f} MB (in brackets: one turn)")
        for name, value in found.items():
            unit = "MB" if name == "memory" else "ms CPU"
            print(f"  {name:20} {value:7.1f} {unit} ({empty[name]:.1f})")
