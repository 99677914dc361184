"""Brings the catalogue into memory behind the scenes: from disk, then from the server when that is old."""

from __future__ import annotations

import asyncio
import contextlib
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepchat.servers.catalogue import Catalogue


def load(catalogue: Catalogue, changed: Callable[[], None], *, fresh: bool = False) -> None:
    """Begin; `changed` is called in the loop each time that more is known. `fresh` asks the server in any case."""
    loop = asyncio.get_running_loop()

    def tell() -> None:
        # The loop may be closed by now: the program has ended.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(changed)

    def work() -> None:
        if catalogue.fetched is None and catalogue.read():
            tell()
        if (catalogue.stale or fresh) and catalogue.refresh():
            tell()

    # A daemon, unlike those of asyncio.to_thread: quitting does not wait for a server that does not answer.
    Thread(target=work, name="stepchat-catalogue", daemon=True).start()
