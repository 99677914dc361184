"""Parses values of request parameters and checks them against their rows."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from stepchat import lossless_json
from stepchat.errors import UsageError
from stepchat.files import read_regular_file
from stepchat.parameters.budget import parse_budget
from stepchat.parameters.schema import check_schema, check_schema_kind
from stepchat.parameters.short_schema import parse_short_schema
from stepchat.parameters.table import BY_NAME, Parameter, allowed_text, find_parameter, map_entry

if TYPE_CHECKING:
    from stepchat.messages import Json

_FORMS = frozenset({"text", "json_object", "json_schema", "grammar", "python"})
"""The types of response_format. Any other object is a bare schema."""
_MAX_FILE_BYTES = 1_000_000
_FROM_FILES = frozenset({"map", "list", "any"})


def parse_setting(text: str) -> tuple[str, Any]:
    """The name and the checked value of `NAME=VALUE`; an empty value is None and unsets. Raises UsageError."""
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals:
        raise UsageError(f"{text!r} is not NAME=VALUE.", "For example: --set temperature=0.5")
    return name, parse_text(name, value)


def parse_text(name: str, text: str) -> Any:
    """The value of text that a user wrote: plain text, JSON, or @FILE. None if it is empty. Raises UsageError."""
    parameter = find_parameter(name)
    plain = text.strip()
    if parameter.kind in {"text", "texts"} and not plain.startswith(("[", '"')):
        # Keeps spaces, because a space may be the text to stop at.
        plain = text
    if not plain:
        return None
    value = check_value(parameter, read_value(parameter, plain))
    check_schema({name: value})
    return value


def parse_value(name: str, value: Any, folder: Path | None = None) -> Any:
    """A checked value that already has a type, as in config.toml; `@FILE` is relative to `folder`. Raises UsageError."""
    parameter = find_parameter(name)
    if folder is not None and isinstance(value, str) and value.startswith("@") and parameter.kind in _FROM_FILES:
        value = _from_file(parameter, value[1:], folder)
    return check_value(parameter, value)


def read_value(parameter: Parameter, text: str) -> Any:
    """The unchecked value of plain text or JSON, depending on the parameter's kind. Raises UsageError for a bad file."""
    if parameter.kind in {"text", "budget"} or (
        parameter.kind in {"texts", "choice"} and not text.startswith(("[", '"'))
    ):
        return text
    if parameter.kind in _FROM_FILES and text.startswith("@"):
        return _from_file(parameter, text[1:])
    try:
        return lossless_json.loads(text)
    except ValueError:
        return text


def _from_file(parameter: Parameter, name: str, folder: Path | None = None, subject: str = "") -> Any:
    path = (folder or Path()) / name
    what = f"{subject or parameter.name} cannot be read from {path}"
    hint = "Give a JSON file, or fields such as 'name, age int'." if subject else "@FILE must name a JSON file."
    try:
        path = (folder or Path()) / Path(name).expanduser()
        text = read_regular_file(path, _MAX_FILE_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{what}: {error.strerror}.", hint) from None
    except RuntimeError:
        raise UsageError(f"{what}: no such user.", hint) from None
    except ValueError:
        raise UsageError(f"{what}: it is not UTF-8.", hint) from None
    try:
        value = lossless_json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
        raise UsageError(f"{what}: it is not JSON ({reason}).", "Fix the file.") from None
    if parameter.name == "response_format" and isinstance(value, dict):
        return _as_form(cast("Json", value), path.stem)
    return value


def parse_schema(text: str) -> Any:
    """The response_format for a JSON schema: a file, JSON, or the short form. Raises UsageError with the position."""
    text = text.strip()
    if os.path.isfile(text) or text.endswith(".json"):  # noqa: PTH113 - never fails
        value = _from_file(find_parameter("response_format"), text, subject="The schema")
        check_schema({"response_format": value})
        return value
    if text.startswith("{"):
        try:
            value: Any = lossless_json.loads(text)
        except ValueError as error:
            raise UsageError(f"The schema is not JSON: {error}.", "Without braces it can be 'name, age int'.") from None
    else:
        value = parse_short_schema(text)
    value = _as_form(cast("Json", value)) if isinstance(value, dict) else value
    check_schema({"response_format": value})
    return value


def check_value(parameter: Parameter, value: Any) -> Any:
    """The value to send. Raises UsageError, which names the value and the allowed range."""
    try:
        lossless_json.dumps(value)
    except (TypeError, ValueError):
        # TOML has dates, infinities and nan.
        raise _wrong(parameter, str(value), "a value that JSON can express") from None
    match parameter.kind:
        case "int" | "float":
            return _number(parameter, value)
        case "texts":
            return _texts(parameter, value)
        case "map":
            return _map(parameter, value)
        case "any":
            return _form(parameter, value)
        case "bool":
            fits = isinstance(value, bool)
        case "choice":
            fits = value in parameter.choices
        case "text":
            fits = isinstance(value, str)
        case "budget":
            fits = parse_budget(value) is not None
        case "list":
            return _objects(parameter, value)
    if not fits:
        raise _wrong(parameter, value, allowed_text(parameter))
    return value


def _number(parameter: Parameter, value: Any) -> int | float:
    fits = isinstance(value, int if parameter.kind == "int" else int | float) and not isinstance(value, bool)
    if fits and (low := parameter.low) is not None:
        fits = value > low if parameter.excludes_low else value >= low
    if fits and (high := parameter.high) is not None:
        fits = value <= high
    if not fits:
        raise _wrong(parameter, value, allowed_text(parameter))
    return value


def _texts(parameter: Parameter, value: Any) -> Any:
    values = cast("list[Any]", value) if isinstance(value, list) else [value]
    fits = all(isinstance(item, str) and item for item in values)
    if not fits or (parameter.max_items and len(values) > parameter.max_items):
        raise _wrong(parameter, value, allowed_text(parameter))
    return values


def _objects(parameter: Parameter, value: Any) -> Any:
    items = cast("list[Any]", value) if isinstance(value, list) else [None]
    if not all(isinstance(item, dict) for item in items):
        raise _wrong(parameter, value, allowed_text(parameter))
    return items


def _map(parameter: Parameter, value: Any) -> Any:
    if not isinstance(value, dict):
        raise _wrong(parameter, value, allowed_text(parameter))
    entries = cast("Json", value)
    if parameter.max_items and len(entries) > parameter.max_items:
        raise _wrong(parameter, value, allowed_text(parameter))
    for key, item in entries.items():
        name = f"{parameter.name}.{key}"
        check_value(BY_NAME.get(name) or map_entry(parameter, name), item)
    return entries


def _form(parameter: Parameter, value: Any) -> Any:
    if isinstance(value, dict):
        entries = cast("Json", value)
        if parameter.name != "response_format":
            return entries
        form = _as_form(entries)
        check_schema_kind({parameter.name: form})
        return form
    if parameter.choices and value not in parameter.choices:
        raise _wrong(parameter, value, allowed_text(parameter))
    return {"type": value} if parameter.name == "response_format" else value


def _as_form(value: Json, name: str = "answer") -> Json:
    """Returns the response_format to send, which wraps a bare schema."""
    if value.get("type") in _FORMS or "json_schema" in value:
        return value
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64] or "answer"
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": value}}


def _wrong(parameter: Parameter, value: Any, wanted: str) -> UsageError:
    shown = value if isinstance(value, str) else lossless_json.dumps(value)
    hint = f"For example: {parameter.name}={parameter.example}" if parameter.example else ""
    return UsageError(f"{parameter.name} must be {wanted}, not {shown!s:.80}.", hint)


def format_value(value: Any) -> str:
    """Returns a value as the user would write it after NAME=."""
    if value is None:
        return ""
    return value if isinstance(value, str) else lossless_json.dumps(value)
