from __future__ import annotations

import json

import pytest

from stepchat.catalogue.catalogue import Catalogue, file_name
from stepchat.config.paths import write_private
from stepchat.demo.server import DemoServer
from tests.shell import Shell


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    with DemoServer(speed=0) as server:
        yield Shell(tmp_path, server, monkeypatch, capsys)


def test_what_the_command_line_sets_belongs_to_the_session(shell):
    assert shell("--temperature", "0.5", "--once", "seed=7", "demo:haiku").code == 0
    assert (shell.asked()["temperature"], shell.asked()["seed"]) == (0.5, 7)
    assert shell("--continue", "demo:haiku").code == 0
    assert (shell.asked()["temperature"], "seed" in shell.asked()) == (0.5, False)
    assert shell("--continue", "--set", "temperature=", "--top-p=0.9", "demo:haiku").code == 0
    assert shell("--continue", "demo:haiku").code == 0
    assert ("temperature" in shell.asked(), shell.asked()["top_p"]) == (False, 0.9)


def test_unset_hides_what_the_config_says(shell):
    (shell.home / "config.toml").write_text("[parameters]\ntemperature = 0.7\n")
    assert shell("--set", "temperature=", "demo:haiku").code == 0
    assert "temperature" not in shell.asked()
    assert shell("--continue", "demo:haiku").code == 0
    assert "temperature" not in shell.asked()


def test_flags_take_no_question_for_their_value(shell):
    assert (
        shell(
            "--logprobs", "--no-parallel-tool-calls", "--tool", "calculate", "demo:haiku", "--stop", "A", "--stop", "B"
        ).code
        == 0
    )
    asked = shell.asked()
    assert (asked["logprobs"], asked["parallel_tool_calls"], asked["stop"]) == (True, False, ["A", "B"])
    assert shell.question() == "demo:haiku"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--temperature", "9"], "temperature must be a number between 0 and 2, not 9."),
        (["--set", "heat=1"], "There is no parameter 'heat'."),
        (["--set", "temperature"], "'temperature' is not NAME=VALUE."),
        (["--once", "seed=x"], "seed must be a whole number, not x."),
        (["--top-logprobs", "3"], "top_logprobs needs logprobs=true."),
        (["--reasoning-effort", "high", "--reasoning-max-tokens", "9"], "exclude each other"),
        (["--preset", "none"], "There is no preset 'none'."),
        (["--profile", "none"], "There is no profile 'none'."),
        (["--set", "response_format=@nowhere.json"], "response_format cannot be read from nowhere.json"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_sent(shell, arguments, words):
    assert words in shell.refuse(2, *arguments, "demo:haiku")
    assert shell.server.requests == []


def test_help_stays_short_and_says_where_the_flags_are(shell):
    out = shell("--help").out
    assert "--temperature 0.5" in out
    assert "--top-k" not in out
    assert "parameters [WORDS]" in out


def test_the_table_in_the_shell(shell):
    assert "--reasoning-effort high" in shell("parameters").out
    rows = json.loads(shell("parameters", "--json", "top_p").out)
    assert [(row["name"], row["flag"]) for row in rows] == [("top_p", "--top-p")]


def test_an_answer_that_does_not_fit_its_schema_is_told_on_stderr(shell):
    schema = shell.home / "primes.json"
    schema.write_text('{"type":"object","properties":{"name":{"type":"string"},"count":{"type":"integer"}}}')
    ran = shell("--response-format", f"@{schema}", "How many?")
    assert (ran.code, json.loads(ran.out)) == (0, {"name": "Trondheim", "count": 1})
    assert "schema" not in ran.err.partition("stepchat:")[2]
    assert shell.asked()["response_format"]["json_schema"]["name"] == "primes"
    ran = shell("--continue", "demo:form wrong=value")
    assert "stepchat: The answer violates the schema: at $.count " in ran.err
    ran = shell("--continue", "demo:form wrong=json")
    assert "stepchat: The answer is not JSON: line " in ran.err


def test_a_schema_that_is_none_is_refused(shell):
    schema = shell.home / "bad.json"
    schema.write_text('{"type":"strange"}')
    assert "the schema is wrong at $.type" in shell.refuse(2, "--response-format", f"@{schema}", "How many?")


def test_a_model_whose_name_is_no_text_is_asked_all_the_same(shell):
    ran = shell("--model", "half\udcff", "--reasoning-effort", "high", "Hi")
    assert (ran.code, "is not a valid model ID" in ran.err) == (1, True)


def test_what_the_model_does_not_take_is_said_and_sent(shell):
    models = {"data": [{"id": "demo/haiku", "supported_parameters": ["temperature"]}]}
    shell("demo:haiku")
    catalogue = Catalogue(shell.home / "models" / file_name(shell.server.url), lambda *_: models, write=write_private)
    assert catalogue.refresh()
    ran = shell("--model", "demo/haiku", "--top-k", "5", "--temperature", "1", "Hi")
    assert "stepchat: top_k: not supported by haiku; sent anyway." in ran.err
    assert "temperature" not in ran.err
    assert shell.asked()["top_k"] == 5


def test_a_profile_that_is_gone_is_told(shell):
    config = shell.home / "config.toml"
    config.write_text("[profiles.code]\nparameters = { seed = 1 }\n")
    assert shell("--profile", "code", "demo:haiku").code == 0
    assert shell.asked()["seed"] == 1
    config.write_text("")
    ran = shell("--continue", "demo:haiku")
    assert (ran.code, "seed" in shell.asked()) == (0, False)
    assert "stepchat: This session uses the profile code, which cannot be found.\n" in ran.err
