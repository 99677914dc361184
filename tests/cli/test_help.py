"""`stepchat help`."""

from __future__ import annotations

import re

import click
import pytest

from stepchat.cli.main import COMMANDS, load_command
from stepchat.demo.server import DemoServer
from stepchat.manual import TOPICS
from tests.shell import Shell


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    with DemoServer(speed=0) as server:
        yield Shell(tmp_path, server, monkeypatch, capsys)


def test_without_a_topic_it_lists_them_within_80_columns(shell):
    code, out, err = shell("help")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[2:]] == [topic.name for topic in TOPICS]
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_is_printed_as_markdown_into_a_pipe(shell, topic):
    code, out, err = shell("help", topic.name)
    assert (code, err) == (0, "")
    assert out.startswith("# ")
    assert "<kbd" not in out
    assert not re.search("^<!--", out, re.MULTILINE)
    assert shell.server.requests == []


def test_a_terminal_gets_a_page_in_the_pager(shell, monkeypatch):
    pages: list[str] = []
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.echo_via_pager", lambda text, **_: pages.append(text))
    assert shell("help", "reasoning").code == 0
    (page,) = pages
    assert "\x1b[" in page
    assert "# Reasoning" not in page
    assert all(len(line) > 40 for line in page.split("\n\n")[2].splitlines()[:-1]), "paragraphs are filled"


@pytest.mark.parametrize(
    "words", [["help", "me"], ["help", "keys", "please"], ["help", "Keys?"], ["-p", "help", "keys"]]
)
def test_anything_but_one_topic_is_a_question(shell, words):
    assert shell(*words).code == 0
    assert shell.question() == " ".join(word for word in words if word != "-p")


def test_topics_are_completed(shell, capsys):
    shell.set(_STEPCHAT_COMPLETE="bash_complete", COMP_WORDS="stepchat help se", COMP_CWORD="2")
    with pytest.raises(SystemExit):
        shell()
    assert [line.partition(",")[2] for line in capsys.readouterr().out.splitlines()] == ["sessions", "servers"]


def test_the_keys_of_config_toml_are_shown(shell):
    shell.home.mkdir(exist_ok=True)
    (shell.home / "config.toml").write_text(
        '[keys]\nleader = "ctrl+a"\nretry = ["f9", "leader 9"]\nreasoning = "none"\n[keys.prompt]\nnewline = "alt+enter"\n'
    )
    page = shell("help", "keys").out
    assert "| `F9`, `Ctrl+A 9` | `retry` |" in page
    assert "| `Alt+Enter` | `newline` |" in page
    assert "|  | `reasoning` |" in page
    assert "`Ctrl+A Ctrl+U`" in page
    assert "Ctrl+X" not in page.partition("## In the prompt")[2].partition("##")[0]
    assert "`/reasoning` folds or opens it" in shell("help", "reasoning").out
    (shell.home / "config.toml").write_text("keys = 1")
    assert "| `Ctrl+T`, `Ctrl+X Space` | `reasoning` |" in shell("help", "keys").out


@pytest.mark.parametrize(
    "row", [row for row in COMMANDS.values() if row.usage.endswith("--help")], ids=lambda row: row.name
)
def test_the_help_of_a_group_names_commands_that_exist(row):
    group = load_command(row.name)
    assert isinstance(group, click.Group)
    assert set(row.help.rpartition(": ")[2].split(", ")) <= set(group.commands)
