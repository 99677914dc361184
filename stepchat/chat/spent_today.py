"""What was spent in a session, with all its branches, and today, with other windows' answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from time import time
from typing import TYPE_CHECKING

from stepchat.catalogue.backends import same_server
from stepchat.chat.connection import DEMO
from stepchat.chat.spending import price_lookup, total
from stepchat.sessions.spending import day_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stepchat.chat.conversation import Conversation
    from stepchat.chat.workspace import Workspace
    from stepchat.messages import AssistantMessage
    from stepchat.sessions.spending import Spent


class SpentToday:
    """What was last read from the store. The owner decides when to read again."""

    def __init__(self, clock: Callable[[], float] = time) -> None:
        self._clock = clock
        self._day = ""
        self._rows: Sequence[Spent] = ()
        self._session = ("", Decimal())

    async def read(self, conversation: Conversation) -> None:
        """Raises StoreError."""
        session, store, day = conversation.session, conversation.workspace.store, day_of(self._clock())
        rows = await store.spending(day)
        if session is not None:
            self._session = (session.id, await store.session_cost(session.id))
        self._day, self._rows = day, rows

    def of_session(self, session_id: str | None) -> Decimal:
        """What a session has cost, as far as servers reported it; 0 for any but the one last read."""
        known, cost = self._session
        return cost if session_id == known else Decimal()

    def today(self, workspace: Workspace) -> str:
        """In dollars, with ~ before an estimate; "" if nothing was spent, or the day has changed since reading."""
        if self._day != day_of(self._clock()):
            return ""
        prices = price_lookup(workspace.catalogue, workspace.server)
        demo = workspace.server == DEMO
        spent = total((row for row in self._rows if row.day == self._day and (row.server == DEMO) == demo), prices)
        return spent.formatted_cost if spent.cost else ""

    def seconds_until_midnight(self) -> float:
        return seconds_until_midnight(self._clock())


def estimate_cost(conversation: Conversation, answer: AssistantMessage) -> Decimal | None:
    """What an answer without a reported cost may have cost: by the prices of the current server if it came from there,
    otherwise by the user's own.
    """
    workspace = conversation.workspace
    if not answer.server or same_server(answer.server, workspace.client.base_url):
        return workspace.catalogue.estimate_cost(answer)
    own = workspace.catalogue.configured_prices(answer.model or answer.model_asked)
    return None if own is None or answer.usage.cost is not None else own.cost_of(answer.usage)


def seconds_until_midnight(now: float) -> float:
    """Seconds until just after the local day changes."""
    tomorrow = datetime.fromtimestamp(now).date() + timedelta(days=1)  # noqa: DTZ006 - local time is meant
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day).timestamp() - now + 1  # noqa: DTZ001 - the same
