from __future__ import annotations

import json
from decimal import Decimal

import pytest

from stepchat.demo.catalogue import MODELS
from stepchat.demo.server import DemoServer
from stepchat.messages import AssistantMessage
from tests.shell import Shell


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    with DemoServer(speed=0) as server:
        yield Shell(tmp_path, server, monkeypatch, capsys)


def test_models_with_prices_and_abilities(shell):
    ran = shell("models", "step", "3.5")
    head, row = map(str.split, ran.out.splitlines())
    assert (ran.code, row) == (0, ["stepfun/step-3.5-flash", "0.09", "0.30", "262k", "think", "tools"])
    assert head == ["model", "$/M", "in", "$/M", "out", "context", "supports"]
    assert len(shell("models").out.splitlines()) == 1 + len(MODELS)


def test_models_as_json(shell):
    (found,) = json.loads(shell("models", "s37", "--json").out)
    assert found["id"] == "stepfun/step-3.7-flash"
    assert found["prices"]["prompt"] == "0.00000012"
    assert found["reasoning"]["supported_efforts"] == ["high", "medium", "low"]


def test_models_are_asked_for_once_and_are_there_offline(shell):
    for _ in range(2):
        shell("models")
    assert len(shell.server.received) == 1
    shell("models", "--fresh")
    assert len(shell.server.received) == 2
    shell.server.close()
    assert shell("models", "step").code == 0
    ran = shell("models", "--fresh")
    assert (ran.code, ran.out) == (1, "")


def test_no_server_and_no_list(shell):
    shell.server.close()
    assert shell.refuse(1, "models").startswith("stepchat: Cannot reach http://127.0.0.1:")
    assert "Start it with: ollama serve" in shell.refuse(1, "models", "--server", "ollama")


def test_no_model_has_these_words(shell):
    ran = shell("models", "xyzzy")
    assert (ran.code, ran.out) == (0, "")
    assert json.loads(shell("models", "xyzzy", "--json").out) == []


def test_servers(shell):
    (shell.home / "config.toml").write_text(f'[servers.box]\nbase_url = "{shell.server.url}"\n')
    rows = json.loads(shell("servers", "--no-probe", "--json").out)
    assert [row["name"] for row in rows][:3] == ["box", "openrouter", "stepfun"]
    assert rows[1]["key"] == "the environment (OPENROUTER_API_KEY)"
    assert shell("servers", "--no-probe").out.splitlines()[0] == f"box           {shell.server.url}"


def test_a_bad_key_is_told_of_its_own_server_alone(shell):
    shell.set(DEEPSEEK_API_KEY="with blanks in it")
    ran = shell("servers", "--no-probe")
    assert (ran.code, ran.err) == (0, "")
    (line,) = [line for line in ran.out.splitlines() if line.startswith("deepseek")]
    assert "(DEEPSEEK_API_KEY) contains invalid characters. Copy it again" in line
    rows = {row["name"]: row for row in json.loads(shell("servers", "--no-probe", "--json").out)}
    assert (rows["deepseek"]["key"], rows["deepseek"]["reachable"]) == (None, None)
    assert rows["openrouter"]["says"] == ""


def test_a_server_by_its_name(shell):
    (shell.home / "config.toml").write_text(f'[servers.box]\nbase_url = "{shell.server.url}"\nmodel = "z-ai/glm-4.7"\n')
    shell.set(STEPCHAT_BASE_URL=None)
    assert shell("--server", "box", "demo:haiku").code == 0
    assert shell.asked()["model"] == "z-ai/glm-4.7"
    assert "There is no server 'bix'" in shell.refuse(2, "--server", "bix", "hello")


def test_what_was_spent_is_what_the_server_took_whatever_becomes_of_the_sessions(shell):
    for question in ("demo:haiku", "demo:primes", "hello"):
        assert shell(*(["--continue"] if question == "hello" else []), question).code == 0
    spent = sum(answer.usage.cost for answer in answers(shell))
    shell("sessions", "export", "--all", "-o", str(shell.home / "all.json"))
    for session in json.loads(shell("sessions", "list", "--json").out):
        assert shell("sessions", "delete", session["id"]).code == 0
    home = shell.home
    before = json.loads(shell("usage", "--json").out)["periods"]
    assert (before["today"]["answers"], before["all"]["answers"]) == (3, 3)
    assert {Decimal(before[name]["cost"]) for name in ("today", "30_days", "all")} == {spent}
    assert spent > 0
    # In another place, where all of it is imported, nothing was spent.
    shell.set(STEPCHAT_HOME=str(home / "other"))
    assert shell("sessions", "import", str(home / "all.json")).code == 0
    assert shell("usage").out == "Nothing spent yet.\n"


def answers(shell) -> list[AssistantMessage]:
    sessions = json.loads(shell("sessions", "list", "--json").out)
    stored = [one.message for session in sessions for one in shell.stored(session["id"])]
    return [message for message in stored if isinstance(message, AssistantMessage)]


def test_usage(shell):
    assert shell("usage").out == "Nothing spent yet.\n"
    shell("demo:haiku")
    shown = shell("usage").out
    assert "By model, last 30 days" in shown
    found = json.loads(shell("usage", "--json").out)
    assert found["periods"]["today"]["answers"] == found["periods"]["all"]["answers"] == 1
    assert found["days"][0]["model"] == "stepfun/step-3.5-flash"
    assert found["days"][0]["cost"] == found["periods"]["all"]["cost"]
    assert float(found["periods"]["all"]["cost"]) > 0


def test_a_key_that_is_a_word_does_not_damage_the_list(shell):
    shell.set(OPENROUTER_API_KEY="x")
    ran = shell("models", "mini", "--json")
    assert "minimax" in ran.out
    assert "removed" not in ran.out + "".join(path.read_text() for path in (shell.home / "models").iterdir())


def test_models_of_the_demo(shell):
    assert "stepfun/step-3.5-flash" in shell("models", "--server", "demo", "step").out
    assert not shell.server.received
    assert "ollama, lmstudio, demo. An address works too" in shell.refuse(2, "models", "--server", "dem")


def test_a_wrong_model_is_told_with_the_nearest_ones(shell):
    shell("models")
    ran = shell("-m", "stepfun/step-3.5-flahs", "hello")
    assert (ran.code, ran.out) == (1, "")
    first, second = ran.err.splitlines()
    assert "is not a valid model ID. Change the request" in first
    assert second.startswith(
        "stepchat: stepfun/step-3.5-flahs is not in the server's list of models. Similar: stepfun/step-3.5"
    )
