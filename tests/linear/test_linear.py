"""The linear mode: what is said, the commands, and the whole program in a pseudo-terminal."""

from __future__ import annotations

import io
import os
import pty
import select
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stepchat.demo.server import DemoServer
from stepchat.errors import StepchatError
from stepchat.linear.announcer import Announcer
from stepchat.linear.app import handle
from stepchat.linear.chat import LinearChat
from stepchat.linear.commands import COMMANDS, complete
from stepchat.tools.approvals import ApprovalRequest
from stepchat.tools.base import Output, Tool
from stepchat.tools.calls import ReadyCall
from tests.tui.window import workspace

ROOT_ENVIRONMENT = {"PYTHONPATH": str(Path.cwd()), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


@asynccontextmanager
async def linear(home, server, *, shows_reasoning=True):
    place = await workspace(home, server)
    chat = LinearChat(place, [], io.StringIO(), shows_reasoning=shows_reasoning)
    try:
        yield chat
    finally:
        await chat.workspace.close()


def said(chat) -> str:
    """What was written since the last call."""
    out = chat.announcer._out
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text


async def say(chat, line) -> str:
    await handle(chat, line)
    return said(chat)


async def test_a_turn_in_words(tmp_path, server):
    async with linear(tmp_path, server) as chat:
        text = await say(chat, "demo:haiku")
        for words in (
            "Waiting for step-3.5-flash.\n",
            "Reasoning:\n",
            "Answer:\nRain on the window:\n",
            "Answer complete. ",
        ):
            assert words in text
        assert text.index("Reasoning:") < text.index("Answer:") < text.index("Answer complete.")
        assert "Reasoning is only announced." in await say(chat, "/reasoning off")
        text = await say(chat, "/retry")
        assert "The model is reasoning.\nAnswer:\n" in text
        assert len(chat.conversation.path) == 2


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("demo:http402", "Error: "),
        ("demo:cut at=5", "The connection ended before the answer."),
        ("demo:length", "truncated"),
        ("demo:hostile", "Answer complete."),
        ("demo:tools", "calls tools"),
    ],
)
async def test_what_goes_wrong_is_said(tmp_path, server, scenario, words):
    async with linear(tmp_path, server) as chat:
        text = await say(chat, scenario)
        assert words in text
        assert all(char == "\n" or char >= " " for char in text)


async def test_commands(tmp_path, server):
    async with linear(tmp_path, server) as chat:
        listed = await say(chat, "/help")
        assert all(f"/{row.name}" in listed for row in COMMANDS)
        assert "Did you mean /model?" in await say(chat, "/modl")
        assert "There is no question yet." in await say(chat, "/retry")
        assert "No sessions yet." in await say(chat, "/sessions")
        assert "temperature must be" in await say(chat, "/set temperature=hot")
        assert "top_k is 3." in await say(chat, "/set top_k=3")
        assert "Parameters: top_k=3." in await say(chat, "/set")
        assert "think_at_most must be" in await say(chat, "/think soon")
        assert "No limit on thinking." in await say(chat, "/think")
        assert "Thinks at most 20 s, then answers." in await say(chat, "/think 20s")
        assert "No limit on thinking." in await say(chat, "/think off")
        assert "Model: demo/haiku." in await say(chat, "/model demo/haiku")
        await say(chat, "/system Be brief.")
        await say(chat, "demo:haiku")
        body = server.requests[-1].body
        assert (body["model"], body["top_k"], body["messages"][0]["content"]) == ("demo/haiku", 3, "Be brief.")
        session = chat.conversation.session.id
        assert "Title: Poems." in await say(chat, "/title Poems")
        assert "New session." in await say(chat, "/new")
        assert f"{session}: Poems" in await say(chat, "/sessions")
        assert f"Session {session}: Poems, 2 messages." in await say(chat, f"/resume {session}")
        assert "You: demo:haiku" in await say(chat, "/show")
        assert "There is no session" in await say(chat, "/resume nothing like it")
        assert "The last answer is complete." in await say(chat, "/continue")
        await handle(chat, "/quit")
        assert chat.is_over


async def test_prompts_of_the_library(tmp_path, server):
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "shout.md").write_text("---\nparameters: {seed: 7}\n---\ndemo:haiku {{input}}!")
    (tmp_path / "prompts" / "pirate.md").write_text("---\nrole: system\n---\nYou are a pirate.")
    async with linear(tmp_path, server) as chat:
        await say(chat, "/shout please")
        body = server.requests[-1].body
        assert (body["messages"][-1]["content"], body["seed"]) == ("demo:haiku please!", 7)
        assert "New session with the prompt pirate." in await say(chat, "/pirate demo:haiku")
        assert server.requests[-1].body["messages"][0]["content"] == "You are a pirate."
        assert "/shout" in complete(chat, "/sh")
        assert not complete(chat, "hello")


@pytest.mark.parametrize(("reply", "answer"), [("y", "once"), ("always", "always"), ("", "no"), ("what", "no")])
async def test_a_tool_runs_only_after_a_yes(tmp_path, server, reply, answer):
    class Replies:
        async def ask(self, prompt):
            assert prompt.startswith("Run it?")
            return reply

    async def run(_arguments, _report):
        return Output("done")

    from stepchat.messages import ToolCall

    call = ToolCall("1", "shell\x1b[2J", '{"command": "ls"}')
    async with linear(tmp_path, server) as chat:
        chat.input = Replies()
        request = ApprovalRequest(
            ReadyCall(call, Tool("shell", "", {}, run, source="x"), {}), change=("- old", "+ new")
        )
        assert (await chat._approve(request)).answer == answer
        text = said(chat)
        assert 'from x with {"command": "ls"}' in text
        assert "has changed since you approved it" in text
        assert "\x1b" not in text
        chat.input = None
        assert (await chat._approve(request)).answer == "no"


def test_whole_sentences():
    out = io.StringIO()
    announcer = Announcer(out)
    seen = []
    for piece in ("One", " sentence", ". And", " a second", "\nthird"):
        announcer.stream(piece)
        seen.append(out.getvalue())
    assert seen == ["", "", "One sentence. ", "One sentence. ", "One sentence. And a second\n"]
    announcer.say("Done. {key:retry} asks again, {key:stop} stops.")
    assert out.getvalue().endswith("third\nDone. /retry asks again, Ctrl+C stops.\n")
    announcer.fail(StepchatError("No.", "Do this."))
    assert out.getvalue().endswith("Error: No. Do this.\n")


class Terminal:
    """The program in a pseudo-terminal."""

    def __init__(self, home, *arguments, term="xterm-256color"):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            environ = {**ROOT_ENVIRONMENT, "STEPCHAT_HOME": str(home), "TERM": term, "HOME": str(home)}
            os.execve(sys.executable, [sys.executable, "-m", "stepchat", "--demo", *arguments], environ)
        self.seen = ""

    def wait_for(self, words, after=0, again=""):
        """Read until these words are seen. `again` is typed once more when nothing comes for a while."""
        end = time.monotonic() + 30
        repeat = time.monotonic() + 3
        while words not in self.seen[after:]:
            assert time.monotonic() < end, self.seen
            if again and time.monotonic() > repeat:
                # A signal between two steps of readline takes effect with the next one.
                repeat = end
                os.write(self.fd, again.encode())
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.fd, 65_536).decode("utf-8", "replace")
                except OSError:
                    assert words in self.seen[after:], self.seen

    def type(self, text):
        self.seen_before = len(self.seen)
        os.write(self.fd, text.encode())

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.mark.parametrize(("arguments", "term"), [(["--linear"], "xterm-256color"), ([], "dumb")])
def test_the_program_in_a_terminal(tmp_path, arguments, term):
    terminal = Terminal(tmp_path, *arguments, term=term)
    try:
        terminal.wait_for("> ")
        terminal.type("demo:haiku\r")
        terminal.wait_for("Answer complete.")
        terminal.wait_for("> ", len(terminal.seen) - 2)
        terminal.type("demo:long tokens=5000 speed=50\r")
        terminal.wait_for("Waiting for", terminal.seen_before)
        terminal.wait_for("Reasoning:", terminal.seen_before)
        terminal.type("\x03")
        terminal.wait_for("Stopped. The partial answer is saved", terminal.seen_before)
        terminal.wait_for("\n> ", terminal.seen_before)
        terminal.type("half a line")
        terminal.wait_for("half a line", terminal.seen_before)
        terminal.type("\x03")
        terminal.wait_for("Nothing to stop.", terminal.seen_before, again="\x03")
        terminal.wait_for("\n> ", terminal.seen_before)
        terminal.type("\x04")
        terminal.wait_for("Resume with: stepchat --resume ")
        assert "\x1b" not in terminal.seen
        assert "\x08" not in terminal.seen
    finally:
        terminal.close()


def test_a_temporary_session_follows(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "stepchat", "--demo", "--linear"],
        input=b"/temporary\ndemo:haiku\n", capture_output=True, check=True, timeout=60,
        env={**ROOT_ENVIRONMENT, "STEPCHAT_HOME": str(tmp_path), "TERM": "xterm"},
    )  # fmt: skip
    assert b"Temporary session: nothing of it is stored." in done.stdout
    assert done.stdout.endswith(b"Nothing of this session is stored.\n")
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"demo:haiku" in path.read_bytes()]


def test_lines_from_a_pipe(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "stepchat", "--demo", "--linear"],
        input=b"demo:haiku\n/title Poem\n", capture_output=True, check=True, timeout=60,
        env={**ROOT_ENVIRONMENT, "STEPCHAT_HOME": str(tmp_path), "TERM": "xterm"},
    )  # fmt: skip
    assert b"Rain on the window:" in done.stdout
    assert b"Title: Poem." in done.stdout
    assert b"\x1b" not in done.stdout


def test_it_imports_no_textual():
    code = "import sys, stepchat.linear.app; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_files_go_with_the_next_question(tmp_path, server, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for name in ("a.txt", "b.txt"):
        (tmp_path / "work" / name).write_text("text")
    async with linear(tmp_path, server) as chat:
        assert "No files are attached." in await say(chat, "/attach")
        assert "there is no such file" in await say(chat, "/attach gone")
        assert "Attached a.txt, text · 4 bytes, about 1 tokens." in await say(chat, "/attach *.txt")
        assert "Detached 1 file." in await say(chat, "/detach b.txt")
        assert "Attached: a.txt, text · 4 bytes." in await say(chat, "/attach")
        assert "I received 1 file" in await say(chat, "What is this?")
        assert "No files are attached." in await say(chat, "/attach")
