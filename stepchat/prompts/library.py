"""The prompt library: Markdown files with front matter in `prompts/`, next to config.toml. Errors name file and line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, cast

from stepchat.errors import ConfigError, UsageError
from stepchat.files import read_regular_file
from stepchat.parameters.values import parse_value
from stepchat.prompts.template import Template, expand, parse_template, split_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from yaml import Node

    from stepchat.parameters.scopes import Settings

SUFFIX: Final = ".md"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}")
_MAX_BYTES: Final = 1_000_000
_HEAD: Final = 2000
_DESCRIPTION: Final = re.compile(r"^description:[ \t]*(.*)$", re.MULTILINE)
_FENCE: Final = "---"
ROLES: Final = ("user", "system")
KEYS: Final = {
    "description": "One line about it.",
    "role": "What the text below is: user (the default) or system.",
    "system": "A system prompt, if the text below is the user's.",
    "model": "The model to ask.",
    "server": "The server to ask, by name.",
    "parameters": "Request parameters, by name.",
    "tools": "The names of tools to switch on.",
    "variables": "Named variables and their defaults.",
}
"""The keys of the front matter."""

EXAMPLE: Final = """\
---
description: {description}
# model: stepfun/step-3.5-flash
# parameters:
#   temperature: 0.2
# variables:
#   language: English
---
{{{{input}}}}
"""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A file of the library."""

    name: str
    path: Path
    text: Template
    """The user's text; empty for a persona."""
    description: str = ""
    system: str | None = None
    model: str | None = None
    server: str | None = None
    settings: Settings = ()
    tools: tuple[str, ...] = ()
    """Names of tools to switch on."""
    defaults: tuple[tuple[str, str], ...] = ()
    """The default values of variables."""

    @property
    def argument(self) -> str:
        """A summary of what may follow its name: variables without a default first."""
        known = dict(self.defaults)
        names = [f"{name}={known.get(name, '…')}" for name in self.text.variables]
        return " ".join([*names, "TEXT"])

    @property
    def starts_session(self) -> bool:
        """Whether it needs a new session, because it sets the model, the system prompt or the tools."""
        return bool(self.system or self.model or self.server or self.tools)


def fill_in(
    prompt: Prompt,
    typed: str,
    directory: Path,
    read_clipboard: Callable[[], str],
    given: Mapping[str, str] | None = None,
) -> str:
    """Fill in what the user typed after the name; "" for a persona without a question. Raises StepchatError.

    The values of variables precede the rest of the text, unless they are `given`.
    """
    values, rest = split_values(typed, prompt.text.variables) if given is None else (dict(given), typed)
    values = dict(prompt.defaults) | values
    if missing := [name for name in prompt.text.variables if name not in values]:
        example = " ".join(f"{name}=VALUE" for name in missing)
        raise UsageError(
            f"The prompt {prompt.name} needs a value for {', '.join(missing)}.", f"Give it first: {example}"
        )
    if prompt.text.has_input and not rest.strip():
        raise UsageError(f"The prompt {prompt.name} needs a text.", "Give it after the name, or pipe it in.")
    return expand(prompt.text, values, rest, directory, read_clipboard)


def find_prompt(folder: Path, name: str) -> Prompt:
    """Reads the prompt of this name. Raises UsageError if there is none, and ConfigError if its file is invalid."""
    names = prompt_names(folder)
    if name not in names:
        near = get_close_matches(name, names, 1)
        hint = f"Did you mean {near[0]}?" if near else f"Known ones: {', '.join(names)}." if names else ""
        raise UsageError(f"There is no prompt {name!r}.", hint or f"Write one: stepchat prompts new {name}")
    return read_prompt(folder / f"{name}{SUFFIX}")


def prompt_names(folder: Path) -> list[str]:
    """The sorted names of the prompts, without reading their files."""
    try:
        found = [path.stem for path in folder.iterdir() if path.suffix == SUFFIX]
    except OSError:
        return []
    return sorted(name for name in found if _NAME.fullmatch(name))


def list_descriptions(folder: Path) -> list[tuple[str, str]]:
    """The names and descriptions, read quickly enough for every key press."""
    found: list[tuple[str, str]] = []
    for name in prompt_names(folder):
        try:
            head = read_regular_file(folder / f"{name}{SUFFIX}", _MAX_BYTES)[:_HEAD].decode("utf-8", "replace")
        except OSError:
            head = ""
        description = _DESCRIPTION.search(head)
        found.append((name, description[1].strip("\"' ") if description else ""))
    return found


def read_prompts(folder: Path, report: Callable[[ConfigError], None]) -> list[Prompt]:
    """Reads all prompts, and reports those that are invalid."""
    prompts: list[Prompt] = []
    for name in prompt_names(folder):
        try:
            prompts.append(read_prompt(folder / f"{name}{SUFFIX}"))
        except ConfigError as error:
            report(error)
    return prompts


def check_name(name: str) -> str:
    """Raises UsageError for an invalid name."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be the name of a prompt.", "Use letters, digits, - and _ only.")
    return name


def read_prompt(path: Path) -> Prompt:
    """Raises ConfigError."""
    try:
        source = read_regular_file(path, _MAX_BYTES).decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as failure:
        raise ConfigError(f"Cannot read {path}: {failure.strerror}.", "Fix its permissions, or move it away.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8.", "Save it as UTF-8.") from None
    head, body, first_line = _split(path, source)
    values, lines = _front_matter(path, head)

    def error(key: str, what: str, hint: str) -> ConfigError:
        return ConfigError(f"{path}, line {lines.get(key, 1)}: {key} {what}.", hint)

    for key, value in values.items():
        if key not in KEYS:
            near = get_close_matches(key, KEYS, 1)
            raise error(
                key, "is not a key of a prompt", f"Did you mean {near[0]}?" if near else f"Keys: {', '.join(KEYS)}."
            )
        if not _fits(key, value):
            raise error(key, f"must be {_KINDS.get(key, 'text')}", KEYS[key])
    if values.get("role", "user") not in ROLES:
        raise error("role", f"must be one of {', '.join(ROLES)}", KEYS["role"])
    is_system = values.get("role") == "system"
    if is_system and "system" in values:
        raise error("system", "is given twice: the text of the file is the system prompt", "Leave one of them out.")
    defaults = tuple((name, _plain(value)) for name, value in values.get("variables", {}).items())
    return Prompt(
        name=path.stem,
        path=path,
        text=parse_template(path, "" if is_system else body, first_line),
        description=" ".join(values.get("description", "").split()),
        system=body.strip() if is_system else values.get("system"),
        model=values.get("model"),
        server=values.get("server"),
        settings=_settings(values.get("parameters", {}), path, lines),
        tools=tuple(values.get("tools", ())),
        defaults=defaults,
    )


_KINDS: Final = {
    "parameters": "a table of names and values",
    "variables": "a table of names and values",
    "tools": "a list of names",
}


def _fits(key: str, value: Any) -> bool:
    match _KINDS.get(key):
        case None:
            return isinstance(value, str)
        case "a list of names":
            return isinstance(value, list) and all(isinstance(name, str) for name in cast("list[Any]", value))
        case _:
            return isinstance(value, dict)


def _plain(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _settings(values: Mapping[str, Any], path: Path, lines: Mapping[str, int]) -> Settings:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        try:
            found.append((str(name), parse_value(str(name), value, path.parent)))
        except UsageError as wrong:
            raise ConfigError(f"{path}, line {lines.get(str(name), 1)}: {wrong.message}", wrong.hint) from None
    return tuple(found)


def _split(path: Path, source: str) -> tuple[str, str, int]:
    """Front matter, text, and the line of the file where the text begins."""
    lines = source.split("\n")
    if lines[0].rstrip() != _FENCE:
        return "", source, 1
    for index, line in enumerate(lines[1:], 1):
        if line.rstrip() == _FENCE:
            return "\n".join(lines[1:index]), "\n".join(lines[index + 1 :]), index + 2
    raise ConfigError(f"{path}, line 1: the front matter does not end.", "Put a line --- below it.")


def _front_matter(path: Path, head: str) -> tuple[dict[str, Any], dict[str, int]]:
    """The values of the front matter, and the line of each key, including those in `parameters`."""
    import yaml

    try:
        loader: Any = yaml.SafeLoader(head)
        root: Node | None = loader.get_single_node()
        value: Any = None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        line = 2 + (error.problem_mark.line if error.problem_mark else 0)
        raise ConfigError(
            f"{path}, line {line}: not YAML: {error.problem or error.context}.", "Fix that line."
        ) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{path}, line 1: the front matter is not YAML: {error}.", "Fix it.") from None
    if value is None:
        return {}, {}
    if not isinstance(value, dict):
        raise ConfigError(f"{path}, line 2: the front matter holds no keys.", "For example: description: A summary")
    entries = cast("dict[Any, Any]", value)
    return {str(key): entry for key, entry in entries.items()}, dict(_key_lines(root))


def _key_lines(node: Node | None) -> list[tuple[str, int]]:
    from yaml import MappingNode, ScalarNode

    found: list[tuple[str, int]] = []
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, ScalarNode):
                found.append((str(key.value), key.start_mark.line + 2))
            found += _key_lines(value)
    return found
