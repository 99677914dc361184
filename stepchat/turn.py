"""run_turn: the only turn loop. Asks, saves while it streams, stops cleanly; it knows no terminal.

The order is always disk, then memory, then screen: the question is committed before the request leaves, both channels of
the answer within 250 ms of their arrival, and the finished message replaces its parts in one transaction.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Protocol

from stepchat.draft import Draft
from stepchat.errors import ServerError, StepchatError, StoreError, StreamCutError
from stepchat.events import Delta, MessageSaved, Notice, TurnEvent
from stepchat.messages import AssistantMessage, Failure, Stop, StoredMessage, Timing, UserMessage
from stepchat.servers.failures import names_reasoning
from stepchat.servers.wire import Target, request_body

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from stepchat.messages import Json
    from stepchat.servers.client import ServerEvent
    from stepchat.servers.profiles import Profile
    from stepchat.sessions.store import SessionStore

FLUSH_SECONDS = 0.2
"""How long a delta may wait for the next write; the promise is 250 ms."""


class Server(Protocol):
    """What a turn needs of a server: `Client`, or a fake with a script."""

    base_url: str
    profile: Profile

    def stream(self, body: Json) -> AsyncGenerator[ServerEvent]: ...


@dataclass(frozen=True, slots=True)
class Question:
    """What one turn is about. `parent` is the message it follows; without `text` the question is already stored there."""

    session: str
    model: str
    path: Sequence[StoredMessage] = ()
    """The messages to the parent, oldest first."""
    text: str | None = None
    system: str | None = None
    parameters: Json = field(default_factory=dict[str, Any])

    @property
    def parent(self) -> str | None:
        return self.path[-1].id if self.path else None


async def run_turn(store: SessionStore, server: Server, question: Question) -> AsyncGenerator[TurnEvent]:
    """Ask and yield what happens. Cancelling keeps the partial answer and ends normally; failures are kept, then raised."""
    path = list(question.path)
    if question.text is not None:
        asked = await store.append(question.session, question.parent, UserMessage(question.text, time()))
        path.append(asked)
        yield MessageSaved(asked)
    started = time()
    blank = AssistantMessage(model_asked=question.model, server=server.base_url, timing=Timing(started))
    answer_id = await store.begin_answer(question.session, path[-1].id if path else None, blank)
    answer = _Answer(store, answer_id, Draft(blank))
    failure: StepchatError | None = None
    stop: Stop | None = None
    try:
        async with aclosing(_ask(server, question, path)) as events:
            async for event in events:
                if isinstance(event, Delta):
                    answer.add(event)
                    if notice := answer.trouble():
                        yield notice
                yield event
    except asyncio.CancelledError:
        # Esc: the worker was cancelled. The partial is kept and the turn ends like any other.
        if (task := asyncio.current_task()) is not None:
            task.uncancel()
        stop = "cancelled"
    except StepchatError as error:
        failure = error
        stop = "cut" if isinstance(error, StreamCutError) else "error"
    except GeneratorExit:
        # The front end went away without a word: keep what came, there is nobody left to tell.
        await answer.finish("cancelled", None)
        raise
    stored = await answer.finish(stop, failure)
    yield MessageSaved(stored)
    if failure is not None:
        raise failure


async def _ask(server: Server, question: Question, path: Sequence[StoredMessage]) -> AsyncGenerator[ServerEvent]:
    """The request, and once more without earlier reasoning when the server refuses just that (WIRE.md 3.6)."""
    target = Target(server.profile, server.base_url, question.model, question.session)
    messages = [stored.message for stored in path]
    for with_reasoning in (True, False):
        body = request_body(
            messages,
            target,
            system=question.system,
            parameters=question.parameters,
            with_reasoning=with_reasoning,
        )
        shown = False
        try:
            async with aclosing(server.stream(body)) as events:
                async for event in events:
                    shown = shown or isinstance(event, Delta)
                    yield event
        except ServerError as error:
            sent_any = any("reasoning" in key for entry in body["messages"] for key in entry)
            if not with_reasoning or shown or not sent_any or not names_reasoning(error):
                raise
            yield Notice("The server refused the earlier reasoning; asked again without it. It stays on disk.")
        else:
            return


class _Answer:
    """The streaming answer and its way to disk."""

    def __init__(self, store: SessionStore, answer_id: str, draft: Draft) -> None:
        self._store = store
        self._id = answer_id
        self._draft = draft
        self._start = monotonic()
        self._pending: list[Delta] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writes: list[asyncio.Task[None]] = []
        self._told = False

    def add(self, delta: Delta) -> None:
        self._draft.add(delta, monotonic() - self._start)
        self._pending.append(delta)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)

    def _flush(self) -> None:
        self._timer = None
        if self._pending:
            self._writes.append(asyncio.ensure_future(self._store.add_part(self._id, self._pending)))
            self._pending = []

    def trouble(self) -> Notice | None:
        """The first write that failed, once: the answer streams on, only the disk refuses it."""
        while self._writes and self._writes[0].done():
            write = self._writes.pop(0)
            error = write.exception()
            if error is not None and not self._told:
                self._told = True
                words = error.message if isinstance(error, StoreError) else str(error)
                return Notice(f"The answer is not being saved: {words}")
        return None

    async def finish(self, stop: Stop | None, failure: StepchatError | None) -> StoredMessage:
        """Replace the parts by the whole message."""
        if self._timer is not None:
            self._timer.cancel()
        # Their errors were told, or will show again in the write below.
        await asyncio.gather(*self._writes, return_exceptions=True)
        kept = None
        if failure is not None:
            code = failure.code if isinstance(failure, ServerError) else None
            kept = Failure(code, failure.message, failure.hint)
        message = self._draft.message(stop, error=kept, ended=monotonic() - self._start)
        return await self._store.finish_answer(self._id, message)
