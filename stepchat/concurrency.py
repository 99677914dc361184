"""Blocking work in daemon threads: unlike with asyncio.to_thread, quitting does not wait for it."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import Future
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


def start_daemon(work: Callable[[], T]) -> Future[T]:
    """Start `work` in a daemon thread. The future holds what it returns or raises."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - the caller gets it
            future.set_exception(error)
        else:
            future.set_result(result)

    Thread(target=run, name="stepchat-daemon", daemon=True).start()
    return future


async def run_in_daemon(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Returns or raises what `work` does. For work that waits for a server, a keyring or the user."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def deliver(done: Future[T]) -> None:
        if outcome.done():
            return
        if (error := done.exception()) is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(done.result())

    def forward(done: Future[T]) -> None:
        # The program may have ended and closed the loop.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(deliver, done)

    start_daemon(partial(work, *args, **kwargs)).add_done_callback(forward)
    return await outcome
