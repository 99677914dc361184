"""Asks the server what answers cost that ended without usage: with growing pauses, because it knows late (docs/protocol.md)."""

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
LONG_ENOUGH: Final = 3600.0
"""Seconds after which a server that knows nothing of an answer never will."""


async def fetch_late_costs(workspace: Workspace, pauses: Sequence[float] = PAUSES) -> AsyncGenerator[StoredMessage]:
    """Yield each answer whose usage became known. The next start asks for the rest.

    Raises UnreachableError, ApiKeyError and StoreError, after which nothing can become known now.
    """
    if not workspace.client.backend.has_accounts:
        return
    for pause in (0.0, *pauses):
        unpriced = await workspace.store.unpriced(time() - DAY)
        waiting = [one for one in unpriced if same_server(one.server, workspace.client.base_url)][:MAX_ANSWERS]
        if not waiting:
            return
        await asyncio.sleep(pause)
        for one in waiting:
            if (filled := await _fill_in(workspace, one)) is not None:
                yield filled


async def _fill_in(workspace: Workspace, one: Unpriced) -> StoredMessage | None:
    try:
        usage = await run_in_daemon(fetch_usage, workspace.client, one.generation)
    except UnreachableError:
        raise
    except ServerError:
        usage = None  # whatever else a server reports concerns this one answer
    if usage is not None:
        return await workspace.store.set_usage(one.message, usage)
    if time() - one.since > LONG_ENOUGH:
        await workspace.store.forget_unpriced(one.message)
    return None
