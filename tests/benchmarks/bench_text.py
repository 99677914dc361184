"""What the text of an answer costs while it comes, without a terminal: run with
`pytest -m benchmark -s tests/benchmarks/bench_text.py`.

Reading, laying out and marking the rows of a screen, 30 frames a second, 1,000 tokens at 350 a second. The CPU of each is the
median of several runs; those of all lengths take turns, so that a busy machine is as busy for all.
"""

from __future__ import annotations

import gc
import statistics
import time

import pytest

from stepchat.events import Delta
from stepchat.transcript.document import Document
from stepchat.transcript.layout import layout
from stepchat.transcript.overlays.overlays import Overlays
from stepchat.transcript.palette import colourless
from stepchat.transcript.viewport import Viewport
from tests.benchmarks.texts import CASES, tokens_of

pytestmark = pytest.mark.benchmark

LENGTHS = (1_000, 32_000, 128_000)
RUNS = 7
TOKENS = 1_000
A_FRAME = 350 // 30


def cost(tokens: list[str], before: int) -> float:
    """Milliseconds of CPU for the tokens after so many."""
    document = Document(colourless(), 119)
    viewport, marks = Viewport(document, 38), Overlays(document)
    palette = document.layout.builder.palette
    document.begin_answer(0.0)

    def frame(number: int) -> None:
        viewport.update_live(number / 30, number)
        if document.layout.has_work:
            document.layout.work(0.004)
        marks.add_to(viewport, viewport.render(), palette)
        viewport.scrollbar_thumb()

    document.feed(Delta(text="".join(tokens[:before])), 0.0)
    frame(0)
    while document.layout.has_work:
        frame(0)
    gc.collect()
    gc.freeze()
    began = time.process_time()
    for number, at in enumerate(range(before, len(tokens), A_FRAME), 1):
        document.feed(Delta(text="".join(tokens[at : at + A_FRAME])), number / 30)
        frame(number)
    took = time.process_time() - began
    gc.unfreeze()
    return took * 1e3


@pytest.mark.parametrize("case", CASES)
def test_text(capsys, case):
    layout.warm_up()
    texts = {before: tokens_of(case, before + TOKENS) for before in LENGTHS}
    runs: dict[int, list[float]] = {before: [] for before in LENGTHS}
    for _ in range(RUNS):
        for before, tokens in texts.items():
            runs[before].append(cost(tokens, before))
    found = {before: statistics.median(costs) for before, costs in runs.items()}
    with capsys.disabled():
        figures = ", ".join(f"{value:.1f} ms after {before:,}" for before, value in found.items())
        ratios = " and ".join(f"{found[before] / found[LENGTHS[0]]:.2f}" for before in LENGTHS[1:])
        print(f"\n{case:14} {figures}; {ratios} times")
