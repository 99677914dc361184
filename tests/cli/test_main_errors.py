from __future__ import annotations

import errno
import io
import socket
import sqlite3
import sys
from pathlib import Path

import pytest

from stepchat.demo.server import DemoServer
from tests.shell import KEY, Shell


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    with DemoServer(speed=0) as server:
        yield Shell(tmp_path, server, monkeypatch, capsys)


class FullDisk(io.StringIO):
    """A stdout behind which there is no space."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("command", ["doctor", "config show", "themes", "usage", "servers --no-probe", "parameters"])
def test_no_space_for_what_a_command_says(shell, monkeypatch, command):
    monkeypatch.setattr(sys, "stdout", FullDisk())
    ran = shell(*command.split())
    assert ran.code == 1
    assert ran.err.startswith("stepchat: Cannot write to stdout: No space left on device. Free some space")
    assert ran.err.count("\n") == 1


def test_no_key(shell, tmp_path):
    shell.set(OPENROUTER_API_KEY=None)
    ran = shell("hello")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.splitlines() == [
        "stepchat: No API key for OpenRouter. Use one of these:",
        "  stepchat login",
        "  export OPENROUTER_API_KEY=...",
        "  keyring set stepchat openrouter",
        f"  a private file (chmod 600): {tmp_path / 'keys' / 'openrouter'}",
        "  without a key: stepchat --demo",
    ]
    assert shell.server.requests == []


def test_wrong_key(shell):
    with DemoServer(speed=0, key="another") as other:
        shell.set(STEPCHAT_BASE_URL=other.url)
        words = shell.refuse(3, "hello")
    assert "rejected the API key" in words
    assert "Check the key" in words
    # The question is kept.
    assert shell.newest()["title"] == "hello"


def test_unreachable_server(shell):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = shell.refuse(1, "--base-url", f"http://127.0.0.1:{port}/api/v1", "hello")
    assert f"127.0.0.1:{port}" in words
    assert shell.newest()["title"] == "hello"


@pytest.mark.parametrize("url", ["nonsense", "ftp://x", "http://", "http://h:port", "https://me:secret@host/v1"])
def test_bad_url(shell, url):
    words = shell.refuse(2, "--base-url", url, "hello")
    assert "secret@" not in words
    assert "address" in words or "Take it out" in words


def test_unknown_model(shell):
    words = shell.refuse(1, "--model", "no/such", "hello")
    assert "no/such is not a valid model ID" in words


@pytest.mark.parametrize("setting", ["temperature", "temperature=hot", "heat=1", "temperature=nan", "top_k=[[[[["])
def test_bad_setting(shell, setting):
    words = shell.refuse(2, "--set", setting, "hello")
    assert setting.partition("=")[0] in words
    assert shell.server.requests == []


BROKEN = {
    "rubbish": b"This is no database at all. " * 100,
    "cut": None,
    "empty pages": b"SQLite format 3\x00" + b"\xff" * 4080,
    "empty": b"",
    "one byte": b"S",
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("arguments", [["sessions", "list"], ["--continue", "more"]])
def test_broken_database_is_kept_as_it_is(shell, tmp_path, how, arguments):
    path = tmp_path / "sessions.db"
    shell("demo:haiku")
    whole = path.read_bytes()
    broken = whole[: len(whole) // 2] if BROKEN[how] is None else BROKEN[how]
    path.write_bytes(broken)
    words = shell.refuse(1, *arguments)
    assert str(path) in words
    assert "left unchanged" in words
    assert path.read_bytes() == broken
    assert len(shell.server.requests) == 1


def answered_unsaved(shell, *parts):
    """The demo answers, and stderr says what keeps the sessions from being saved."""
    asked = len(shell.server.requests)
    code, out, err = shell("demo:haiku")
    assert (code, "Rain on the window" in out) == (0, True)
    assert err.startswith("stepchat: Nothing is saved. ")
    assert all(part in err for part in parts), err
    assert len(shell.server.requests) == asked + 1


@pytest.mark.parametrize("how", BROKEN)
def test_a_question_is_answered_without_its_database(shell, tmp_path, how):
    path = tmp_path / "sessions.db"
    shell("demo:haiku")
    broken = path.read_bytes()[:-5000] if BROKEN[how] is None else BROKEN[how]
    path.write_bytes(broken)
    answered_unsaved(shell, str(path), "left unchanged")
    assert path.read_bytes() == broken


def test_database_of_another_program(shell, tmp_path):
    with sqlite3.connect(tmp_path / "sessions.db") as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    before = (tmp_path / "sessions.db").read_bytes()
    assert "belongs to another program" in shell.refuse(1, "sessions", "list")
    answered_unsaved(shell, "belongs to another program")
    assert (tmp_path / "sessions.db").read_bytes() == before


def test_home_that_is_a_file(shell, tmp_path):
    home = tmp_path / "file"
    home.write_text("mine")
    shell.set(STEPCHAT_HOME=str(home))
    answered_unsaved(shell, str(home), "Set STEPCHAT_HOME")
    assert home.read_text() == "mine"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a directory that even root cannot write to")
def test_home_that_cannot_be_written(shell):
    shell.set(STEPCHAT_HOME="/proc/stepchat")
    answered_unsaved(shell, "/proc/stepchat", "Set STEPCHAT_HOME")


def test_database_that_cannot_be_opened(shell, tmp_path):
    (tmp_path / "sessions.db").mkdir()
    answered_unsaved(shell, str(tmp_path / "sessions.db"), "STEPCHAT_HOME")


def test_answer_that_cannot_be_begun_keeps_the_question(shell, tmp_path):
    (tmp_path / "running").write_text("mine")
    words = shell.refuse(1, "hello")
    assert str(tmp_path / "running") in words
    assert shell.server.requests == []
    assert (shell.newest()["title"], shell.newest()["messages"]) == ("hello", 1)
    assert (tmp_path / "running").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model = \n", "config.toml is not TOML: "),
        ("base_url = 5", "config.toml, line 1: base_url must be text."),
        ("[servers.box]\nprofile = 'vllm'", "config.toml, line 1: box needs a base_url."),
    ],
)
def test_config_that_leaves_open_where_the_question_goes(shell, tmp_path, text, words):
    (tmp_path / "config.toml").write_text(text)
    assert words in shell.refuse(2, "hello")
    assert shell.server.requests == []
    assert (tmp_path / "config.toml").read_text() == text
    # What does not need it works.
    assert shell("sessions", "list")[0] == 0


def test_other_mistakes_in_the_config_are_all_reported_and_the_question_is_asked(shell, tmp_path):
    (tmp_path / "config.toml").write_text("modle = 'x'\nnotify = 5\n[parameters]\ntemperature = 5\nseed = 7\n")
    ran = shell("demo:haiku")
    assert ran.code == 0
    for words in (
        "line 1: modle is not a setting. Did you mean model?",
        "line 2: notify must be text.",
        "line 4: temperature",
    ):
        assert words in ran.err
    assert ran.err.count("\n") == 3
    assert shell.asked()["seed"] == 7
    assert "temperature" not in shell.asked()
    assert shell("config", "check").err == ran.err
    assert shell("config", "check").code == 2


def test_key_file_that_others_can_read(shell, tmp_path):
    shell.set(OPENROUTER_API_KEY=None)
    (tmp_path / "keys").mkdir()
    path = tmp_path / "keys" / "openrouter"
    path.write_text(KEY)
    path.chmod(0o644)
    assert f"Run: chmod 600 {path}" in shell.refuse(2, "hello")
    path.chmod(0o600)
    assert shell("hello")[0] == 0


def test_key_with_control_characters(shell):
    shell.set(OPENROUTER_API_KEY=f"{KEY}\x1b[31m")
    assert "contains invalid characters" in shell.refuse(2, "hello")
    assert shell.server.requests == []


def test_port_that_is_taken(shell):
    words = shell.refuse(2, "demo-server", "--port", str(shell.server.port))
    assert str(shell.server.port) in words
    assert shell("demo-server", "--speed", "-1")[0] == 2


@pytest.mark.parametrize(
    "arguments", [("themes", "\x1b[31m\u202e"), ("sessions", "\x1b[31m\u202e"), ("themes", "--\x1b[31m\u202e")]
)
def test_no_argument_reaches_the_terminal_as_a_control_sequence(shell, arguments):
    ran = shell(*arguments)
    assert ran.code == 2
    assert not {"\x1b", "\u202e"} & set(ran.err + ran.out)
