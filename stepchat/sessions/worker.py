"""One thread with one connection. What it is asked to do is done in order, also when nobody waits for it any more."""

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
    """Runs work on a connection, which it opens at first use unless it is `opened`, and closes at the end."""

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
        """Wait for the result. Cancelling the wait does not cancel the work. Raises StoreError."""
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
        """Do it when its turn comes, at the latest while closing. Nobody waits, and nobody is told when it fails."""
        with contextlib.suppress(RuntimeError):
            self._thread.submit(self._quietly, work)

    def _quietly(self, work: Callable[[sqlite3.Connection], object]) -> None:
        with contextlib.suppress(StoreError):
            self._do(work)

    def repeat(self, work: Callable[[sqlite3.Connection], bool]) -> None:
        """Do it until it says False, fails, or the worker closes; other work comes in between. Nobody is told."""
        with contextlib.suppress(RuntimeError):
            self._thread.submit(self._repeat, work)

    def _repeat(self, work: Callable[[sqlite3.Connection], bool]) -> None:
        with contextlib.suppress(StoreError):
            if not self._closing and self._do(work):
                self.repeat(work)

    def interrupt(self) -> None:
        """End the statement that runs: its work raises sqlite3.OperationalError. Does nothing when none runs."""
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(sqlite3.ProgrammingError):
                connection.interrupt()

    def close(self) -> None:
        """Finish what was asked for, then close. A second call does nothing."""
        self._closing = True
        with contextlib.suppress(RuntimeError):
            self._thread.submit(self._close_connection)
        self._thread.shutdown()

    def _close_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _hand_over(loop: asyncio.AbstractEventLoop, waiter: asyncio.Future[T], done: Future[T]) -> None:
    # The loop may be gone by now: then nobody waits.
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
