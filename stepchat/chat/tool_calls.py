"""The calls of an answer: checked, approved, run and saved, and the state of a turn that goes on after them.

A result is on disk before the next request leaves. A call that is about to run is noted on disk first, so that a kill leaves
a history that says so, and nothing runs twice unasked.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, cast

from stepchat.chat.saving import shielded, uncancel, until_saved
from stepchat.errors import StoreError, UsageError
from stepchat.events import (
    CallsLeft,
    MessageSaved,
    ToolCallDecided,
    ToolCallProgress,
    ToolCallReceived,
    ToolCallStarted,
    TurnEvent,
)
from stepchat.messages import AssistantMessage, StoredMessage, ToolMessage
from stepchat.sessions.records import MESSAGE_ID_LENGTH, new_id
from stepchat.sessions.tool_calls import LEFT_BEHIND
from stepchat.tools.calls import Result

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from stepchat.chat.request import Question, Server
    from stepchat.chat.saving import WaitToRetry
    from stepchat.messages import Json, ToolCall
    from stepchat.sessions.store import SessionStore
    from stepchat.tools.approvals import Decides, Decision
    from stepchat.tools.calls import ReadyCall, Toolset

CRASHED: Final = "crashed"
"""The message of a cancellation (`Task.cancel`) after which the answer counts as interrupted, not as stopped."""
REFUSED: Final = "The user refused this call; it did not run."
_STOPPED: Final = "The user stopped this call after {:.1f} s. It may have taken effect in part."
_PROGRESS_SECONDS: Final = 0.1
"""Between two reports of a call about its progress."""
_PATIENCE: Final = 5.0
"""Seconds that a stopped call has to end."""


@dataclass(slots=True)
class TurnTools:
    """What the calls of one turn need."""

    toolset: Toolset
    approvals: Decides
    confirm_rounds: Callable[[int], Awaitable[bool]]
    """Asks the user whether to go on after so many rounds of calls."""
    rounds: int = 25
    """Rounds after which the user is asked."""
    problems: Sequence[str] = ()
    """Why tools that are on are missing."""


@dataclass(slots=True)
class Turn:
    """A running turn."""

    store: SessionStore
    server: Server
    path: list[StoredMessage]
    """All messages so far."""
    wait_to_retry: WaitToRetry | None
    cancelled: bool = False

    def cancel(self) -> None:
        """The user stopped the turn while something was being saved."""
        self.cancelled = True


# ---- the request


def offer_tools(question: Question, tools: TurnTools | None) -> Question:
    """The question with the definitions of the tools that are on. Raises UsageError if tool_choice names another one."""
    parameters = dict(question.parameters)
    definitions = [*_raw_definitions(parameters)]
    given = set(map(_name_of, definitions))
    definitions += [
        tool.definition for tool in (() if tools is None else tools.toolset.tools.values()) if tool.name not in given
    ]
    names = [*map(_name_of, definitions)]
    if definitions:
        parameters["tools"] = definitions
    elif "tools" not in parameters:
        # Servers reject them without any tool.
        for name in ("tool_choice", "parallel_tool_calls"):
            parameters.pop(name, None)
    choice: Any = parameters.get("tool_choice")
    wanted = _name_of(cast("Json", choice)) if isinstance(choice, dict) else ""
    if wanted and wanted not in names:
        raise UsageError(
            f"tool_choice names {wanted}, which is not on.",
            f"Switch it on, or unset tool_choice. Tools that are on: {', '.join(names) or 'none'}.",
        )
    return replace(question, parameters=parameters)


def without_forced_call(parameters: Json) -> Json:
    """The parameters of the requests after a call: one that is forced again would never end."""
    choice = parameters.get("tool_choice")
    return parameters | {"tool_choice": "auto"} if choice == "required" or isinstance(choice, dict) else parameters


def _raw_definitions(parameters: Json) -> list[Json]:
    given: Any = parameters.get("tools")
    return [row for row in cast("list[Any]", given) if isinstance(row, dict)] if isinstance(given, list) else []


def _name_of(definition: Json) -> str:
    function: Any = definition.get("function")
    return str(cast("Json", function).get("name", "")) if isinstance(function, dict) else ""


# ---- the history


def calls_without_result(path: Sequence[StoredMessage]) -> tuple[ToolCall, ...]:
    """The calls at the end of a path that no message answers."""
    answer = answer_with_calls(path)
    if answer is None or not isinstance(answer.message, AssistantMessage):
        return ()
    start = path.index(answer) + 1
    done = {stored.message.call_id for stored in path[start:] if isinstance(stored.message, ToolMessage)}
    return tuple(call for call in answer.message.tool_calls if call.id not in done)


def answer_with_calls(path: Sequence[StoredMessage]) -> StoredMessage | None:
    """The answer whose calls, with or without results, end the path; None if it does not end so."""
    for stored in reversed(path):
        match stored.message:
            case ToolMessage():
                continue
            case AssistantMessage(stop="tool_calls", tool_calls=[_, *_]):
                return stored
            case _:
                return None
    return None


# ---- running


async def run_calls(turn: Turn, tools: TurnTools | None, rounds: int) -> AsyncGenerator[TurnEvent]:
    """Run the calls at the end of the path that have no result, as far as they may run."""
    calls = calls_without_result(turn.path)
    if turn.cancelled:
        yield CallsLeft(calls, "stopped")
        return
    if tools is None:
        yield CallsLeft(calls, "no tool")
        return
    if rounds > tools.rounds and (rounds - 1) % tools.rounds == 0:
        try:
            goes_on = await tools.confirm_rounds(rounds - 1)
        except asyncio.CancelledError:
            uncancel()
            turn.cancel()
            goes_on = False
        if not goes_on:
            yield CallsLeft(calls, "stopped" if turn.cancelled else "round limit")
            return
    answer = answer_with_calls(turn.path)
    if answer is None or not isinstance(answer.message, AssistantMessage):
        return
    # What the user defined without a function is the user's to answer.
    raw = {_name_of(row) for row in _raw_definitions(answer.message.parameters)} - set(tools.toolset.tools)
    async with aclosing(_Calls(turn, tools, answer).run([call for call in calls if call.name not in raw])) as events:
        async for event in events:
            yield event
    if left := calls_without_result(turn.path):
        yield CallsLeft(left, "stopped" if turn.cancelled else "no tool")


@dataclass(slots=True)
class _Running:
    call: ToolCall
    task: asyncio.Task[Result]
    began: float = field(default_factory=monotonic)
    reported: float = 0.0


class _Calls:
    """The calls of one answer."""

    def __init__(self, turn: Turn, tools: TurnTools, answer: StoredMessage) -> None:
        self._turn = turn
        self._tools = tools
        self._answer = answer
        self._running: list[_Running] = []
        self._progress: dict[str, ToolCallProgress] = {}
        """The last words of each call that have not been yielded."""
        self._reported = asyncio.Event()

    async def run(self, calls: Sequence[ToolCall]) -> AsyncGenerator[TurnEvent]:
        """Check all calls, then approve and run them in order; neighbours that change nothing run at the same time."""
        try:
            checked = [(call, await self._tools.toolset.check(call)) for call in calls]
            for group in _groups(checked):
                async with aclosing(self._run_group(group)) as events:
                    async for event in events:
                        yield event
        except asyncio.CancelledError as cancelled:
            uncancel()
            self._turn.cancel()
            async with aclosing(self._stop(crashed=CRASHED in cancelled.args)) as events:
                async for event in events:
                    yield event
        finally:
            # The front end closed this generator, or something failed: what ran gets a result all the same.
            if self._running:
                async with aclosing(self._stop(crashed=False)) as events:
                    with suppress(StoreError):
                        async for _ in events:
                            pass

    async def _run_group(self, group: Sequence[tuple[ToolCall, ReadyCall | Result]]) -> AsyncGenerator[TurnEvent]:
        for call, checked in group:
            if isinstance(checked, Result):
                yield ToolCallReceived(call)
                result = checked
            else:
                yield ToolCallReceived(call, checked.tool.source)
                decision = await self._tools.approvals.decide(checked)
                reason = "" if decision.allows else refusal(decision)
                yield ToolCallDecided(call, decision.allows, decision.origin, reason)
                result = await self._start(checked) if decision.allows else Result(reason, is_error=True)
                if result is None:
                    yield ToolCallStarted(call)
                    continue
            async with aclosing(self._save(call, result)) as events:
                async for event in events:
                    yield event
            self._check_cancelled()
        while self._running:
            reported = asyncio.ensure_future(self._reported.wait())
            try:
                tasks = [running.task for running in self._running]
                await asyncio.wait([*tasks, reported], return_when=asyncio.FIRST_COMPLETED)
            finally:
                reported.cancel()
            self._reported.clear()
            while self._progress:
                yield self._progress.pop(next(iter(self._progress)))
            for running in [one for one in self._running if one.task.done()]:
                self._running.remove(running)
                async with aclosing(self._save(running.call, running.task.result())) as events:
                    async for event in events:
                        yield event
            self._check_cancelled()

    def _check_cancelled(self) -> None:
        """A cancellation that came during a write takes effect after it."""
        if self._turn.cancelled:
            raise asyncio.CancelledError

    async def _start(self, ready: ReadyCall) -> Result | None:
        """Start a call that was noted on disk. Returns its result if it did not start."""
        _, cancelled = await shielded(self._turn.store.start_call(self._answer.id, ready.call))
        if cancelled:
            self._turn.cancel()
            return Result(_STOPPED.format(0), is_error=True)
        report = partial(self._report, ready.call)
        self._running.append(_Running(ready.call, asyncio.ensure_future(self._tools.toolset.run(ready, report))))
        return None

    def _report(self, call: ToolCall, text: str) -> None:
        """Keep what a tool says about its progress, but not everything that it says in a short time."""
        running = next((one for one in self._running if one.call.id == call.id), None)
        if running is not None and (now := monotonic()) - running.reported >= _PROGRESS_SECONDS:
            running.reported = now
            self._progress[call.id] = ToolCallProgress(call, text)
            self._reported.set()

    async def _stop(self, *, crashed: bool) -> AsyncGenerator[TurnEvent]:
        """End the calls that run, and save a result for each."""
        stopped, self._running = self._running, []
        for running in stopped:
            running.task.cancel()
        if stopped:
            await shielded(asyncio.wait([running.task for running in stopped], timeout=_PATIENCE))
        for running in stopped:
            seconds = monotonic() - running.began
            if running.task.done() and not running.task.cancelled():
                result = running.task.result()
            else:
                result = Result(LEFT_BEHIND if crashed else _STOPPED.format(seconds), is_error=True, seconds=seconds)
            async with aclosing(self._save(running.call, result)) as events:
                async for event in events:
                    yield event

    async def _save(self, call: ToolCall, result: Result) -> AsyncGenerator[TurnEvent]:
        """Save a result below the last message of the path, then yield it."""
        turn = self._turn
        message = ToolMessage(
            call.id,
            call.name,
            turn.server.redact(result.text),
            result.is_error,
            None if result.seconds is None else round(result.seconds, 3),
            result.size if result.size > len(result.text) else None,
        )
        end = turn.path[-1]
        stored = StoredMessage(new_id(MESSAGE_ID_LENGTH), end.session, end.id, message)

        async def write() -> StoredMessage:
            await turn.store.finish_call(self._answer.id, stored, call.id)
            return stored

        saving = until_saved(write, lambda: stored, turn.wait_to_retry, what="tool result", on_cancelled=turn.cancel)
        async with aclosing(saving) as events:
            async for event in events:
                if isinstance(event, MessageSaved):
                    turn.path.append(event.stored)
                yield event


def refusal(decision: Decision) -> str:
    """What the model reads about a call that may not run."""
    if decision.origin != "user":
        return decision.reason
    return f"{REFUSED} Reason: {decision.reason}" if decision.reason else REFUSED


def _groups(
    checked: Sequence[tuple[ToolCall, ReadyCall | Result]],
) -> list[list[tuple[ToolCall, ReadyCall | Result]]]:
    """The calls in order, in groups that may run at the same time: neighbours that change nothing, or are errors."""
    groups: list[list[tuple[ToolCall, ReadyCall | Result]]] = []
    joins = False
    for call, ready in checked:
        may_join = isinstance(ready, Result) or ready.tool.read_only
        if may_join and joins:
            groups[-1].append((call, ready))
        else:
            groups.append([(call, ready)])
        joins = may_join
    return groups
