"""Search while somebody types: in a thread and on a connection of its own, each query ending the one before."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

from stepchat.sessions import database
from stepchat.sessions.search.search import SearchOptions, SearchPage, search
from stepchat.sessions.worker import Worker

if TYPE_CHECKING:
    from pathlib import Path


class LiveSearch:
    """One query at a time. Opens its connection with the first."""

    def __init__(self, path: Path) -> None:
        self._worker = Worker("stepchat-search", path, database.connect_for_reading)
        self._asked = 0

    async def search(self, typed: str, options: SearchOptions) -> SearchPage | None:
        """None when another query came meanwhile. Cancelling ends the query, too. Raises StoreError."""
        self.stop()
        number = self._asked

        def stopped() -> bool:
            return number != self._asked

        def work(connection: sqlite3.Connection) -> SearchPage | None:
            if stopped():
                return None
            try:
                page = database.snapshot(connection, lambda connection: search(connection, typed, options, stopped))
            except sqlite3.OperationalError:
                if stopped():
                    return None
                raise
            return None if stopped() else page

        try:
            return await self._worker.run(work)
        except asyncio.CancelledError:
            if not stopped():
                self.stop()
            raise

    def stop(self) -> None:
        """End the query that runs, if any."""
        self._asked += 1
        self._worker.interrupt()

    def close(self) -> None:
        """Wait for the thread. A second call does nothing."""
        self.stop()
        self._worker.close()
