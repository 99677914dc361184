"""`--schema`, `--schema-retries` and `--extract`: only the JSON on stdout, or only a value of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from stepchat.cli.output import WRONG_FORM
from stepchat.demo.server import DemoServer
from tests.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA = ("--schema", "name, age int, tags [str]")


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Shell]:
    with DemoServer(speed=0) as server:
        yield Shell(tmp_path, server, monkeypatch, capsys)


def test_the_answer_is_the_json_and_nothing_else(shell: Shell) -> None:
    ran = shell(*SCHEMA, "Invent a person")
    assert ran.code == 0
    assert sorted(json.loads(ran.out)) == ["age", "name", "tags"]
    form = shell.asked()["response_format"]
    assert form["json_schema"]["strict"] is True
    assert form["json_schema"]["schema"]["required"] == ["name", "age", "tags"]
    # The session keeps it.
    assert shell("--continue", "Another one").code == 0
    assert shell.asked()["response_format"] == form


@pytest.mark.parametrize(
    ("path", "out"),
    [(".name", "Trondheim\n"), (".age", "1\n"), (".tags[]", "Trondheim\n"), (".tags", '["Trondheim"]\n')],
)
def test_one_value_is_printed(shell: Shell, path: str, out: str) -> None:
    assert shell(*SCHEMA, "--extract", path, "Invent a person")[:2] == (0, out)


def test_a_violation_is_reported_by_its_path_and_the_json_is_printed(shell: Shell) -> None:
    ran = shell(*SCHEMA, "demo:form wrong=value")
    assert ran.code == WRONG_FORM
    assert json.loads(ran.out)["tags"] == {"not": "what was asked for"}
    assert "at $.tags" in ran.err


def test_a_violation_is_sent_back(shell: Shell) -> None:
    ran = shell(*SCHEMA, "--schema-retries", "2", "demo:form wrong=value")
    assert ran.code == 0
    assert json.loads(ran.out)["tags"] == ["Trondheim"]
    assert "Asking for a correction (1 of 2)." in ran.err
    question = shell.question()
    assert "at $.tags" in question
    assert question.endswith("Answer again with the corrected JSON only, without any other text.")
    assert [message["role"] for message in shell.asked()["messages"]] == ["user", "assistant", "user"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--extract", ".tags.x"), "Nothing to extract: there is no .x in the object at .tags."),
        (("--extract", ".tags", "wrong=json"), "The answer is not JSON"),
    ],
)
def test_a_value_that_is_missing_says_where(shell: Shell, options: tuple[str, ...], words: str) -> None:
    wrong = options[2] if len(options) > 2 else "wrong=value"
    ran = shell(*SCHEMA, *options[:2], f"demo:form {wrong}")
    assert (ran.code, ran.out) == (WRONG_FORM, "")
    assert words in ran.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--schema", "a integre"), "column 3: there is no type integre"),
        (("--extract", ".x$"), "--extract .x$: column 3 is not a step of a path."),
        (("--extract", ".x", "--json"), "--extract and --json contradict each other."),
        (("--schema-retries", "2"), "--schema-retries needs a schema."),
        ((*SCHEMA, "--schema-retries", "many"), "--schema-retries many: not a number from 0 to 10."),
    ],
)
def test_mistakes_are_rejected_before_anything_is_sent(shell: Shell, options: tuple[str, ...], words: str) -> None:
    assert words in shell.refuse(2, *options, "Invent a person")
    assert shell.server.requests == []
