"""run_turn: the only turn loop. Asks, saves while it streams, stops cleanly; it knows no terminal.

The order is always disk, then memory, then screen: the question is committed before the request leaves, both channels of
the answer within 250 ms of their arrival, and the finished message replaces its parts in one transaction.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from time import monotonic, time
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from stepchat.chat.accumulator import AnswerAccumulator
from stepchat.chat.request import Question, Server, TurnRequest
from stepchat.errors import AnswerNotOpenError, KeyRejectedError, ServerError, StepchatError, StoreError, StreamCutError
from stepchat.events import ConcurrentQuestion, Delta, MessageSaved, Notice, TurnEvent
from stepchat.messages import AssistantMessage, Failure, Message, Stop, StoredMessage, Timing, UserMessage
from stepchat.parameters.schema import schema_mismatch, wants_json
from stepchat.sessions.records import MESSAGE_ID_LENGTH, new_id

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine

    from stepchat.sessions.store import SessionStore

    Again: TypeAlias = Callable[[StoredMessage], Awaitable[None]]

T = TypeVar("T")

__all__ = ["Question", "Server", "run_turn"]

CRASHED = "crashed"
"""The message of a cancellation (`Task.cancel`) by which the answer counts as interrupted, not as stopped by the user."""
FLUSH_SECONDS = 0.2
"""How long a delta may wait for the next write; the promise is 250 ms."""
RETRY_SECONDS = 2.0
"""The same after a write that failed."""


async def run_turn(
    store: SessionStore, server: Server, question: Question, again: Again | None = None
) -> AsyncGenerator[TurnEvent]:
    """Ask and yield what happens. Cancelling keeps the partial answer and ends normally; failures are kept, then raised.

    When the disk refuses the whole answer it is tried again after each time that `again`, which gets that answer, has
    been awaited; cancelling that tries once more. Without `again` it is not.
    """
    asked = _asked(question)
    path = [*question.path, *([] if asked is None else [asked])]
    parent = path[-1].id if path else None
    try:
        asking, stopped = await _to_the_end(TurnRequest.begin(store, server, question, path))
        blank = _blank(question, server, asking)
        answer_id, late = await _to_the_end(store.begin_answer(question.session, parent, blank, asked=asked))
    except Exception:
        if asked is not None and await _kept_alone(store, asked):
            yield MessageSaved(asked)
        raise
    draft = AnswerAccumulator(blank)
    place = (answer_id, question.session, parent)
    answer = _Answer(store, place, draft, asking, cost_later=server.backend.has_accounts)
    failure: StepchatError | None = None
    stop: Stop | None = "cancelled" if stopped or late else None
    beside = False
    try:
        if asked is not None:
            yield MessageSaved(asked)
        if beside := await _is_beside(store, asked):
            yield ConcurrentQuestion()
        if stop is None:
            async with aclosing(_arriving(asking, answer, draft)) as events:
                async for event in events:
                    yield event
    except asyncio.CancelledError as cancelled:
        # Esc: the task was cancelled. The partial is kept and the turn ends like any other.
        _uncancel()
        stop = "cut" if CRASHED in cancelled.args else "cancelled"
    except StepchatError as error:
        failure = error
        stop = "cut" if isinstance(error, StreamCutError) else "error"
    except BaseException as error:
        # The front end went away without a word, or there is a fault in stepchat: keep what came.
        await _to_the_end(answer.finish("cancelled" if isinstance(error, GeneratorExit) else "error", None))
        raise
    async with aclosing(_finish(answer, stop, failure, again)) as events:
        async for event in events:
            yield event
            if isinstance(event, MessageSaved) and not beside and (await _to_the_end(_is_beside(store, asked)))[0]:
                yield ConcurrentQuestion()


async def _arriving(asking: TurnRequest, answer: _Answer, draft: AnswerAccumulator) -> AsyncGenerator[TurnEvent]:
    async with aclosing(asking.events(answer.id, draft)) as events:
        async for event in events:
            if isinstance(event, Delta):
                answer.add(event)
                if notice := answer.save_error():
                    yield notice
            yield event


def _asked(question: Question) -> StoredMessage | None:
    """The question as it will be on disk; None when it is there already."""
    if question.text is None:
        return None
    message = UserMessage(question.text, time())
    return StoredMessage(new_id(MESSAGE_ID_LENGTH), question.session, question.parent, message)


async def _kept_alone(store: SessionStore, asked: StoredMessage) -> bool:
    """Keep a question that cannot be answered. False when the disk refuses that, too: then it was never asked."""
    try:
        await _to_the_end(store.insert(asked))
    except StoreError:
        return False
    return True


async def _is_beside(store: SessionStore, asked: StoredMessage | None) -> bool:
    """Whether another process has asked in the same place. What cannot be read is no reason to end a turn."""
    if asked is None:
        return False
    try:
        return await store.has_concurrent_question(asked)
    except StoreError:
        return False


def _blank(question: Question, server: Server, asking: TurnRequest) -> AssistantMessage:
    """What is known of the answer before it comes."""
    return AssistantMessage(
        model_asked=question.model,
        server=server.base_url,
        timing=Timing(time()),
        parameters=asking.parameters,
        prefix=asking.prefix,
    )


async def _finish(
    answer: _Answer, stop: Stop | None, failure: StepchatError | None, again: Again | None
) -> AsyncGenerator[TurnEvent]:
    """Save the whole answer; nobody is told that it is there before it is."""
    told = False
    while True:
        try:
            stored, _ = await _to_the_end(answer.finish(stop, failure))
            break
        except AnswerNotOpenError:
            raise
        except StoreError as error:
            if again is None:
                raise StoreError(f"The answer is not saved. {error.message}", error.hint) from error
            words = f"The answer is not on disk; that is tried again every {RETRY_SECONDS:.0f} s. {error}"
        if not told:
            told = True
            yield Notice(words)
        try:
            await again(answer.unsaved())
        except asyncio.CancelledError:
            _uncancel()
            again = None
    if told or answer.save_failed:
        yield Notice("The answer is on disk now.")
    yield MessageSaved(stored)
    if failure is not None:
        raise failure
    if wrong := await _wrong_form(stored.message):
        yield Notice(wrong, is_schema_mismatch=True)


async def _wrong_form(answer: Message) -> str:
    """Where the answer is not in the form that was asked for. In a thread: an answer may be long."""
    if not isinstance(answer, AssistantMessage) or answer.stop != "stop" or not wants_json(answer.parameters):
        return ""
    return await asyncio.to_thread(schema_mismatch, answer.text, answer.parameters)


async def _to_the_end(work: Coroutine[Any, Any, T]) -> tuple[T, bool]:
    """The result of a write, which is waited for in any case, and whether the task was cancelled meanwhile."""
    writing = asyncio.ensure_future(work)
    cancelled = False
    while not writing.done():
        try:
            await asyncio.wait([writing])
        except asyncio.CancelledError:
            _uncancel()
            cancelled = True
    return writing.result(), cancelled


def _uncancel() -> None:
    if (task := asyncio.current_task()) is not None:
        task.uncancel()


def failure_of(error: StepchatError) -> Failure:
    """An error as it is kept with the answer."""
    match error:
        case ServerError():
            code = error.code
        case KeyRejectedError():
            code = 401
        case _:
            code = None
    return Failure(code, error.message, error.hint)


class _Answer:
    """The streaming answer and its way to disk, one write at a time."""

    def __init__(
        self,
        store: SessionStore,
        place: tuple[str, str, str | None],
        draft: AnswerAccumulator,
        asking: TurnRequest,
        *,
        cost_later: bool,
    ) -> None:
        self._store = store
        self._cost_later = cost_later
        self._asking = asking
        self.id, self._session, self._parent = place
        self._draft = draft
        self._start = monotonic()
        self._pending: list[Delta] = []
        self._timer: asyncio.TimerHandle | None = None
        self._write: asyncio.Task[None] | None = None
        self._refused: StoreError | None = None
        self._told = False
        self.message: AssistantMessage | None = None
        """The whole answer, once it has ended."""

    @property
    def save_failed(self) -> bool:
        """Whether `save_error` has told something."""
        return self._told

    def unsaved(self) -> StoredMessage:
        """The whole answer that the disk refused, as it would be there."""
        if self.message is None:
            raise ValueError("the answer has not ended")
        return StoredMessage(self.id, self._session, self._parent, self.message)

    def add(self, delta: Delta) -> None:
        self._draft.add(delta, monotonic() - self._start)
        self._pending.append(delta)
        self._flush_in(FLUSH_SECONDS)

    def _flush_in(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._flush)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _flush(self) -> None:
        self._timer = None
        if self._write is None or self._write.done():
            self._write = asyncio.ensure_future(self._save())

    async def _save(self) -> None:
        batch, self._pending = self._pending, []
        wait = FLUSH_SECONDS
        try:
            await self._store.add_part(self.id, batch)
        except StoreError as error:
            # Tried again together with what follows, so that there is never a hole in what is on disk.
            self._pending[:0] = batch
            self._refused = error
            self._stop_timer()
            wait = RETRY_SECONDS
        if self._pending:
            self._flush_in(wait)

    def save_error(self) -> Notice | None:
        """The first write that failed, once: the answer streams on, only the disk refuses it."""
        if self._refused is None or self._told:
            return None
        self._told = True
        return Notice(f"The answer is not being saved: {self._refused}")

    async def finish(self, stop: Stop | None, failure: StepchatError | None) -> StoredMessage:
        """Replace the parts by the whole message."""
        self._stop_timer()
        while self._write is not None and not self._write.done():
            # Its error was told, or will show again in the write below.
            await asyncio.gather(self._write, return_exceptions=True)
            self._stop_timer()
        if self.message is None:
            kept = None if failure is None else failure_of(failure)
            self.message = self._asking.redacted_answer(
                self._draft.message(stop, error=kept, ended=monotonic() - self._start)
            )
        try:
            return await self._store.finish_answer(self.id, self.message, cost_later=self._cost_later)
        except StoreError:
            # The rest may still fit as a part: then the next start finds all of it.
            if self._pending:
                await self._save()
                self._stop_timer()
            raise
