"""Asks the server what answers cost that ended without usage: with growing pauses, since it knows late (WIRE.md 5.4)."""

from __future__ import annotations

import asyncio
from functools import partial
from time import time
from typing import TYPE_CHECKING

from stepchat.catalogue.backends import same_server
from stepchat.concurrency import run_in_daemon
from stepchat.errors import ServerError, UnreachableError
from stepchat.servers.api import fetch_usage
from stepchat.sessions.spending import DAY
from stepchat.tui import workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.sessions.spending import Unpriced
    from stepchat.tui.chat.screen import ChatScreen as Chat

PAUSES = (1.0, 2.0, 4.0, 8.0, 30.0)
MAX_ANSWERS = 100
LONG_ENOUGH = 3600.0
"""Seconds after which a server that knows nothing of an answer never will."""


def fetch_late_costs(chat: Chat, pauses: Sequence[float] = PAUSES) -> None:
    """Begin; an earlier beginning is given up for this one."""
    if chat.workspace.client.backend.has_accounts:
        workers.run_task(chat.app, partial(_settle, chat, pauses), group="costs", exclusive=True)


async def _settle(chat: Chat, pauses: Sequence[float]) -> None:
    """Until an error says that nothing can be known now: then at the next start."""
    for pause in (0.0, *pauses):
        waiting = await _unpriced(chat)
        if not waiting:
            return
        await asyncio.sleep(pause)
        for one in waiting:
            await _ask(chat, one)


async def _ask(chat: Chat, one: Unpriced) -> None:
    """Raises UnreachableError, ApiKeyError and StoreError; whatever else a server says is of this one answer alone."""
    try:
        usage = await run_in_daemon(fetch_usage, chat.workspace.client, one.generation)
    except UnreachableError:
        raise
    except ServerError:
        usage = None
    if usage is not None:
        await _fill_in(chat, one.message, usage)
    elif time() - one.since > LONG_ENOUGH:
        await chat.workspace.store.forget_unpriced(one.message)


async def _unpriced(chat: Chat) -> list[Unpriced]:
    found = await chat.workspace.store.unpriced(time() - DAY)
    return [one for one in found if same_server(one.server, chat.workspace.client.base_url)][:MAX_ANSWERS]


async def _fill_in(chat: Chat, message_id: str, usage: dict[str, object]) -> None:
    filled = await chat.workspace.store.set_usage(message_id, usage)
    if filled is not None:
        chat.conversation.update_message(filled)
        chat.standing.costs.refresh()
