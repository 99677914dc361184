"""Fetches the cost of interrupted answers, with growing pauses, because the server knows it late (docs/protocol.md)."""

from __future__ import annotations

import asyncio
from time import time
from typing import TYPE_CHECKING, Final

from stepchat.catalogue.backends import same_server
from stepchat.concurrency import run_in_daemon
from stepchat.errors import ServerError, UnreachableError
from stepchat.servers.api import fetch_usage
from stepchat.sessions.spending import DAY

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from stepchat.chat.workspace import Workspace
    from stepchat.messages import StoredMessage
    from stepchat.sessions.spending import Unpriced

PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 30.0)
MAX_ANSWERS: Final = 100
GIVE_UP_AFTER: Final = 3600.0
"""Seconds after which the server will not know the cost of an answer any more."""


async def fetch_late_costs(workspace: Workspace, pauses: Sequence[float] = PAUSES) -> AsyncGenerator[StoredMessage]:
    """Yield each answer whose usage the server now reports. The next start fetches the rest.

    Raises UnreachableError, ApiKeyError and StoreError; trying further is pointless then.
    """
    if not workspace.client.backend.has_accounts:
        return
    for pause in (0.0, *pauses):
        unpriced = await workspace.store.unpriced(time() - DAY)
        waiting = [answer for answer in unpriced if same_server(answer.server, workspace.client.base_url)][:MAX_ANSWERS]
        if not waiting:
            return
        await asyncio.sleep(pause)
        for answer in waiting:
            if (updated := await _fetch_cost(workspace, answer)) is not None:
                yield updated


async def _fetch_cost(workspace: Workspace, answer: Unpriced) -> StoredMessage | None:
    try:
        usage = await run_in_daemon(fetch_usage, workspace.client, answer.generation)
    except UnreachableError:
        raise
    except ServerError:
        usage = None  # any other error concerns this answer only
    if usage is not None:
        return await workspace.store.set_usage(answer.message, usage)
    if time() - answer.since > GIVE_UP_AFTER:
        await workspace.store.forget_unpriced(answer.message)
    return None
