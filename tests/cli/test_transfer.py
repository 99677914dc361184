from __future__ import annotations

import importlib
import json
import sqlite3
import urllib.request
from contextlib import closing

import pytest

from stepchat.cli import transfer
from stepchat.cli.sessions import sessions as sessions_group
from stepchat.demo.server import DemoServer
from stepchat.manual import DOCS
from stepchat.sessions.export import formats
from tests.sessions.samples import CHATGPT, LLM_LOG
from tests.shell import KEY, Shell

PAGE = DOCS / "json.md"


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    with DemoServer(speed=0) as server:
        yield Shell(tmp_path / "home", server, monkeypatch, capsys)


@pytest.fixture
def shouting(monkeypatch):
    """One more row in the table of formats."""
    row = formats.Format("shouting", ".loud", "in capitals", False, lambda content, _: content.session.title.upper())
    monkeypatch.setitem(formats.FORMATS, row.name, row)
    importlib.reload(transfer)
    monkeypatch.setitem(sessions_group.commands, "export", transfer.export_session)
    yield
    monkeypatch.undo()
    importlib.reload(transfer)


def test_a_row_of_the_table_makes_a_format(shell, tmp_path, shouting):
    shell("demo:haiku")
    assert "shouting   .loud   in capitals" in shell("sessions", "export", "--help").out
    assert shell("sessions", "export", "haiku", "--format", "shouting").out == "DEMO:HAIKU"
    file = tmp_path / "a.loud"
    shell("sessions", "export", "haiku", "-o", str(file))
    assert file.read_text() == "DEMO:HAIKU"
    assert ".jsonl, .loud" in shell.refuse(2, "sessions", "export", "haiku", "-o", "a.txt")


def test_a_files_name_that_says_no_form_is_refused(shell, tmp_path):
    shell("demo:haiku")
    file = tmp_path / "a.txt"
    assert "Or use --format" in shell.refuse(2, "sessions", "export", "haiku", "-o", str(file))
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
    ran = shell(
        "--profile",
        "code",
        "-m",
        "stepfun/step-3.7-flash",
        "--set",
        "top_k=3",
        "--set",
        "reasoning.effort=high",
        "demo:details",
    )
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


def test_one_branch_by_the_beginning_of_a_message_id(shell):
    shell("demo:haiku")
    shell("-c", "demo:primes")
    whole = json.loads(shell("sessions", "show", "haiku", "--json").out)["messages"]
    branch = json.loads(shell("sessions", "export", "haiku", "--leaf", whole[1]["id"][:6], "--json").out)
    assert [row["id"] for row in branch["messages"]] == [row["id"] for row in whole[:2]]
    assert branch["session"]["leaf"] == whole[1]["id"]
    # As with a session.
    assert "There is no message 'nosuch'" in shell.refuse(1, "sessions", "export", "haiku", "--leaf", "nosuch")
    assert shell("sessions", "export", "--all", "--leaf", whole[1]["id"]).code == 2


def test_the_manual_describes_every_key_of_the_json(shell):
    shell("demo:details")
    section = PAGE.read_text().partition("## Session files")[2]
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
    assert shell("sessions", "import", str(first)).out == "Nothing new: 1 session already here.\n"
    shell.pipe(first.read_bytes())
    assert shell("sessions", "import", "-").out == "Nothing new: 1 session already here.\n"
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
    refused = shell.refuse(2, "sessions", "export", "--all", "--json", "--format", "markdown")
    assert "--json and --format markdown name two formats. Give one of them." in refused
    assert shell("sessions", "export", "--all", "--json", "--format", "json").code == 0
    assert shell("sessions", "export").code == 2
    assert shell("sessions", "export", "x", "--all").code == 2


def test_jsonl_of_imported_chats_is_ready_to_send(shell, tmp_path):
    (tmp_path / "conversations.json").write_text(json.dumps(CHATGPT))
    with closing(sqlite3.connect(tmp_path / "logs.db")) as log:
        log.executescript(LLM_LOG)
    shell("demo:details")
    for name in ("conversations.json", "logs.db"):
        assert shell("sessions", "import", str(tmp_path / name)).code == 0
    shell.set(STEPCHAT_MODEL="z-ai/glm-4.7")
    lines = shell("sessions", "export", "--all", "--format", "jsonl").out.splitlines()
    bodies = [json.loads(line) for line in lines]
    # A chat from elsewhere is asked as a new one would be.
    assert [body["model"] for body in bodies] == ["stepfun/step-3.5-flash", "z-ai/glm-4.7", "z-ai/glm-4.7"]
    assert not any("stream_options" in body for body in bodies)
    for line in lines:
        request = urllib.request.Request(
            f"{shell.server.url}/chat/completions", line.encode(), {"Authorization": f"Bearer {KEY}"}
        )
        with urllib.request.urlopen(request) as answer:
            assert b"[DONE]" in answer.read()


def test_a_session_that_cannot_be_exported_is_named_and_the_others_are_written(shell, tmp_path):
    shell("demo:haiku")
    bad = shell.newest()["id"]
    shell("demo:primes")
    good = shell.newest()["id"]
    (shell.home / "config.toml").write_text("[parameters]\nmax_tokens = 5\n")
    with closing(sqlite3.connect(shell.home / "sessions.db")) as store, store:
        store.execute("UPDATE session SET parameters = '{\"max_completion_tokens\":7}' WHERE id = ?", (bad,))
    target = tmp_path / "all.jsonl"
    code, out, err = shell("sessions", "export", "--all", "-o", str(target))
    assert (code, out, len(target.read_text().splitlines())) == (1, "", 1)
    assert f"stepchat: {bad} is left out. max_tokens is 5, but max_completion_tokens is 7" in err
    assert err.endswith("The export lacks 1 session. The rest was written.\n")
    with closing(sqlite3.connect(shell.home / "sessions.db")) as store, store:
        store.execute("UPDATE message SET data = '{' WHERE session = ?", (bad,))
    for form in formats.FORMATS:
        code, out, err = shell("sessions", "export", "--all", "--format", form)
        assert "primes" in out
        # Where a damaged message cannot be shown as such, the session is named and left out.
        assert code == (1 if bad in err else 0)
    with closing(sqlite3.connect(shell.home / "sessions.db")) as store, store:
        store.execute("UPDATE message SET data = x'7bff' WHERE session = ?", (bad,))  # which is no text
    rows = json.loads(shell("sessions", "export", "--all").out)["sessions"]
    assert [row["session"]["id"] for row in rows] == [good]
    # Alone it is refused.
    shell.refuse(1, "sessions", "export", bad)


def test_a_session_whose_time_is_damaged_is_listed_and_exported(shell):
    shell("--demo", "demo:haiku")
    with closing(sqlite3.connect(shell.home / "sessions.db")) as store, store:
        store.execute("UPDATE session SET created = 'x:1', updated = 'x:2'")
    assert shell("sessions", "list").code == 0
    for form in formats.FORMATS:
        code, out, err = shell("sessions", "export", "--all", "--format", form)
        assert (code, err, "demo:haiku" in out) == (0, "", True), form
