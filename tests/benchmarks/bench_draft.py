"""What merging costs: run with `pytest -m benchmark -s tests/benchmarks/bench_draft.py`."""

from __future__ import annotations

import time

import pytest

from stepchat.chat.accumulator import AnswerAccumulator
from stepchat.events import Delta
from stepchat.messages import AssistantMessage

pytestmark = pytest.mark.benchmark


def fragments(count: int) -> list[Delta]:
    return [
        Delta(
            reasoning=" word",
            details=({"type": "reasoning.text", "text": " word", "format": "unknown", "index": 0},),
        )
        for _ in range(count)
    ]


def seconds(deltas: list[Delta]) -> float:
    best = float("inf")
    for _ in range(5):
        draft = AnswerAccumulator(AssistantMessage())
        begun = time.perf_counter()
        for delta in deltas:
            draft.add(delta, 0.0)
        message = draft.message()
        best = min(best, time.perf_counter() - begun)
        assert message.reasoning_details is not None
        assert len(message.reasoning_details[0]["text"]) == 5 * len(deltas)
    return best


def test_merge_is_linear(capsys):
    counts = (1_000, 10_000, 100_000)
    took = [seconds(fragments(count)) for count in counts]
    with capsys.disabled():
        print("\nmerging reasoning_details, one fragment a delta")
        for count, taken in zip(counts, took, strict=True):
            per = taken / count
            print(
                f"  {count:>7,} fragments  {taken * 1000:8.1f} ms  {per * 1e6:5.2f} µs each  {per / (took[0] / counts[0]):.2f}x"
            )
