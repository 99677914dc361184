"""What the loop adds to a tool call: run with `pytest -m benchmark -n 0 -s tests/benchmarks/bench_tools.py`."""

from __future__ import annotations

import statistics
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.chat.turn import run_turn
from stepchat.config.paths import Paths
from stepchat.events import MessageSaved, ToolCallReceived
from stepchat.messages import ToolMessage
from stepchat.sessions.store import SessionStore
from tests.chat.test_tool_calls import Bench, calling, n
from tests.fakes import FakeServer
from tests.turns import DONE, question

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.benchmark

CALLS = 50
MOST = 0.005
"""Seconds for one call: checked, decided, noted on disk, run, saved."""


async def test_the_loop_adds_little_to_a_call(tmp_path: Path, capsys):
    store = SessionStore.open(Paths(tmp_path, tmp_path, tmp_path), accumulate=accumulate)
    server = FakeServer(*(calling(("write", n(number))) for number in range(CALLS)), [DONE])
    took: list[float] = []
    begun = 0.0
    async with aclosing(run_turn(store, server, await question(store), None, Bench().tools(rounds=CALLS))) as turn:
        async for event in turn:
            if isinstance(event, ToolCallReceived):
                begun = time.perf_counter()
            elif isinstance(event, MessageSaved) and isinstance(event.stored.message, ToolMessage):
                took.append(time.perf_counter() - begun)
    await store.close()
    with capsys.disabled():
        print(
            f"\none call of a tool that does nothing: {statistics.median(took) * 1000:.1f} ms, at most {max(took) * 1000:.1f} ms"
        )
    assert statistics.median(took) < MOST
