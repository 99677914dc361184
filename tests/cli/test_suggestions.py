from __future__ import annotations

import pytest

from stepchat.cli.main import COMMANDS
from stepchat.cli.suggestions import reject_mistyped
from stepchat.demo.server import DemoServer
from stepchat.errors import UsageError
from tests.shell import Shell


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["modles"], "models"),
        (["doctr"], "doctor"),
        (["model"], "models"),
        (["demo-servr"], "demo-server"),
        (["sesions", "list"], "sessions list"),
        (["sesions", "lst", "--all"], "sessions list --all"),
        (["confg", "check"], "config check"),
    ],
)
def test_what_is_almost_a_command(words, meant):
    with pytest.raises(UsageError) as raised:
        reject_mistyped(words, COMMANDS)
    assert raised.value.message == f"Did you mean `stepchat {meant}`?"
    assert raised.value.hint == f'To ask it as a question: stepchat -p "{" ".join(words)}"'


@pytest.mark.parametrize(
    "words",
    [
        [], [""], ["hello"], ["why"], ["Modles"], ["modles?"], ["modles are nice"], ["modles", "of", "thought"],
        ["sesion", "musicians", "wanted"], ["demo:haiku"], ["haiku"], ["help", "me"], ["theme", "of", "Hamlet"],
    ],
)  # fmt: skip
def test_questions(words):
    reject_mistyped(words, COMMANDS)


def test_only_a_person_at_a_terminal_is_asked(tmp_path, monkeypatch, capsys):
    with DemoServer(speed=0) as server:
        shell = Shell(tmp_path, server, monkeypatch, capsys)
        assert shell("modles").code == 0
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        assert "Did you mean `stepchat models`?" in shell.refuse(2, "modles")
        assert len(server.requests) == 1
        assert shell("--", "modles").code == 0
        assert shell("-p", "modles").code == 0
        # A word in a conversation is said to the model.
        assert shell("-c", "models").code == 0
