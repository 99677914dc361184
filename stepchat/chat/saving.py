"""Writes that a cancelled turn still finishes, and saving again what the disk refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from stepchat.errors import AnswerNotOpenError, StoreError
from stepchat.events import MessageSaved, Notice

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine

    from stepchat.messages import StoredMessage

    WaitToRetry: TypeAlias = Callable[[StoredMessage], Awaitable[None]]
    """Waits before a message that could not be saved is saved again."""

T = TypeVar("T")

RETRY_SECONDS = 2.0
"""How long to wait after a failed write."""


async def shielded(work: Coroutine[Any, Any, T]) -> tuple[T, bool]:
    """Await a write even if the task is cancelled meanwhile. Returns its result, and whether the task was cancelled."""
    writing = asyncio.ensure_future(work)
    cancelled = False
    while not writing.done():
        try:
            await asyncio.wait([writing])
        except asyncio.CancelledError:
            uncancel()
            cancelled = True
    return writing.result(), cancelled


def uncancel() -> None:
    """Clear a cancellation of the current task that has been handled."""
    if (task := asyncio.current_task()) is not None:
        task.uncancel()


async def until_saved(
    write: Callable[[], Coroutine[Any, Any, StoredMessage]],
    unsaved: Callable[[], StoredMessage],
    wait_to_retry: WaitToRetry | None,
    *,
    what: str,
    on_cancelled: Callable[[], None],
    has_failed: Callable[[], bool] = bool,
) -> AsyncGenerator[Notice | MessageSaved]:
    """Save a message, again and again while the disk refuses it, then yield it.

    `unsaved` is the message as it would be saved, for `wait_to_retry`. If that wait is cancelled, the next attempt is the
    last; without it there is only one. `on_cancelled` is called if the task is cancelled meanwhile. `has_failed`: an earlier
    write failed, and the user knows.
    """
    notified = False
    while True:
        try:
            stored, cancelled = await shielded(write())
            if cancelled:
                on_cancelled()
            break
        except AnswerNotOpenError:
            raise
        except StoreError as error:
            if wait_to_retry is None:
                raise StoreError(f"The {what} is not saved. {error.message}", error.hint) from error
            text = f"The {what} is not saved yet; retrying every {RETRY_SECONDS:.0f} s. {error}"
        if not notified:
            notified = True
            yield Notice(text)
        try:
            await wait_to_retry(unsaved())
        except asyncio.CancelledError:
            uncancel()
            on_cancelled()
            wait_to_retry = None
    if notified or has_failed():
        yield Notice(f"The {what} is saved now.")
    yield MessageSaved(stored)
