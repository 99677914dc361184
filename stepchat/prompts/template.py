"""The text of a prompt file with its placeholders: `{{input}}`, `{{file:PATH}}`, `{{clipboard}}` and named variables.

Text that is filled in stays as it is, even if it looks like a placeholder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepchat.errors import ConfigError, StepchatError, UsageError
from stepchat.files import read_regular_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

INPUT: Final = "input"
CLIPBOARD: Final = "clipboard"
_FILE: Final = "file:"
_MAX_BYTES: Final = 10_000_000
"""The largest file to fill in."""
_PLACEHOLDER: Final = re.compile(r"\\\{\{|\{\{(.*?)\}\}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*)=(?:\"([^\"]*)\"|'([^']*)'|(\S*))(?:\s+|$)")


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`{{name}}`, and the line of the file it is on."""

    name: str
    line: int

    @property
    def file(self) -> str | None:
        """The path of `{{file:PATH}}`."""
        return self.name.removeprefix(_FILE).strip() if self.name.startswith(_FILE) else None

    @property
    def is_variable(self) -> bool:
        return self.file is None and self.name not in {INPUT, CLIPBOARD}


@dataclass(frozen=True, slots=True)
class Template:
    """Text and placeholders, in order."""

    path: Path
    parts: tuple[str | Placeholder, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables, in the order of their first use."""
        names = [part.name for part in self.parts if isinstance(part, Placeholder) and part.is_variable]
        return tuple(dict.fromkeys(names))

    @property
    def has_input(self) -> bool:
        return any(isinstance(part, Placeholder) and part.name == INPUT for part in self.parts)


def parse_template(path: Path, text: str, first_line: int = 1) -> Template:
    """Parses a text. Raises ConfigError for an invalid placeholder."""
    parts: list[str | Placeholder] = []
    end = 0
    for found in _PLACEHOLDER.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        line = first_line + text.count("\n", 0, found.start())
        name = found[1]
        if name is None:
            parts.append("{{")
            continue
        placeholder = Placeholder(name.strip(), line)
        if placeholder.file == "" or (placeholder.is_variable and not _VARIABLE.fullmatch(placeholder.name)):
            raise ConfigError(
                f"{path}, line {line}: {{{{{name}}}}} is no placeholder.",
                "Use {{input}}, {{clipboard}}, {{file:PATH}} or {{NAME}}; write \\{{ for two braces.",
            )
        parts.append(placeholder)
    parts.append(text[end:])
    return Template(path, tuple(part for part in parts if part))


def expand(
    template: Template,
    values: Mapping[str, str],
    given: str,
    directory: Path,
    read_clipboard: Callable[[], str],
) -> str:
    """Fill in a text; paths are relative to `directory`. If the text has no `{{input}}`, the input follows it.

    Raises ConfigError and UsageError, with the line of the placeholder.
    """
    out: list[str] = []
    for part in template.parts:
        match part:
            case str():
                out.append(part)
            case Placeholder(name="input"):
                out.append(given)
            case Placeholder(name="clipboard"):
                out.append(_at(template, part, read_clipboard))
            case Placeholder() if part.file is not None:
                path = directory / Path(part.file).expanduser()
                out.append(_at(template, part, lambda path=path: _read(path)))
            case Placeholder():
                out.append(values[part.name])
    text = "".join(out).strip("\n")
    return text if template.has_input or not given else "\n\n".join(filter(None, (text, given)))


def split_values(text: str, names: tuple[str, ...]) -> tuple[dict[str, str], str]:
    """The values of these variables at the beginning of what the user typed, as `name=value`, and the rest of it."""
    values: dict[str, str] = {}
    while (found := _ASSIGNMENT.match(text)) and found[1] in names:
        values[found[1]] = next(value for value in (found[2], found[3], found[4]) if value is not None)
        text = text[found.end() :]
    return values, text


def _at(template: Template, placeholder: Placeholder, read: Callable[[], str]) -> str:
    try:
        return read()
    except StepchatError as error:
        raise UsageError(f"{template.path}, line {placeholder.line}: {error.message}", error.hint) from None


def _read(path: Path) -> str:
    try:
        return read_regular_file(path, _MAX_BYTES).decode("utf-8-sig").strip("\n")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text.") from None
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from None
