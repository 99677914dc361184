"""A store that refuses what it is told to: a disk that is full, or a database that is damaged."""

from __future__ import annotations

from functools import wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from stepchat.errors import StoreError
from stepchat.sessions.store import SessionStore

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED = "The disk refuses."


class RefusingStore:
    """Give it in the place of the real one, which does everything else."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.refused: set[str] = set()
        self.error: Exception = StoreError(REFUSED, "Free some space.")
        self.called: list[str] = []
        self.running = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name.startswith("_") or not iscoroutinefunction(found):
            return found

        @wraps(found)
        async def call(*arguments: Any, **named: Any) -> Any:
            self.called.append(name)
            if name in self.refused:
                raise self.error
            self.running += 1
            try:
                return await found(*arguments, **named)
            finally:
                self.running -= 1

        return call


def methods() -> Iterator[str]:
    """All that can be refused."""
    return (
        name for name, found in vars(SessionStore).items() if not name.startswith("_") and iscoroutinefunction(found)
    )
