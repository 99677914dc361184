from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stepchat.cli.main import COMMANDS
from stepchat.cli.options import OPTIONS
from stepchat.demo.server import DemoServer
from tests.shell import Shell

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    with DemoServer(speed=0) as server:
        yield Shell(tmp_path / "home", server, monkeypatch, capsys)


def completed(shell, capsys, *words):
    """What bash is told to offer for the last word."""
    shell.set(_STEPCHAT_COMPLETE="bash_complete", COMP_WORDS=" ".join(words))
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


def test_the_values_of_options(shell, capsys):
    shell.home.mkdir()
    (shell.home / "config.toml").write_text("[profiles.work]\nmodel = 'm'\n[servers.box]\nbase_url = 'http://box/v1'\n")
    shell("models")
    assert completed(shell, capsys, "stepchat", "-m", "stepfun/step-3.5") == ["stepfun/step-3.5-flash"]
    assert "stepfun/step-3.7-flash" in completed(shell, capsys, "stepchat", "--demo", "--model", "step")
    assert completed(shell, capsys, "stepchat", "--server", "bo") == ["box"]
    assert completed(shell, capsys, "stepchat", "models", "--server", "de") == ["deepseek", "demo"]
    assert completed(shell, capsys, "stepchat", "--profile", "") == ["work"]
    assert completed(shell, capsys, "stepchat", "--preset", "") == []
    assert completed(shell, capsys, "stepchat", "--set", "temp") == ["temperature="]
    assert completed(shell, capsys, "stepchat", "ask", "--once", "top_") == [
        "top_p=",
        "top_k=",
        "top_a=",
        "top_logprobs=",
    ]
    # Bash replaces what follows the equals sign.
    assert completed(shell, capsys, "stepchat", "--set", "reasoning.effort=mi") == ["minimal"]
    assert completed(shell, capsys, "stepchat", "--reasoning-effort=mi") == ["minimal"]
    assert completed(shell, capsys, "stepchat", "help", "sess") == ["sessions"]


def test_a_broken_config_completes_nothing(shell, capsys):
    shell.home.mkdir()
    (shell.home / "config.toml").write_text("[[[")
    assert completed(shell, capsys, "stepchat", "--profile", "") == []


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("zsh", {"COMP_WORDS": "stepchat sessions show ", "COMP_CWORD": "3"}),
        ("fish", {"COMP_WORDS": "stepchat sessions show ", "COMP_CWORD": ""}),
    ],
)
def test_descriptions_are_whole(shell, capsys, name, given):
    shell("demo:haiku, please: now")
    session = shell.newest()["id"]
    shell.set(_STEPCHAT_COMPLETE=f"{name}_complete", **given)
    with pytest.raises(SystemExit):
        shell()
    shell.set(_STEPCHAT_COMPLETE=None)
    separator = "\t" if name == "fish" else "\n"
    assert (
        capsys.readouterr().out.strip()
        == f"plain{',' if name == 'fish' else separator}{session}{separator}demo:haiku, please: now"
    )


def test_descriptions_of_commands_are_whole(shell, capsys):
    shell.set(_STEPCHAT_COMPLETE="fish_complete", COMP_WORDS="stepchat sessions ", COMP_CWORD="arch")
    with pytest.raises(SystemExit):
        shell()
    shell.set(_STEPCHAT_COMPLETE=None)
    assert capsys.readouterr().out == "plain,archive\tArchive sessions: lists omit them, searches still find them.\n"


SCRIPTS = {
    "bash": [
        "-c",
        'source "$0"; COMP_LINE="stepchat them"; COMP_POINT=13; _stepchat_completion "$1"; echo "${COMPREPLY[@]}"',
    ],
    "fish": ["--no-config", "-c", 'source $argv[1]; complete -C "stepchat them"'],
}


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_the_scripts_in_their_shells(shell, tmp_path, name):
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"{name} is not installed")
    script = tmp_path / "script"
    script.write_text(shell("completion", name).out)
    assert subprocess.run([program, "-n", script], check=False, capture_output=True).returncode == 0
    if name == "zsh":
        return  # completes only at its prompt
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "stepchat").write_text(f'#!/bin/sh\nexec {sys.executable} -m stepchat "$@"\n')
    (folder / "stepchat").chmod(0o755)
    environ = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    done = subprocess.run(
        [program, *SCRIPTS[name], script, *(["stepchat"] if name == "bash" else [])],
        check=False, env=environ, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["themes"], done.stderr


def test_install(shell, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    shell.set(XDG_DATA_HOME=None, XDG_CONFIG_HOME=None)
    for name, place in (
        ("bash", ".local/share/bash-completion/completions/stepchat"),
        ("zsh", ".local/share/zsh/site-functions/_stepchat"),
        ("fish", ".config/fish/completions/stepchat.fish"),
    ):
        ran = shell("completion", name, "--install")
        assert (ran.code, (tmp_path / place).read_text()) == (0, shell("completion", name).out)
        assert str(tmp_path / place) in ran.out
    assert shell("man", "--install").code == 0
    assert (tmp_path / ".local/share/man/man1/stepchat.1").read_text() == shell("man").out


def test_the_man_page(shell):
    page = shell("man").out
    for row in OPTIONS:
        assert row.names[0].replace("-", "\\-") in page
    for name in COMMANDS:
        assert f".SS stepchat {name}".replace("-", "\\-") in page or name == "ask"
    for words in ("OPENROUTER_API_KEY", "stopped by Ctrl+C", ".SS stepchat sessions export"):
        assert words.replace("-", "\\-") in page
    assert not [line for line in page.splitlines() if line.startswith("'")]
