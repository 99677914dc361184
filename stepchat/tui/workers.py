"""Runs tasks in the background, and reports their StepchatErrors.

Everything in `tui` that may raise StepchatError is started here; elsewhere it would be reported as an internal error.
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
    """Start a task, which ends with `node`. Without `failed`, an error is ignored."""
    node.run_worker(partial(run_reporting, work, failed), group=group, exclusive=exclusive)


async def run_reporting(
    work: Callable[[], Awaitable[object]], failed: Callable[[StepchatError], object] | None = None
) -> None:
    """Run a task, and pass a StepchatError to `failed`."""
    try:
        await work()
    except StepchatError as error:
        if failed is not None:
            failed(error)
