from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from stepchat.catalogue.backends import BACKENDS
from stepchat.config.file import (
    KINDS,
    SETTINGS,
    Config,
    Table,
    config_error,
    find_problems,
    line_of_key,
    read_config,
    read_mcp_json,
)
from stepchat.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def write(tmp_path):
    def write(text: str | bytes) -> Path:
        path = tmp_path / "config.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def refused(path: Path) -> ConfigError:
    before = path.read_bytes()
    [problem] = find_problems(path, [])
    assert path.read_bytes() == before
    assert problem.hint
    return problem


def test_no_file_means_the_defaults(tmp_path):
    assert read_config(tmp_path / "config.toml") == Config()
    assert read_config(tmp_path / "no" / "config.toml") == Config()
    (tmp_path / "file").write_text("")
    assert read_config(tmp_path / "file" / "config.toml") == Config()


def test_every_row_is_a_field_with_the_same_default():
    defaults = {
        field.name: field.default
        for field in fields(Config)
        if field.name not in {"parameters", "servers", "prices", "profiles", "mcp", "keys", "tools", "problems"}
    }
    assert {setting.name: setting.default for setting in SETTINGS} == defaults
    assert all(setting.help.endswith(".") for setting in SETTINGS)


def test_everything_that_can_be_set(write):
    text = """
    # A comment: model = 5
    model = "a/b"
    base_url = "http://127.0.0.1:8080/v1"
    system = '''
    Be brief.
    theme = 1'''
    theme = "paper"
    reasoning_view = "hidden"
    notify = "osc9"
    silence_timeout = 12.5
    silence_hint = 3
    keep_events = 0.5
    send_referer = false
    send_title = false

    [parameters]
    temperature = 0.5
    stop = "END"
    reasoning.effort = "high"
    provider = { sort = "price" }
    """
    config = read_config(write(text))
    assert config == Config(
        model="a/b",
        base_url="http://127.0.0.1:8080/v1",
        system="    Be brief.\n    theme = 1",
        theme="paper",
        reasoning_view="hidden",
        notify="osc9",
        silence_timeout=12.5,
        silence_hint=3,
        keep_events=0.5,
        send_referer=False,
        send_title=False,
        parameters=(
            ("temperature", 0.5),
            ("stop", ["END"]),
            ("reasoning", {"effort": "high"}),
            ("provider", {"sort": "price"}),
        ),
    )


def test_servers_and_prices_are_tables(write):
    text = """
    server = "box"
    [servers.box]
    base_url = "http://box:8080/v1"
    starts_in_thinking = true
    [servers.ollama]
    model = "step"
    [prices."stepfun/step-3.5-flash"]
    prompt = 0.09
    completion = 1
    """
    config = read_config(write(text))
    assert config.server == "box"
    assert config.servers == (
        Table("box", {"base_url": "http://box:8080/v1", "starts_in_thinking": True}),
        Table("ollama", {"model": "step"}),
    )
    assert config.prices == (Table("stepfun/step-3.5-flash", {"prompt": 0.09, "completion": 1}),)


def test_kinds_of_servers_are_those_of_the_table():
    assert tuple(profile.name for profile in BACKENDS) == KINDS


@pytest.mark.parametrize("text", ["", "# nothing\n", "[parameters]\n", "\ufeffmodel = ''\n", "model = ''\r\n"])
def test_files_that_say_nothing(write, text):
    assert read_config(write(text)) == Config()


WRONG = {
    "model": ["5", "true", "['a']", "{}"],
    "base_url": ["8080"],
    "server": ["1"],
    "system": ["false"],
    "theme": ["1"],
    "reduced_motion": ["1", "'yes'"],
    "on_answer": ["true", "5"],
    "reasoning_view": ["'all'", "''", "1"],
    "editing": ["'emacs'", "1"],
    "notify": ["'loud'", "true", "false"],
    "silence_timeout": ["inf", "0", "0.9", "-1", "'5'", "true", "nan", "[]"],
    "silence_hint": ["inf", "0", "-inf", "false", "nan"],
    "keep_events": ["inf", "-1", "'all'", "nan", "true"],
    "formulas": ["1", "'yes'"],
    "tabs": ["1", "'yes'"],
    "send_referer": ["1", "0", "'yes'"],
    "send_title": ["1", "'no'"],
}


def test_every_setting_has_wrong_values_here():
    assert set(WRONG) == {setting.name for setting in SETTINGS}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_wrong_value_names_file_line_and_key(write, name, value):
    path = write(f"# one\n\n{name} = {value}\n")
    error = refused(path)
    assert error.message.startswith(f"{path}, line 3: {name} must be ")
    assert error.message.endswith(".")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("modle = 'a'", "line 1: modle is not a setting."),
        ("model = 'a'\n'mo dle' = 1", "line 2: mo dle is not a setting."),
        ("model = 'a'\n\n[params]\ntemperature = 1", "line 3: params is not a setting."),
        ("model = 'a'\n[ui.colours]\nred = 1", "line 2: ui is not a setting."),
        ("ui.red = 1", "line 1: ui is not a setting."),
        ("temperature = 1\n[parameters]\ntemperature = 1", "line 1: temperature is not a setting."),
        ("model = 'a'\nparameters = 5", "line 2: parameters must be a table."),
        ("[[parameters]]", "line 1: parameters must be a table."),
        (
            "[parameters]\ntemperature = 9",
            "line 2: temperature in [parameters]: temperature must be a number between 0 and 2",
        ),
        ("[parameters]\n# x\nheat = 9", "line 3: heat in [parameters]: There is no parameter 'heat'."),
        ("parameters.top_k = -1", "line 1: top_k in [parameters]: top_k must be a whole number, at least 0, not -1."),
        (
            "\nparameters = { top_k = -1 }",
            "line 2: top_k in [parameters]: top_k must be a whole number, at least 0, not -1.",
        ),
        (
            "[parameters]\nseed = 2026-01-01",
            "line 2: seed in [parameters]: seed must be a value that JSON can express",
        ),
        (
            "[parameters]\ntemperature = nan",
            "line 2: temperature in [parameters]: temperature must be a value that JSON",
        ),
        (
            "[parameters]\nseed = 1\n[parameters.reasoning]\neffort = 'huge'",
            "line 3: reasoning in [parameters]: reasoning.effort must be one of max,",
        ),
        (
            "[parameters]\nreasoning.effort = 'huge'",
            "line 2: reasoning in [parameters]: reasoning.effort must be one of",
        ),
        ("keys = 'vim'", "line 1: keys must be a table."),
        ("servers = 5", "line 1: servers must hold tables."),
        ("[servers]\nbox = 5", "line 2: box must be a table."),
        ("[servers.box]\nmodel = 'm'", "line 1: box needs a base_url."),
        ("[servers.'a/b']\nbase_url = 'http://x'", "line 1: a/b cannot be the name of a server."),
        ("[servers.demo]\nbase_url = 'http://x'", "line 1: demo cannot be the name of a server."),
        ("[servers.box]\nbase_url = 'http://x'\nport = 1", "line 3: port is not a setting there."),
        ("[servers.box]\nbase_url = 'http://x'\ncontext_length = -1", "line 3: context_length must be at least 0."),
        ("[servers.box]\nbase_url = 5", "line 2: base_url must be text."),
        ("[servers.box]\nbase_url = 'http://x'\nprofile = 'gpt'", "line 3: profile must be one of openrouter,"),
        ("[servers.box]\nbase_url = 'http://x'\nreasoning_back = ''", "line 3: reasoning_back must be one of as read,"),
        ("[servers.box]\nbase_url = 'http://x'\nstarts_in_thinking = 1", "line 3: starts_in_thinking must be true or"),
        ("[prices.'a/b-3.5']\nprompt = 1\ncompletion = -1", "line 3: completion must be at least 0."),
        ("[prices.'a/b-3.5']\nprompt = inf", "line 2: prompt must be at most 1000000."),
        ("[prices.'a/b-3.5']\nrequest = nan", "line 2: request must be at least 0."),
        ('[prices."a/b-3.5"]\nprompt = "1"', "line 2: prompt must be a number."),
        ('[prices."a/b"]\noutput = 1', "line 2: output is not a setting there."),
        ("profiles = 1", "line 1: profiles must hold tables."),
        ("[profiles]\nx = 1", "line 2: x must be a table."),
        ("[profiles.x]\ncolour = 1", "line 2: colour is not a setting there."),
        ("[profiles.x]\nmodel = 1", "line 2: model must be text."),
        ("[profiles.x]\nparameters = 1", "line 2: parameters must be a table."),
        (
            "[profiles.x.parameters]\nseed = 1\ntop_k = -1",
            "line 3: top_k in [profiles.x.parameters]: top_k must be a whole number, at least 0, not -1.",
        ),
        (
            "[profiles.x]\nserver = 'ollama'\nbase_url = 'http://x'",
            "line 3: base_url in [profiles.x] is wrong: set either server or base_url, not both.",
        ),
        ("model = 'a'\nserver = 'nope'", "line 2: server is wrong: there is no server 'nope'."),
        ("server = 'ftp://x'", "line 1: server is wrong: 'ftp://x' is not a server's address."),
        ("base_url = 'nope'", "line 1: base_url is wrong: 'nope' is not a server's address."),
        ("base_url = 'http://me:pw@x/v1'", "line 1: base_url is wrong: The base URL contains a user name or password."),
        ("[servers.box]\nbase_url = 'x'", "line 2: base_url in [servers.box] is wrong: 'x' is not a server's address."),
        ("[profiles.x]\nserver = 'nope'", "line 2: server in [profiles.x] is wrong: there is no server 'nope'."),
        ("[profiles.x]\n\nbase_url = 'x'", "line 3: base_url in [profiles.x] is wrong: 'x' is not a server's address."),
        ("system = '''\ntop_k = 1\n'''\n[parameters]\ntop_k = -1", "line 5: top_k in [parameters]: top_k must be"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(write, text, words):
    path = write(text)
    error = refused(path)
    assert error.message.startswith(f"{path}, {words}")
    assert not error.message.endswith("..")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("model = 'a'\nmodel = 'b'\n", 2),
        ("model = 'a'\ntheme = dark\n", 2),
        ("\n\n[parameters\n", 3),
        ("model 'a'", 1),
        ("model = 'a", 1),
    ],
)
def test_what_is_no_toml_is_named_with_its_line(write, text, line):
    path = write(text)
    error = refused(path)
    assert error.message.startswith(f"{path} is not TOML: ")
    assert f"at line {line}" in error.message or "end of document" in error.message


@pytest.mark.parametrize("text", ["seed = " + "1" * 5000, "x = " + "[" * 5000])
def test_toml_that_python_cannot_hold(write, text):
    assert "is not TOML" in refused(write(text)).message


def test_other_encodings_are_named_with_their_line(write):
    path = write("model = 'a'\nsystem = 'déjà'\n".encode("latin-1"))
    assert refused(path).message == f"{path}, line 2: not UTF-8."


def test_a_directory_in_its_place(tmp_path):
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(ConfigError) as raised:
        read_config(tmp_path / "config.toml")
    assert raised.value.message == f"Cannot read {tmp_path / 'config.toml'}: Is a directory."


def test_a_schema_from_a_file_beside_the_config(write):
    path = write('[parameters]\nresponse_format = "@primes.json"\nuser = "@me"')
    assert "line 2: response_format in [parameters]: response_format cannot be read" in refused(path).message
    (path.parent / "primes.json").write_text('{"type": "object"}')
    (_, form), user = read_config(path).parameters
    assert form["json_schema"] == {"name": "primes", "strict": True, "schema": {"type": "object"}}
    assert user == ("user", "@me")


def test_profiles(write):
    text = """
    [profiles.code]
    model = "a/b"
    parameters = { temperature = 0.2, reasoning.effort = "high" }
    [profiles."two words"]
    """
    settings = (("temperature", 0.2), ("reasoning", {"effort": "high"}))
    assert read_config(write(text)).profiles == (
        Table("code", {"model": "a/b", "parameters": settings}),
        Table("two words", {}),
    )


@pytest.mark.parametrize("server", ["ollama", "demo", "http://box/v1", "mine"])
def test_servers_that_are_there(write, server):
    text = f"server = {server!r}\n[servers.mine]\nbase_url = 'http://x/v1'\n[profiles.p]\nserver = {server!r}\n"
    assert read_config(write(text)).server == server


def test_what_a_start_can_bear_is_refused_only_when_it_is_checked(write):
    for text, words in (
        ("model = 'a'\ntheme = 'nope'", "line 2: theme is wrong: there is no theme 'nope'."),
        (
            "silence_timeout = 5\nsilence_hint = 9",
            "line 2: silence_hint has no effect: silence_timeout is only 5",
        ),
    ):
        path = write(text)
        assert read_config(path).problems == ()
        [problem] = find_problems(path, ["dark"])
        assert problem.message.startswith(f"{path}, {words}")
    # The hint is the usual one here, and nobody asked for it.
    assert not find_problems(write("silence_timeout = 5\ntheme = 'dark'"), ["dark"])


def test_everything_wrong_is_reported_at_once_and_everything_else_works(write):
    path = write(
        "modle = 'x'\nnotify = 'horn'\ntabs = 3\nkeep_events = 100\n[parameters]\ntemperature = 9\ntop_k = 3\n"
        "[prices.m]\nprompt = 'dear'\ncompletion = 2\n[profiles.work]\nmodel = 3\nsystem = 'Be brief.'\n"
        "[tools]\nrounds = 'many'\ntimeout = 5\n"
    )
    config = read_config(path)
    assert (config.notify, config.tabs, config.keep_events) == ("bell", True, 100)
    assert config.parameters == (("top_k", 3),)
    assert config.prices == (Table("m", {"completion": 2}),)
    assert config.profiles == (Table("work", {"system": "Be brief."}),)
    assert (config.tools.rounds, config.tools.timeout) == (25, 5)
    assert [problem.line for problem in config.problems] == [1, 2, 3, 6, 9, 12, 15]
    assert all(f"line {problem.line}:" in str(problem) for problem in config.problems)
    assert "Did you mean model?" in str(config.problems[0])
    assert [*map(str, config.problems)] == [*map(str, find_problems(path, []))]


@pytest.mark.parametrize(
    "text",
    [
        "server = 'olama'",
        "base_url = 5",
        "[servers.box]\nbase_url = 5",
        "[servers.box]\nprofile = 'vllm'",
        "[servers.deepseek]\nkey_variable = 3",
        "[profiles.work]\nserver = 'olama'",
        "servers = 3",
    ],
)
def test_a_mistake_about_a_server_sends_nothing_elsewhere(write, text):
    path = write(text)
    with pytest.raises(ConfigError):
        read_config(path)
    assert find_problems(path, [])


KEYS = """\
model = "a/b"
[keys]
retry = "alt+r"
"leader" = "none"

[keys.message]
copy = ["c", "leader c"]
"""


def test_keys_are_read_as_they_are(write):
    config = read_config(write(KEYS))
    assert config.keys == {"retry": "alt+r", "leader": "none", "message": {"copy": ["c", "leader c"]}}
    assert read_config(write("")).keys == {}


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("keys", "retry"), 3), (("keys", "leader"), 4), (("keys", "message", "copy"), 7), (("keys", "message"), 6),
        (("keys", "message", "nope"), 6), (("keys", "nope"), 2), (("nope",), None),
    ],
)  # fmt: skip
def test_line_of_a_key(write, key, line):
    assert line_of_key(KEYS, key) == line
    path = write(KEYS)
    where = f"{path}, line {line}" if line else str(path)
    assert str(config_error(path, key, "is odd", "Fix it.")) == f"{where}: {key[-1]} is odd. Fix it."


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[mcp.time]\ncomand = "x"\nurl = "http://h/mcp"', 2, "comand is not a setting there|Did you mean command?"),
        ('[mcp.time]\nargs = ["x"]', 1, "time needs either command or url"),
        ('[mcp.time]\ncommand = "x"\nurl = "http://h"', 1, "time needs either command or url"),
        ('[mcp.time]\ncommand = "x"\nheaders = { a = "b" }', 3, "headers needs url|has command"),
        ('[mcp.time]\nurl = "http://h"\n[mcp.time.env]\nA = "b"', 3, "env needs command|has url"),
        ('[mcp.time]\nurl = "ftp://h"', 2, "url must be an address"),
        ('[mcp.time]\ncommand = "x"\nenv = { A = 5 }', 3, "env must be a table of texts"),
        ('[mcp.time]\ncommand = "x"\nstart_timeout = 0', 3, "start_timeout must be at least 1"),
        ('[mcp.a__b]\ncommand = "x"', 1, "a__b cannot be the name of an MCP server"),
        ("[mcp]\ntime = 5", 2, "time must be a table"),
    ],
)
def test_mistakes_about_mcp_servers(write, text, line, words):
    problem = refused(write(text))
    for part in words.split("|"):
        assert part in str(problem)
    assert f", line {line}: " in problem.message


def test_mcp_servers(write, tmp_path):
    text = (
        '[mcp.time]\ncommand = "uvx"\nargs = ["a"]\nenv = { A = "${B}" }\n[mcp.hub]\nurl = "${HUB}"\ntrust_hints = true'
    )
    config = read_config(write(text))
    assert not config.problems
    assert config.mcp == (
        Table("time", {"command": "uvx", "args": ("a",), "env": {"A": "${B}"}}),
        Table("hub", {"url": "${HUB}", "trust_hints": True}),
    )
    tables, problems = read_mcp_json(
        tmp_path / ".mcp.json",
        b'{"mcpServers": {\n"a": {"type": "stdio", "command": "x",\n"disabled": false},\n"b": {"type": "http"}}}',
    )
    assert tables == (Table("a", {"command": "x"}),)
    assert [str(problem).partition(": ")[0][-6:] for problem in problems] == ["line 3", "line 4"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{\n,}", "line 2"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "has no mcpServers"),
        (b'{"mcpServers": [1]}', "has no mcpServers"),
    ],
)
def test_damaged_mcp_json(tmp_path, content, words):
    tables, [problem] = read_mcp_json(tmp_path / ".mcp.json", content)
    assert not tables
    assert words in str(problem)
