"""A thread with one connection, which does its work in order, even if no caller waits for it any more."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from stepchat.errors import StoreError
from stepchat.sessions.database import explain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")


class Worker:
    """Runs work on a connection: `opened`, or one that it opens at first use. `close` closes it."""

    def __init__(
        self,
        name: str,
        path: Path,
        connect: Callable[[Path], sqlite3.Connection],
        *,
        opened: sqlite3.Connection | None = None,
    ) -> None:
        self._path = path
        self._connect = connect
        self._connection = opened
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._closing = False

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run work and return its result. Cancelling the wait does not cancel the work. Raises StoreError."""
        try:
            done = self._thread.submit(self._do, work)
        except RuntimeError as error:
            raise StoreError("The session store is closed.") from error
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        done.add_done_callback(lambda done: _hand_over(loop, waiter, done))
        return await waiter

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = self._connect(self._path)
            return work(self._connection)
        except sqlite3.Error as error:
            raise explain(error, self._path) from error

    def post(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Do the work when its turn comes, at the latest while closing. Failures are ignored."""
        with contextlib.suppress(RuntimeError):
            self._thread.submit(self._run_silently, work)

    def _run_silently(self, work: Callable[[sqlite3.Connection], object]) -> None:
        with contextlib.suppress(StoreError):
            self._do(work)

    def repeat(self, work: Callable[[sqlite3.Connection], bool]) -> None:
        """Repeat the work until it returns False, fails, or the worker closes. Other work runs in between."""
        with contextlib.suppress(RuntimeError):
            self._thread.submit(self._repeat, work)

    def _repeat(self, work: Callable[[sqlite3.Connection], bool]) -> None:
        with contextlib.suppress(StoreError):
            if not self._closing and self._do(work):
                self.repeat(work)

    def interrupt(self) -> None:
        """End the running statement, if any: its work raises sqlite3.OperationalError."""
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(sqlite3.ProgrammingError):
                connection.interrupt()

    def close(self) -> None:
        """Finish the waiting work, then close. A second call does nothing."""
        self._closing = True
        with contextlib.suppress(RuntimeError):
            self._thread.submit(self._close_connection)
        self._thread.shutdown()

    def _close_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _hand_over(loop: asyncio.AbstractEventLoop, waiter: asyncio.Future[T], done: Future[T]) -> None:
    # If the loop is closed by now, no caller waits.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(_settle, waiter, done)


def _settle(waiter: asyncio.Future[T], done: Future[T]) -> None:
    if waiter.done():
        return
    error = done.exception()
    if error is None:
        waiter.set_result(done.result())
    else:
        waiter.set_exception(error)
