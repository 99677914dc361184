"""Tools in real processes: killed in every state of the loop, nothing is lost and nothing runs again unasked."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stepchat.chat.tool_calls import calls_without_result
from stepchat.demo.server import DemoServer
from stepchat.messages import AssistantMessage, StoredMessage, ToolMessage, from_json
from stepchat.sessions.tool_calls import LEFT_BEHIND
from tests.e2e.program import PATIENCE, ROOT, STEPCHAT, Running, export, look, stepchat, variables
from tests.e2e.terminal import Terminal
from tests.strict import check_strictly

if TYPE_CHECKING:
    from collections.abc import Iterator

CODE = """
import os, time

def calculate_slowly(expression: str) -> str:
    "Wait until a file is there. The argument is an expression."
    with open({ran!r}, "a") as file:
        file.write(f"{{os.getpid()}}\\n")
    while not os.path.exists({go!r}):
        time.sleep(0.02)
    return "4"
"""


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer(speed=0) as running:
        yield running
        for request in running.requests:
            if request.body and "messages" in request.body:
                check_strictly(request.body["messages"])


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """A tool that waits for the file `go`, approved; the file has a line for each time that it ran."""
    folder = tmp_path / "stepchat" / "tools"
    folder.mkdir(parents=True)
    code = CODE.format(ran=str(tmp_path / "ran"), go=str(tmp_path / "go"))
    (folder / "slow.py").write_text(code)
    approve(tmp_path, {"slow.py": hashlib.sha256(code.encode()).hexdigest()})
    return tmp_path / "ran"


def approve(home: Path, files: dict[str, str]) -> None:
    assert stepchat(home, None, "sessions", "list").returncode == 0
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(home / "stepchat" / "sessions.db")) as connection, connection:
        value = json.dumps(json.dumps(files))
        connection.execute("INSERT INTO setting (name, value) VALUES ('tools.files', ?)", (value,))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def messages(home: Path) -> list[StoredMessage]:
    return [StoredMessage(str(at), "", None, from_json(row)) for at, row in enumerate(export(home, "demo"))]


OPTIONS = ("--tool", "calculate_slowly", "--allow-tools")
RUNNING = "SELECT 1 FROM running_call"
ANSWERED = "SELECT 1 FROM message WHERE role = 'assistant' AND owner IS NULL"


@pytest.mark.skipif(sys.platform != "linux", reason="the process of a tool ends with stepchat on Linux")
def test_a_kill_while_a_tool_runs(tmp_path, server, ran):
    with Running(tmp_path, server.url, *OPTIONS, "demo:tools") as running:
        running.wait_for(lambda _: ran.exists() and bool(ran.read_text()))
        pid = int(ran.read_text())
        assert running.end(signal.SIGKILL) == -signal.SIGKILL
    for _ in range(PATIENCE * 50):
        if not is_alive(pid):
            break
        os.sched_yield()
    path = messages(tmp_path)
    assert [type(one.message).__name__ for one in path] == ["UserMessage", "AssistantMessage", "ToolMessage"]
    assert path[-1].message.text == LEFT_BEHIND
    assert look(tmp_path, RUNNING) == []
    # A new question makes a valid request, and nothing runs again.
    (tmp_path / "go").touch()
    assert stepchat(tmp_path, server.url, "--continue", "demo:haiku speed=0").returncode == 0
    assert [one["role"] for one in server.requests[-1].body["messages"]] == ["user", "assistant", "tool", "user"]
    assert len(ran.read_text().split()) == 1


def test_a_kill_at_the_question_leaves_the_call_open(tmp_path, server, ran):
    command = [*STEPCHAT, "--tool", "calculate_slowly"]
    with Terminal(command, tmp_path, variables(tmp_path, server.url), cwd=ROOT) as terminal:
        terminal.wait_for("Ask, or / for commands")
        terminal.type("demo:tools")
        terminal.press("enter")
        terminal.wait_for("Run calculate_slowly?")
        terminal.kill()
        terminal.wait_exit()
    path = messages(tmp_path)
    assert [call.name for call in calls_without_result(path)] == ["calculate_slowly"]
    assert not ran.exists()
    (tmp_path / "go").touch()
    with Terminal([*command, "--continue"], tmp_path, variables(tmp_path, server.url), cwd=ROOT) as terminal:
        terminal.wait_for("calculate_slowly did not run.")
        assert not ran.exists()
        terminal.press("alt+g")
        terminal.wait_for("Run calculate_slowly?")
        # Letters count only after a short while without any.
        for _ in range(20):
            if "Run calculate_slowly?" not in terminal.screen():
                break
            terminal.process_wait(1)
            terminal.press("y")
        terminal.wait_for("nothing more to look up")
        terminal.kill()
        terminal.wait_exit()
    assert len(ran.read_text().split()) == 1
    path = messages(tmp_path)
    assert isinstance(path[-1].message, AssistantMessage)
    assert [one.message.text for one in path if isinstance(one.message, ToolMessage)] == ["4"]


@pytest.mark.parametrize(
    "moment",
    [
        "SELECT 1 FROM part",
        "SELECT 1 FROM message WHERE role = 'tool'",
        "SELECT 2 FROM message WHERE role = 'assistant' LIMIT 1 OFFSET 1",
    ],
    ids=["call streams", "result stored", "next request sent"],
)
def test_a_kill_in_any_other_state(tmp_path, server, ran, moment):
    (tmp_path / "go").touch()
    question = "demo:tools speed=60"
    with Running(tmp_path, server.url, *OPTIONS, question) as running:
        running.wait_for(lambda _: bool(look(tmp_path, moment)))
        assert running.end(signal.SIGKILL) == -signal.SIGKILL
    before = ran.read_text() if ran.exists() else ""
    messages(tmp_path)
    assert stepchat(tmp_path, server.url, "--continue", "demo:haiku speed=0").returncode == 0
    assert (ran.read_text() if ran.exists() else "") == before


def test_ctrl_c_stops_the_tool_and_its_process(tmp_path, server, ran):
    with Running(tmp_path, server.url, *OPTIONS, "demo:tools") as running:
        running.wait_for(lambda _: ran.exists() and bool(ran.read_text()))
        assert running.end(signal.SIGINT) == 130
    assert not is_alive(int(ran.read_text()))
    assert "The user stopped this call after" in messages(tmp_path)[-1].message.text
