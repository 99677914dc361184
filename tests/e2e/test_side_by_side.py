"""Several real processes that ask in one session at the same time."""

from __future__ import annotations

import json
import signal
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from stepchat.demo.server import DemoServer
from tests.e2e.program import Running, on_disk, stepchat, variables
from tests.e2e.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STEPCHAT = [sys.executable, "-m", "stepchat"]
WAITS = "demo:silent at=5 wait=60 {}"
"""A question whose answer begins and does not end."""


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer(speed=0) as running:
        yield running


def begun(home: Path, server: DemoServer) -> str:
    """The id of a session with one exchange."""
    done = stepchat(home, server.url, "demo:haiku begins", "--json")
    return json.loads(done.stdout.splitlines()[0])["session"]


def tree(home: Path, session: str) -> dict[str, dict[str, Any]]:
    """Every message by its text; none is missing, and each question follows an answer, each answer its question."""
    done = stepchat(home, None, "sessions", "export", session, "--json")
    rows = {row["id"]: row for row in json.loads(done.stdout)["messages"]}
    for row in rows.values():
        above = rows[row["parent"]] if row["parent"] else None
        role = row["message"]["role"]
        assert above is None or above["message"]["role"] != role, f"{role} follows {role}"
    return {row["message"]["content"]: {**row, "above": rows.get(row["parent"])} for row in rows.values()}


def sent(server: DemoServer, last: str) -> list[str]:
    """The roles of the request that ends with this question."""
    bodies = [request.body for request in server.requests if request.body and "messages" in request.body]
    (body,) = [body for body in bodies if last in body["messages"][-1]["content"]]
    return [message["role"] for message in body["messages"]]


def answers_begun(server: DemoServer) -> int:
    return len([request for request in server.requests if request.body and "messages" in request.body])


def test_questions_asked_at_once_each_have_their_answer_below_them(tmp_path, server):
    session = begun(tmp_path, server)
    texts = [f"demo:haiku number {number}" for number in range(3)]
    with ExitStack() as stack:
        asking = [stack.enter_context(Running(tmp_path, server.url, "--resume", session, text)) for text in texts]
        assert [running.process.wait(60) for running in asking] == [0, 0, 0]
    kept = tree(tmp_path, session)
    assert set(texts) < set(kept)
    # The whole way to each question, and nothing else, is what was sent.
    for text in texts:
        roles = sent(server, text)
        assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
        depth, row = 0, kept[text]
        while (row := row["above"] and kept.get(row["above"]["message"]["content"])) is not None:
            depth += 1
        assert depth < len(roles)


def test_a_question_beside_a_running_one_is_a_branch_and_both_are_told(tmp_path, server):
    session = begun(tmp_path, server)
    with (
        Running(tmp_path, server.url, "--resume", session, WAITS.format("first")) as first,
        ExitStack() as stack,
    ):
        first.wait_for(lambda running: bool(running.out or running.err))
        second = stack.enter_context(Running(tmp_path, server.url, "--resume", session, WAITS.format("second")))
        second.wait_for(lambda running: "Another stepchat is asking in this session" in running.err)
        second.wait_for(lambda _: answers_begun(server) == 3)
        assert second.end(signal.SIGINT) == 130
        assert first.end(signal.SIGINT) == 130
        assert first.err.count("Another stepchat is asking in this session") == 1
        assert second.err.count("Another stepchat is asking in this session") == 1
    kept = tree(tmp_path, session)
    questions = [kept[WAITS.format(name)] for name in ("first", "second")]
    assert questions[0]["parent"] == questions[1]["parent"]
    assert sent(server, "second") == ["user", "assistant", "user"]
    # What ended last is gone on with.
    assert stepchat(tmp_path, server.url, "--continue", "demo:haiku goes on").returncode == 0
    assert tree(tmp_path, session)["demo:haiku goes on"]["above"]["parent"] == questions[0]["id"]


def test_a_killed_question_keeps_its_place_for_a_process_that_was_there_all_the_time(tmp_path, server):
    session = begun(tmp_path, server)
    with Terminal([*STEPCHAT, "--resume", session], tmp_path, variables(tmp_path, server.url)) as window:
        window.wait_for("demo:haiku begins")
        window.wait_for("Ctrl+P commands")
        # Coming to the front it sees what was added meanwhile.
        assert stepchat(tmp_path, server.url, "--resume", session, "demo:haiku meanwhile").returncode == 0
        window.type("\x1b[I")
        window.wait_for("Another window continued this session. Its turns are shown above.")
        window.wait_for("haiku meanwhile")
        with Running(tmp_path, server.url, "--resume", session, WAITS.format("killed")) as first:
            first.wait_for(lambda _: bool(on_disk(tmp_path).text))
            first.end(signal.SIGKILL)
        window.type("demo:haiku after it\r")
        window.wait_for(lambda _: answers_begun(server) == 4)
        window.wait_for("Ctrl+P commands")
        window.press("ctrl+q")
        window.wait_exit()
    assert sent(server, "after it") == ["user", "assistant"] * 3 + ["user"]
    kept = tree(tmp_path, session)
    above = kept["demo:haiku after it"]["above"]
    assert above["message"]["stop"] == "cut"
    assert above["parent"] == kept[WAITS.format("killed")]["id"]


def test_two_windows_keep_to_their_branches(tmp_path, server):
    session = begun(tmp_path, server)
    environ = variables(tmp_path, server.url)
    with (
        Terminal([*STEPCHAT, "--continue"], tmp_path, environ) as one,
        Terminal([*STEPCHAT, "--continue"], tmp_path, environ) as two,
    ):
        one.wait_for("Ctrl+P commands")
        two.wait_for("Ctrl+P commands")
        one.type(WAITS.format("from one") + "\r")
        one.wait_for(lambda _: answers_begun(server) == 2)
        one.wait_for("answering")
        two.type(WAITS.format("from two") + "\r")
        two.wait_for("Another window is also asking in this session")
        two.wait_for(lambda _: answers_begun(server) == 3)
        one.press("escape")
        one.wait_for("Another window is also asking in this session")
        one.wait_for("Ctrl+P commands")
        two.press("escape")
        two.wait_for("Ctrl+P commands")
        # What one window shows is what it goes on with, whatever the other one did last.
        one.type("demo:haiku one again\r")
        one.wait_for(lambda _: answers_begun(server) == 4)
        one.wait_for("Ctrl+P commands")
        two.type("demo:haiku two again\r")
        two.wait_for(lambda _: answers_begun(server) == 5)
        two.wait_for("Ctrl+P commands")
        two.press("ctrl+q")
        two.wait_exit()
        one.kill()
    kept = tree(tmp_path, session)
    for name in ("one", "two"):
        assert kept[f"demo:haiku {name} again"]["above"]["parent"] == kept[WAITS.format(f"from {name}")]["id"]
        assert sent(server, f"{name} again") == ["user", "assistant", "user", "assistant", "user"]
