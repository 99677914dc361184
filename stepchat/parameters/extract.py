"""A small language for values in JSON: `.name`, `[0]`, `."any key"`, and `[]` for every element, as in `.items[].price`."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple, TypeAlias, cast

from stepchat import lossless_json
from stepchat.errors import UsageError

_STEP: Final = re.compile(
    r"\.(?P<name>[^\W\d][\w-]*)|\.?(?P<quoted>\"(?:[^\"\\]|\\.)*\")|\.?\[(?P<index>-?\d{1,9})?\]", re.DOTALL
)
_HINT: Final = 'For example: .name, .items[0], .items[].price, ."a key"'

EVERY: Final = None
"""The step to every element of a list, or every value of an object."""
Step: TypeAlias = str | int | None
Path: TypeAlias = tuple[Step, ...]


class NotFoundError(Exception):
    """The value has nothing at a path; the message says where."""


class _Found(NamedTuple):
    value: Any
    where: str


def parse_path(text: str) -> Path:
    """The steps of a path; none for `.`, the whole. Raises UsageError with the position of what is wrong."""
    path = text.strip()
    if path == ".":
        return ()
    # `name` alone is as clear as `.name`.
    if path[:1] not in {".", "[", ""}:
        path = f".{path}"
    steps: list[Step] = []
    at = 0
    while at < len(path) or not path:
        match = _STEP.match(path, at)
        if match is None:
            column = at + 1 - (len(path) - len(text.strip()))
            raise UsageError(f"--extract {text}: column {max(1, column)} is not a step of a path.", _HINT)
        steps.append(_step(match))
        at = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> Step:
    if match["name"] is not None:
        return match["name"]
    if match["quoted"] is not None:
        try:
            return str(lossless_json.loads(match["quoted"]))
        except ValueError:
            return match["quoted"][1:-1]
    return EVERY if match["index"] is None else int(match["index"])


def format_path(path: Path) -> str:
    """The path as it is written."""
    return "".join(_written(step) for step in path) or "."


def _written(step: Step) -> str:
    if isinstance(step, str):
        return (
            f".{step}"
            if _STEP.fullmatch(f".{step}") and not step.startswith(('"', "["))
            else f".{lossless_json.dumps(step)}"
        )
    return "[]" if step is None else f"[{step}]"


def extract(value: Any, path: Path) -> list[Any]:
    """The values at a path: one, unless it contains `[]`. Raises NotFoundError."""
    found = [_Found(value, "")]
    for step in path:
        found = [inner for outer in found for inner in _below(outer, step)]
    return [one.value for one in found]


def _below(outer: _Found, step: Step) -> list[_Found]:
    value, where = outer
    match step:
        case None if isinstance(value, list):
            items = cast("list[Any]", value)
            return [_Found(item, f"{where}[{number}]") for number, item in enumerate(items)]
        case None if isinstance(value, dict):
            return [_Found(item, where + _written(key)) for key, item in cast("dict[str, Any]", value).items()]
        case str() if isinstance(value, dict) and step in value:
            return [_Found(cast("dict[str, Any]", value)[step], where + _written(step))]
        case int() if isinstance(value, list) and -len(cast("list[Any]", value)) <= step < len(
            cast("list[Any]", value)
        ):
            return [_Found(cast("list[Any]", value)[step], where + _written(step))]
        case _:
            raise NotFoundError(f"there is no {_written(step)} in {_kind(value)} at {where or 'the top'}")


def _kind(value: Any) -> str:
    match value:
        case dict():
            return "the object"
        case list():
            count = len(cast("list[Any]", value))
            return f"the list of {count}"
        case str():
            return "the string"
        case bool() | None:
            return f"the value {lossless_json.dumps(value)}"
        case _:
            return "the number"


def format_extracted(value: Any) -> str:
    """A value as it is printed: a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else lossless_json.dumps(value, ascii_only=False)
