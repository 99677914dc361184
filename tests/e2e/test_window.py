"""The real program in a real terminal, from the first key to the reasoning that goes back after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from stepchat.demo.server import DemoServer
from tests.e2e.terminal import Terminal, environment

STEPCHAT = [sys.executable, "-m", "stepchat"]


@pytest.fixture
def server():
    with DemoServer(speed=300) as running:
        yield running


def variables(server):
    return {"OPENROUTER_API_KEY": "sk-or-e2e-key", "STEPCHAT_BASE_URL": server.url}


def export(home, server):
    command = [*STEPCHAT, "sessions", "export", "demo", "--json"]
    done = subprocess.run(
        command, env=environment(home, variables(server)), capture_output=True, check=True, stdin=subprocess.DEVNULL
    )
    return json.loads(done.stdout)


def test_the_whole_path(tmp_path, server):
    with Terminal([*STEPCHAT], tmp_path, variables(server)) as terminal:
        terminal.wait_for("Ask, or / for commands")
        terminal.type("demo:details speed=0")
        terminal.press("enter")
        terminal.wait_for("Thought")
        terminal.wait_for("Ctrl+P commands")
        terminal.type("demo:long tokens=4000 reasoning=60 speed=300")
        terminal.press("enter")
        terminal.wait_for("answering")
        terminal.process_wait(0.5)
        terminal.process.send_signal(signal.SIGKILL)
        terminal.wait_exit()
    with Terminal([*STEPCHAT, "--continue"], tmp_path, variables(server)) as terminal:
        terminal.wait_for("Interrupted")
        kept = export(tmp_path, server)
        answers = [row["message"] for row in kept["messages"] if row["message"]["role"] == "assistant"]
        assert [answer["stop"] for answer in answers] == ["stop", "cut"]
        assert answers[1]["reasoning"]
        assert answers[1]["text" if "text" in answers[1] else "content"]
        terminal.type("demo:haiku speed=0")
        terminal.press("enter")
        terminal.wait_for(lambda _: len(server.requests) == 3 and server.requests[-1].finished)
        sent = server.requests[-1].body["messages"]
        assert sent[1]["reasoning_details"] == answers[0]["reasoning_details"]
        assert "reasoning_details" not in sent[3]
        assert sent[3]["content"] == answers[1]["content"]
        terminal.press("ctrl+q")
        assert terminal.wait_exit() == 0
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"sk-or-e2e-key" not in everything


def test_quitting_gives_the_terminal_back(tmp_path, server):
    with Terminal([*STEPCHAT], tmp_path, variables(server)) as terminal:
        terminal.wait_for("F1 help")
        terminal.press("ctrl+q")
        assert terminal.wait_exit() == 0
        assert not terminal.alternate
        assert terminal.attributes() == terminal.attributes_before


def test_demo_needs_no_key(tmp_path):
    with Terminal([*STEPCHAT, "--demo"], tmp_path) as terminal:
        terminal.wait_for("This is the demo")
        terminal.type("demo:haiku")
        terminal.press("enter")
        terminal.wait_for("tok/s · $")
        terminal.press("ctrl+q")
        assert terminal.wait_exit() == 0
    with Terminal([*STEPCHAT, "--continue"], tmp_path) as terminal:
        terminal.wait_for("Thought")
        terminal.type("demo:roundtrip")
        terminal.press("enter")
        terminal.wait_for("1 of 1 earlier answer")


def test_question_typed_before_the_window_is_there_is_asked(tmp_path, server):
    with Terminal([*STEPCHAT], tmp_path, variables(server)) as terminal:
        terminal.wait_for("❯")
        terminal.type("demo:haiku speed=0\r")
        terminal.wait_for("Thought")
        assert server.requests[0].body["messages"] == [{"role": "user", "content": "demo:haiku speed=0"}]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--base-url", "nonsense"], "is not a server's address"),
        (["--set", "temperature=9"], "temperature must be a number between 0 and 2"),
        (["--continue"], "There is no session to continue yet"),
        (["--nonsense"], "No such option"),
    ],
)
def test_bad_arguments_give_the_terminal_back_and_say_why(tmp_path, server, arguments, words):
    with Terminal([*STEPCHAT, *arguments], tmp_path, variables(server)) as terminal:
        assert terminal.wait_exit() in {1, 2}
        assert not terminal.alternate
        assert words in " ".join(terminal.screen().split())
        assert terminal.attributes() == terminal.attributes_before


def test_tiny_terminal_works(tmp_path, server):
    with Terminal([*STEPCHAT], tmp_path, variables(server), cols=12, rows=4) as terminal:
        terminal.wait_for("❯")
        terminal.press("ctrl+q")
        assert terminal.wait_exit() == 0


def test_question_typed_early_into_a_resumed_session_follows_what_was_said(tmp_path, server):
    with Terminal([*STEPCHAT], tmp_path, variables(server)) as terminal:
        terminal.wait_for("❯")
        terminal.type("demo:details speed=0\r")
        terminal.wait_for("StepFun ·")
        terminal.press("ctrl+q")
        terminal.wait_exit()
    with Terminal([*STEPCHAT, "--continue"], tmp_path, variables(server)) as terminal:
        terminal.wait_for("❯")
        terminal.type("demo:haiku speed=0\r")
        terminal.wait_for(lambda _: len(server.requests) == 2)
        roles = [message["role"] for message in server.requests[1].body["messages"]]
        assert roles == ["user", "assistant", "user"]


def test_resume_with_the_words_of_several_sessions_lets_one_choose(tmp_path, server):
    for question in ("demo:haiku ocelots speed=0", "demo:haiku of ocelots speed=0"):
        subprocess.run(
            [*STEPCHAT, question], env=environment(tmp_path, variables(server)), check=True, stdin=subprocess.DEVNULL
        )
    with Terminal([*STEPCHAT, "--resume", "ocelots"], tmp_path, variables(server)) as terminal:
        terminal.wait_for("2 found")
        terminal.press("enter")
        terminal.wait_for("Rain on the window")
