from __future__ import annotations

import os

import pytest

from stepchat.demo.server import DemoServer
from tests.shell import Shell


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    with DemoServer(speed=0) as server:
        yield Shell(tmp_path / "home", server, monkeypatch, capsys)


def completed(shell, capsys, *words):
    """What bash is told to offer for the last word."""
    shell.set(_STEPCHAT_COMPLETE="bash_complete", COMP_WORDS=" ".join(words), COMP_CWORD=str(len(words) - 1))
    with pytest.raises(SystemExit):
        shell()
    shell.set(_STEPCHAT_COMPLETE=None)
    return [line.partition(",")[2] for line in capsys.readouterr().out.splitlines() if line]


def test_commands_options_and_session_ids(shell, capsys):
    assert "sessions" in completed(shell, capsys, "stepchat", "ses")
    assert "--model" in completed(shell, capsys, "stepchat", "--mod")
    assert completed(shell, capsys, "stepchat", "sessions", "pi") == ["pin"]
    # No store is made for the sake of a Tab.
    assert completed(shell, capsys, "stepchat", "sessions", "show", "") == []
    assert not shell.home.exists()
    shell("demo:haiku")
    first = shell.newest()["id"]
    shell("demo:primes")
    second = shell.newest()["id"]
    assert completed(shell, capsys, "stepchat", "sessions", "show", "") == [second, first]
    assert completed(shell, capsys, "stepchat", "--resume", first[:4]) == [first]
    assert completed(shell, capsys, "stepchat", "sessions", "export", "~") == []
    assert "_STEPCHAT_COMPLETE" not in os.environ


def test_the_flags_of_parameters_and_their_choices(shell, capsys):
    assert completed(shell, capsys, "stepchat", "--reasoning-ef") == ["--reasoning-effort"]
    assert completed(shell, capsys, "stepchat", "--reasoning-effort", "m") == ["max", "medium", "minimal"]
