"""Work beside everything else: keys and painting do not wait for it, and what a disk or a server refuses is told.

Everything in tui that may fail so is started here; a StepchatError anywhere else would end the program.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from stepchat.errors import StepchatError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.dom import DOMNode


def run_task(
    node: DOMNode,
    work: Callable[[], Awaitable[object]],
    failed: Callable[[StepchatError], object] | None = None,
    *,
    group: str,
    exclusive: bool = False,
) -> None:
    """Begin; it ends with `node`. Without `failed` nobody misses what does not come."""
    node.run_worker(partial(run_reporting, work, failed), group=group, exclusive=exclusive)


async def run_reporting(
    work: Callable[[], Awaitable[object]], failed: Callable[[StepchatError], object] | None = None
) -> None:
    """Do it now; the rest goes on when it fails."""
    try:
        await work()
    except StepchatError as error:
        if failed is not None:
            failed(error)
