"""Brings the catalogue into memory behind the scenes: from disk, then from the server when that is old."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepchat.catalogue.catalogue import Catalogue
    from stepchat.errors import StepchatError


def load(
    catalogue: Catalogue,
    changed: Callable[[], None],
    *,
    fresh: bool = False,
    failed: Callable[[StepchatError], None] | None = None,
) -> None:
    """Begin; `changed` is called in the loop each time that more is known, `failed` when the server gives no list.

    `fresh` asks the server in any case.
    """
    loop = asyncio.get_running_loop()

    def tell(what: Callable[[], None]) -> None:
        # The loop may be closed by now: the program has ended.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(what)

    def work() -> None:
        if catalogue.fetched is None and catalogue.read():
            tell(changed)
        if not (catalogue.stale or fresh):
            return
        if catalogue.refresh(force=fresh):
            tell(changed)
        elif failed is not None and catalogue.error is not None:
            tell(partial(failed, catalogue.error))

    # A daemon, unlike those of asyncio.to_thread: quitting does not wait for a server that does not answer.
    Thread(target=work, name="stepchat-catalogue", daemon=True).start()
