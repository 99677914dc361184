"""A store that refuses what it is told to: a disk that is full, or a database that is damaged."""

from __future__ import annotations

from functools import wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from stepchat.errors import StoreError
from stepchat.sessions.interrupted import InterruptedAnswers
from stepchat.sessions.other_processes import OtherProcesses
from stepchat.sessions.spending import Spending
from stepchat.sessions.store import SessionStore
from stepchat.sessions.traffic import ExchangeLog

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED = "The disk refuses."
PARTS = {
    "spending": Spending,
    "exchanges": ExchangeLog,
    "other_processes": OtherProcesses,
    "interrupted": InterruptedAnswers,
}


class RefusingStore:
    """Give it in the place of the real one, which does everything else. Methods of a part are named `part.method`."""

    def __init__(self, store: Any, prefix: str = "", whole: RefusingStore | None = None) -> None:
        self._store = store
        self._prefix = prefix
        self._whole = whole or self
        self.refused: set[str] = set()
        self.error: Exception = StoreError(REFUSED, "Free some space.")
        self.called: list[str] = []
        self.running = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name in PARTS:
            return RefusingStore(found, f"{name}.", self._whole)
        if name.startswith("_") or not iscoroutinefunction(found):
            return found
        whole, full = self._whole, self._prefix + name

        @wraps(found)
        async def call(*arguments: Any, **named: Any) -> Any:
            whole.called.append(full)
            if full in whole.refused:
                raise whole.error
            whole.running += 1
            try:
                return await found(*arguments, **named)
            finally:
                whole.running -= 1

        return call


def methods() -> Iterator[str]:
    """All that can be refused."""
    for prefix, kind in (("", SessionStore), *((f"{name}.", part) for name, part in PARTS.items())):
        yield from (
            prefix + name
            for name, found in vars(kind).items()
            if not name.startswith("_") and iscoroutinefunction(found)
        )
