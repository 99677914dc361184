"""What was spent in the session on the screen, with all its branches, and today, with other windows' answers."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from time import time
from typing import TYPE_CHECKING

from stepchat.catalogue.backends import same_server
from stepchat.chat.connection import DEMO
from stepchat.chat.spending import price_lookup, total
from stepchat.errors import StoreError
from stepchat.sessions.spending import day_of
from stepchat.tui import workers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.timer import Timer

    from stepchat.chat.conversation import Conversation
    from stepchat.messages import AssistantMessage
    from stepchat.sessions.spending import Spent
    from stepchat.tui.chat.screen import ChatScreen as Chat


class SpentToday:
    """Read from the store after the first paint, and whenever they may have changed; nothing runs meanwhile."""

    def __init__(self, chat: Chat, clock: Callable[[], float] = time) -> None:
        self._chat = chat
        self._clock = clock
        self._day = ""
        self._rows: Sequence[Spent] = ()
        self._session = ("", Decimal())
        self._midnight: Timer | None = None

    def refresh(self) -> None:
        """Read them now, beside everything else."""
        workers.run_task(self._chat.app, self._read, group="spent", exclusive=True)

    async def _read(self) -> None:
        chat, day = self._chat, day_of(self._clock())
        session = chat.conversation.session
        with suppress(StoreError):
            store = chat.workspace.store
            rows = await store.spending(day)
            if session is not None:
                self._session = (session.id, await store.session_cost(session.id))
            self._day, self._rows = day, rows
        if self._midnight is not None:
            self._midnight.stop()
        self._midnight = chat.prompt.set_timer(seconds_until_midnight(self._clock()), self.refresh)
        chat.refresh_status()

    @property
    def session(self) -> Decimal:
        """What the session on the screen has cost as far as servers told it."""
        session, (known, cost) = self._chat.conversation.session, self._session
        return cost if session is not None and session.id == known else Decimal()

    @property
    def today(self) -> str:
        """In dollars, with ~ before what is estimated; "" when nothing was spent, or nothing is known of today."""
        workspace = self._chat.workspace
        if self._day != day_of(self._clock()):
            return ""

        prices = price_lookup(workspace.catalogue, workspace.server)
        demo = workspace.server == DEMO
        spent = total((row for row in self._rows if row.day == self._day and (row.server == DEMO) == demo), prices)
        return spent.formatted_cost if spent.cost else ""


def estimate_cost(conversation: Conversation, answer: AssistantMessage) -> Decimal | None:
    """What an answer of which no cost was told may have cost: by the prices of the server that is asked now, if it came from
    there, else by the user's own.
    """
    workspace = conversation.workspace
    if not answer.server or same_server(answer.server, workspace.client.base_url):
        return workspace.catalogue.estimate_cost(answer)
    own = workspace.catalogue.configured_prices(answer.model or answer.model_asked)
    return None if own is None or answer.usage.cost is not None else own.cost_of(answer.usage)


def show_estimated_costs(conversation: Conversation) -> None:
    """Have its transcript say what an answer may have cost."""
    conversation.view.document.update_answers(estimate=partial(estimate_cost, conversation))


def seconds_until_midnight(now: float) -> float:
    """Until just after the day has changed here."""
    tomorrow = datetime.fromtimestamp(now).date() + timedelta(days=1)  # noqa: DTZ006 - local is what is meant
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day).timestamp() - now + 1  # noqa: DTZ001 - the same
