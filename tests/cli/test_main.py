from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path

import click
import pytest

from stepchat import __version__, lossless_json
from stepchat.cli.main import COMMANDS, find_call, load_command, reject_mistyped, run
from stepchat.demo.server import DemoServer
from stepchat.errors import UsageError
from stepchat.messages import AssistantMessage, from_json
from tests.shell import KEY, Shell


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    with DemoServer(speed=0) as server:
        yield Shell(tmp_path, server, monkeypatch, capsys)


# Help


def test_help_and_version(shell):
    code, out, err = shell("--help")
    assert (code, err) == (0, "")
    for words in ("--continue", "--set NAME=VALUE", "sessions --help", "130 stopped", "OPENROUTER_API_KEY"):
        assert words in out
    assert shell("-h") == (0, out, "")
    assert shell("-V") == shell("--version") == (0, f"stepchat, version {__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [["sessions", "--help"], ["sessions", "list", "-h"], ["sessions", "export", "-h"], ["demo-server", "-h"]],
)
def test_commands_have_help(shell, arguments):
    code, out, err = shell(*arguments)
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: stepchat {arguments[0]}")


def every_help() -> list[list[str]]:
    """The command lines that print a help."""
    found = [[], *([name] for name in COMMANDS if name != "ask")]
    groups = {name: load_command(name) for name in COMMANDS}
    found += [[name, inner] for name, group in groups.items() for inner in getattr(group, "commands", ())]
    return found


@pytest.mark.parametrize("arguments", every_help(), ids=" ".join)
def test_help_fits_80_columns_and_explains_every_option(shell, arguments):
    shell.set(COLUMNS="80")
    out = shell(*arguments, "--help").out
    assert all(len(line) <= 80 for line in out.splitlines())
    body = out.split("\n", 1)[1]
    assert "..." not in body.split("Options:")[-1]
    command = load_command(arguments[0]) if arguments else load_command("ask")
    command = command.commands[arguments[1]] if len(arguments) == 2 else command
    for param in command.params:
        if isinstance(param, click.Option):
            assert (param.help or "").endswith((".", ".)")), param.name


@pytest.mark.parametrize(
    "arguments",
    [["--nope"], ["--model"], ["sessions", "nope"], ["sessions", "export"], ["demo-server", "--port", "x"]],
)
def test_wrong_usage(shell, arguments):
    code, out, err = shell(*arguments)
    assert (code, out) == (2, "")
    assert "Error: " in err
    assert "--help" in err


# The question


def test_question_in_words(shell):
    code, out, err = shell("demo:haiku", "please", "--show-reasoning")
    assert code == 0
    assert out == "Rain on the window:\neach drop arrives by itself,\nsoon there is a stream.\n"
    assert "The user writes" in err
    assert shell.question() == "demo:haiku please"


@pytest.mark.parametrize(
    ("arguments", "given", "sent"),
    [
        ([], b"Why?\n", "Why?"),
        (["-p"], b"Why?", "Why?"),
        (["Explain:"], b"\n  line one\nline two  \n\n", "Explain:\n\n  line one\nline two  "),
        (["Why?"], b"", "Why?"),
        (["Why?"], b" \n\t\n", "Why?"),
        ([" "], b"Why?", "Why?"),
        ([], "déjà \u2028 vu \u0000".encode(), "déjà \u2028 vu \x00"),
        ([], b"caf\xe9 \xff", "caf\ufffd \ufffd"),
        ([], b"\r\nwindows\r\n", "\r\nwindows\r"),
    ],
)
def test_question_from_a_pipe(shell, arguments, given, sent):
    shell.pipe(given)
    assert shell(*arguments)[0] == 0
    assert shell.question() == sent


def test_a_huge_pipe(shell):
    text = "all work and no play " * 100_000
    shell.pipe(text.encode())
    assert shell("Sum this up:")[0] == 0
    assert shell.question() == f"Sum this up:\n\n{text}"
    assert shell.stored(shell.newest()["id"])[0].message.text == shell.question()


@pytest.mark.parametrize("arguments", [["-p"], ["--json"], ["  ", "\n"], ["-p", ""], [""]])
def test_no_question(shell, arguments):
    code, out, err = shell(*arguments)
    assert (code, out) == (2, "")
    assert err == 'stepchat: No question. Give one: stepchat "question", or pipe it in.\n'
    assert shell.server.requests == []


@pytest.mark.parametrize("first", sorted(COMMANDS))
def test_questions_that_begin_like_a_command(shell, first):
    assert shell("-p", first, "list")[0] == 0
    assert shell.question() == f"{first} list"
    assert shell("--", first, "--help")[0] == 0
    assert shell.question() == f"{first} --help"
    assert shell("--", "--resume")[0] == 0
    assert shell.question() == "--resume"


@pytest.mark.parametrize(
    "words", [["->"], ["a", "->", "b"], ["- one", "- two"], ["-1"], ["—x"], ["---"], ["a", "-", "b"]]
)
def test_words_that_begin_with_a_dash_and_cannot_be_options(shell, words):
    assert shell(*words, "--set", "seed=1").code == 0
    assert shell.question() == " ".join(words)
    assert shell.asked()["seed"] == 1


def test_dashed_words_in_commands(shell):
    shell("What does -> mean?")
    assert "What does -> mean?" in shell("sessions", "search", "->").out
    assert shell("sessions", "rename", "What does", "->").code == 0
    assert "->" in shell("sessions", "list").out
    assert shell("--resume", "->", "more").code == 0
    assert len(shell.asked()["messages"]) == 3
    for arguments in (["-x"], ["--nope"], ["sessions", "search", "--nope", "->"], ["sessions", "search", "-x"]):
        assert shell(*arguments).code == 2


def test_bytes_that_are_no_text_in_the_arguments(shell):
    assert shell("what is \udcff\udcfe?")[0] == 0
    # Strict parsers reject half characters.
    assert shell.question() == "what is \ufffd\ufffd?"
    assert shell.stored(shell.newest()["id"])[0].message.text == "what is \udcff\udcfe?"
    code, out, _ = shell("sessions", "list")
    assert code == 0
    assert "what is" in out
    assert shell("--resume", "\udcff\udcfe", "and?")[0] == 0
    assert len(shell.asked()["messages"]) == 3


def test_not_a_terminal(shell, monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    code, out, err = shell()
    assert (code, out) == (2, "")
    assert err == (
        "stepchat: The window needs a terminal, and stdout is not one. "
        'Give a question instead: stepchat "question" > file\n'
    )


def test_missing_streams_are_replaced(shell, monkeypatch):
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    code = run(["hello"], None)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.close()
    # Asked, but nobody got the answer.
    assert (code, shell.question()) == (1, "hello")


# Options


def test_options_reach_the_request(shell):
    arguments = ["--model", "demo/haiku", "--system", "Be brief.", "--set", "temperature=0.5", "--set", "top_k=3"]
    arguments += ["--set", "reasoning.effort=high", "--set", "temperature=0.25", "--set", "top_k=", "--no-reasoning"]
    code, out, err = shell(*arguments, "hello")
    assert (code, err) == (0, "")
    assert out.startswith("Rain")
    body = shell.asked()
    assert body["model"] == "demo/haiku"
    assert body["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
    assert (body["temperature"], body["reasoning"]) == (0.25, {"effort": "high"})
    assert "top_k" not in body


def test_base_url_wins_over_the_environment(shell):
    shell.set(STEPCHAT_BASE_URL="http://127.0.0.1:1/v1")
    assert shell("--base-url", shell.server.url, "hello")[0] == 0


def test_model_of_the_environment(shell):
    shell.set(STEPCHAT_MODEL="demo/haiku")
    assert shell("hello")[1].startswith("Rain")
    assert shell.asked()["model"] == "demo/haiku"


def test_config_file(shell, tmp_path):
    (tmp_path / "config.toml").write_text("model = 'demo/haiku'\n[parameters]\nseed = 7\n")
    assert shell("hello")[1].startswith("Rain")
    assert shell.asked()["seed"] == 7


def test_demo_needs_no_key_and_no_server(shell):
    shell.set(OPENROUTER_API_KEY=None)
    code, out, _ = shell("--demo", "demo:haiku speed=0")
    assert (code, out[:4]) == (0, "Rain")
    assert shell.server.requests == []


# Going on


def test_continue_goes_on_and_sends_the_reasoning_back(shell):
    first = json.loads(shell("--json", "demo:details")[1].splitlines()[-1])
    shell("-c", "demo:roundtrip")
    sent = shell.asked()["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    assert sent[1]["reasoning_details"] == first["message"]["reasoning_details"]
    assert shell.asked()["session_id"] == first["session"]
    assert shell("--continue", "demo:roundtrip")[0] == 0
    assert len(shell.asked()["messages"]) == 5


def test_continue_takes_the_newest(shell):
    for word in ("apples", "zebras", "walnuts"):
        shell(word)
    shell("--resume", "zebras", "more")
    shell("--continue", "still zebras?")
    texts = [message["content"] for message in shell.asked()["messages"] if message["role"] == "user"]
    assert texts == ["zebras", "more", "still zebras?"]


def test_resume_by_id_beginning_and_words(shell):
    shell("apples and pears")
    identity = shell.newest()["id"]
    shell("something else")
    for wanted in (identity, identity[:5], "PEARS", "and pe"):
        assert shell("--resume", wanted, "more")[0] == 0
        assert shell.asked()["session_id"] == identity
    assert shell(f"--resume={identity}", "more")[0] == 0
    assert shell.asked()["session_id"] == identity


@pytest.mark.parametrize(
    "command", [["--resume", "pears", "more"], ["sessions", "show", "pears"], ["sessions", "export", "pears"]]
)
def test_words_of_several_sessions_print_them(shell, command):
    for question in ("apples and pears", "more pears", "no fruit"):
        shell(question)
    asked = len(shell.server.requests)
    code, out, err = shell(*command)
    assert (code, out) == (2, "")
    first, *rows = err.splitlines()
    assert first == "stepchat: 'pears' matches 2 sessions. Give the beginning of an ID."
    assert [row.split(maxsplit=1)[1] for row in rows] == ["more pears", "apples and pears"]
    assert len(shell.server.requests) == asked
    assert shell("sessions", "show", rows[1].split()[0])[0] == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/help", "/help is a command of the window. In the shell: stepchat help."),
        ("/?", "/? is a command of the window. In the shell: stepchat help."),
        ("/sytem Be brief.", "There is no command /sytem. Did you mean /system?"),
        ("/xyzzy", "There is no command /xyzzy."),
    ],
)
def test_a_command_of_the_window_is_no_question(shell, text, words):
    code, out, err = shell("-p", *text.split(" "))
    assert (code, out) == (2, "")
    assert words in err
    assert "start with a space" in err
    assert not shell.server.requests


@pytest.mark.parametrize("text", ["/etc/hosts looks odd", " /help", "/usr/bin/env: no such file", "// why?", "/ or |"])
def test_a_text_that_begins_with_a_path_is_a_question(shell, text):
    assert shell("-p", text)[0] == 0
    assert shell.question() == text


def test_a_session_keeps_its_model_and_system_prompt(shell):
    shell("--model", "demo/haiku", "--system", "Be brief.", "hello")
    assert shell("--continue", "more")[1].startswith("Rain")
    assert shell.asked()["model"] == "demo/haiku"
    assert shell.asked()["messages"][0] == {"role": "system", "content": "Be brief."}


def test_a_session_keeps_its_server(shell):
    shell("hello")
    # Nothing of this conversation may go to another server just because the variable is gone.
    shell.set(STEPCHAT_BASE_URL=None)
    assert shell("--continue", "more")[0] == 0
    assert shell.question() == "more"


@pytest.mark.parametrize("arguments", [["--continue"], ["-c"], ["--resume", "abcd"], ["--resume", "no such words"]])
def test_nothing_to_continue(shell, arguments):
    code, out, err = shell(*arguments, "more")
    assert (code, out) == (1, "")
    assert err.startswith("stepchat: There is no session")
    assert "stepchat sessions list" in err or "Start one: stepchat" in err
    assert shell.server.requests == []


def test_resume_needs_a_name_in_one_shot_mode(shell):
    shell.pipe(b"more")
    code, _, err = shell("--resume")
    assert code == 2
    assert err == "stepchat: --resume needs an ID or some words here. See: stepchat sessions list\n"


# Sessions


def test_list_without_sessions(shell):
    assert shell("sessions", "list") == (0, "", "stepchat: No sessions yet. Start one: stepchat\n")
    assert shell("sessions", "list", "--json") == (0, "[]\n", "")


def test_list(shell):
    shell("demo:haiku")
    shell("-c", "demo:haiku")
    shell("hello\x1b[31m \u202eevil\nline")
    _, out, _ = shell("sessions", "list")
    first, second = out.splitlines()
    assert "evil" in first
    assert first.isprintable()
    assert re.search(r"2 turns +\$0\.000\d+  demo:haiku$", second)
    rows = json.loads(shell("sessions", "list", "--json")[1])
    assert list(rows[0]) == [
        "id",
        "title",
        "created",
        "updated",
        "messages",
        "turns",
        "model",
        "cost",
        "pinned",
        "archived",
    ]
    assert [(row["messages"], row["turns"]) for row in rows] == [(2, 1), (4, 2)]
    assert rows[1]["cost"] > 0
    assert len(json.loads(shell("sessions", "list", "--json", "--limit", "1")[1])) == 1
    assert shell("sessions", "list", "--limit", "0")[0] == 2


@pytest.mark.parametrize("scenario", ["details", "surrogates", "hostile", "empty_details", "cut at=5", "http402"])
def test_export_is_lossless(shell, scenario):
    shell(f"demo:{scenario}")
    shell("-c", "demo:haiku")
    code, out, err = shell("sessions", "export", "demo", "--json")
    assert (code, err) == (0, "")
    data = lossless_json.loads(out)
    assert (data["format"], data["version"]) == ("stepchat-session", 1)
    before = shell.stored(data["session"]["id"])
    assert [(row["id"], row["parent"]) for row in data["messages"]] == [(one.id, one.parent) for one in before]
    read = [from_json(row["message"]) for row in data["messages"]]
    assert read == [one.message for one in before]
    for one, other in zip(read, before, strict=True):
        if isinstance(one, AssistantMessage) and isinstance(other.message, AssistantMessage):
            # Equal is not enough: 1.10 has to stay 1.10.
            details = (one.reasoning_details, other.message.reasoning_details)
            assert lossless_json.dumps(details[0]) == lossless_json.dumps(details[1])


def test_export_of_a_session_that_is_not_there(shell):
    code, out, err = shell("sessions", "export", "nothing", "--json")
    assert (code, out) == (1, "")
    assert err == "stepchat: There is no session 'nothing'. `stepchat sessions list` lists all sessions.\n"


class Screen(io.TextIOWrapper):
    def __init__(self, encoding: str, *, terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding=encoding)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def getvalue(self) -> str:
        return self.buffer.getvalue().decode(self.encoding)


@pytest.mark.parametrize(("encoding", "terminal"), [("utf-8", True), ("latin-1", False), ("ascii", True)])
def test_export_to_a_terminal_is_harmless_and_still_the_same(shell, monkeypatch, encoding, terminal):
    shell("demo:hostile 日本")
    plain = shell("sessions", "export", "demo", "--json")[1]
    screen = Screen(encoding, terminal=terminal)
    monkeypatch.setattr(sys, "stdout", screen)
    assert run(["sessions", "export", "demo", "--json"], None) == 0
    shown = screen.getvalue()
    assert all(char == "\n" or char.isprintable() for char in shown)
    assert ("日本" in shown) == (encoding == "utf-8")
    assert lossless_json.loads(shown) == lossless_json.loads(plain)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--server", "ollama", "--base-url", "http://x/v1", "hi"], "--base-url and --server name 2 servers."),
        (["--demo", "--server", "ollama", "hi"], "--server and --demo name 2 servers."),
        (["--demo", "--base-url", "http://x/v1", "hi"], "--base-url and --demo name 2 servers."),
        (["models", "--server", "ollama", "--base-url", "http://x/v1"], "name 2 servers."),
        (["doctor", "--server", "ollama", "--base-url", "http://x/v1"], "name 2 servers."),
        (["logout", "--server", "ollama", "--base-url", "http://x/v1"], "name 2 servers."),
        (["--continue", "--resume", "abcd", "hi"], "--continue and --resume name two sessions."),
        (["--show-reasoning", "--no-reasoning", "hi"], "--show-reasoning and --no-reasoning contradict each other."),
        (["login", "--paste", "--key"], "--paste and --key are two ways to give a key."),
    ],
)
def test_options_that_contradict_each_other(shell, arguments, words):
    assert words in shell.refuse(2, *arguments)
    assert not shell.server.received


def test_the_demo_by_two_names(shell, tmp_path):
    assert shell("--demo", "--server", "demo", "demo:haiku").code == 0
    (tmp_path / "config.toml").write_text("server = 'demo'\n")
    shell.set(STEPCHAT_BASE_URL=None)
    assert shell("demo:haiku").code == 0
    assert not shell.server.received


# Mistyped commands


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["modles"], "models"),
        (["doctr"], "doctor"),
        (["model"], "models"),
        (["demo-servr"], "demo-server"),
        (["sesions", "list"], "sessions list"),
        (["sesions", "lst", "--all"], "sessions list --all"),
        (["confg", "check"], "config check"),
    ],
)
def test_what_is_almost_a_command(words, meant):
    with pytest.raises(UsageError) as raised:
        reject_mistyped(words)
    assert raised.value.message == f"Did you mean `stepchat {meant}`?"
    assert raised.value.hint == f'To ask it as a question: stepchat -p "{" ".join(words)}"'


@pytest.mark.parametrize(
    "words",
    [
        [], [""], ["hello"], ["why"], ["Modles"], ["modles?"], ["modles are nice"], ["modles", "of", "thought"],
        ["sesion", "musicians", "wanted"], ["demo:haiku"], ["haiku"], ["help", "me"], ["theme", "of", "Hamlet"],
    ],
)  # fmt: skip
def test_questions_that_are_no_mistyped_commands(words):
    reject_mistyped(words)


def test_mistyped_commands_are_rejected_only_at_a_terminal(shell, monkeypatch):
    assert shell("modles").code == 0
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert "Did you mean `stepchat models`?" in shell.refuse(2, "modles")
    assert len(shell.server.requests) == 1
    assert shell("--", "modles").code == 0
    assert shell("-p", "modles").code == 0
    # Words in a conversation are for the model.
    assert shell("-c", "models").code == 0


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        ([], None),
        (["--demo"], None),
        (["why", "models"], None),
        (["models", "flash"], ("models", ["flash"])),
        (["--demo", "models", "flash"], ("models", ["--server", "demo", "flash"])),
        (["--server=ollama", "models"], ("models", ["--server=ollama"])),
        (["-m", "models", "doctor"], None),
        (["-c", "models"], None),
        (["-p", "models"], None),
        (["--resume", "models"], None),
        (["--", "models"], None),
        (["help", "me"], None),
        (["ask", "models", "of", "Mars"], ("ask", ["-p", "models", "of", "Mars"])),
        (["--demo", "ask", "help"], ("ask", ["-p", "--demo", "help"])),
    ],
)
def test_the_command_that_is_called(arguments, call):
    if arguments[:2] == ["-m", "models"]:
        with pytest.raises(UsageError, match="has no option -m"):
            find_call(arguments)
        return
    assert find_call(arguments) == call


def test_a_word_that_looks_like_a_command_is_not_sent_unseen(shell, monkeypatch):
    for word in ("tools", "update", "version"):
        assert f"`{word}` looks like a command." in shell.refuse(2, word)
    assert "stepchat help tools" in shell.refuse(2, "tools")
    assert "The command is: stepchat models" in shell.refuse(2, "--temperature", "0.5", "models")
    assert not shell.server.requests
    assert shell("ask", "tools").code == 0
    assert shell("tools", "of", "stone").code == 0
    shell.pipe(b"some text")
    assert shell("run").code == 0
    assert shell.question() == "run\n\nsome text"


@pytest.mark.parametrize(("reply", "code"), [("y\n", 0), ("\n", 2), ("", 2)])
def test_a_word_that_looks_like_a_command_is_asked_about_at_a_terminal(shell, monkeypatch, reply, code):
    screen = io.StringIO(reply)
    screen.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", screen)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert shell("tools").code == code
    assert len(shell.server.requests) == (not code)


# The answer in a file, and an end in time


def test_the_answer_in_a_file(shell, tmp_path):
    target = tmp_path / "answer.md"
    target.write_text("before")
    target.chmod(0o640)
    assert shell("-o", str(target), "demo:haiku") == (0, "", "")
    assert target.read_text() == "Rain on the window:\neach drop arrives by itself,\nsoon there is a stream.\n"
    assert target.stat().st_mode & 0o777 == 0o640
    assert shell("-o", str(target), "demo:http402").code == 1
    assert target.read_text().startswith("Rain")
    assert shell("--json", "-o", str(target), "demo:haiku").out == ""
    assert json.loads(target.read_text().splitlines()[-1])["type"] == "result"
    assert sorted(path.name for path in tmp_path.iterdir() if "answer" in path.name) == ["answer.md"]


@pytest.mark.parametrize("name", [".", "missing/answer.md"])
def test_a_file_that_cannot_be_written_costs_nothing(shell, tmp_path, name):
    shell.refuse(2, "-o", str(tmp_path / name), "demo:haiku")
    assert not shell.server.requests


def test_timeout(shell):
    ran = shell("--timeout", "0.3", "demo:long tokens=5000 speed=50")
    assert ran.code == 1
    assert "Stopped after 0.3 s (--timeout)." in ran.err
    for text in ("0", "-1", "soon", "inf", "nan"):
        assert "not a number of seconds" in shell.refuse(2, f"--timeout={text}", "hello")


@pytest.mark.parametrize("option", ["-m", "--server", "--base-url", "--preset", "--profile", "-o"])
def test_an_empty_value_is_a_mistake(shell, option):
    assert "is empty" in shell.refuse(2, option, "", "hello")


def test_temporary(shell, tmp_path):
    assert shell("--temporary", "demo:haiku").code == 0
    assert not list(tmp_path.glob("sessions.db*"))
    assert "no session to continue" in shell.refuse(2, "--temporary", "-c", "more")
    assert "no session to continue" in shell.refuse(2, "--temporary", "--resume", "x", "more")


# Bugs


def test_a_bug_is_reported_in_one_line_with_a_file(shell, monkeypatch):
    monkeypatch.setattr("stepchat.sessions.store.SessionStore.sessions", lambda *_, **__: 1 / 0 + int(KEY))
    ran = shell("sessions", "list")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("stepchat: This is a bug in stepchat: ZeroDivisionError: division by zero (test_main.py:")
    assert ran.err.count("\n") == 1
    report = Path(ran.err.split(": ")[-1].strip())
    assert report.parent == shell.home
    assert "Traceback (most recent call last)" in report.read_text()
    assert report.stat().st_mode & 0o777 == 0o600


def test_a_report_of_a_bug_holds_no_key(shell, monkeypatch):
    def fail(*_, **__):
        raise ValueError(f"could not parse {KEY} and {OTHER}")

    OTHER = "sk-in-the-key-file"
    (shell.home / "keys").mkdir(mode=0o700)
    (shell.home / "keys" / "box").write_text(OTHER)
    monkeypatch.setattr("stepchat.sessions.store.SessionStore.sessions", fail)
    ran = shell("sessions", "list")
    report = Path(ran.err.split(": ")[-1].strip()).read_text()
    for text in (ran.err, report):
        assert KEY not in text
        assert OTHER not in text
        assert "could not parse [key removed]" in text
