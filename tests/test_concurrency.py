from __future__ import annotations

import asyncio
import threading

import pytest

from stepchat.concurrency import run_in_daemon


async def test_what_comes_back_and_what_is_raised():
    assert await run_in_daemon(pow, 2, 3, mod=5) == 3
    with pytest.raises(ZeroDivisionError):
        await run_in_daemon(divmod, 1, 0)


def test_the_end_of_the_loop_does_not_wait():
    begun, release, over = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        release.wait(60)
        over.set()

    async def leave_early() -> None:
        waiting = asyncio.ensure_future(run_in_daemon(work))
        await run_in_daemon(begun.wait)
        waiting.cancel()

    asyncio.run(leave_early())
    assert not over.is_set()
    release.set()
    # Its outcome has nowhere to go any more, which is no fault of the thread's.
    assert over.wait(60)
