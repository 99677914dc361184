"""The exit codes of the manual's table, with the demo server."""

from __future__ import annotations

import json
import re

import pytest

from stepchat.cli.output import ANSWERED, FAILED, NO_KEY, STOPPED, USAGE, WRONG_FORM
from stepchat.demo.server import DemoServer
from stepchat.manual import DOCS
from tests.shell import Shell

PAGE = DOCS / "shell.md"
SCHEMA = '{"type":"object","properties":{"name":{"type":"string"},"count":{"type":"integer"}},"required":["count"]}'
FORM = f"response_format={SCHEMA}"


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    with DemoServer(speed=0, key="sk-or-test") as server:
        yield Shell(tmp_path, server, monkeypatch, capsys)


def test_the_codes_are_those_of_the_manual():
    table = PAGE.read_text("utf-8").partition("| exit code |")[2].partition("\n\n")[0]
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)]
    assert codes == [ANSWERED, FAILED, USAGE, NO_KEY, WRONG_FORM, STOPPED] == [0, 1, 2, 3, 4, 130]


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (ANSWERED, ["demo:haiku"]),
        (ANSWERED, ["demo:tools", "--json"]),
        (ANSWERED, ["How many?", "--set", FORM]),
        (FAILED, ["demo:tools"]),
        (FAILED, ["demo:length"]),
        (FAILED, ["demo:content_filter"]),
        (FAILED, ["demo:refusal"]),
        (FAILED, ["demo:error1"]),
        (FAILED, ["demo:error6"]),
        (FAILED, ["demo:cut"]),
        (FAILED, ["demo:http400"]),
        # Half an answer is not told to be in the wrong form.
        (FAILED, ["demo:length", "--set", "response_format=json_object"]),
        (WRONG_FORM, ["demo:form wrong=json", "--set", FORM]),
        (WRONG_FORM, ["demo:form wrong=value", "--set", FORM]),
        (WRONG_FORM, ["demo:form wrong=value", "--set", FORM, "--json"]),
        (USAGE, ["demo:haiku", "--temperature", "9"]),
        (NO_KEY, ["demo:http401"]),
    ],
    ids=str,
)
def test_exit_codes(shell, code, arguments):
    ran = shell(*arguments)
    assert ran.code == code, ran.err
    assert (len(shell.server.requests) == 0) == (code == USAGE)


def test_what_cannot_fit_is_refused_before_it_is_kept(shell):
    assert shell("models").code == 0  # so that the model's window is known
    shell.pipe(b"word " * 400_000)
    told = shell.refuse(USAGE, "Review this.")
    assert (
        "This needs about 500,003 tokens, but stepfun/step-3.5-flash's context window holds 262,144. Nothing was sent."
        in told
    )
    assert json.loads(shell("sessions", "list", "--json").out) == []
    shell.pipe(b"")
    assert shell("demo:haiku").code == ANSWERED
    assert "window holds 262,144" in shell.refuse(USAGE, "--continue", "And?", "--max-tokens", "262144")
    # It might fit, and the server knows.
    shell.pipe(b"word " * 300_000)
    assert shell("demo:haiku").code == ANSWERED
    shell.pipe(b"word " * 400_000)
    assert shell("--anyway", "demo:haiku").code == ANSWERED


@pytest.mark.parametrize("kind", ["llama.cpp", "ollama"])
def test_the_room_of_a_server_on_this_machine_is_asked_for_when_it_matters(shell, kind):
    with DemoServer(speed=0, imitates=kind) as local:
        (shell.home / "config.toml").write_text(f'[servers."{kind}"]\nbase_url = "{local.url}"\nmodel = "demo/talk"\n')
        assert shell("--server", kind, "demo:haiku").code == ANSWERED
        assert [request.path for request in local.received] == ["/v1/chat/completions"]
        shell.pipe(b"word " * 8000)
        told = shell.refuse(USAGE, "--server", kind, "demo:haiku")
        assert "about 10,003 tokens, but demo/talk's context window holds 4,096." in told
        assert ("llama-server -c" if kind == "llama.cpp" else "OLLAMA_CONTEXT_LENGTH") in told


def test_what_a_server_has_cut_off_without_a_word_is_told_afterwards(shell):
    with DemoServer(speed=0, imitates="ollama") as local:
        (shell.home / "config.toml").write_text(f'[servers.ollama]\nbase_url = "{local.url}"\nmodel = "demo/talk"\n')
        shell.pipe(b"word " * 4000)
        ran = shell("--server", "ollama", "demo:haiku")
        assert ran.code == ANSWERED
        assert (
            "context window of 4,096 tokens; the model supports 131,072. It has read no more of the 5,003 tokens sent."
            in ran.err
        )


def test_the_result_says_where_the_form_is_wrong(shell):
    found = json.loads(shell("--json", "--set", FORM, "demo:form wrong=value").out.splitlines()[-1])["message"]
    assert found["complete"] is True
    assert found["wrong_form"].startswith("The answer violates the schema: at $.count ")
