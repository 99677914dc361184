"""The loop of requests and tool calls: what is asked, run, saved and sent back, in every state."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.chat.tool_calls import REFUSED, TurnTools, calls_without_result
from stepchat.chat.turn import run_turn
from stepchat.config.paths import Paths
from stepchat.errors import ServerError, StoreError, UsageError
from stepchat.events import (
    CallsLeft,
    Delta,
    MessageSaved,
    Notice,
    RequestStarted,
    ToolCallDecided,
    ToolCallFragment,
    ToolCallProgress,
    ToolCallReceived,
    ToolCallStarted,
)
from stepchat.messages import AssistantMessage, ToolMessage, UserMessage
from stepchat.sessions.store import SessionStore
from stepchat.sessions.tool_calls import LEFT_BEHIND
from stepchat.tools.approvals import Approvals, Decision
from stepchat.tools.base import Output, Tool
from stepchat.tools.calls import Limits, Toolset
from tests.fakes import FakeServer
from tests.strict import check_strictly
from tests.turns import DONE, THINKING, question, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from stepchat.chat.request import Question
    from stepchat.events import TurnEvent
    from stepchat.messages import Json
    from stepchat.tools.approvals import ApprovalRequest

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
SIGNATURE = {"extra_content": {"google": {"thought_signature": "c2ln"}}}


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path, tmp_path, tmp_path)


@pytest.fixture
async def store(paths: Paths) -> AsyncIterator[SessionStore]:
    opened = SessionStore.open(paths, accumulate=accumulate)
    yield opened
    await opened.close()


class Bench:
    """Tools that note when they run: `look` reads, `write` does not, `hang` waits for `release`."""

    def __init__(self, *answers: Any) -> None:
        self.log: list[str] = []
        self.release = asyncio.Event()
        self.asked: list[ApprovalRequest] = []
        self.answers = list(answers)
        """What the user says, one after the other; then always `once`. An event is waited for."""
        self.confirmed: list[int] = []
        self.confirms: list[Any] = []

    def tools(self, **more: Any) -> TurnTools:
        tools = [self._tool("look", read_only=True), self._tool("write"), self._tool("hang", read_only=True)]
        toolset = Toolset({tool.name: tool for tool in tools}, Limits(timeout=30, output=1_000))
        return TurnTools(toolset, Approvals(Nothing(), self.ask), self.confirm, **more)

    def _tool(self, name: str, *, read_only: bool = False) -> Tool:
        async def run(arguments: Json, _report: Any) -> Output:
            self.log.append(f"{name} {arguments['n']} begins")
            try:
                if name == "hang":
                    await self.release.wait()
                else:
                    await asyncio.sleep(0)
            finally:
                self.log.append(f"{name} {arguments['n']} ends")
            return Output(f"{name} {arguments['n']} done")

        return Tool(name, f"{name} it", SCHEMA, run, read_only=read_only)

    async def ask(self, request: ApprovalRequest) -> Decision:
        self.asked.append(request)
        answer = self.answers.pop(0) if self.answers else "once"
        if isinstance(answer, asyncio.Event):
            await answer.wait()
            answer = "once"
        return answer if isinstance(answer, Decision) else Decision(answer)

    async def confirm(self, rounds: int) -> bool:
        self.confirmed.append(rounds)
        answer = self.confirms.pop(0) if self.confirms else False
        if isinstance(answer, asyncio.Event):
            await answer.wait()
        return bool(answer)


class Nothing:
    """Settings that hold nothing."""

    async def setting(self, name: str) -> None: ...

    async def update_setting(self, name: str, change: Any) -> None: ...


def calling(*calls: tuple[str, str], thought: str = "", usage: Any = None) -> list[Delta]:
    """An answer that calls these tools with these arguments, with reasoning and extra keys."""
    detail = {"type": "reasoning.text", "text": thought or "hm", "format": "unknown", "index": 0}
    fragments = [
        ToolCallFragment(number, f"call_{number}", name, arguments, dict(SIGNATURE))
        for number, (name, arguments) in enumerate(calls)
    ]
    return [
        Delta(reasoning=thought or "hm", details=(detail,)),
        Delta(tool_calls=tuple(fragments)),
        Delta(finish_reason="tool_calls", model="stepfun/step-3.5-flash", usage=usage),
    ]


def n(number: int) -> str:
    return json.dumps({"n": number})


async def happening(
    store: Any, server: FakeServer, asked: Question, tools: TurnTools | None, into: list[TurnEvent] | None = None
) -> list[TurnEvent]:
    events: list[TurnEvent] = [] if into is None else into
    async with aclosing(run_turn(store, server, asked, None, tools)) as turn:
        async for event in turn:
            events.append(event)
    for body in server.requests:
        check_strictly(body["messages"])
    return events


def results(events: list[TurnEvent]) -> list[tuple[str, str, bool]]:
    messages = [event.stored.message for event in events if isinstance(event, MessageSaved)]
    return [(one.call_id, one.text, one.is_error) for one in messages if isinstance(one, ToolMessage)]


async def again(store: SessionStore, session: str, **more: Any) -> Question:
    """The session goes on from its leaf without a question."""
    return replace(await question(store, None, session, **more), text=None)


# Rounds


async def test_calls_run_and_their_results_go_back_until_an_answer_comes(store):
    server = FakeServer(calling(("look", n(1)), thought="one"), calling(("write", n(2)), thought="two"), [DONE])
    bench = Bench()
    asked = await question(store)
    events = await happening(store, server, asked, bench.tools())
    assert bench.log == ["look 1 begins", "look 1 ends", "write 2 begins", "write 2 ends"]
    kinds = [type(event) for event in events if not isinstance(event, Delta)]
    call = [ToolCallReceived, ToolCallDecided, ToolCallStarted, MessageSaved, RequestStarted, MessageSaved]
    assert kinds == [MessageSaved, MessageSaved, *call, *call]
    last = server.requests[2]["messages"]
    assert [message["role"] for message in last] == ["user", "assistant", "tool", "assistant", "tool"]
    # Reasoning and extra keys of every round, unchanged.
    assert [message["reasoning_details"][0]["text"] for message in last if "reasoning_details" in message] == [
        "one",
        "two",
    ]
    assert all(message["tool_calls"][0]["extra_content"] for message in last if "tool_calls" in message)
    assert [message["content"] for message in last if message["role"] == "tool"] == ["look 1 done", "write 2 done"]
    path = await store.path(asked.session)
    assert [type(one.message) for one in path] == [
        UserMessage,
        AssistantMessage,
        ToolMessage,
        AssistantMessage,
        ToolMessage,
        AssistantMessage,
    ]
    assert path[-1].message.text == " The end."


async def test_definitions_are_sent_with_every_request_and_only_when_a_tool_is_on(store):
    server = FakeServer(calling(("look", n(1))), [DONE], [DONE])
    asked = await question(store, parameters={"tool_choice": "auto", "parallel_tool_calls": True})
    await happening(store, server, asked, Bench().tools())
    names = [[row["function"]["name"] for row in body["tools"]] for body in server.requests]
    assert names == [["look", "write", "hang"]] * 2
    await happening(store, server, await question(store, "And?", asked.session, parameters=asked.parameters), None)
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(server.requests[2])


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "look"}}])
async def test_a_forced_call_is_forced_only_once(store, choice):
    server = FakeServer(calling(("look", n(1))), [DONE])
    await happening(store, server, await question(store, parameters={"tool_choice": choice}), Bench().tools())
    assert [body["tool_choice"] for body in server.requests] == [choice, "auto"]


async def test_a_forced_tool_that_is_not_on_is_refused_before_anything_is_saved(store):
    asked = await question(store, parameters={"tool_choice": {"type": "function", "function": {"name": "gone"}}})
    with pytest.raises(UsageError, match="tool_choice names gone"):
        await happening(store, FakeServer(), asked, Bench().tools())
    assert await store.path(asked.session) == []


async def test_the_user_is_asked_after_a_number_of_rounds(store):
    rounds = [calling(("look", n(number))) for number in range(5)]
    bench = Bench()
    bench.confirms = [True, False]
    events = await happening(store, FakeServer(*rounds), await question(store), bench.tools(rounds=2))
    assert bench.confirmed == [2, 4]
    assert events[-1].why == "round limit"
    assert len(results(events)) == 4


# Order and concurrency


async def test_neighbours_that_read_run_together_and_others_one_after_the_other(store):
    calls = calling(("hang", n(1)), ("hang", n(2)), ("write", n(3)), ("write", n(4)), ("look", n(5)))
    bench = Bench()
    server = FakeServer(calls, [DONE])
    turn = asyncio.create_task(happening(store, server, await question(store), bench.tools()))
    await until(lambda: len(bench.log) == 2)
    assert bench.log == ["hang 1 begins", "hang 2 begins"]
    bench.release.set()
    await turn
    rest = [
        f"{name} {number} {word}"
        for name, number in (("write", 3), ("write", 4), ("look", 5))
        for word in ("begins", "ends")
    ]
    assert bench.log[4:] == rest


async def test_a_quick_result_is_saved_while_a_slow_call_runs_and_order_is_restored_for_the_server(store):
    bench = Bench()
    server = FakeServer(calling(("hang", n(0)), ("look", n(1))), [DONE])
    asked = await question(store)
    events: list[TurnEvent] = []
    turn = asyncio.create_task(happening(store, server, asked, bench.tools(), events))
    await until(lambda: bool(results(events)))
    assert [one.message.call_id for one in (await store.path(asked.session))[2:]] == ["call_1"]
    bench.release.set()
    await turn
    sent = [message["tool_call_id"] for message in server.requests[1]["messages"] if message["role"] == "tool"]
    assert sent == ["call_0", "call_1"]


# What the model gets to read when a call does not run


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("nowhere", n(1), "There is no tool 'nowhere'. Available: hang, look, write."),
        ("look", '{"n": ', "The arguments are not JSON"),
        ("look", '{"n": "x"}', "Wrong arguments"),
        ("look", "[]", "must be a JSON object"),
    ],
)
async def test_a_wrong_call_is_an_error_the_model_reads_and_nobody_is_asked(store, name, arguments, words):
    bench = Bench()
    server = FakeServer(calling((name, arguments)), [DONE])
    events = await happening(store, server, await question(store), bench.tools())
    ((_, text, is_error),) = results(events)
    assert is_error
    assert words in text
    assert not bench.asked
    assert not bench.log
    assert server.requests[1]["messages"][-1]["content"] == text


async def test_a_refused_call_is_an_error_with_the_users_reason(store):
    bench = Bench("no", Decision("no", "use the other file"))
    server = FakeServer(calling(("write", n(1)), ("write", n(2)), ("write", n(3))), [DONE])
    events = await happening(store, server, await question(store), bench.tools())
    assert [text for _, text, _ in results(events)] == [
        REFUSED,
        f"{REFUSED} Reason: use the other file",
        "write 3 done",
    ]
    assert bench.log == ["write 3 begins", "write 3 ends"]


async def test_approval_for_the_session_is_asked_for_once(store):
    bench = Bench("session")
    server = FakeServer(calling(("write", n(1)), ("look", n(1))), calling(("write", n(2))), [DONE])
    await happening(store, server, await question(store), bench.tools())
    assert [request.ready.tool.name for request in bench.asked] == ["write", "look"]


async def test_a_long_result_is_cut_with_a_note_and_its_size_is_kept(store):
    async def flood(_arguments: Json, _report: Any) -> Output:
        return Output("x" * 5_000)

    tools = Bench().tools()
    tools.toolset = Toolset({"look": Tool("look", "", SCHEMA, flood)}, Limits(output=1_000))
    server = FakeServer(calling(("look", n(1))), [DONE])
    asked = await question(store)
    await happening(store, server, asked, tools)
    message = (await store.path(asked.session))[2].message
    assert message.size == 5_000
    assert "[… 4,000 of 5,000 characters left out …]" in message.text


async def test_the_key_never_reaches_the_disk_through_a_tool(store):
    async def leak(_arguments: Json, _report: Any) -> Output:
        return Output("sk-secret")

    tools = Bench().tools()
    tools.toolset = Toolset({"look": Tool("look", "", SCHEMA, leak)})
    server = FakeServer(calling(("look", n(1))), [DONE], secret="sk-secret")
    assert results(await happening(store, server, await question(store), tools))[0][1] == "[removed]"


# Nobody runs it


async def test_without_tools_a_call_ends_the_turn(store):
    events = await happening(store, FakeServer(calling(("look", n(1)))), await question(store), None)
    assert events[-1] == CallsLeft(calls_without_result([events[-2].stored]), "no tool")


async def test_what_the_user_defined_is_left_to_the_user_and_the_rest_runs(store):
    raw = [{"type": "function", "function": {"name": "mine", "parameters": {}}}]
    bench = Bench()
    server = FakeServer(calling(("mine", "{}"), ("look", n(1))), [DONE])
    asked = await question(store, parameters={"tools": raw})
    events = await happening(store, server, asked, bench.tools())
    assert bench.log == ["look 1 begins", "look 1 ends"]
    assert [call.name for call in events[-1].calls] == ["mine"]
    # The user answers it, and the turn goes on.
    path = await store.path(asked.session)
    await store.append(asked.session, path[-1].id, ToolMessage("call_0", "mine", "by hand"))
    await happening(store, server, await again(store, asked.session, parameters=asked.parameters), bench.tools())
    assert [one["content"] for one in server.requests[1]["messages"] if one["role"] == "tool"] == [
        "by hand",
        "look 1 done",
    ]


async def test_a_truncated_answer_runs_nothing(store):
    said = calling(("write", n(1)))[:-1]
    bench = Bench()
    events = await happening(
        store, FakeServer([*said, Delta(finish_reason="length")]), await question(store), bench.tools()
    )
    assert not bench.log
    assert isinstance(events[-1], MessageSaved)


# Esc


async def stopped(
    store: SessionStore, server: FakeServer, asked: Question, tools: TurnTools, when: Any, *message: str
) -> list[TurnEvent]:
    events: list[TurnEvent] = []
    turn = asyncio.create_task(happening(store, server, asked, tools, events))
    await until(lambda: when(events))
    turn.cancel(*message)
    await turn
    assert not turn.cancelled()
    return events


async def test_esc_while_a_call_streams_runs_nothing(store):
    bench = Bench()
    said = [*calling(("write", n(1)))[:-1], asyncio.Event()]
    asked = await question(store)
    events = await stopped(store, FakeServer(said), asked, bench.tools(), lambda events: len(events) > 2)
    assert events[-1].stored.message.stop == "cancelled"
    assert not bench.log


async def test_esc_at_the_question_leaves_the_call_and_going_on_asks_again(store):
    bench = Bench(asyncio.Event())
    server = FakeServer(calling(("write", n(1))), [DONE])
    asked = await question(store)
    events = await stopped(store, server, asked, bench.tools(), lambda _: bool(bench.asked))
    assert events[-1].why == "stopped"
    assert not bench.log
    assert not results(events)
    assert len(server.requests) == 1
    events = await happening(store, server, await again(store, asked.session), bench.tools())
    assert len(bench.asked) == 2
    assert results(events) == [("call_0", "write 1 done", False)]
    assert events[-1].stored.message.text == " The end."


async def test_esc_while_calls_run_stops_them_and_keeps_what_is_done(store):
    bench = Bench()
    server = FakeServer(calling(("look", n(0)), ("hang", n(1)), ("write", n(2))), [DONE])
    asked = await question(store)
    events = await stopped(store, server, asked, bench.tools(), lambda events: bool(results(events)))
    first, second = results(events)
    assert first == ("call_0", "look 0 done", False)
    assert second[0] == "call_1"
    assert "The user stopped this call after" in second[1]
    assert bench.log[-1] == "hang 1 ends"
    assert [call.name for call in events[-1].calls] == ["write"]
    # Nothing that ran runs again.
    bench.log.clear()
    await happening(store, server, await again(store, asked.session), bench.tools())
    assert bench.log == ["write 2 begins", "write 2 ends"]


async def test_esc_at_the_round_limit_ends_the_turn(store):
    bench = Bench()
    bench.confirms = [asyncio.Event()]
    server = FakeServer(calling(("look", n(1))), calling(("look", n(2))))
    events = await stopped(store, server, await question(store), bench.tools(rounds=1), lambda _: bool(bench.confirmed))
    assert events[-1].why == "stopped"


async def test_esc_while_the_next_answer_streams_keeps_the_results(store):
    server = FakeServer(calling(("look", n(1))), [THINKING, asyncio.Event()], [DONE])
    asked = await question(store)
    events = await stopped(store, server, asked, Bench().tools(), lambda events: events[-1:] == [THINKING])
    assert [type(one.message) for one in await store.path(asked.session)][2:] == [ToolMessage, AssistantMessage]
    assert events[-1].stored.message.stop == "cancelled"
    path = await store.path(asked.session)
    retry = replace(asked, path=path[:-1], text=None)
    events = await happening(store, server, retry, Bench().tools())
    assert events[-1].stored.message.text == " The end."


async def test_a_crash_of_stepchat_is_not_called_a_stop_of_the_user(store):
    bench = Bench()
    server = FakeServer(calling(("hang", n(1))))
    asked = await question(store)
    await stopped(store, server, asked, bench.tools(), lambda _: bool(bench.log), "crashed")
    assert (await store.path(asked.session))[-1].message.text == LEFT_BEHIND


async def test_a_front_end_that_goes_away_leaves_a_result_and_no_task(store):
    bench = Bench()
    turn = run_turn(store, FakeServer(calling(("hang", n(1)))), await question(store), None, bench.tools())
    session = ""
    async for event in turn:
        session = event.stored.session if isinstance(event, MessageSaved) else session
        if isinstance(event, ToolCallStarted):
            await until(lambda: bool(bench.log))
            break
    await turn.aclose()
    assert bench.log == ["hang 1 begins", "hang 1 ends"]
    assert isinstance((await store.path(session))[-1].message, ToolMessage)


# A kill, as the next start finds it


async def reopened(store: SessionStore, paths: Paths) -> SessionStore:
    """Another process after this one died, which holds no lock any more."""
    store._owner.release()
    return SessionStore.open(paths, accumulate=accumulate)


async def test_after_a_kill_a_call_that_ran_is_marked_and_one_that_waited_is_open(store, paths):
    bench = Bench()
    server = FakeServer(calling(("hang", n(1)), ("write", n(2)), ("write", n(3))), [DONE])
    asked = await question(store)
    turn = asyncio.create_task(happening(store, server, asked, bench.tools()))
    await until(lambda: bool(bench.log))
    after = await reopened(store, paths)
    path = await after.path(asked.session)
    assert [(one.message.call_id, one.message.text) for one in path[2:]] == [("call_0", LEFT_BEHIND)]
    assert [call.id for call in calls_without_result(path)] == ["call_1", "call_2"]
    ask_again = Bench()
    await happening(after, server, await again(after, asked.session), ask_again.tools())
    assert [request.ready.call.id for request in ask_again.asked] == ["call_1", "call_2"]
    await after.close()
    turn.cancel()
    await asyncio.gather(turn, return_exceptions=True)


async def test_after_a_kill_a_session_that_went_on_elsewhere_stays_there(store, paths):
    bench = Bench()
    asked = await question(store)
    turn = asyncio.create_task(happening(store, FakeServer(calling(("hang", n(1)))), asked, bench.tools()))
    await until(lambda: bool(bench.log))
    elsewhere = await store.append(asked.session, None, UserMessage("Other"))
    after = await reopened(store, paths)
    assert (await after.session(asked.session)).leaf == elsewhere.id
    (answer,) = [one for one in await after.messages(asked.session) if isinstance(one.message, AssistantMessage)]
    assert [one.message.text for one in await after.children(answer.id)] == [LEFT_BEHIND]
    await after.close()
    turn.cancel()
    await asyncio.gather(turn, return_exceptions=True)


async def test_after_a_kill_with_all_results_the_next_request_is_sent_and_nothing_runs(store, paths):
    bench = Bench()
    server = FakeServer(calling(("look", n(1))), [asyncio.Event()], [DONE])
    asked = await question(store)
    turn = asyncio.create_task(happening(store, server, asked, bench.tools()))
    await until(lambda: len(server.requests) == 2)
    after = await reopened(store, paths)
    path = await after.path(asked.session)
    assert path[-1].message.stop == "cut"
    idle = Bench()
    events = await happening(after, server, replace(asked, path=path[:-1], text=None), idle.tools())
    assert events[-1].stored.message.text == " The end."
    assert not idle.asked
    await after.close()
    turn.cancel()
    await asyncio.gather(turn, return_exceptions=True)


async def test_a_new_question_after_unfinished_calls_makes_a_valid_request(store):
    bench = Bench(asyncio.Event())
    server = FakeServer(calling(("write", n(1)), ("write", n(2))), [DONE])
    asked = await question(store)
    await stopped(store, server, asked, bench.tools(), lambda _: bool(bench.asked))
    await happening(store, server, await question(store, "Never mind", asked.session), bench.tools())
    assert [message["role"] for message in server.requests[1]["messages"]] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "user",
    ]


# Failures


async def test_a_failing_request_in_the_middle_keeps_everything_and_can_be_retried(store):
    server = FakeServer(calling(("look", n(1))), [ServerError("Overloaded.", code=503)], [DONE])
    bench = Bench()
    asked = await question(store)
    with pytest.raises(ServerError):
        await happening(store, server, asked, bench.tools())
    path = await store.path(asked.session)
    assert [type(one.message) for one in path[2:]] == [ToolMessage, AssistantMessage]
    assert path[-1].message.stop == "error"
    await happening(store, server, replace(asked, path=path[:-1], text=None), bench.tools())
    assert bench.log == ["look 1 begins", "look 1 ends"]


class FullDisk:
    """A store that refuses results for some time."""

    def __init__(self, store: SessionStore, failures: int) -> None:
        self._store = store
        self.failures = failures

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def finish_call(self, *arguments: Any) -> None:
        self.failures -= 1
        if self.failures >= 0:
            raise StoreError("Disk full.")
        await self._store.finish_call(*arguments)


async def test_a_result_that_the_disk_refuses_is_saved_again(store):
    waits: list[str] = []

    async def wait(unsaved: Any) -> None:
        waits.append(unsaved.message.text)

    events: list[TurnEvent] = []
    server = FakeServer(calling(("look", n(1))), [DONE])
    async with aclosing(run_turn(FullDisk(store, 2), server, await question(store), wait, Bench().tools())) as turn:
        async for event in turn:
            events.append(event)
    assert waits == ["look 1 done"] * 2
    notices = [event.text for event in events if isinstance(event, Notice)]
    assert notices == [
        "The tool result is not saved yet; retrying every 2 s. Disk full.",
        "The tool result is saved now.",
    ]
    assert len(server.requests) == 2


async def test_no_request_leaves_with_a_result_that_is_not_on_disk(store):
    server = FakeServer(calling(("look", n(1))))
    with pytest.raises(StoreError, match="The tool result is not saved"):
        await happening(FullDisk(store, 9), server, await question(store), Bench().tools())
    assert len(server.requests) == 1


async def test_what_a_tool_says_about_its_progress_is_passed_on_but_not_all_of_it(store):
    async def chatter(_arguments: Json, report: Any) -> Output:
        for number in range(500):
            report(f"{number} %")
            await asyncio.sleep(0)
        return Output("done")

    tools = Bench().tools()
    tools.toolset = Toolset({"look": Tool("look", "", SCHEMA, chatter)})
    server = FakeServer(calling(("look", n(1))), [DONE])
    events = await happening(store, server, await question(store), tools)
    said = [event.text for event in events if isinstance(event, ToolCallProgress)]
    assert said[0] == "0 %"
    assert len(said) < 100
    assert results(events)[0][1] == "done"
