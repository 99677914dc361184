from __future__ import annotations

import pytest

from stepchat.demo.server import DemoServer
from tests.e2e.program import ROOT, STEPCHAT, stepchat, variables
from tests.e2e.terminal import Terminal


@pytest.fixture
def server():
    with DemoServer(speed=0) as running:
        yield running


def broken_database(home):
    (home / "sessions.db").write_bytes(b"This is no database at all. " * 100)


def broken_config(home):
    (home / "config.toml").write_text("base_url = 8080\n")


def nothing(home):
    pass


@pytest.mark.parametrize(
    ("prepare", "arguments", "code", "words"),
    [
        (broken_database, [], 1, "is not a session database."),
        (broken_config, [], 2, "line 1: base_url"),
        (nothing, ["--base-url", "nonsense"], 2, "'nonsense' is not a server's address."),
        (nothing, ["--set", "heat=1"], 2, "There is no parameter 'heat'."),
        (nothing, ["--continue"], 1, "There is no session to continue yet."),
        (nothing, ["--resume", "nothing like it"], 1, "There is no session 'nothing like it'."),
        (nothing, ["--model"], 2, "Option '--model' requires an argument."),
    ],
)
def test_what_cannot_start_gives_the_terminal_back_and_says_why(tmp_path, server, prepare, arguments, code, words):
    home = tmp_path / "stepchat"
    home.mkdir()
    prepare(home)
    before = {path.name: path.read_bytes() for path in home.iterdir()}
    command = [*STEPCHAT, *arguments]
    with Terminal(command, tmp_path, variables(tmp_path, server.url), cwd=ROOT, cols=200) as terminal:
        assert terminal.wait_exit() == code
        assert not terminal.alternate
        assert terminal.attributes() == terminal.attributes_before
        assert terminal.modes == {7, 25}
        said = " ".join(terminal.screen().split())
    assert words in said
    assert "Traceback" not in said
    # What was there is still there; the file with the look of the first frame is nobody's work.
    assert {name: (home / name).read_bytes() for name in before} == before
    assert server.requests == []


def test_a_dumb_start_without_a_terminal(tmp_path, server):
    done = stepchat(tmp_path, server.url)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b'stepchat: No question. Give one: stepchat "question", or pipe it in.\n'
