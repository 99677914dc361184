"""Tools in the window: the question about a call, its keys, and what stands there afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stepchat.chat.workspace import StartOptions
from stepchat.config.file import Config, ToolSettings
from stepchat.demo.server import DemoServer
from stepchat.messages import AssistantMessage, ToolMessage
from stepchat.tui.chat import approval
from tests.strict import check_strictly
from tests.tui.screen import screen_text
from tests.tui.window import ask, branch, busy, chat_screen, draft, say, wait_until, window, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.pilot import Pilot

BOTH = StartOptions(tools=("current_time", "calculate"))
LATER = StartOptions(latest=True, tools=("current_time", "calculate"))


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer(speed=0) as running:
        yield running
        for request in running.requests:
            if request.body and "messages" in request.body:
                check_strictly(request.body["messages"])


async def question(pilot: Pilot[None], name: str) -> str:
    """The question about a call of this tool, which accepts letters."""
    shown = await wait_until(pilot, f"Run {name}?")
    await wait_until(pilot, lambda: chat_screen(pilot).pane.question is not None)
    chat_screen(pilot).pane.question._quiet_since -= approval.GUARD
    return shown


def results(pilot: Pilot[None]) -> list[str]:
    return [stored.message.text for stored in branch(pilot) if isinstance(stored.message, ToolMessage)]


async def test_calls_are_asked_about_run_and_answered(tmp_path, server):
    async with window(tmp_path, server, BOTH) as pilot:
        await say(pilot, "demo:tools")
        shown = await question(pilot, "current_time")
        assert "built-in · changes nothing" in shown
        assert "y once  s this session  a always  n no" in shown
        await pilot.press("y")
        shown = await question(pilot, "calculate")
        assert "expression: 2 + 2" in shown
        await pilot.press("y")
        await wait_until(pilot, lambda: not busy(pilot))
        assert results(pilot)[1] == "4"
        assert isinstance(branch(pilot)[-1].message, AssistantMessage)
        await wait_until(pilot, "nothing more to look up")
        await wait_until(pilot, "2 requests in all · ")
        assert chat_screen(pilot).prompt.has_focus
    # A resumed session looks the same.
    async with window(tmp_path, server, LATER) as pilot:
        assert "← calculate · 1 character" in await wait_until(pilot, "nothing more to look up")
        await wait_until(pilot, "2 requests in all · ")


async def test_enter_and_letters_that_are_typed_on_approve_nothing(tmp_path, server):
    async with window(tmp_path, server, BOTH) as pilot:
        await say(pilot, "demo:tools")
        await wait_until(pilot, "Run current_time?")
        await wait_until(pilot, lambda: chat_screen(pilot).pane.question.has_focus)
        await pilot.press("y", "e", "s", "enter")
        await pilot.pause()
        assert not results(pilot)
        assert draft(pilot) == "yes"
        assert "Run current_time?" in screen_text(pilot.app)


async def test_a_question_does_not_take_the_keys_from_a_user_who_writes(tmp_path, server):
    async with window(tmp_path, server, BOTH) as pilot:
        await say(pilot, "demo:tools")
        await question(pilot, "current_time")
        await pilot.press("tab")
        await wait_until(pilot, lambda: chat_screen(pilot).prompt.has_focus)
        write(pilot, "another thou")
        await pilot.press("y")
        assert draft(pilot) == "another thouy"
        assert chat_screen(pilot).prompt.has_focus
        await pilot.press("alt+v")
        await question(pilot, "current_time")
        await pilot.press("s")
        await question(pilot, "calculate")
        await wait_until(pilot, lambda: chat_screen(pilot).prompt.has_focus)
        await pilot.press("y")
        assert draft(pilot) == "another thouyy"


async def test_a_refusal_with_a_reason_is_sent(tmp_path, server):
    async with window(tmp_path, server, BOTH) as pilot:
        await say(pilot, "demo:tools")
        await question(pilot, "current_time")
        await pilot.press("n", "escape")
        await question(pilot, "current_time")
        await pilot.press("n", *"y now", "enter")
        await question(pilot, "calculate")
        await pilot.press("n", "enter")
        await wait_until(pilot, lambda: not busy(pilot))
        assert results(pilot)[0].endswith("Reason: y now")
        assert results(pilot)[1] == "The user refused this call; it did not run."


async def test_always_is_remembered_and_can_be_taken_back(tmp_path, server):
    async with window(tmp_path, server, BOTH) as pilot:
        await say(pilot, "demo:tools")
        await question(pilot, "current_time")
        await pilot.press("a")
        await question(pilot, "calculate")
        await pilot.press("a")
        await wait_until(pilot, lambda: not busy(pilot))
        await ask(pilot, "demo:tools")
        assert len(results(pilot)) == 4
    async with window(tmp_path, server, LATER) as pilot:
        await say(pilot, "/tools")
        await wait_until(pilot, "built-in · always · 2 calls")
        await pilot.press("ctrl+x", "a")
        await wait_until(pilot, "current_time  built-in · asks")
        await pilot.press("escape")
        await say(pilot, "demo:tools")
        await question(pilot, "current_time")


async def test_trusted_tools_run_without_a_question(tmp_path, server):
    config = Config(tools=ToolSettings(on=("calculate",), trusted=("calculate",)))
    async with window(tmp_path, server, config=config) as pilot:
        await ask(pilot, "demo:tools")
        assert results(pilot) == ["4"]


async def test_esc_at_the_question_stops_and_what_is_left_can_be_gone_on_with(tmp_path, server):
    async with window(tmp_path, server, BOTH) as pilot:
        await say(pilot, "demo:tools")
        await question(pilot, "current_time")
        await pilot.press("escape")
        await wait_until(pilot, lambda: not busy(pilot))
        await wait_until(pilot, "2 calls did not run: current_time, calculate.")
        assert not results(pilot)
    async with window(tmp_path, server, LATER) as pilot:
        await wait_until(pilot, "2 calls did not run: current_time, calculate.")
        await pilot.press("alt+g")
        for name in ("current_time", "calculate"):
            await question(pilot, name)
            await pilot.press("y")
        await wait_until(pilot, lambda: not busy(pilot))
        assert results(pilot)[1] == "4"
        # One question, four messages, no second answer beside the first.
        assert len(branch(pilot)) == 5


async def test_results_that_were_not_sent_are_marked_and_can_be_sent(tmp_path, server):
    config = Config(tools=ToolSettings(on=("calculate",), trusted=("calculate",)))
    async with window(tmp_path, server, config=config) as pilot:
        await ask(pilot, "demo:tools")
        assert "have not been sent" not in screen_text(pilot.app)
        await chat_screen(pilot).pane.show_leaf(branch(pilot)[2].id)
    async with window(tmp_path, server, LATER, config=config) as pilot:
        await wait_until(pilot, "The results of the tools have not been sent.")
        await pilot.press("alt+g")
        await wait_until(pilot, lambda: not busy(pilot) and len(branch(pilot)) == 4)
        assert results(pilot) == ["4"]
        assert "have not been sent" not in screen_text(pilot.app)


async def test_without_a_tool_the_result_can_be_typed(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await ask(pilot, "demo:tools")
        await wait_until(pilot, "The model called get_weather, get_time, and no tool of this name is on.")
        await say(pilot, "/answer-call 12 degrees")
        await say(pilot, "/answer-call noon")
        await wait_until(pilot, lambda: not busy(pilot) and len(branch(pilot)) == 5)
        assert results(pilot) == ["12 degrees", "noon"]
        await wait_until(pilot, "nothing more to look up")


async def test_tools_are_switched_on_and_off(tmp_path, server):
    async with window(tmp_path, server) as pilot:
        await say(pilot, "/tools on calculate current_time")
        await wait_until(pilot, "Tools on: calculate, current_time.")
        await say(pilot, "/tools off current_time")
        await say(pilot, "/tools on calc")
        await wait_until(pilot, "Did you mean calculate?")
        write(pilot, "")
        await say(pilot, "/tools")
        await wait_until(pilot, "calculate")
        await pilot.press("enter")
        await wait_until(pilot, "on  current_time")
        await pilot.press("ctrl+x", "v")
        await wait_until(pilot, "IANA time zone")
        await pilot.press("escape", "escape")
        await say(pilot, "demo:tools")
        await question(pilot, "current_time")
        assert [row["function"]["name"] for row in server.requests[-1].body["tools"]] == ["current_time", "calculate"]


async def test_after_many_rounds_the_user_is_asked(tmp_path, server):
    config = Config(tools=ToolSettings(on=("calculate",), trusted=("calculate",), rounds=3))
    async with window(tmp_path, server, config=config) as pilot:
        await say(pilot, "demo:endless")
        await wait_until(pilot, "Go on after 3 rounds of tool calls?")
        chat_screen(pilot).pane.question._quiet_since -= approval.GUARD
        await pilot.press("s")
        chat_screen(pilot).pane.question._quiet_since -= approval.GUARD
        await pilot.press("y")
        await wait_until(pilot, lambda: len(results(pilot)) == 6)
        await wait_until(pilot, "Go on after 6 rounds of tool calls?")
        await pilot.press("escape")
        await wait_until(pilot, lambda: not busy(pilot))


async def test_regenerating_the_last_answer_runs_nothing_again(tmp_path, server):
    config = Config(tools=ToolSettings(on=("calculate",), trusted=("calculate",)))
    async with window(tmp_path, server, config=config) as pilot:
        await ask(pilot, "demo:tools")
        before = [stored.id for stored in branch(pilot)]
        await pilot.press("alt+r")
        await wait_until(pilot, lambda: not busy(pilot) and [one.id for one in branch(pilot)] != before)
        after = [stored.id for stored in branch(pilot)]
        assert after[:-1] == before[:-1]


async def test_the_ledger_shows_the_reasoning_of_every_round_sent_back_unchanged(tmp_path, server):
    names = ("current_time", "calculate", "list_files", "fetch_url")
    config = Config(tools=ToolSettings(on=names, trusted=names, folders=(str(tmp_path),)))
    async with window(tmp_path, server, config=config) as pilot:
        await ask(pilot, "demo:agent")
        answers: list[Any] = [one for one in branch(pilot) if isinstance(one.message, AssistantMessage)]
        assert len(answers) == 5
        sent = await chat_screen(pilot).workspace.store.reasoning_sent(open_id(pilot))
        for number, answer in enumerate(answers[:-1]):
            outcomes = sent[answer.id]
            assert len(outcomes) == 4 - number
            assert all("unchanged" in str(outcome) for outcome in outcomes)


def open_id(pilot: Pilot[None]) -> str:
    session = chat_screen(pilot).conversation.session
    assert session is not None
    return session.id


@pytest.mark.parametrize("size", [(60, 16), (200, 60)])
async def test_the_question_fits_any_window(tmp_path, server, size):
    async with window(tmp_path, server, BOTH, size=size) as pilot:
        await say(pilot, "demo:tools")
        shown = await wait_until(pilot, "Run current_time?")
        assert "y once" in shown
        assert "n no" in shown
