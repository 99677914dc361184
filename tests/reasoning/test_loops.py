from __future__ import annotations

import random

import pytest

from stepchat.demo.scenarios.conversation import __dict__ as texts
from stepchat.reasoning.loops import RepetitionDetector

WORDS = [
    "the",
    "sieve",
    "marks",
    "every",
    "multiple",
    "of",
    "a",
    "prime",
    "while",
    "only",
    "those",
    "that",
    "remain",
    "are",
    "new",
    "and",
    "so",
    "on",
    "it",
    "goes",
]


def prose(count: int, seed: int = 1) -> str:
    rng = random.Random(seed)
    return " ".join(rng.choice(WORDS) for _ in range(count))


def noticed(text: str, size: int = 4) -> list[int]:
    """How many characters had come when it was said."""
    watch = RepetitionDetector()
    return [at + size for at in range(0, len(text), size) if watch.add(text[at : at + size])]


@pytest.mark.parametrize("size", [1, 4, 100, 5000])
@pytest.mark.parametrize("passage", ["<", "Wait. ", prose(20, 2) + " ", prose(200, 3) + "\n", prose(60, 4) + "\n\n"])
def test_a_passage_over_and_over_is_noticed_once(passage, size):
    before = prose(300)
    told = noticed(before + passage * (12_000 // len(passage) + 8), size)
    assert len(told) == 1
    # Not before it was said a few times, and not long after.
    rounds = (told[0] - len(before)) / len(passage)
    assert rounds >= 3
    assert told[0] - len(before) < max(6 * len(passage), 1500) + size * 8


def test_one_line_again_and_again_among_others_is_noticed():
    line = "Wait, let me check that once more, because the result may not be right.\n"
    text = "".join(line + prose(12, seed) + "\n" for seed in range(20))
    assert len(noticed(text)) == 1


@pytest.mark.parametrize("size", [1, 4, 5000])
def test_ordinary_thoughts_are_left_alone(size):
    assert noticed(prose(20_000), size) == []
    table = "".join(f"| {n} | {n * n} | {n**3} |\n|---|---|---|\n" for n in range(300))
    assert noticed(table, size) == []
    code = "".join(f"    if number % {n} == 0:\n        return False\n" for n in range(2, 200))
    assert noticed(code, size) == []
    assert noticed("".join(text for text in texts.values() if isinstance(text, str)), size) == []


def test_little_is_held_however_much_came():
    watch = RepetitionDetector()
    for seed in range(300):
        watch.add(prose(100, seed) + ("\n" if seed % 2 else ""))
    watch.add("x" * 1_000_000)
    assert len(watch._tail) <= 8192
    assert len(watch._lines) <= 200
