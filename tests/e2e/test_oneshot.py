from __future__ import annotations

import json
import re
import resource
import shlex
import signal
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stepchat.demo.server import DemoServer
from tests.e2e.program import ROOT, STEPCHAT, Running, export, stepchat, variables
from tests.e2e.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAVY = {"textual", "mcp", "pydantic", "keyring", "pygments"}


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer(speed=0) as running:
        yield running


def imported(home, server, *arguments: str) -> set[str]:
    """The names of all modules that a run imported."""
    command = [STEPCHAT[0], "-X", "importtime", *STEPCHAT[1:], *arguments]
    done = subprocess.run(
        command, env=variables(home, server.url), stdin=subprocess.DEVNULL, capture_output=True, cwd=ROOT, check=True
    )
    return set(re.findall(r"^import time:.*\| +(\S+)$", done.stderr.decode(), re.MULTILINE))


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [(["--help"], 0), (["--version"], 0), (["help", "keys"], 0), (["demo:haiku"], 1), (["sessions", "list"], 0)],
)
def test_nothing_heavy_is_imported(tmp_path, server, arguments, sent):
    found = imported(tmp_path, server, *arguments)
    assert "stepchat" in found
    assert not {name for name in found if name.partition(".")[0] in HEAVY}
    # Only what asks needs a client.
    assert ("httpx" in found) == (sent > 0)
    assert len(server.requests) == sent


def test_answer_reasoning_and_exit_code(tmp_path, server):
    done = stepchat(tmp_path, server.url, "demo:haiku", "--show-reasoning")
    assert done.returncode == 0
    assert done.stdout == b"Rain on the window:\neach drop arrives by itself,\nsoon there is a stream.\n"
    (_, answer) = export(tmp_path, "demo")
    assert done.stderr.decode() == f"{answer['reasoning']}\n"
    # By default only a terminal gets the reasoning.
    assert stepchat(tmp_path, server.url, "demo:haiku").stderr == b""


def test_bytes_that_are_no_text(tmp_path, server):
    done = stepchat(tmp_path, server.url, b"what is \xff", "demo:haiku", stdin=b"caf\xe9")
    assert done.returncode == 0
    assert server.requests[0].body["messages"][0]["content"] == "what is \ufffd demo:haiku\n\ncaf\ufffd"


def test_a_pipe_gets_the_exact_answer_and_a_terminal_a_harmless_one(tmp_path, server):
    piped = stepchat(tmp_path, server.url, "demo:hostile", "--show-reasoning")
    (_, answer) = export(tmp_path, "demo")
    assert piped.stdout.decode() == answer["content"]
    assert piped.stderr.decode() == f"{answer['reasoning']}\n"
    assert "\x1b]0;owned title\x07" in answer["content"]
    for rendered in ([], ["--plain"]):
        command = [*STEPCHAT, *rendered, "demo:hostile"]
        with Terminal(command, tmp_path, variables(tmp_path, server.url), cwd=ROOT) as terminal:
            assert terminal.wait_exit() == 0
            shown = b"".join(read.data for read in terminal.reads).decode()
            assert terminal.title == ""
        # Nothing but colours and weight.
        text = re.sub(r"\x1b\[[0-9;]*m", "", shown).partition("The end.")[0]
        assert "[bold]not bold[/bold]" in text
        assert all(char in "\r\n" or char.isprintable() for char in text)


# Stopping


@pytest.mark.parametrize(
    ("moment", "number"), [("thinking", signal.SIGINT), ("answering", signal.SIGTERM), ("answering", signal.SIGHUP)]
)
def test_signal_keeps_the_partial(tmp_path, server, number, moment):
    question = f"demo:long tokens=9000 reasoning={200 if moment == 'thinking' else 20} speed=300"
    with Running(tmp_path, server.url, question, "--show-reasoning") as running:
        running.wait_for(lambda running: bool(running.err if moment == "thinking" else running.out))
        assert running.end(number) == 130
        out, err = running.out, running.err
    (_, answer) = export(tmp_path, "demo")
    assert answer["stop"] == "cancelled"
    assert (answer["content"], f"{answer['reasoning']}\n"[: len(err)]) == (out, err)
    assert bool(answer["content"]) == (moment == "answering")
    assert server.wait_until(lambda requests: requests[0].disconnected)


def test_signal_ends_json_with_a_result(tmp_path, server):
    with Running(tmp_path, server.url, "--json", "demo:long tokens=9000 speed=400") as running:
        running.wait_for(lambda running: '"content":' in running.out.partition('"type":"delta"')[2])
        assert running.end(signal.SIGINT) == 130
        lines = [json.loads(line) for line in running.out.splitlines()]
        assert running.err == ""
    assert lines[-1]["type"] == "result"
    message = lines[-1]["message"]
    assert (message["complete"], message["error"], message["finish_reason"]) == (False, None, None)
    assert message["content"] == "".join(line.get("content", "") for line in lines if line["type"] == "delta")
    assert export(tmp_path, lines[-1]["session"])[1]["content"] == message["content"]


def test_signal_while_the_server_is_silent(tmp_path, server):
    with Running(tmp_path, server.url, "demo:silent at=5 wait=60") as running:
        running.wait_for(lambda running: bool(running.out))
        assert running.end(signal.SIGINT) == 130
        assert "Traceback" not in running.err
    assert export(tmp_path, "demo")[1]["stop"] == "cancelled"


def test_reader_that_goes_away(tmp_path, server):
    command = f"{shlex.join([*STEPCHAT, '--no-reasoning', 'demo:long tokens=50000'])} | head -1"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env=variables(tmp_path, server.url),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=ROOT,
        check=True,
    )
    assert done.stdout.count(b"\n") == 1
    assert done.stderr == b""
    (_, answer) = export(tmp_path, "demo")
    assert answer["stop"] == "cancelled"
    assert answer["content"].startswith(done.stdout.decode())


def test_reader_that_was_never_there(tmp_path, server):
    stepchat(tmp_path, server.url, "demo:long tokens=30000")
    command = (
        f"{shlex.join([*STEPCHAT, 'sessions', 'export', 'demo'])} | true; {shlex.join([*STEPCHAT, '--help'])} | true"
    )
    done = subprocess.run(
        ["/bin/sh", "-c", command], env=variables(tmp_path, server.url), capture_output=True, cwd=ROOT, check=True
    )
    assert (done.stdout, done.stderr) == (b"", b"")


def test_started_without_streams(tmp_path, server):
    command = f"exec {shlex.join([*STEPCHAT, 'demo:haiku'])} <&- >&- 2>&-"
    done = subprocess.run(["/bin/sh", "-c", command], env=variables(tmp_path, server.url), cwd=ROOT, check=False)
    # The answer had nowhere to go; no file of the store took the place of a stream.
    assert done.returncode == 1
    assert [message["role"] for message in export(tmp_path, "demo")] == ["user", "assistant"]


@pytest.mark.parametrize("arguments", [["--help"], ["themes"], ["sessions", "list", "--json"]])
@pytest.mark.parametrize(("where", "why"), [(">&-", "it is closed"), (">/dev/full", "No space left on device")])
def test_what_cannot_be_written_is_an_error(tmp_path, arguments, where, why):
    command = f"{shlex.join([*STEPCHAT, *arguments])} {where}"
    done = subprocess.run(
        ["/bin/sh", "-c", command], env=variables(tmp_path, ""), capture_output=True, cwd=ROOT, check=False
    )
    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"stepchat: Cannot write to stdout: {why}.")
    assert done.stderr.count(b"\n") == 1


# A full disk


SHARED_MEMORY = 32 * 1024
"""The smallest file without which the database cannot be opened; the first write of a session is larger."""


def full_after(size: int):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_disk_that_is_full_before_the_question(tmp_path, server):
    stepchat(tmp_path, server.url, "demo:haiku")
    before = export(tmp_path, "demo")
    done = stepchat(tmp_path, server.url, "more", preexec_fn=full_after(SHARED_MEMORY))
    assert (done.returncode, done.stdout) == (1, b"")
    words = done.stderr.decode()
    assert words.startswith("stepchat: The disk")
    assert words.count("\n") == 1
    assert "Everything saved before is safe." in words
    assert len(server.requests) == 1
    assert export(tmp_path, "demo") == before


def test_disk_that_gets_full_in_mid_answer(tmp_path, server):
    stepchat(tmp_path, server.url, "demo:haiku")
    size = sum(path.stat().st_size for path in (tmp_path / "stepchat").iterdir() if path.is_file())
    question = "demo:long tokens=20000 reasoning=2000 speed=30000"
    done = stepchat(tmp_path, server.url, "--no-reasoning", question, preexec_fn=full_after(size + 60_000))
    assert done.returncode == 1
    whole = stepchat(tmp_path / "other", server.url, "--no-reasoning", question)
    assert done.stdout == whole.stdout
    notices = done.stderr.decode().splitlines()
    assert len(notices) == 2
    assert notices[0].startswith("stepchat: The answer is not being saved: The disk")
    assert notices[1].startswith("stepchat: The answer is not saved. The disk")
    # The question and the session before it are safe.
    assert [message["role"] for message in export(tmp_path, question)][:1] == ["user"]
    assert len(export(tmp_path, "demo:haiku")) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["demo:haiku"], ["sessions", "list", "--json"]])
def test_disk_that_is_full_behind_stdout(tmp_path, server, arguments):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [*STEPCHAT, *arguments, *(["--no-reasoning"] if "demo:haiku" in arguments else [])],
            env=variables(tmp_path, server.url),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.decode() == (
        "stepchat: Cannot write to stdout: No space left on device. Free some space, or write elsewhere.\n"
    )


# The demo server alone


def test_demo_server_alone(tmp_path, server):
    with Running(tmp_path, server.url, "demo-server", "--port", "0", "--speed", "0") as running:
        running.wait_for(lambda running: running.out.endswith("\n"))
        url = running.out.strip()
        assert url.startswith("http://127.0.0.1:")
        assert stepchat(tmp_path, url, "demo:haiku").stdout.startswith(b"Rain")
        with urllib.request.urlopen(url.removesuffix("/api/v1") + "/demo/requests") as answer:
            assert json.load(answer)["requests"][0]["body"]["messages"][0]["content"] == "demo:haiku"
        assert running.end(signal.SIGINT) == 0
        assert "Traceback" not in running.err
    assert server.requests == []
