from __future__ import annotations

import json
import re
import sqlite3
import tomllib
from contextlib import closing

import pytest

from stepchat.config.file import SETTINGS, Config, read_config
from stepchat.demo.server import DemoServer
from tests.shell import KEY, Shell


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    (tmp_path / "home").mkdir(mode=0o700)
    with DemoServer(speed=0) as server:
        yield Shell(tmp_path / "home", server, monkeypatch, capsys)


def states(shell: Shell) -> dict[str, str]:
    return {check["name"]: check["state"] for check in json.loads(shell("doctor", "--json").out)}


def test_all_is_well(shell):
    shell("demo:haiku")
    ran = shell("doctor")
    assert ran.code == 0
    lines = {line.split()[1]: line for line in ran.out.splitlines()}
    assert set(lines) == {"versions", "terminal", "settings", "key", "server", "balance", "models", "sessions"}
    assert all(line.startswith("ok  ") for line in lines.values())
    assert "the environment (OPENROUTER_API_KEY)" in lines["key"]
    assert "intact, 1 session, 2 messages" in lines["sessions"]
    assert KEY not in ran.out


def test_no_key(shell):
    shell.set(OPENROUTER_API_KEY=None)
    ran = shell("doctor")
    assert ran.code == 1
    assert "!!  key        No API key for OpenRouter.\n" in ran.out
    assert "stepchat login" in ran.out


def test_no_server(shell):
    shell.server.close()
    assert states(shell)["server"] == "broken"
    ran = shell("doctor", "--server", "ollama")
    assert ran.code == 1
    assert "Start it with: ollama serve" in ran.out


def test_wrong_settings_do_not_hide_the_rest(shell):
    (shell.home / "config.toml").write_text("modle = 1\n")
    found = states(shell)
    assert (found["settings"], found["server"]) == ("broken", "good")
    assert "line 1: modle is not a setting." in shell("doctor").out


def test_a_broken_database_is_left_alone(shell):
    (shell.home / "sessions.db").write_bytes(b"no database at all")
    (shell.home / "sessions.db").chmod(0o600)
    assert states(shell)["sessions"] == "broken"
    assert (shell.home / "sessions.db").read_bytes() == b"no database at all"


def test_a_home_that_is_none_is_told(shell):
    home = shell.home / "a-file"
    home.write_text("x")
    shell.set(STEPCHAT_HOME=str(home))
    ran = shell("doctor")
    assert f"!!  directory  {home} is not a directory\n" in ran.out
    assert "the environment (OPENROUTER_API_KEY)" in ran.out
    assert shell.refuse(1, "sessions", "list").startswith(
        f"stepchat: Cannot use the directory {home}: it is a file. Move"
    )


def test_another_programs_database_is_not_called_damaged(shell):
    path = shell.home / "sessions.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE logs (x)")
    path.chmod(0o600)
    before = path.read_bytes()
    said = shell("doctor").out
    assert f"!!  sessions   {path} belongs to another program\n" in said
    assert "Move it away, or set STEPCHAT_HOME" in said
    assert path.read_bytes() == before


def test_a_home_that_cannot_be_looked_at_ends_nothing(shell):
    shell.set(STEPCHAT_HOME=str(shell.home / ("x" * 300)))
    ran = shell("doctor")
    assert "File name too long" in ran.out
    assert shell("config", "path", "--json").code == 0
    ran = shell("themes")
    assert ran.out.split()[0] == "ansi"
    assert "Cannot read the directory" in ran.err


def test_what_others_can_read(shell):
    shell("demo:haiku")
    (shell.home / "sessions.db").chmod(0o644)
    shell.home.chmod(0o755)
    found = states(shell)
    assert (found["file"], found["directory"]) == ("broken", "odd")


def test_config(shell):
    path = shell.home / "config.toml"
    assert shell("config", "path").out == f"{path}\n"
    assert "does not exist" in shell("config", "check").out
    path.write_text('model = "a/b"\n[servers.box]\nbase_url = "http://box/v1"\n')
    assert shell("config", "check").out == f"{path}: no problems found.\n"
    shown = shell("config", "show").out
    assert all(f"{setting.name} = " in shown for setting in SETTINGS)
    assert json.loads(shell("config", "show", "--json").out)["servers"] == {"box": {"base_url": "http://box/v1"}}
    path.write_text('[servers.box]\nbase_url = "nowhere"\n')
    assert "[servers.box]" in shell.refuse(2, "config", "check")
    path.write_text("theme = 1\n")
    assert "line 1: theme must be text." in shell.refuse(2, "config", "check")
    path.write_text("theme = 'nope'\n")
    assert "line 1: theme is wrong: there is no theme 'nope'." in shell.refuse(2, "config", "check")
    assert states(shell)["settings"] == "broken"


def test_config_as_json(shell):
    path = shell.home / "config.toml"
    assert json.loads(shell("config", "path", "--json").out) == {"path": str(path), "exists": False}
    right = {"path": str(path), "exists": False, "valid": True, "error": None, "hint": None, "problems": []}
    assert json.loads(shell("config", "check", "--json").out) == right
    path.write_text("server = 'nope'\n")
    ran = shell("config", "check", "--json")
    assert ran.code == 2
    assert "line 1: server is wrong" in json.loads(ran.out)["error"]


def test_the_problems_of_keys_are_reported_with_their_lines(shell):
    path = shell.home / "config.toml"
    path.write_text('[keys]\nretry = "alt+rr"\nretri = "f9"\n[keys.message]\ncopy = 5\n')
    ran = shell("config", "check")
    assert (ran.code, ran.out) == (2, "")
    lines = ran.err.splitlines()
    assert [line.partition(": ")[2].partition(" in [keys] ")[0] for line in lines] == [
        f"{path}, line 2: retry", f"{path}, line 3: retri", f"{path}, line 5: copy",
    ]  # fmt: skip
    found = json.loads(shell("config", "check", "--json").out)
    assert len(found["problems"]) == 3
    assert found["error"].startswith(f"{path}, line 2: retry in [keys] is 'alt+rr', which is not a key")
    assert found["problems"][1]["hint"] == "Did you mean 'retry'?"
    assert states(shell)["settings"] == "broken"
    path.write_text('[keys]\nretry = "f9"\n')
    assert shell("config", "check").out == f"{path}: no problems found.\n"


MISTAKES = """model = 5
theme = "drak"
[keys]
retri = "f9"
[tools]
on = ["calculat", "clock__now", "claculate__now"]
rounds = 0
[mcp.clock]
command = "clock"
timeout = "long"
"""


def test_problems_of_every_kind_are_in_the_order_of_the_lines(shell):
    path = shell.home / "config.toml"
    path.write_text(MISTAKES)
    lines = [1, 2, 4, 6, 6, 7, 10]
    found = json.loads(shell("config", "check", "--json").out)["problems"]
    assert [int(row["error"].removeprefix(f"{path}, line ").partition(":")[0]) for row in found] == lines
    hints = [row["hint"] for row in found]
    assert hints[0] == 'For example: model = "text"'
    assert hints[3] == "Did you mean calculate?"
    checks = json.loads(shell("doctor", "--json").out)
    assert [row["message"] for row in checks if row["name"] == "settings"] == [row["error"] for row in found]


def test_a_tool_may_be_a_function_of_the_user(shell):
    (shell.home / "config.toml").write_text("[tools]\non = ['calculat']\n")
    assert "there is no tool 'calculat'" in shell("config", "check").err
    (shell.home / "tools").mkdir()
    (shell.home / "tools" / "mine.py").write_text("def calculat(): ...\n")
    assert shell("config", "check").code == 0


def test_themes(shell):
    ran = shell("themes")
    assert {"dark", "light", "mono"} <= set(ran.out.split())
    assert json.loads(shell("themes", "--json").out) == ran.out.split()


def test_a_server_that_wants_a_key_and_gets_none(shell):
    server = DemoServer(speed=0, key="sk-the-only-one")
    with server:
        table = f"[servers.box]\nbase_url = '{server.url}'\nkey_variable = 'BOX_KEY'\nprofile = 'vllm'\n"
        (shell.home / "config.toml").write_text(table)
        said = "The server requires an API key, and none was sent: BOX_KEY is not set. export BOX_KEY=..."
        assert said in shell.refuse(3, "--server", "box", "hello")
        ran = shell("doctor", "--server", "box")
    assert "--  key        box: none; BOX_KEY is not set\n" in ran.out
    assert "export BOX_KEY=..., or stepchat login --key --server box\n" in ran.out


def test_init_writes_every_setting_commented_out(shell):
    path = shell.home / "config.toml"
    ran = shell("config", "init")
    assert (ran.code, path.stat().st_mode & 0o777) == (0, 0o600)
    assert str(path) in ran.out
    text = path.read_text()
    assert read_config(path) == Config()
    assert all(line.startswith("#") or not line for line in text.splitlines())
    path.write_text(
        re.sub(r"^#(?=[a-z\\[])", "", text, flags=re.MULTILINE).replace('base_url = ""', 'base_url = "http://x/v1"')
    )
    uncommented = tomllib.loads(path.read_text())
    assert {row.name for row in SETTINGS} < set(uncommented)
    assert "already exists" in shell.refuse(2, "config", "init")


def test_edit_opens_the_editor_and_checks_what_it_left(shell, tmp_path):
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "notify = 5" > "$1"\n')
    editor.chmod(0o755)
    shell.set(VISUAL=str(editor))
    assert "notify must be text" in shell.refuse(2, "config", "edit")
    shell.set(VISUAL="/nowhere/editor")
    assert "not installed" in shell.refuse(1, "config", "edit")
