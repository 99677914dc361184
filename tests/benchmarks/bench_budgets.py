"""The budgets of docs/performance.md: each figure beside what it must be and beside a reference of the same run.

Run with `pytest -m benchmark -s tests/benchmarks/bench_budgets.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.benchmarks.bench_transcript import run, stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.benchmark


class Row(NamedTuple):
    what: str
    value: float
    limit: float
    unit: str
    reference: float | None
    """The same of a run without drawing, of a session of one turn, or of markdown-it."""

    def __str__(self) -> str:
        beside = "" if self.reference is None else f"{self.value / max(0.1, self.reference):.2f}x"
        return f"| {self.what} | {self.value:.1f} {self.unit} | {self.limit:g} {self.unit} | {beside} |"


def test_budgets(tmp_path, capsys):
    rows = [*streaming(tmp_path), *opening(tmp_path, 400, 1_000_000), *opening(tmp_path, 2_000, 5_000_000)]
    with capsys.disabled():
        print("\n| what | measured | at most | beside the reference |\n|---|---|---|---|")
        print(*rows, sep="\n")


def streaming(home: Path) -> Iterator[Row]:
    none = stream(home, "mixed", before=0, tokens=1000, rate=350, mode="none")
    drawn = {before: stream(home, "mixed", before=before, tokens=1000, rate=350) for before in (8_000, 64_000)}
    cpu = {before: found["cpu"] - none["cpu"] for before, found in drawn.items()}
    for before, value in cpu.items():
        yield Row(f"CPU per 1,000 tokens at 350/s, after {before:,}", value, 200, "ms", none["cpu"])
    yield Row("the same, 64,000 beside 8,000", cpu[64_000] / cpu[8_000], 1.3, "times", None)
    for name, words, limit in (("p95", "p95", 5), ("max", "largest", 16)):
        value = max(found[name] for found in drawn.values())
        yield Row(f"stall while streaming, {words}", value, limit, "ms", none[name])
    none = stream(home, "mixed", before=0, tokens=64_000, rate=10_000, mode="none")
    fast = stream(home, "mixed", before=0, tokens=64_000, rate=10_000)
    yield Row("64,000 tokens at 10,000/s: late at the end", fast["late"], 100, "ms", none["late"])
    yield Row("64,000 tokens at 10,000/s: largest stall", fast["max"], 50, "ms", none["max"])


def opening(home: Path, turns: int, letters: int) -> Iterator[Row]:
    one = run(home, {"what": "session", "turns": 2, "letters": 100})
    found = run(home, {"what": "session", "turns": turns, "letters": letters})
    size = f"{letters // 1_000_000} MB, {turns:,} turns"
    yield Row(f"open {size} (beside markdown-it)", found["open"], 100, "ms", found["markdown-it parses"])
    yield Row(f"{size}: memory over the text", found["memory"], 15, "MB", None)
    for what, limit, names in (
        ("resize", 50, [name for name in found if name.startswith("resize")]),
        ("page up", 5, ["page up"]),
        ("one row up", 3, ["row up"]),
        ("fold or open 20,000 tokens of reasoning", 40, ["open reasoning", "fold reasoning"]),
        ("find, to the first hit", 100, ["find a rare word", "find a common word", "find a letter"]),
        ("find, longest wait of a key", 33, ["longest wait of a key"]),
        ("find, next hit", 100, ["next hit"]),
    ):
        value, beside = (max(costs[name] for name in names) for costs in (found, one))
        yield Row(f"{size}: {what}", value, limit, "ms CPU", beside)
