from __future__ import annotations

import json

import pytest

from stepchat.demo.server import DemoServer
from tests.shell import Shell


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    with DemoServer(speed=0) as server:
        yield Shell(tmp_path, server, monkeypatch, capsys)


def write(shell, name, text):
    folder = shell.home / "prompts"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.md").write_text(text)


def test_asking_with_a_prompt(shell):
    write(shell, "translate", "---\nmodel: demo/haiku\nparameters: {seed: 7}\n---\nInto {{language}}:\n{{input}}")
    shell.pipe(b"from the pipe")
    assert shell("--prompt", "translate", "language=Swiss German", "hello", "you").code == 0
    assert shell.question() == "Into Swiss German:\nhello you\n\nfrom the pipe"
    assert (shell.asked()["model"], shell.asked()["seed"]) == ("demo/haiku", 7)
    shell.pipe(b"")
    assert (
        shell("--prompt", "translate", "--seed", "8", "-m", "stepfun/step-3.7-flash", "language=x", "tools").code == 0
    )
    assert (shell.asked()["model"], shell.asked()["seed"]) == ("stepfun/step-3.7-flash", 8)
    assert "needs a value for language" in shell.refuse(2, "--prompt", "translate", "hello")
    assert "Did you mean translate?" in shell.refuse(2, "--prompt", "translat", "hello")


def test_a_persona(shell):
    write(shell, "pirate", "---\nrole: system\n---\nYou are a pirate.")
    assert shell("--prompt", "pirate", "hello").code == 0
    assert shell.asked()["messages"][0] == {"role": "system", "content": "You are a pirate."}
    assert "an existing session cannot change" in shell.refuse(2, "-c", "--prompt", "pirate", "hello")
    assert shell("--prompt", "pirate", "--system", "Be brief.", "hello").code == 0
    assert shell.asked()["messages"][0]["content"] == "Be brief."


def test_a_prompt_that_needs_nothing(shell):
    write(shell, "standup", "What did I do?")
    assert shell("--prompt", "standup").code == 0
    assert shell.question() == "What did I do?"


def test_the_library(shell):
    assert "No prompts in" in shell("prompts", "list").err
    assert shell("prompts", "new", "review", "--description", 'a "b": c').code == 0
    assert json.loads(shell("prompts", "list", "--json").out)[0]["description"] == 'a "b": c'
    assert "{{input}}" in shell("prompts", "show", "review").out
    assert "already exists" in shell.refuse(2, "prompts", "new", "review")
    assert "cannot be the name" in shell.refuse(2, "prompts", "new", "../x")
    write(shell, "bad", "---\nmodle: x\n---\n")
    ran = shell("prompts", "list")
    assert (ran.code, ran.out) == (2, 'review  a "b": c\n')
    assert "bad.md, line 2: modle is not a key" in ran.err


def test_edit(shell, tmp_path):
    write(shell, "review", "x")
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf -- "---\\nmodle: x\\n---\\n" > "$1"\n')
    editor.chmod(0o755)
    shell.set(VISUAL=str(editor))
    assert "line 2: modle" in shell.refuse(2, "prompts", "edit", "review")
    assert "There is no prompt" in shell.refuse(2, "prompts", "edit", "nothing")
