"""Reads config.toml and .mcp.json; errors name file, line and key. Only `stepchat config init` writes config.toml.

A setting is a row of SETTINGS and a field of Config.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from stepchat import lossless_json
from stepchat.catalogue.backends import BACKENDS
from stepchat.errors import ConfigError, UsageError
from stepchat.files import read_regular_file
from stepchat.parameters.values import parse_value

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of config.toml."""

    name: str
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


SETTINGS: tuple[Setting, ...] = (
    Setting("model", "", "The model; stepfun/step-3.5-flash if empty."),
    Setting("base_url", "", "The server's address; OpenRouter if empty."),
    Setting("server", "", "The server's name; takes precedence over base_url."),
    Setting("system", "", "The system prompt of new sessions."),
    Setting(
        "theme", "",
        "The theme's name, or auto to follow the terminal's background; the last choice of /theme, at first auto, if empty.",
    ),
    Setting("reduced_motion", False, "Show no spinner while waiting."),
    Setting(
        "reasoning_view", "tail", "What to show while the model reasons: the last lines, everything, or only the header.",
        ("tail", "full", "hidden"),
    ),
    Setting(
        "notify", "bell", "How to announce a long answer that ends while the window is in the background.",
        ("bell", "osc9", "osc777", "osc99", "off"),
    ),
    Setting("on_answer", "", "A shell command that gets each answer of the window on stdin."),
    Setting("editing", "readline", "How text is edited: as in the shell, or as in vi.", ("readline", "vi")),
    Setting("silence_timeout", 300, "Give up after this many seconds without data.", low=1, high=86_400),
    Setting("silence_hint", 20, "Report after this many seconds that no data arrives.", low=1, high=86_400),
    Setting(
        "keep_events", 200, "Megabytes on disk for recorded requests and responses; the oldest are deleted first.",
        low=0, high=1_000_000,
    ),
    Setting("formulas", True, "Show formulas as Unicode text where that is readable, otherwise as TeX."),
    Setting("tabs", True, "Show a row of tabs once several sessions are open."),
    Setting("send_referer", True, "Send OpenRouter the program's address (HTTP-Referer)."),
    Setting("send_title", True, "Send OpenRouter the program's name (X-Title)."),
)  # fmt: skip
"""The top-level keys."""

KINDS = tuple(backend.name for backend in BACKENDS)

SERVER_SETTINGS: tuple[Setting, ...] = (
    Setting("base_url", "", "Its address, such as http://127.0.0.1:8080/v1."),
    Setting("profile", "", "The kind of server; derived from its address if not given.", KINDS),
    Setting("key_variable", "", "The environment variable that holds its key."),
    Setting("model", "", "Its default model."),
    Setting(
        "context_length", 0, "Context window of its models in tokens, if the server reports none or a wrong one.",
        low=0, high=1e9,
    ),
    Setting(
        "reasoning_back", "", "How earlier reasoning is sent back: in the field it came in, in every message, or never.",
        ("as read", "always", "never"),
    ),
    Setting("starts_in_thinking", False, "Answers start with reasoning, without an opening tag."),
    Setting("trim_reasoning", True, "Trim white space around reasoning before it is sent back."),
    Setting("usage_option", True, "Ask for token counts with stream_options."),
)  # fmt: skip
"""The keys of a table [servers.NAME]."""

_MAX_PRICE = 1e6
_MAX_BYTES = 10_000_000
"""Of config.toml."""

PRICE_SETTINGS: tuple[Setting, ...] = (
    Setting("prompt", 0.0, "USD per million prompt tokens.", low=0, high=_MAX_PRICE),
    Setting("completion", 0.0, "USD per million output tokens, reasoning included.", low=0, high=_MAX_PRICE),
    Setting("cache_read", 0.0, "USD per million cached prompt tokens.", low=0, high=_MAX_PRICE),
    Setting("request", 0.0, "USD per request.", low=0, high=_MAX_PRICE),
)
"""The keys of a table [prices."MODEL"]."""

PROFILE_SETTINGS: tuple[Setting, ...] = (
    Setting("model", "", "The model."),
    Setting("server", "", "The server's name."),
    Setting("base_url", "", "The server's address."),
    Setting("system", "", "The system prompt of new sessions."),
)
"""The keys of a table [profiles.NAME], besides its table of parameters."""

MCP_SETTINGS: tuple[Setting, ...] = (
    Setting("command", "", "The program to start; it speaks MCP on stdin and stdout."),
    Setting("args", (), "The program's arguments."),
    Setting(
        "env", {}, "Environment variables for the program. Of stepchat's own, it gets only PATH, HOME and the like."
    ),
    Setting("cwd", "", "The program's working directory; that of stepchat if empty."),
    Setting("url", "", "The server's address, instead of command: streamable HTTP."),
    Setting("headers", {}, "HTTP headers for the server."),
    Setting("trust_hints", False, "Trust what the server says about which of its tools change nothing."),
    Setting("start_timeout", 60, "Give up if the server is not ready after this many seconds.", low=1, high=3_600),
    Setting("timeout", 0, "Seconds for a call, if other than tools.timeout.", low=0, high=86_400),
)
"""The keys of a table [mcp.NAME]."""


TOOL_SETTINGS: tuple[Setting, ...] = (
    Setting("on", (), "The tools that are on in new sessions; the name of an MCP server stands for all of its tools."),
    Setting("trusted", (), "Tools that run without asking. Only tools that change nothing can be trusted."),
    Setting("folders", (), "Folders whose files the tools may read; the working directory if empty."),
    Setting("rounds", 25, "Ask before continuing after this many rounds of calls in one turn.", low=1, high=10_000),
    Setting("timeout", 60, "Stop a call after this many seconds.", low=1, high=86_400),
    Setting("output", 40_000, "Characters of a result that the model gets to read.", low=100, high=10_000_000),
)
"""The keys of the table [tools]."""


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """The table [tools], or its defaults."""

    on: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    rounds: int = 25
    timeout: float = 60
    output: int = 40_000


@dataclass(frozen=True, slots=True)
class Table:
    """A named table of config.toml and its keys."""

    name: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of config.toml, or their defaults. `keys` is the table [keys] as it was written."""

    model: str = ""
    base_url: str = ""
    server: str = ""
    system: str = ""
    theme: str = ""
    reduced_motion: bool = False
    reasoning_view: str = "tail"
    notify: str = "bell"
    on_answer: str = ""
    editing: str = "readline"
    silence_timeout: float = 300
    silence_hint: float = 20
    keep_events: float = 200
    formulas: bool = True
    tabs: bool = True
    send_referer: bool = True
    send_title: bool = True
    parameters: tuple[tuple[str, Any], ...] = field(default_factory=tuple[tuple[str, Any], ...])
    servers: tuple[Table, ...] = ()
    prices: tuple[Table, ...] = ()
    profiles: tuple[Table, ...] = ()
    mcp: tuple[Table, ...] = ()
    keys: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tools: ToolSettings = field(default_factory=ToolSettings)
    problems: tuple[ConfigError, ...] = field(default=(), compare=False)
    """What is wrong in the file and has its default instead."""


def read_config(path: Path) -> Config:
    """The user's settings; the defaults if there is no file. What is wrong is in `problems`, and has its default.

    Raises ConfigError if the file cannot be read, or if it is wrong about a server: nothing may go to another one.
    """
    source, config = _read(path)
    if source is not None and source.fatal:
        raise source.fatal[0]
    return config


def in_line_order(problems: Iterable[ConfigError]) -> list[ConfigError]:
    """Problems of one file, from its top to its end."""
    return sorted(problems, key=lambda problem: problem.line)


def find_problems(
    path: Path,
    themes: Collection[str],
    tools: Collection[str] = (),
    others: Callable[[Config], Iterable[ConfigError]] = lambda _config: (),
) -> list[ConfigError]:
    """Everything that is wrong in the file, also what is harmless: an unknown theme, a hint that never appears.

    `themes` and `tools` are the known names; unknown tools are not reported if it is empty. `others` finds more problems.
    """
    try:
        source, config = _read(path)
    except ConfigError as error:
        return [error]
    if source is None:
        return []
    found = list(config.problems)
    known = ["auto", *sorted(themes)]
    if config.theme and config.theme not in known:
        what = f"is wrong: there is no theme {config.theme!r}"
        found.append(source.error(("theme",), what, _hint(config.theme, known, "Available")))
    if config.silence_hint > config.silence_timeout and line_of_key(source.text, ("silence_hint",)):
        what = f"has no effect: silence_timeout is only {config.silence_timeout:g} seconds"
        found.append(source.error(("silence_hint",), what, "Make it smaller than silence_timeout."))
    servers = {table.name for table in config.mcp}
    for key in ("on", "trusted") if tools else ():
        for name in getattr(config.tools, key):
            if name not in tools and name.partition("__")[0] not in servers:
                what = f"in [tools] is wrong: there is no tool {name!r}"
                found.append(source.error(("tools", key), what, _hint(name, [*tools, *servers], "Known tools")))
    return in_line_order([*found, *others(config)])


def _read(path: Path) -> tuple[_Source | None, Config]:
    """Raises ConfigError if the file cannot be read at all."""
    source = _read_source(path)
    if source is None:
        return None, Config()
    import tomllib

    try:
        data = tomllib.loads(source.text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.", "Fix that line.") from None
    values: dict[str, Any] = {}
    for name, value in data.items():
        with source.collecting():
            values[name] = _top_level(source, name, value)
    config = Config(**values)
    _check_servers(source, config)
    return source, replace(config, problems=tuple(in_line_order(source.problems)))


def _top_level(source: _Source, name: str, value: Any) -> Any:
    known = {setting.name: setting for setting in SETTINGS}
    if name in known:
        return _checked(source, known[name], value)
    if name in _TABLES:
        return _tables(source, name, value)
    if name not in _OTHER_TABLES:
        others = ", ".join([*(f"[{table}]" for table in _OTHER_TABLES), *(f"[{table}.NAME]" for table in _TABLES)])
        names = [*known, *_OTHER_TABLES, *_TABLES]
        raise source.error(
            (name,), "is not a setting", _hint(name, names, "Known settings", f"{', '.join(known)}, {others}")
        )
    if name == "tools":
        return ToolSettings(**_entries(source, (name,), value, TOOL_SETTINGS))
    if not isinstance(value, dict):
        raise source.error((name,), "must be a table", _OTHER_TABLES[name])
    entries = cast("dict[str, Any]", value)
    return _parameters(source, (name,), entries) if name == "parameters" else entries


_OTHER_TABLES = {
    "parameters": "For example: parameters.temperature = 0.5",
    "keys": 'For example: keys.retry = "alt+r"',
    "tools": "For example: [tools]",
}


def _hint(name: str, known: Sequence[str], label: str, all_known: str = "") -> str:
    """The nearest name, or all of them."""
    from difflib import get_close_matches

    if near := get_close_matches(name, known, 1):
        return f"Did you mean {near[0]}?"
    return f"{label}: {all_known or ', '.join(known)}."


def default_file() -> str:
    """The text of a config.toml with every setting at its default, all commented out."""
    lines = [
        "# The settings of stepchat. Remove the # in front of a line to change it.",
        "# The manual: stepchat help config",
    ]
    for row in SETTINGS:
        lines += ["", *_commented(row)]
    lines += [
        "",
        "# Request parameters of every session; `stepchat parameters` lists them.",
        "#[parameters]",
        "#temperature = 0.7",
    ]
    lines += ["", "# Keys; `stepchat help keys` lists the ids.", "#[keys]", '#retry = "alt+r"']
    for name, settings in _TABLES.items():
        lines += ["", f"#[{name}.{_EXAMPLE_NAMES[name]}]"]
        lines += [line for row in settings for line in _commented(row)]
    return "\n".join(lines) + "\n"


_EXAMPLE_NAMES = {"servers": "box", "prices": '"stepfun/step-3.5-flash"', "profiles": "work", "mcp": "time"}


def _commented(row: Setting) -> list[str]:
    value = str(row.default).lower() if isinstance(row.default, bool) else lossless_json.dumps(row.default)
    choices = f" One of: {', '.join(row.choices)}." if row.choices else ""
    return [f"# {row.help}{choices}", f"#{row.name} = {value}"]


def config_error(path: Path, key: Sequence[str], what: str, hint: str) -> ConfigError:
    """The error for a key of config.toml, with its line. Reads the file again."""
    source = _read_source(path)
    return (source or _Source(path, "")).error(tuple(key), what, hint)


_ABOUT_SERVERS = frozenset({"server", "base_url", "key_variable", "profiles"})
_SERVER_KEY = 3
"""The length of the path of a key in a table of [servers]."""


@dataclass(frozen=True, slots=True)
class _Source:
    """The text of config.toml, for the line numbers in errors."""

    path: Path
    text: str
    problems: list[ConfigError] = field(default_factory=list[ConfigError])
    """What is wrong."""
    fatal: list[ConfigError] = field(default_factory=list[ConfigError])
    """Those of them that are about where questions go."""
    find_line: Callable[[str, tuple[str, ...]], int | None] | None = None
    """Finds the line of a key; that of TOML if None."""

    def error(self, key: tuple[str, ...], what: str, hint: str) -> ConfigError:
        line = (self.find_line or line_of_key)(self.text, key)
        where = f"{self.path}, line {line}" if line else str(self.path)
        error = ConfigError(f"{where}: {key[-1]} {what}.", hint, line=line or 0)
        if key[-1] in _ABOUT_SERVERS or (key[0] == "servers" and len(key) < _SERVER_KEY):
            self.fatal.append(error)
        return error

    @contextmanager
    def collecting(self) -> Generator[None]:
        """Catch a ConfigError raised in the block and add it to the problems."""
        try:
            yield
        except ConfigError as error:
            self.problems.append(error)


def _read_source(path: Path) -> _Source | None:
    """Raises ConfigError."""
    try:
        text = read_regular_file(path, _MAX_BYTES).decode("utf-8-sig")
        return _Source(path, text.replace("\r\n", "\n").replace("\r", "\n"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}.", "Fix its permissions, or move it away.") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: not UTF-8.", "Save the file as UTF-8.", line=line) from None


def _check_servers(source: _Source, config: Config) -> None:
    """Collect unknown servers and invalid addresses."""
    known = [*(table.name for table in config.servers), *(kind for kind in KINDS if kind != "custom"), "demo"]
    tables: list[tuple[tuple[str, ...], dict[str, Any]]] = [
        ((), {"server": config.server, "base_url": config.base_url})
    ]
    tables += [(("servers", table.name), table.values) for table in config.servers]
    tables += [(("profiles", table.name), table.values) for table in config.profiles]
    for table, values in tables:
        with source.collecting():
            _check_server(source, table, values, known)


def _check_server(source: _Source, table: tuple[str, ...], values: dict[str, Any], known: Sequence[str]) -> None:
    where = f"in [{'.'.join(table)}] is wrong" if table else "is wrong"
    server, base_url = values.get("server", ""), values.get("base_url", "")
    if table and server and base_url:
        what = f"{where}: set either server or base_url, not both"
        raise source.error((*table, "base_url"), what, f"Its server is {server!r}.")
    if server and server not in known and "://" not in server:
        what = f"{where}: there is no server {server!r}"
        raise source.error((*table, "server"), what, _hint(server, known, "Known servers"))
    for name, value in (("server", server if "://" in server else ""), ("base_url", base_url)):
        try:
            if value:
                check_url(value)
        except UsageError as error:
            what = f"{where}: {error.message.removesuffix('.')}"
            raise source.error((*table, name), what, error.hint) from None


_TABLES = {"servers": SERVER_SETTINGS, "prices": PRICE_SETTINGS, "profiles": PROFILE_SETTINGS, "mcp": MCP_SETTINGS}
_SERVER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,50}")
_MCP_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(?:_[A-Za-z0-9-]+)*")
"""Without double underscores: they separate it from the names of its tools."""
_LONGEST_MCP_NAME = 32


def _tables(source: _Source, kind: str, value: Any) -> tuple[Table, ...]:
    if not isinstance(value, dict):
        raise source.error((kind,), "must hold tables", f"For example: [{kind}.NAME]")
    tables: list[Table] = []
    for name, entries in cast("dict[str, Any]", value).items():
        with source.collecting():
            tables.append(_table(source, kind, name, entries))
    return tuple(tables)


def _table(source: _Source, kind: str, name: str, value: Any) -> Table:
    if not isinstance(value, dict):
        raise source.error((kind, name), "must be a table", f"For example: [{kind}.NAME]")
    if kind == "servers" and (name == "demo" or not _SERVER_NAME.fullmatch(name)):
        raise source.error((kind, name), "cannot be the name of a server", "Use letters, digits and . _ - only.")
    if kind == "mcp" and (len(name) > _LONGEST_MCP_NAME or not _MCP_NAME.fullmatch(name)):
        hint = f"Use at most {_LONGEST_MCP_NAME} letters, digits, - and single _."
        raise source.error((kind, name), "cannot be the name of an MCP server", hint)
    entries = dict(cast("dict[str, Any]", value))
    found: dict[str, Any] = {}
    if kind == "profiles" and "parameters" in entries:
        inner = entries.pop("parameters")
        with source.collecting():
            if not isinstance(inner, dict):
                hint = f"For example: [profiles.{name}.parameters]"
                raise source.error((kind, name, "parameters"), "must be a table", hint)
            found["parameters"] = _parameters(source, (kind, name, "parameters"), cast("dict[str, Any]", inner))
    found |= _entries(source, (kind, name), entries, _TABLES[kind])
    if kind == "servers" and entries.get("base_url", "") == "" and name not in KINDS:
        raise source.error((kind, name), "needs a base_url", SERVER_SETTINGS[0].help)
    if kind == "mcp":
        _check_mcp(source, name, found)
    return Table(name, found)


def _check_mcp(source: _Source, name: str, found: dict[str, Any]) -> None:
    """Raises ConfigError for a table that describes no MCP server."""
    table = ("mcp", name)
    if bool(found.get("command")) == bool(found.get("url")):
        raise source.error(table, "needs either command or url", 'For example: command = "uvx", args = ["NAME"]')
    wrong = ("headers",) if found.get("command") else ("args", "env", "cwd")
    for key in wrong:
        if found.get(key):
            other = "url" if found.get("command") else "command"
            raise source.error(
                (*table, key), f"needs {other}", f"[mcp.{name}] has {'command' if other == 'url' else 'url'}."
            )
    if found.get("url") and not re.match(r"https?://[^\s/]|\$\{", found["url"]):
        raise source.error((*table, "url"), "must be an address", "For example: http://127.0.0.1:8000/mcp")


def read_mcp_json(path: Path, content: bytes) -> tuple[tuple[Table, ...], tuple[ConfigError, ...]]:
    """The MCP servers of a file in the common form, `{"mcpServers": {"NAME": {...}}}`, and what is wrong with others."""
    import json

    try:
        text = content.decode("utf-8-sig")
        data: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f", line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else " is not JSON"
        return (), (ConfigError(f"{path}{where}.", "Fix that line."),)
    source = _Source(path, text, find_line=_line_of_json_key)
    servers: Any = cast("dict[str, Any]", data).get("mcpServers") if isinstance(data, dict) else None
    if not isinstance(servers, dict):
        return (), (
            ConfigError(f"{path} has no mcpServers.", 'For example: {"mcpServers": {"time": {"command": "uvx"}}}'),
        )
    tables: list[Table] = []
    for name, entries in cast("dict[str, Any]", servers).items():
        with source.collecting():
            tables.append(_table(source, "mcp", name, _without_transport(source, name, entries)))
    return tuple(tables), tuple(source.problems)


def _without_transport(source: _Source, name: str, entries: Any) -> Any:
    """The entries without `type`, which follows from the others. Raises ConfigError for one that is not supported."""
    if not isinstance(entries, dict):
        return entries
    given = dict(cast("dict[str, Any]", entries))
    if (kind := given.pop("type", "stdio")) not in {"stdio", "http", "streamable-http", "streamableHttp"}:
        raise source.error(("mcp", name, "type"), f"{kind!r} is not supported", "Supported: stdio, http.")
    return given


def _line_of_json_key(text: str, key: tuple[str, ...]) -> int | None:
    """The line of a key in a JSON file, or of the nearest key above it."""
    import json

    at = 0
    for name in ("mcpServers", *key[1:]):
        found = text.find(json.dumps(name, ensure_ascii=False), at)
        if found < 0:
            break
        at = found
    return text.count("\n", 0, at) + 1


def _entries(source: _Source, table: tuple[str, ...], value: Any, settings: Sequence[Setting]) -> dict[str, Any]:
    """The valid entries of one table. Raises ConfigError if it is none."""
    if not isinstance(value, dict):
        raise source.error(table, "must be a table", f"For example: [{'.'.join(table)}]")
    known = {setting.name: setting for setting in settings}
    found: dict[str, Any] = {}
    for key, inner in cast("dict[str, Any]", value).items():
        with source.collecting():
            if key not in known:
                raise source.error((*table, key), "is not a setting there", _hint(key, list(known), "Known settings"))
            found[key] = _checked(source, known[key], inner, table)
    return found


def _checked(source: _Source, setting: Setting, value: Any, table: tuple[str, ...] = ()) -> Any:
    """Returns the value. Raises ConfigError if it is invalid for the setting."""
    key = (*table, setting.name)
    checked: Any = value
    items: dict[str, Any]
    default: Any = setting.default
    match default:
        case bool():
            kind, example, fits = "true or false", "true", isinstance(value, bool)
        case int() | float():
            fits = isinstance(value, int | float) and not isinstance(value, bool)
            kind, example = "a number", f"{default:g}"
        case tuple():
            checked = _texts(value)
            kind, example, fits = "a list of texts", '["one", "two"]', checked is not None
        case dict():
            kind, example = "a table of texts", '{ NAME = "value" }'
            items = cast("dict[str, Any]", value) if isinstance(value, dict) else {"": None}
            fits = all(isinstance(item, str) for item in items.values())
        case _:
            kind, fits = "text", isinstance(value, str)
            example = f'"{default or (setting.choices or ("text",))[0]}"'
    if not fits:
        raise source.error(key, f"must be {kind}", f"For example: {setting.name} = {example}")
    if setting.choices and value not in setting.choices:
        hint = _hint(str(checked), setting.choices, "For example", f"{setting.name} = {example}")
        raise source.error(key, f"must be one of {', '.join(setting.choices)}", hint)
    hint = f"The default is {default:g}." if setting.low is not None else ""
    # Negated to reject nan as well.
    if setting.low is not None and not checked >= setting.low:
        raise source.error(key, f"must be at least {setting.low:g}", hint)
    if setting.high is not None and not checked <= setting.high:
        raise source.error(key, f"must be at most {setting.high:.0f}", hint)
    return checked


def _texts(value: Any) -> tuple[str, ...] | None:
    """A list of texts; None for anything else."""
    items: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [None]
    return tuple(items) if all(isinstance(item, str) for item in items) else None


def _parameters(source: _Source, table: tuple[str, ...], entries: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    found: list[tuple[str, Any]] = []
    for name, value in entries.items():
        try:
            found.append((name, parse_value(name, value, source.path.parent)))
        except UsageError as error:
            what = f"in [{'.'.join(table)}]: {error.message.removesuffix('.')}"
            source.problems.append(source.error((*table, name), what, error.hint))
    return tuple(found)


def check_url(url: str, source: str = "") -> str:
    """Returns a base URL without its trailing slash. Raises UsageError, which mentions where it came from (`source`)."""
    try:
        parts = urlsplit(url.strip())
        parts.port  # noqa: B018 - raises for a port that is not a number
    except ValueError:
        parts = urlsplit("")
    odd = not url.strip().isprintable() or " " in url.strip() or parts.query or parts.fragment
    if parts.scheme not in {"http", "https"} or not parts.hostname or odd:
        raise UsageError(
            f"{url!r}{source} is not a server's address.",
            "Use one like https://openrouter.ai/api/v1 or http://127.0.0.1:8080/v1.",
        )
    if parts.username or parts.password:
        raise UsageError(
            "The base URL contains a user name or password.",
            "Remove it: stepchat stores addresses, but never passwords.",
        )
    return url.strip().rstrip("/")


def line_of_key(text: str, key: tuple[str, ...]) -> int | None:
    """The line of a TOML key, or of the table or inline table that should hold it. tomllib does not report lines."""
    table: tuple[str, ...] = ()
    nearest = None
    for number, line in enumerate(text.split("\n"), 1):
        if header := re.match(r"\s*\[+([^\]=]+)\]", line):
            here = table = _names(header[1])
        elif assignment := re.match(r"([^=#]+)=", line):
            here = table + _names(assignment[1])
        else:
            continue
        if here[: len(key)] == key:
            return number
        if key[: len(here)] == here:
            nearest = number
    return nearest


def _names(dotted: str) -> tuple[str, ...]:
    """The parts of a dotted key. A dot in quotes does not separate."""
    return tuple(part.strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.\s\"']+", dotted))
