from __future__ import annotations

import json
from pathlib import Path

import pytest

from stepchat.cli_sessions import FORMATS, sessions
from stepchat.demo.server import DemoServer
from stepchat.sessions import export
from tests.shell import KEY, Shell

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    with DemoServer(speed=0) as server:
        yield Shell(tmp_path / "home", server, monkeypatch, capsys)


def test_formats_are_those_of_the_exporter():
    assert set(FORMATS) == set(export.FORMATS)


@pytest.mark.parametrize("name", sorted(sessions.commands))
def test_readme_names_every_command_and_each_has_json(name):
    assert f"sessions {name}" in README.read_text()
    assert any(option.name == "as_json" for option in sessions.commands[name].params)


def test_search_finds_prompts_answers_and_with_its_switch_reasoning(shell):
    shell("demo:primes")
    shell("demo:haiku")
    code, out, _ = shell("sessions", "search", "sieve")
    assert (code, "demo:primes" in out, "answer:" in out) == (0, True, True)
    thought = "trial division"
    assert "demo:primes" not in shell("sessions", "search", thought).out
    found = json.loads(shell("sessions", "search", "--reasoning", "--json", thought).out)
    assert [session["title"] for session in found] == ["demo:primes"]
    hit = found[0]["hits"][0]
    assert hit["field"] == "reasoning"
    start, end = hit["ranges"][0]
    assert hit["text"][start:end].lower() in thought
    assert shell("sessions", "search", "nothinglikethis") == (0, "", "stepchat: Nothing has these words.\n")
    assert shell("sessions", "search", 'AND "( *').code == 0


def test_show_gives_the_conversation_as_text(shell):
    shell("demo:haiku")
    out = shell("sessions", "show", "haiku").out
    assert "demo:haiku" in out
    assert "Rain on the window" in out
    assert len(shell("sessions", "show", "haiku", "--no-reasoning").out) < len(out)
    assert json.loads(shell("sessions", "show", "haiku", "--json").out)["format"] == "stepchat-session"


def test_rename_delete_and_bring_back(shell):
    shell("demo:haiku")
    identity = shell.newest()["id"]
    assert shell("sessions", "rename", identity[:5], "Rain", "poem").out == f"{identity}  Rain poem\n"
    assert shell.newest()["title"] == "Rain poem"
    code, out, err = shell("sessions", "delete", "poem")
    assert (code, out) == (0, f"{identity}  Rain poem\n")
    assert f"--undo {identity}" in err
    assert shell("sessions", "list", "--json").out == "[]\n"
    assert [row["id"] for row in json.loads(shell("sessions", "list", "--deleted", "--json").out)] == [identity]
    assert json.loads(shell("sessions", "delete", "--undo", identity[:5], "--json").out) == [identity]
    assert shell.newest()["id"] == identity


def test_bring_back_by_words(shell):
    shell("demo:haiku")
    identity = shell.newest()["id"]
    for words in ("haiku", "rain on the WINDOW"):
        shell("sessions", "delete", identity)
        assert shell("sessions", "delete", "--undo", words) == (0, f"{identity}  demo:haiku\n", "")
        assert shell.newest()["id"] == identity
    again = shell("sessions", "delete", "--undo", identity)
    assert (again.code, again.err) == (0, f"stepchat: {identity} is not deleted; it is there.\n")
    hint = "`stepchat sessions list --deleted` shows those that can be brought back."
    assert f"There is no deleted session 'hemlock'. {hint}" in shell.refuse(
        1, "sessions", "delete", "--undo", "hemlock"
    )


def test_a_files_name_that_says_no_form_is_refused(shell, tmp_path):
    shell("demo:haiku")
    file = tmp_path / "a.txt"
    assert "say it with --format" in shell.refuse(2, "sessions", "export", "haiku", "-o", str(file))
    assert not file.exists()
    assert shell("sessions", "export", "haiku", "-o", str(file), "--format", "markdown").code == 0
    assert file.read_text().startswith("# ")


@pytest.mark.parametrize(
    ("name", "beginning"),
    [("a.md", "# "), ("a.html", "<!doctype html>"), ("a.json", '{"format"'), ("a.jsonl", '{"model"')],
)
def test_the_form_follows_the_files_name_and_no_file_is_replaced(shell, tmp_path, name, beginning):
    shell("demo:haiku")
    file = tmp_path / name
    assert shell("sessions", "export", "haiku", "-o", str(file)).code == 0
    text = file.read_text()
    assert text.lower().startswith(beginning.lower())
    assert "Rain on the window" in text
    assert file.stat().st_mode & 0o077 == 0
    shell.refuse(2, "sessions", "export", "haiku", "-o", str(file))
    assert file.read_text() == text
    assert shell("sessions", "export", "haiku", "-o", str(file), "--force").code == 0


def test_jsonl_is_ready_to_send(shell):
    shell("demo:haiku")
    shell("-c", "demo:primes")
    (line,) = shell("sessions", "export", "haiku", "--format", "jsonl").out.splitlines()
    body = json.loads(line)
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user", "assistant"]
    assert body["messages"][1]["reasoning_details"]


def test_jsonl_asks_as_the_session_would(shell):
    shell.home.mkdir(exist_ok=True)
    (shell.home / "config.toml").write_text(
        "[parameters]\nseed = 7\n"
        "[profiles.code.parameters]\ntop_p = 0.5\n"
        f"[servers.box]\nbase_url = '{shell.server.url}'\nprofile = 'lmstudio'\nkey_variable = 'BOX_KEY'\n"
    )
    shell.set(BOX_KEY=KEY)
    ran = shell("--profile", "code", "--set", "top_k=3", "--set", "reasoning.effort=high", "demo:details")
    assert ran.code == 0, ran
    asked = shell.asked()
    body = json.loads(shell("sessions", "export", "details", "--format", "jsonl").out)
    assert (body["seed"], body["top_p"], body["top_k"]) == (7, 0.5, 3)
    more = body.keys() - {"messages"}
    assert {name: body[name] for name in more} == {name: asked[name] for name in more}
    # As LM Studio wants it, whatever stands at its address.
    assert body["reasoning_effort"] == "high"


def test_jsonl_of_a_demo_session_takes_its_reasoning_along(shell):
    shell.set(STEPCHAT_BASE_URL=None)
    shell("--demo", "--set", "temperature=0.5", "demo:details")
    body = json.loads(shell("sessions", "export", "details", "--format", "jsonl").out)
    assert body["messages"][1]["reasoning_details"]
    assert body["temperature"] == 0.5


def test_pin_archive_and_lists(shell):
    shell("demo:haiku")
    shell("demo:primes")
    new, old = (row["id"] for row in json.loads(shell("sessions", "list", "--json").out))
    assert shell("sessions", "pin", old[:5], new[:5]).code == 0
    assert json.loads(shell("sessions", "pin", "--undo", new[:5], "--json").out) == [
        {"id": new, "title": "demo:primes", "pinned": False}
    ]
    assert shell("sessions", "list").out.splitlines()[1].startswith(f"{old}* ")
    assert shell("sessions", "archive", old[:5]).code == 0
    assert [row["id"] for row in json.loads(shell("sessions", "list", "--json").out)] == [new]
    assert [row["id"] for row in json.loads(shell("sessions", "list", "--archived", "--json").out)] == [old]
    assert shell("sessions", "archive", "--undo", old).code == 0
    assert len(shell("sessions", "list", "--all", "--limit", "1").out.splitlines()) == 2
    assert len(shell("sessions", "list", "--limit", "1").out.splitlines()) == 1
    shell.refuse(1, "sessions", "pin", new[:5], "nothinglikethis")


def test_one_branch_by_the_beginning_of_a_message_id(shell):
    shell("demo:haiku")
    shell("-c", "demo:primes")
    whole = json.loads(shell("sessions", "show", "haiku", "--json").out)["messages"]
    branch = json.loads(shell("sessions", "export", "haiku", "--leaf", whole[1]["id"][:6], "--json").out)
    assert [row["id"] for row in branch["messages"]] == [row["id"] for row in whole[:2]]
    assert branch["session"]["leaf"] == whole[1]["id"]
    shell.refuse(2, "sessions", "export", "haiku", "--leaf", "nosuch")
    assert shell("sessions", "export", "--all", "--leaf", whole[1]["id"]).code == 2


def test_readme_describes_every_key_of_the_json(shell):
    shell("demo:details")
    section = README.read_text().partition("### Exports")[2].partition("\n## ")[0]
    data = json.loads(shell("sessions", "export", "details", "--json").out)
    rows = [data, data["session"], *data["messages"], *(row["message"] for row in data["messages"])]
    missing = {key for row in rows for key in row if f"`{key}`" not in section}
    assert missing == set()


def test_export_import_export_gives_the_same_bytes_and_twice_adds_nothing(shell, tmp_path):
    shell("demo:details")
    shell("-c", "demo:surrogates")
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    shell("sessions", "export", "--all", "-o", str(first))
    shell.set(STEPCHAT_HOME=str(tmp_path / "elsewhere"))
    assert json.loads(shell("sessions", "import", str(first), "--json").out)["messages"] == 4
    assert shell("sessions", "import", str(first)).out == "0 sessions, 0 messages; 1 were here before.\n"
    shell.pipe(first.read_bytes())
    assert shell("sessions", "import", "-").out == "0 sessions, 0 messages; 1 were here before.\n"
    shell.pipe(b"{oh")
    assert "stdin cannot be imported. line 1, column 2" in shell.refuse(2, "sessions", "import", "-")
    shell("sessions", "export", "--all", "-o", str(second))
    assert second.read_bytes() == first.read_bytes()


def test_bad_files_are_refused_and_nothing_stays(shell, tmp_path):
    file = tmp_path / "bad.json"
    file.write_text('{"format":"stepchat-session","version":1,"session":{},"messages":[]}')
    assert str(file) in shell.refuse(2, "sessions", "import", str(file))
    shell.refuse(2, "sessions", "import", str(tmp_path / "missing.json"))
    assert shell("sessions", "list", "--json").out == "[]\n"


def test_one_session_or_all(shell):
    assert shell("sessions", "export").code == 2
    assert shell("sessions", "export", "x", "--all").code == 2


def test_what_changes_a_session_is_never_told_by_what_was_said_in_it(shell):
    shell("demo:haiku", "--demo")
    shell("sessions", "rename", "demo:haiku", "Taxes")
    shell("Write about taxes and other things", "--demo")
    listed = {one["title"]: one["id"] for one in json.loads(shell("sessions", "list", "--json").out)}
    assert json.loads(shell("sessions", "delete", "taxes", "--json").out) == [listed["Taxes"]]
    shell("sessions", "delete", "--undo", listed["Taxes"])
    code, _, err = shell("sessions", "delete", "tax")
    assert code != 0
    assert listed["Taxes"] in err
    assert shell("sessions", "archive", "Rain on the window").code != 0
    assert len(json.loads(shell("sessions", "list", "--json").out)) == 2
