"""For the tests of the window."""

from __future__ import annotations

from asyncio import sleep
from time import monotonic, process_time

import pytest


async def idle(_shortest: float = 0, longest: float = 1) -> None:
    """Wait until the process does nothing for five milliseconds."""
    end = monotonic() + longest
    while monotonic() < end:
        spent = process_time()
        await sleep(0.005)
        if process_time() - spent < 0.0005:
            break


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that press many keys: Pilot's own pauses are at least 40 milliseconds for each."""
    monkeypatch.setattr("textual.app.wait_for_idle", idle)
    monkeypatch.setattr("textual.pilot.wait_for_idle", idle)
