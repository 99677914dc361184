"""Reads config.toml; an error names file, line and key. Never writes it.

A setting is a row of SETTINGS and a field of Config.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from stepchat.config.addresses import check_url
from stepchat.errors import ConfigError, UsageError
from stepchat.parameters.values import parse_value

if TYPE_CHECKING:
    from collections.abc import Collection
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
    Setting("model", "", "The model to ask; stepfun/step-3.5-flash when empty."),
    Setting("base_url", "", "The server to ask; OpenRouter when empty."),
    Setting("server", "", "The server to ask, by its name; goes before base_url."),
    Setting("system", "", "The system prompt of new sessions."),
    Setting("theme", "", "A theme by name; what /theme chose last when empty."),
    Setting(
        "reasoning_view", "tail", "While it thinks, show the last lines, everything, or only the header.",
        ("tail", "full", "hidden"),
    ),
    Setting(
        "notify", "bell", "How to tell that a long answer has ended while the window is not in front.",
        ("bell", "osc9", "osc777", "off"),
    ),
    Setting("silence_timeout", 300, "Give up when nothing arrived for so many seconds.", low=1, high=86_400),
    Setting("silence_hint", 20, "Say that nothing arrives after so many seconds.", low=1, high=86_400),
    Setting(
        "keep_events", 200, "Megabytes on disk for what came over the line; the oldest goes first.",
        low=0, high=1_000_000,
    ),
    Setting("send_referer", True, "Tell OpenRouter which program asks (HTTP-Referer)."),
    Setting("send_title", True, "Tell OpenRouter the program's name (X-Title)."),
)  # fmt: skip

KINDS = ("openrouter", "stepfun", "deepseek", "llama.cpp", "vllm", "sglang", "ollama", "lmstudio", "custom")
"""The rows of catalogue/backends.py; a test compares them."""

SERVER_SETTINGS: tuple[Setting, ...] = (
    Setting("base_url", "", "Its address, such as http://127.0.0.1:8080/v1."),
    Setting("profile", "", "What kind of server it is; found by its address when not given.", KINDS),
    Setting("key_variable", "", "The environment variable that holds its key."),
    Setting("model", "", "The model to ask there when none is named."),
    Setting("context_length", 0, "How many tokens its models take, where it tells nothing or too much.", low=0, high=1e9),
    Setting(
        "reasoning_back", "", "How earlier reasoning goes back: under the name it came by, always, or never.",
        ("as read", "always", "never"),
    ),
    Setting("starts_in_thinking", False, "Whether answers begin with thoughts although no tag says so."),
    Setting("trim_reasoning", True, "Whether white space around thoughts is taken away before they go back."),
    Setting("usage_option", True, "Whether token counts must be asked for with stream_options."),
)  # fmt: skip
"""The keys of a table [servers.NAME]."""

_HIGHEST_PRICE = 1e6

PRICE_SETTINGS: tuple[Setting, ...] = (
    Setting("prompt", 0.0, "USD per million prompt tokens.", low=0, high=_HIGHEST_PRICE),
    Setting("completion", 0.0, "USD per million tokens of the answer, reasoning included.", low=0, high=_HIGHEST_PRICE),
    Setting("cache_read", 0.0, "USD per million prompt tokens that were cached.", low=0, high=_HIGHEST_PRICE),
    Setting("request", 0.0, "USD per request.", low=0, high=_HIGHEST_PRICE),
)
"""The keys of a table [prices."MODEL"]."""

PROFILE_SETTINGS: tuple[Setting, ...] = (
    Setting("model", "", "The model to ask."),
    Setting("server", "", "The server by its name."),
    Setting("base_url", "", "The server by its address."),
    Setting("system", "", "The system prompt of new sessions."),
)
"""The keys of a table [profiles.NAME]; its parameters are a table inside it."""


@dataclass(frozen=True, slots=True)
class Table:
    """A named table of config.toml, with the keys that stand in it."""

    name: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Config:
    """The values of config.toml over the defaults."""

    model: str = ""
    base_url: str = ""
    server: str = ""
    system: str = ""
    theme: str = ""
    reasoning_view: str = "tail"
    notify: str = "bell"
    silence_timeout: float = 300
    silence_hint: float = 20
    keep_events: float = 200
    send_referer: bool = True
    send_title: bool = True
    parameters: tuple[tuple[str, Any], ...] = field(default_factory=tuple[tuple[str, Any], ...])
    servers: tuple[Table, ...] = ()
    prices: tuple[Table, ...] = ()
    profiles: tuple[Table, ...] = ()


def read_config(path: Path) -> Config:
    """The user's settings; the defaults when there is no file. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return Config()
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}.", "Mend the file or move it away.") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: this is not UTF-8.", "Save the file as UTF-8.") from None
    import tomllib

    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.", "Mend that line.") from None
    known = {setting.name: setting for setting in SETTINGS}
    values: dict[str, Any] = {}
    for name, value in data.items():
        if name == "parameters":
            if not isinstance(value, dict):
                raise _error(path, text, (name,), "must be a table", "For example: parameters.temperature = 0.5")
            values[name] = _parameters(path, text, (name,), cast("dict[str, Any]", value))
        elif name in _TABLES:
            values[name] = _tables(path, text, name, value)
        elif name in known:
            values[name] = _checked(path, text, known[name], value)
        else:
            others = ", ".join(f"[{table}.NAME]" for table in _TABLES)
            raise _error(
                path, text, (name,), "is not a setting", f"Known ones: {', '.join(known)}, [parameters], {others}."
            )
    config = Config(**values)
    _check_places(path, text, config)
    return config


def read_strict(path: Path, themes: Collection[str]) -> Config:
    """The same, but refused is also what a start can bear: a theme that is not there, a hint that never comes."""
    config = read_config(path)
    if config == Config():
        return config
    text = path.read_text(encoding="utf-8-sig")
    if config.theme and config.theme not in themes:
        what = f"is wrong: there is no theme {config.theme!r}"
        raise _error(path, text, ("theme",), what, f"There are: {', '.join(sorted(themes))}.")
    if config.silence_hint > config.silence_timeout and _line(text, ("silence_hint",)):
        what = f"is never said: silence_timeout gives up after {config.silence_timeout:g} seconds"
        raise _error(path, text, ("silence_hint",), what, "Make it smaller than silence_timeout.")
    return config


def _check_places(path: Path, text: str, config: Config) -> None:
    """Every start would fail with a server that is not there, or an address that is none."""
    known = [*(table.name for table in config.servers), *(kind for kind in KINDS if kind != "custom"), "demo"]
    places: list[tuple[tuple[str, ...], dict[str, Any]]] = [
        ((), {"server": config.server, "base_url": config.base_url})
    ]
    places += [(("servers", table.name), table.values) for table in config.servers]
    places += [(("profiles", table.name), table.values) for table in config.profiles]
    for place, values in places:
        where = f"in [{'.'.join(place)}] is wrong" if place else "is wrong"
        server, base_url = values.get("server", ""), values.get("base_url", "")
        if place and server and base_url:
            what = f"{where}: its server is {server!r}, and one of the two would be forgotten"
            raise _error(path, text, (*place, "base_url"), what, "Keep server or base_url.")
        if server and server not in known and "://" not in server:
            what = f"{where}: there is no server {server!r}"
            raise _error(path, text, (*place, "server"), what, f"Known ones: {', '.join(known)}.")
        for name, value in (("server", server if "://" in server else ""), ("base_url", base_url)):
            try:
                if value:
                    check_url(value)
            except UsageError as error:
                what = f"{where}: {error.message.removesuffix('.')}"
                raise _error(path, text, (*place, name), what, error.hint) from None


_TABLES = {"servers": SERVER_SETTINGS, "prices": PRICE_SETTINGS, "profiles": PROFILE_SETTINGS}
_SERVER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,50}")


def _tables(path: Path, text: str, kind: str, value: Any) -> tuple[Table, ...]:
    if not isinstance(value, dict):
        raise _error(path, text, (kind,), "must hold tables", f"For example: [{kind}.NAME]")
    known = {setting.name: setting for setting in _TABLES[kind]}
    tables: list[Table] = []
    for name, entries in cast("dict[str, Any]", value).items():
        if not isinstance(entries, dict):
            raise _error(path, text, (kind, name), "must be a table", f"For example: [{kind}.NAME]")
        if kind == "servers" and (name == "demo" or not _SERVER_NAME.fullmatch(name)):
            raise _error(path, text, (kind, name), "is no name for a server", "Use letters, digits and . _ - only.")
        found: dict[str, Any] = {}
        for key, inner in cast("dict[str, Any]", entries).items():
            if kind == "profiles" and key == "parameters":
                if not isinstance(inner, dict):
                    hint = f"For example: [profiles.{name}.parameters]"
                    raise _error(path, text, (kind, name, key), "must be a table", hint)
                found[key] = _parameters(path, text, (kind, name, key), cast("dict[str, Any]", inner))
                continue
            if key not in known:
                raise _error(
                    path, text, (kind, name, key), "is not a setting there", f"Known ones: {', '.join(known)}."
                )
            found[key] = _checked(path, text, known[key], inner, (kind, name))
        if kind == "servers" and not found.get("base_url") and name not in KINDS:
            raise _error(path, text, (kind, name), "needs a base_url", known["base_url"].help)
        tables.append(Table(name, found))
    return tuple(tables)


def _checked(path: Path, text: str, setting: Setting, value: Any, table: tuple[str, ...] = ()) -> Any:
    key = (*table, setting.name)
    match setting.default:
        case bool():
            kind, fits = "true or false", isinstance(value, bool)
        case int() | float():
            kind, fits = "a number", isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            kind, fits = "text", isinstance(value, str)
    if not fits:
        raise _error(path, text, key, f"must be {kind}", setting.help)
    if setting.choices and value not in setting.choices:
        raise _error(path, text, key, f"must be one of {', '.join(setting.choices)}", setting.help)
    # Said this way round because of nan.
    if setting.low is not None and not value >= setting.low:
        raise _error(path, text, key, f"must be at least {setting.low:g}", setting.help)
    if setting.high is not None and not value <= setting.high:
        raise _error(path, text, key, f"must be at most {setting.high:.0f}", setting.help)
    return value


def _parameters(path: Path, text: str, place: tuple[str, ...], table: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    found: list[tuple[str, Any]] = []
    for name, value in table.items():
        try:
            found.append((name, parse_value(name, value, path.parent)))
        except UsageError as error:
            what = f"in [{'.'.join(place)}]: {error.message.removesuffix('.')}"
            raise _error(path, text, (*place, name), what, error.hint) from None
    return tuple(found)


def _error(path: Path, text: str, key: tuple[str, ...], what: str, hint: str) -> ConfigError:
    line = _line(text, key)
    where = f"{path}, line {line}" if line else str(path)
    return ConfigError(f"{where}: {key[-1]} {what}.", hint)


def _line(text: str, key: tuple[str, ...]) -> int | None:
    """Where a key of the file stands, or the table or inline table that holds it; tomllib does not tell."""
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
    """The parts of a dotted key; a point in quotes does not divide."""
    return tuple(part.strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.\s\"']+", dotted))
