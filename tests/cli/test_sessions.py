from __future__ import annotations

import json

import pytest

from stepchat.cli.sessions import sessions
from stepchat.demo.server import DemoServer
from stepchat.manual import DOCS
from tests.shell import Shell

PAGE = DOCS / "sessions.md"


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    with DemoServer(speed=0) as server:
        yield Shell(tmp_path / "home", server, monkeypatch, capsys)


@pytest.mark.parametrize("name", sorted(sessions.commands))
def test_the_manual_names_every_command_and_each_has_json(name):
    assert f"sessions {name}" in PAGE.read_text()
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
    assert shell("sessions", "search", "nothinglikethis") == (0, "", "stepchat: No matches.\n")
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
    assert (again.code, again.err) == (0, f"stepchat: {identity} is not deleted.\n")
    hint = "`stepchat sessions list --deleted` lists those that can be restored."
    assert f"There is no deleted session 'hemlock'. {hint}" in shell.refuse(
        1, "sessions", "delete", "--undo", "hemlock"
    )


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


def test_symbols_are_searched_without_two_hyphens(shell):
    shell("demo:haiku")
    shell("sessions", "rename", "--", "haiku", "a -> b")
    for words in (["->"], ["->", "--limit", "5"], ["--", "->"], ["->", "b"]):
        assert "a -> b" in shell("sessions", "search", *words).out
    assert shell("sessions", "search", "--limt", "5", "b").code == 2
