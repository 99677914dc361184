"""What went over the line, as a store keeps it and finds it again (exchanges.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stepchat.sessions import exchanges

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepchat.sessions.exchanges import Exchange, ReasoningOutcome, ReasoningSent
    from stepchat.sessions.spending import Run
    from stepchat.sessions.worker import Worker


class ExchangeLog:
    """`read` runs a function on a connection; all raise StoreError. Of what came `keep_events` bytes are kept."""

    def __init__(self, read: Run, writer: Worker, keep_events: int) -> None:
        self.keep_events = keep_events
        self._read = read
        self._writer = writer

    def keep(self, session_id: str, make: Callable[[], Exchange], numbered: Callable[[int], None]) -> None:
        """Soon, behind the writes that were asked for. It is never waited for, and no harm is done if it fails.

        The thread that writes calls `make` and, with the number of the exchange, `numbered`.
        """
        self._writer.post(lambda connection: numbered(exchanges.put(connection, session_id, make(), self.keep_events)))

    async def exchanges(self, message_id: str) -> list[Exchange]:
        """The requests that were made for an answer, in order."""
        await self._kept()
        return await self._read(lambda connection: exchanges.of_answer(connection, message_id))

    async def newest_answer(self, session_id: str) -> str | None:
        """The id of the answer that the last request of a session was for."""
        await self._kept()
        return await self._read(lambda connection: exchanges.newest_answer(connection, session_id))

    async def reasoning_sent(self, session_id: str, message_id: str | None = None) -> dict[str, list[ReasoningSent]]:
        """What each request did with the reasoning of each answer, by its id; or of one answer only."""
        await self._kept()
        return await self._read(lambda connection: exchanges.reasoning_sent(connection, session_id, message_id))

    async def reasoning_outcomes(self, session_id: str) -> dict[str, ReasoningOutcome]:
        """What the requests of a session did with the reasoning of each answer, by its id."""
        await self._kept()
        return await self._read(lambda connection: exchanges.reasoning_outcomes(connection, session_id))

    async def _kept(self) -> None:
        """Wait for what was asked for."""
        await self._writer.run(lambda _connection: None)
