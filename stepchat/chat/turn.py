"""run_turn, the only turn loop: asks a question, saves the answer while it streams, runs the tools it calls, and asks again.

The order is always disk, then memory, then screen. The question is committed before the request is sent, text and
reasoning within 250 ms of their arrival, and the complete message replaces its parts in one transaction.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from itertools import count
from time import monotonic, time
from typing import TYPE_CHECKING

from stepchat.chat.accumulator import AnswerAccumulator
from stepchat.chat.request import Question, Server, TurnRequest
from stepchat.chat.saving import RETRY_SECONDS, shielded, uncancel, until_saved
from stepchat.chat.tool_calls import (
    CRASHED,
    Turn,
    calls_without_result,
    offer_tools,
    run_calls,
    without_forced_call,
)
from stepchat.errors import KeyRejectedError, ServerError, StepchatError, StoreError, StreamCutError
from stepchat.events import ConcurrentQuestion, Delta, MessageSaved, Notice, RequestStarted, Silence, TurnEvent
from stepchat.messages import AssistantMessage, Failure, Message, Stop, StoredMessage, Timing, UserMessage
from stepchat.parameters.schema import schema_mismatch, wants_json
from stepchat.servers.wire import is_reasoning_only
from stepchat.sessions.records import MESSAGE_ID_LENGTH, new_id
from stepchat.text.format import CHARACTERS_PER_TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from stepchat.catalogue.backends import Backend
    from stepchat.chat.saving import WaitToRetry
    from stepchat.chat.tool_calls import TurnTools
    from stepchat.parameters.budget import ThinkingBudget
    from stepchat.sessions.store import SessionStore


__all__ = ["Question", "Server", "run_turn"]

ANSWER_NOW = "answer now"
"""The message of a cancellation that stops only the reasoning: the answer is requested next."""
FLUSH_SECONDS = 0.2
"""How long a delta may wait for the next write; the documented limit is 250 ms."""


async def run_turn(
    store: SessionStore,
    server: Server,
    question: Question,
    wait_to_retry: WaitToRetry | None = None,
    tools: TurnTools | None = None,
) -> AsyncGenerator[TurnEvent]:
    """Ask and yield what happens, until an answer calls no tool. Cancelling saves what there is and ends normally; a failure
    is saved, then raised.

    If something cannot be saved, `wait_to_retry` is awaited with it, then saving is tried again. If that wait is cancelled,
    the next attempt is the last. Without it, there is only one attempt. A path that ends with calls without results, and no
    text, goes on with these calls.
    """
    question = offer_tools(question, tools)
    turn = Turn(store, server, list(question.path), wait_to_retry)
    for problem in () if tools is None else tools.problems:
        yield Notice(problem)
    if question.text is not None or not calls_without_result(turn.path):
        async with aclosing(_ask_to_answer(turn, question)) as events:
            async for event in events:
                yield event
    for number in count(2):
        if not calls_without_result(turn.path):
            return
        async with aclosing(run_calls(turn, tools, number - 1)) as events:
            async for event in events:
                yield event
        if turn.cancelled or calls_without_result(turn.path):
            return
        yield RequestStarted(number)
        question = replace(
            question, path=list(turn.path), text=None, parameters=without_forced_call(question.parameters)
        )
        async with aclosing(_ask_to_answer(turn, question, number)) as events:
            async for event in events:
                yield event


async def _ask_to_answer(turn: Turn, question: Question, number: int = 1) -> AsyncGenerator[TurnEvent]:
    """Ask; if the reasoning was stopped in order to answer now, ask for the answer."""
    async with aclosing(_ask(turn, question)) as events:
        async for event in events:
            yield event
    last = turn.path[-1].message if turn.path else None
    if not isinstance(last, AssistantMessage) or last.stop != "answer_now" or turn.cancelled:
        return
    yield RequestStarted(number + 1)
    question = replace(
        question,
        path=list(turn.path),
        text=None,
        attachments=(),
        parameters=question.least_reasoning or question.parameters,
        think_at_most=None,
    )
    async with aclosing(_ask(turn, question)) as events:
        async for event in events:
            yield event


async def _ask(turn: Turn, question: Question) -> AsyncGenerator[TurnEvent]:
    """One request and its answer."""
    store, server = turn.store, turn.server
    asked = _new_message(question)
    path = [*question.path, *([] if asked is None else [asked])]
    try:
        request, stopped = await shielded(TurnRequest.prepare(store, server, question, path))
        blank = _blank_answer(question, server, request)
        parent = path[-1].id if path else None
        answer_id, stopped_later = await shielded(store.begin_answer(question.session, parent, blank, asked=asked))
    except Exception:
        if asked is not None and await _save_alone(store, asked):
            yield MessageSaved(asked)
        raise
    accumulator = AnswerAccumulator(blank)
    answer = _StreamingAnswer(store, (answer_id, question.session, parent), accumulator, request, server.backend)
    failure, concurrent = None, False
    stop: Stop | None = "cancelled" if stopped or stopped_later else None
    try:
        if asked is not None:
            yield MessageSaved(asked)
        if concurrent := await _has_concurrent_question(store, asked):
            yield ConcurrentQuestion()
        if stop is None:
            thinking = _Thinking(question.think_at_most)
            async with aclosing(_stream(request, answer, accumulator)) as events:
                async for event in events:
                    yield event
                    if isinstance(event, Delta | Silence) and thinking.has_used_up(event, monotonic()):
                        stop = "answer_now"
                        break
    except asyncio.CancelledError as cancelled:
        # The user stopped the answer: the part that arrived is saved, and the turn ends normally.
        uncancel()
        stop = _stop_of(cancelled, accumulator)
    except StepchatError as error:
        failure = error
        stop = "cut" if isinstance(error, StreamCutError) else "error"
    except BaseException as error:
        # The front end closed this generator, or stepchat has a bug: save what arrived.
        await shielded(answer.finish("cancelled" if isinstance(error, GeneratorExit) else "error", None))
        raise
    async with aclosing(_finish(turn, answer, stop, failure)) as events:
        async for event in events:
            if isinstance(event, MessageSaved):
                turn.path = [*path, event.stored]
            yield event
            is_new = isinstance(event, MessageSaved) and not concurrent
            if is_new and (await shielded(_has_concurrent_question(store, asked)))[0]:
                yield ConcurrentQuestion()


def _stop_of(cancelled: asyncio.CancelledError, accumulator: AnswerAccumulator) -> Stop:
    """The end of an answer whose task was cancelled."""
    if CRASHED in cancelled.args:
        return "cut"
    return "answer_now" if ANSWER_NOW in cancelled.args and is_reasoning_only(accumulator.message()) else "cancelled"


async def _stream(
    request: TurnRequest, answer: _StreamingAnswer, accumulator: AnswerAccumulator
) -> AsyncGenerator[TurnEvent]:
    async with aclosing(request.events(answer.id, accumulator)) as events:
        async for event in events:
            if isinstance(event, Delta):
                answer.add(event)
                if notice := answer.save_error_notice():
                    yield notice
            yield event


class _Thinking:
    """Watches the reasoning of one answer."""

    def __init__(self, limit: ThinkingBudget | None) -> None:
        self._limit = limit
        self._characters = 0
        self._began: float | None = None

    def has_used_up(self, event: Delta | Silence, now: float) -> bool:
        """Whether there was as much reasoning as allowed, and nothing else yet. Call it with every event."""
        if self._limit is None:
            return False
        if isinstance(event, Delta):
            if event.text or event.tool_calls or event.refusal or event.finish_reason:
                self._limit = None
                return False
            self._characters += len(event.reasoning)
            if self._began is None and event.reasoning:
                self._began = now
        tokens = self._characters // CHARACTERS_PER_TOKEN
        return self._began is not None and self._limit.share(now - self._began, tokens) >= 1


def _new_message(question: Question) -> StoredMessage | None:
    """The question as it will be stored; None if it is stored already."""
    if question.text is None:
        return None
    message = UserMessage(question.text, time(), question.attachments)
    return StoredMessage(new_id(MESSAGE_ID_LENGTH), question.session, question.parent, message)


async def _save_alone(store: SessionStore, asked: StoredMessage) -> bool:
    """Save a question without an answer. Returns False if that fails as well."""
    try:
        await shielded(store.insert(asked))
    except StoreError:
        return False
    return True


async def _has_concurrent_question(store: SessionStore, asked: StoredMessage | None) -> bool:
    """Whether another process has asked after the same message."""
    if asked is None:
        return False
    # A failed read is no reason to end a turn.
    try:
        return await store.has_concurrent_question(asked)
    except StoreError:
        return False


def _blank_answer(question: Question, server: Server, request: TurnRequest) -> AssistantMessage:
    """The answer before anything has arrived."""
    return AssistantMessage(
        model_asked=question.model,
        server=server.base_url,
        timing=Timing(time()),
        parameters=request.parameters,
        prefix=request.prefix,
    )


async def _finish(
    turn: Turn, answer: _StreamingAnswer, stop: Stop | None, failure: StepchatError | None
) -> AsyncGenerator[TurnEvent]:
    """Save the complete answer, then yield it."""
    saving = until_saved(
        partial(answer.finish, stop, failure),
        answer.unsaved,
        turn.wait_to_retry,
        what="answer",
        on_cancelled=turn.cancel,
        has_failed=lambda: answer.save_failed,
    )
    stored: StoredMessage | None = None
    async with aclosing(saving) as events:
        async for event in events:
            if isinstance(event, MessageSaved):
                stored = event.stored
            yield event
    if failure is not None:
        raise failure
    if stored is not None and (mismatch := await _find_schema_mismatch(stored.message)):
        yield Notice(mismatch, hint="/correct sends this back to the model.", is_schema_mismatch=True)


async def _find_schema_mismatch(answer: Message) -> str:
    """Where the answer does not match response_format; "" if it does. Uses a thread, because an answer may be long."""
    if not isinstance(answer, AssistantMessage) or answer.stop != "stop" or not wants_json(answer.parameters):
        return ""
    return await asyncio.to_thread(schema_mismatch, answer.text, answer.parameters)


def to_failure(error: StepchatError) -> Failure:
    """The record of an error that is stored with an answer."""
    match error:
        case ServerError():
            code = error.code
        case KeyRejectedError():
            code = 401
        case _:
            code = None
    return Failure(code, error.message, error.hint)


class _StreamingAnswer:
    """Saves an answer while it streams, one write at a time."""

    def __init__(
        self,
        store: SessionStore,
        ids: tuple[str, str, str | None],
        accumulator: AnswerAccumulator,
        request: TurnRequest,
        backend: Backend,
    ) -> None:
        self._store = store
        self._cost_later = backend.has_accounts
        self._request = request
        self.id, self._session, self._parent = ids
        self._accumulator = accumulator
        self._start = monotonic()
        self._pending: list[Delta] = []
        self._timer: asyncio.TimerHandle | None = None
        self._write_task: asyncio.Task[None] | None = None
        self._save_error: StoreError | None = None
        self._notified = False
        self.message: AssistantMessage | None = None
        """The complete answer, once it has ended."""

    @property
    def save_failed(self) -> bool:
        """Whether `save_error_notice` has returned a notice."""
        return self._notified

    def unsaved(self) -> StoredMessage:
        """The complete answer that could not be saved."""
        if self.message is None:
            raise ValueError("the answer has not ended")
        return StoredMessage(self.id, self._session, self._parent, self.message)

    def add(self, delta: Delta) -> None:
        self._accumulator.add(delta, monotonic() - self._start)
        self._pending.append(delta)
        self._schedule_flush(FLUSH_SECONDS)

    def _schedule_flush(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._flush)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _flush(self) -> None:
        self._timer = None
        if self._write_task is None or self._write_task.done():
            self._write_task = asyncio.ensure_future(self._save())

    async def _save(self) -> None:
        batch, self._pending = self._pending, []
        wait = FLUSH_SECONDS
        try:
            await self._store.add_part(self.id, batch)
        except StoreError as error:
            # It is written again together with what follows, so that nothing is missing in the middle.
            self._pending[:0] = batch
            self._save_error = error
            self._stop_timer()
            wait = RETRY_SECONDS
        if self._pending:
            self._schedule_flush(wait)

    def save_error_notice(self) -> Notice | None:
        """A notice about the first failed write, once; the answer continues to stream."""
        if self._save_error is None or self._notified:
            return None
        self._notified = True
        return Notice(f"The answer is not being saved: {self._save_error}")

    async def finish(self, stop: Stop | None, failure: StepchatError | None) -> StoredMessage:
        """Replace the saved parts with the complete message."""
        self._stop_timer()
        while self._write_task is not None and not self._write_task.done():
            # Its error was reported already, or will occur again in the write below.
            await asyncio.gather(self._write_task, return_exceptions=True)
            self._stop_timer()
        if self.message is None:
            error = None if failure is None else to_failure(failure)
            self.message = self._request.redacted_answer(
                self._accumulator.message(stop, error=error, ended=monotonic() - self._start)
            )
        try:
            return await self._store.finish_answer(self.id, self.message, cost_later=self._cost_later)
        except StoreError:
            # The rest may still be saved as a part, and then the next start restores all of it.
            if self._pending:
                await self._save()
                self._stop_timer()
            raise
