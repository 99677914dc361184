from __future__ import annotations

import asyncio
import errno
import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.chat.workspace import Workspace
from stepchat.cli.ask import ask
from stepchat.cli.output import ANSWERED, FAILED, NO_KEY, STOPPED, USAGE, Output, exit_code
from stepchat.config.file import Config
from stepchat.config.paths import Paths
from stepchat.errors import (
    ConfigError,
    KeyMissingError,
    KeyRejectedError,
    ServerError,
    SessionNotFoundError,
    SilenceError,
    StepchatError,
    StoreError,
    StreamCutError,
    UnreachableError,
    UsageError,
)
from stepchat.events import Delta, Notice, Retrying, Silence, ToolCallFragment
from stepchat.messages import AssistantMessage
from stepchat.sessions.store import SessionStore
from tests.fakes import FakeServer

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from stepchat.messages import Message

MODEL = "stepfun/step-3.5-flash"
END = Delta(finish_reason="stop", native_finish_reason="stop")
HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202eb\x00\x08 [bold]x[/bold] \ufeff"
RESULT_KEYS = [
    "role", "content", "reasoning", "reasoning_details", "tool_calls", "finish_reason", "native_finish_reason",
    "usage", "model", "provider", "error", "complete", "wrong_form",
]  # fmt: skip


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


class Pipe(io.TextIOWrapper):
    """A real encoding between us and the reader, as in a pipe."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", newline="\n")

    def getvalue(self) -> str:
        return self.buffer.getvalue().decode()


class Broken(io.StringIO):
    """Takes so many writes and then none."""

    def __init__(self, code: int, writes: int = 0) -> None:
        super().__init__()
        self._code = code
        self._left = writes

    def write(self, text: str) -> int:
        if self._left <= 0:
            raise OSError(self._code, "No space left on device" if self._code == errno.ENOSPC else "Broken")
        self._left -= 1
        return super().write(text)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path, tmp_path, tmp_path)


async def place(paths: Paths, server: Any, **more: Any) -> Workspace:
    server.close = lambda: None
    ready: dict[str, Any] = {
        "paths": paths, "config": Config(), "store": SessionStore.open(paths, accumulate=accumulate), "client": server,
        "server": "s", "model": MODEL, "system": None, "session": None, "key_error": None,
        "close_demo": None,
    }  # fmt: skip
    return Workspace(**(ready | more))


@pytest.fixture
def run(paths):
    def run(*script: Any, out: Any = None, err: Any = None, **options: Any) -> tuple[int, str, str]:
        output = Output(Pipe() if out is None else out, Pipe() if err is None else err, **options)
        code = ask(place(paths, FakeServer(script)), "Why?", output)
        return code, output.out.getvalue(), output.err.getvalue()

    return run


def kept(paths: Paths) -> list[Message]:
    """The newest session as the next start finds it."""

    async def read() -> list[Message]:
        store = SessionStore.open(paths, accumulate=accumulate)
        session = await store.latest()
        path = [] if session is None else await store.path(session.id)
        await store.close()
        return [stored.message for stored in path]

    return asyncio.run(read())


def without_own_controls(text: str) -> str:
    """The text without styles, and without what takes back rows that are printed again."""
    return re.sub(r"\x1b\[[0-9;]*m|\r\x1b\[K|\x1b\[A\x1b\[K", "", text)


# Plain output


def test_answer_on_stdout_everything_else_on_stderr(run):
    code, out, err = run(
        Retrying(1, 3, 2.0, "Overloaded."),
        Delta(reasoning="Let me "),
        Delta(reasoning="think."),
        Delta(text="It is "),
        Notice("By the way."),
        Delta(text="so.\n"),
        END,
    )
    assert (code, out) == (ANSWERED, "It is so.\n")
    assert err == (
        "stepchat: Overloaded. Retrying in 2 s (1 of 3).\nLet me think.\nstepchat: By the way.\n"
    )  # fmt: skip


def test_reasoning_can_be_left_out(run):
    assert run(Delta(reasoning="Hm."), Delta(text="So."), END, reasoning=False) == (ANSWERED, "So.", "")


def test_a_pipe_gets_exactly_what_the_model_wrote(run):
    text = f"{HOSTILE}\r\n\x85\u2028 no newline at the end"
    code, out, err = run(Delta(reasoning=text), Delta(text=text), END)
    assert (code, out) == (ANSWERED, text)
    assert err == f"{text}\n"


def test_half_characters_do_not_stop_a_pipe(run):
    assert run(Delta(text="half \ud83d of it"), END)[:2] == (ANSWERED, "half ? of it")


def test_a_terminal_gets_nothing_it_would_obey(run):
    code, out, err = run(
        Delta(reasoning=HOSTILE), Delta(text=f"a\n{HOSTILE}"), Notice(HOSTILE), ServerError(HOSTILE, HOSTILE),
        out=Screen(), err=Screen(),
    )  # fmt: skip
    assert code == FAILED
    for shown in map(without_own_controls, (out, err)):
        assert "[bold]x[/bold]" in shown
        assert all(char == "\n" or char.isprintable() for char in shown)
    assert out.startswith("a\n")


def test_a_terminal_ends_on_an_empty_line_and_tells_reasoning_apart(run):
    code, out, err = run(Delta(reasoning="Hm."), Delta(text="So."), END, out=Screen(), err=Screen())
    assert (code, out, err) == (ANSWERED, "So.\n", "\x1b[2mHm.\x1b[22m\n\n")
    assert run(Delta(text="So.\n"), END, out=Screen(), err=Screen())[1] == "So.\n"


def test_silence_is_told_once(run):
    silences = [Silence(20.0 + n, 300) for n in range(5)]
    _, out, err = run(Delta(text="a"), *silences, Silence(0, 300), Delta(text="b"), Silence(20, 300), END)
    assert out == "ab"
    assert err == "stepchat: Nothing received for 20 s; giving up after 300 s.\n" * 2


MANY = tuple(ToolCallFragment(index, f"c{index}", "t", "{}") for index in range(1, 20))
CALLS = (ToolCallFragment(0, "c", "clock", "{}"), ToolCallFragment(1, "d", "file", "{}"))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ([Delta(reasoning="Hm.", finish_reason="length")], "The token limit was reached before the answer began"),
        ([Delta(tool_calls=CALLS[:1], finish_reason="tool_calls")], "The model called a tool (clock)"),
        ([Delta(refusal="I will not.", finish_reason="stop")], "The model refused: I will not."),
        ([END], "The model returned nothing. Retry."),
        ([Delta(reasoning="Hm."), END], "The model reasoned, but gave no answer."),
        ([Delta(usage={"prompt_tokens": 36_000}, finish_reason="stop")], "36,000 tokens and may be too long"),
        ([Delta(tool_calls=CALLS[:1] * 3 + MANY, finish_reason="tool_calls")], "20 tools (clock, t, t, t, t, ...)"),
        ([Delta(text="So", finish_reason="length")], "The token limit was reached in the middle of the answer"),
        ([Delta(text="So", finish_reason="content_filter")], "content filter truncated the answer"),
        ([Delta(text="So", tool_calls=CALLS, finish_reason="tool_calls")], "called 2 tools (clock, file)"),
    ],
)
def test_an_end_that_is_no_whole_answer_is_told(run, script, words):
    code, out, err = run(*script)
    assert (code, out) == (FAILED, script[0].text)
    assert words in err.splitlines()[-1]


# Failures


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), USAGE),
        (ConfigError("x"), USAGE),
        (KeyMissingError("x"), NO_KEY),
        (KeyRejectedError("x"), NO_KEY),
        (StoreError("x"), FAILED),
        (SessionNotFoundError("x"), FAILED),
        (ServerError("x", code=401), FAILED),
        (UnreachableError("x"), FAILED),
        (StreamCutError("x"), FAILED),
        (SilenceError("x"), FAILED),
    ],
)
def test_exit_codes(run, error, code):
    assert exit_code(error) == code
    assert run(Delta(text="Half"), error) == (code, "Half", "stepchat: x\n")


def test_partial_text_is_printed_and_kept(run, paths):
    code, out, err = run(Delta(reasoning="Hm.", text="Half"), StreamCutError("It was cut.", "Ask again."))
    assert (code, out, err) == (FAILED, "Half", "Hm.\nstepchat: It was cut. Ask again.\n")
    answer = kept(paths)[1]
    assert isinstance(answer, AssistantMessage)
    assert (answer.text, answer.reasoning, answer.stop) == ("Half", "Hm.", "cut")


async def failing(error: BaseException) -> Workspace:
    raise error


@pytest.mark.parametrize("as_json", [False, True])
def test_what_fails_before_the_turn(as_json):
    output = Output(Pipe(), Pipe(), json=as_json)
    opening: Awaitable[Workspace] = failing(ConfigError("Line 3 is wrong.", "Mend it."))
    assert ask(opening, "Why?", output) == USAGE
    assert output.err.getvalue() == "stepchat: Line 3 is wrong. Mend it.\n"
    lines = [json.loads(line) for line in output.out.getvalue().splitlines()]
    assert len(lines) == as_json
    for line in lines:
        assert (line["type"], line["session"]) == ("result", None)
        assert list(line["message"]) == RESULT_KEYS
        assert line["message"]["error"] == {"code": None, "message": "Line 3 is wrong."}
        assert line["message"]["complete"] is False


def test_stopped_before_the_turn():
    output = Output(Pipe(), Pipe())
    assert ask(failing(KeyboardInterrupt()), "Why?", output) == STOPPED
    assert output.err.getvalue() == ""


def test_without_a_key_nothing_is_sent_or_stored(paths):
    server = FakeServer()
    output = Output(Pipe(), Pipe())
    missing = KeyMissingError("No key.", "Give one.")
    assert ask(place(paths, server, key_error=missing), "Why?", output) == NO_KEY
    assert output.err.getvalue() == "stepchat: No key. Give one.\n"
    assert server.requests == []
    assert kept(paths) == []


# A reader that goes away


def test_reader_that_goes_away_is_no_error_to_speak_of(run, paths):
    server_said = [Delta(text="one "), Delta(text="two "), asyncio.Event()]
    code, out, err = run(*server_said, out=Broken(errno.EPIPE, writes=1))
    assert (code, out, err) == (FAILED, "one ", "")
    answer = kept(paths)[1]
    assert isinstance(answer, AssistantMessage)
    assert (answer.text, answer.stop) == ("one two ", "cancelled")


def test_full_disk_behind_stdout_is_told(run, paths):
    code, _, err = run(Delta(text="one "), asyncio.Event(), out=Broken(errno.ENOSPC))
    assert code == FAILED
    assert err == ("stepchat: Cannot write to stdout: No space left on device. Free some space, or write elsewhere.\n")
    assert kept(paths)[1].text == "one "


@pytest.mark.parametrize("as_json", [False, True])
def test_errors_do_not_meet_a_broken_stdout_again(as_json):
    output = Output(Broken(errno.EPIPE), Pipe(), json=as_json)
    assert ask(failing(ConfigError("Wrong.")), "Why?", output) in {USAGE, FAILED}
    assert output.err.getvalue() == "stepchat: Wrong.\n"


def test_without_stderr_the_answer_still_comes(run):
    code, out, _ = run(Delta(reasoning="Hm."), Delta(text="So."), Notice("x"), END, err=Broken(errno.EPIPE))
    assert (code, out) == (ANSWERED, "So.")


# JSON


def lines(out: str) -> list[dict[str, Any]]:
    assert out.endswith("\n")
    return [json.loads(line) for line in out[:-1].split("\n")]


def test_json_has_a_line_for_everything_and_ends_with_the_result(run, paths):
    details = ({"type": "reasoning.text", "text": "Hm.", "index": 0, "weight": 1.5},)
    code, out, err = run(
        Delta(generation_id="gen-1", model="step/dated", provider="StepFun"),
        Retrying(1, 3, 0.5, "Overloaded."),
        Silence(20, 300),
        Delta(reasoning="Hm.", details=details),
        Notice("By the way."),
        Delta(text="So \u2028 it\x1b[0m is."),
        Delta(finish_reason="stop", native_finish_reason="eos", usage={"cost": 0.5}),
        json=True,
    )
    assert (code, err) == (ANSWERED, "")
    assert out.isascii()
    found = lines(out)
    kinds = ["session", "message", "delta", "retrying", "silence", "delta", "notice", "delta", "delta", "message"]
    assert [line["type"] for line in found] == [*kinds, "result"]
    assert found[1]["message"]["content"] == "Why?"
    assert found[2] == {"type": "delta", "id": "gen-1", "model": "step/dated", "provider": "StepFun"}
    assert found[3] == {"type": "retrying", "attempt": 1, "of": 3, "delay": 0.5, "reason": "Overloaded."}
    assert found[5] == {"type": "delta", "reasoning": "Hm.", "reasoning_details": list(details)}
    assert found[7] == {"type": "delta", "content": "So \u2028 it\x1b[0m is."}
    result = found[-1]
    assert list(result) == ["type", "session", "message"]
    assert result["session"] == found[0]["session"]
    assert list(result["message"]) == RESULT_KEYS
    assert result["message"] == {
        "role": "assistant",
        "content": "So \u2028 it\x1b[0m is.",
        "reasoning": "Hm.",
        "reasoning_details": list(details),
        "tool_calls": [],
        "finish_reason": "stop",
        "native_finish_reason": "eos",
        "usage": {"cost": 0.5},
        "model": "step/dated",
        "provider": "StepFun",
        "error": None,
        "complete": True,
        "wrong_form": None,
    }
    assert kept(paths)[1].text == result["message"]["content"]


@pytest.mark.parametrize(("details", "shown"), [(None, None), ((), [])])
def test_json_tells_no_list_from_an_empty_one(run, details, shown):
    found = lines(run(Delta(text="So.", details=details), END, json=True)[1])
    assert found[-1]["message"]["reasoning_details"] == shown
    assert ("reasoning_details" in found[2]) == (shown is not None)


@pytest.mark.parametrize(("reason", "code"), [("stop", ANSWERED), ("length", FAILED), ("content_filter", FAILED)])
def test_json_is_complete_when_the_stream_ended_as_the_server_intended(run, reason, code):
    ended, out, err = run(Delta(text="So", finish_reason=reason), json=True)
    message = lines(out)[-1]["message"]
    assert (ended, message["finish_reason"], message["complete"]) == (code, reason, True)
    assert (err == "") == (code == ANSWERED)


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (StreamCutError("Cut."), FAILED, None),
        (ServerError("Broke.", "Ask again.", code="server_error"), FAILED, "server_error"),
        (ServerError("Broke.", code=502), FAILED, 502),
        (KeyRejectedError("No."), NO_KEY, 401),
    ],
)
def test_json_with_a_failure(run, error: StepchatError, code, shown):
    ended, out, err = run(Delta(text="Half"), error, json=True)
    assert ended == code
    message = lines(out)[-1]["message"]
    assert message["content"] == "Half"
    assert message["error"] == {"code": shown, "message": error.message}
    assert message["complete"] is False
    # The next step is for people.
    assert err == f"stepchat: {error}\n"


def test_json_with_tool_calls(run):
    fragments = (ToolCallFragment(0, "call_1", "clock", '{"a":'), ToolCallFragment(0, None, None, "1}"))
    script = [*(Delta(tool_calls=(one,)) for one in fragments), Delta(finish_reason="tool_calls")]
    code, out, _ = run(*script, json=True)
    found = lines(out)
    assert found[2]["tool_calls"] == [{"index": 0, "id": "call_1", "function": {"name": "clock", "arguments": '{"a":'}}]
    message = found[-1]["message"]
    call = {"id": "call_1", "type": "function", "function": {"name": "clock", "arguments": '{"a":1}'}}
    assert (code, message["tool_calls"], message["complete"]) == (ANSWERED, [call], True)


def test_json_tells_when_content_turned_out_to_be_reasoning(run):
    found = lines(run(Delta(text="Hm."), Delta(text_was_reasoning=True, text="So."), END, json=True)[1])
    assert found[3] == {"type": "delta", "content": "So.", "content_was_reasoning": True}
    assert (found[-1]["message"]["content"], found[-1]["message"]["reasoning"]) == ("So.", "Hm.")
