"""Reads config.toml; an error names file, line and key. Never writes it. Adding a setting is adding a row."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from stepchat.errors import ConfigError, UsageError
from stepchat.parameters import parse_value

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of config.toml."""

    name: str
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    low: float | None = None


SETTINGS: tuple[Setting, ...] = (
    Setting("model", "", "The model to ask; stepfun/step-3.5-flash when empty."),
    Setting("base_url", "", "The server to ask; OpenRouter when empty."),
    Setting("system", "", "The system prompt of new sessions."),
    Setting("theme", "", "A theme by name; what /theme chose last when empty."),
    Setting(
        "reasoning_view", "tail", "While it thinks, show the last lines, everything, or only the header.",
        ("tail", "full", "hidden"),
    ),
    Setting("silence_timeout", 300, "Give up when nothing arrived for so many seconds.", low=1),
    Setting("silence_hint", 20, "Say that nothing arrives after so many seconds.", low=1),
    Setting("send_referer", True, "Tell OpenRouter which program asks (HTTP-Referer)."),
    Setting("send_title", True, "Tell OpenRouter the program's name (X-Title)."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Config:
    """The values of config.toml over the defaults."""

    model: str = ""
    base_url: str = ""
    system: str = ""
    theme: str = ""
    reasoning_view: str = "tail"
    silence_timeout: float = 300
    silence_hint: float = 20
    send_referer: bool = True
    send_title: bool = True
    parameters: tuple[tuple[str, Any], ...] = field(default_factory=tuple[tuple[str, Any], ...])


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
            values[name] = _parameters(path, text, cast("dict[str, Any]", value))
        elif name in known:
            values[name] = _checked(path, text, known[name], value)
        else:
            raise _error(path, text, (name,), "is not a setting", f"Known ones: {', '.join(known)}, [parameters].")
    return Config(**values)


def _checked(path: Path, text: str, setting: Setting, value: Any) -> Any:
    match setting.default:
        case bool():
            kind, fits = "true or false", isinstance(value, bool)
        case int():
            kind, fits = "a number", isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            kind, fits = "text", isinstance(value, str)
    if not fits:
        raise _error(path, text, (setting.name,), f"must be {kind}", setting.help)
    if setting.choices and value not in setting.choices:
        raise _error(path, text, (setting.name,), f"must be one of {', '.join(setting.choices)}", setting.help)
    # Said this way round because of nan.
    if setting.low is not None and not value >= setting.low:
        raise _error(path, text, (setting.name,), f"must be at least {setting.low:g}", setting.help)
    return value


def _parameters(path: Path, text: str, table: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    found: list[tuple[str, Any]] = []
    for name, value in table.items():
        try:
            found.append((name, parse_value(name, value)))
        except UsageError as error:
            what = f"in [parameters]: {error.message.removesuffix('.')}"
            raise _error(path, text, ("parameters", name), what, error.hint) from None
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
    return tuple(name.strip(" \t\"'") for name in dotted.split("."))
