"""Checks an answer against the format or JSON schema of response_format."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

from stepchat.errors import UsageError

if TYPE_CHECKING:
    from stepchat.messages import Json

_MAX_ERRORS: Final = 3
_MAX_LENGTH: Final = 160


def wants_json(parameters: Json) -> bool:
    """Whether a request with these parameters asks for JSON."""
    return _format_type(parameters) in {"json_object", "json_schema"}


def _format_type(parameters: Json) -> Any:
    value: Any = parameters.get("response_format")
    return cast("Json", value).get("type") if isinstance(value, dict) else None


def schema_mismatch(text: str, parameters: Json) -> str:
    """One line that says where the answer violates the format; "" if it does not, or if none was requested."""
    if not wants_json(parameters):
        return ""
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError):
            what = f"{error.msg[:1].lower()}{error.msg[1:]}"
            where = f"line {error.lineno}, column {error.colno}: {what}"
        else:
            where = "it is nested too deeply, or a number is too long"
        fence = "; it is inside a code fence" if text.lstrip().startswith("```") else ""
        return f"The answer is not JSON: {where}{fence}."
    if _format_type(parameters) == "json_object":
        return "" if isinstance(value, dict) else "The answer is JSON, but not an object."
    schema = schema_of(parameters)
    return "" if schema is None else _mismatch(value, schema)


def correction_prompt(mismatch: str) -> str:
    """The question that sends a violation back to the model."""
    return f"{mismatch} Answer again with the corrected JSON only, without any other text."


def schema_of(parameters: Json) -> Any:
    """The JSON schema of a request; None if it has none."""
    form: Any = parameters.get("response_format")
    inner: Any = cast("Json", form).get("json_schema") if isinstance(form, dict) else None
    return cast("Json", inner).get("schema") if isinstance(inner, dict) else None


def _mismatch(value: Any, schema: Any) -> str:
    if not _may_be_schema(schema):
        return "The answer was not checked: its schema is invalid."
    # Imported late: it takes longer than the start of stepchat.
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        validator_class: Any = validator_for(schema)
        validator_class.check_schema(schema)
        # An empty registry: the default one would fetch references from the network.
        registry: Any = cast("Any", Registry)()
        errors: list[Any] = list(validator_class(schema, registry=registry).iter_errors(value))
    except SchemaError as error:
        return f"The answer was not checked: {_wrong_schema(error)}"
    except Unresolvable as error:
        return f"The answer was not checked: its schema refers to {error.ref}, which it does not contain."
    except RecursionError:
        return "The answer was not checked: it is nested too deeply."
    except Exception as error:  # noqa: BLE001 - the answer exists, only its schema is faulty
        return f"The answer was not checked: {_unusable_schema(error)}"
    if not errors:
        return ""
    errors.sort(key=lambda error: [str(part) for part in error.absolute_path])
    problems = "; ".join(f"at {error.json_path} {_short(error.message)}" for error in errors[:_MAX_ERRORS])
    more = f"; and {len(errors) - _MAX_ERRORS} more" if len(errors) > _MAX_ERRORS else ""
    return f"The answer violates the schema: {problems}{more}."


def check_schema(parameters: Json) -> None:
    """Raises UsageError if the schema of a request is invalid."""
    schema = schema_of(parameters)
    if schema is None:
        return
    check_schema_kind(parameters)
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    try:
        validator: Any = validator_for(schema)
        validator.check_schema(schema)
    except SchemaError as error:
        raise UsageError(f"response_format: {_wrong_schema(error)}", "Fix the schema.") from None
    except Exception as error:  # noqa: BLE001 - the library fails in many ways on what is not a schema
        raise UsageError(f"response_format: {_unusable_schema(error)}", "Fix the schema.") from None


def check_schema_kind(parameters: Json) -> None:
    """Like check_schema, without importing the library: raises UsageError for what cannot be a schema at all."""
    schema = schema_of(parameters)
    if not _may_be_schema(schema):
        kind = _short(json.dumps(schema))
        raise UsageError(
            f"response_format: a schema is an object, or true or false; this is {kind}.", "Fix the schema."
        )


def _may_be_schema(schema: Any) -> bool:
    return schema is None or isinstance(schema, dict | bool)


def _unusable_schema(error: Exception) -> str:
    return f"the schema cannot be used: {_short(str(error) or type(error).__name__)}."


def _wrong_schema(error: Any) -> str:
    return f"the schema is wrong at {error.json_path}: {_short(error.message)}."


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 1]}…"
