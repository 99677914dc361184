"""A session that is to be shown: everything of it is read before anything changes on the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stepchat.chat.workspace import Workspace
    from stepchat.messages import StoredMessage
    from stepchat.parameters.scopes import Scopes
    from stepchat.sessions.records import Session


@dataclass(frozen=True, slots=True)
class Opened:
    """What is shown of a session, and what it asks with; without a session the beginning of a new one."""

    session: Session | None
    path: list[StoredMessage]
    scopes: Scopes
    siblings: Mapping[str, tuple[int, int]]


async def read(workspace: Workspace, session: Session | None) -> Opened:
    """Raises StoreError, and UsageError and ConfigError of what it asks with."""
    store = workspace.store
    path = await store.complete_path(session.id) if session is not None else []
    siblings = await store.sibling_positions(path[-1].session, path[-1].id) if path else {}
    return Opened(session, path, await workspace.scopes_for_session(session), siblings)
