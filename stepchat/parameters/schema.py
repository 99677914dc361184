"""Whether an answer has the form that response_format asked for, and where it has not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

from stepchat.errors import UsageError

if TYPE_CHECKING:
    from stepchat.messages import Json

_MOST: Final = 3
_LONGEST: Final = 160


def wants_json(parameters: Json) -> bool:
    """Whether the answer to such a request is to be JSON."""
    return _form(parameters) in {"json_object", "json_schema"}


def _form(parameters: Json) -> Any:
    value: Any = parameters.get("response_format")
    return cast("Json", value).get("type") if isinstance(value, dict) else None


def schema_mismatch(text: str, parameters: Json) -> str:
    """One line that says where the answer is not as was asked; "" when it is, or when nothing was asked."""
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
        fence = "; a code fence stands around it" if text.lstrip().startswith("```") else ""
        return f"The answer is not JSON: {where}{fence}."
    if _form(parameters) == "json_object":
        return "" if isinstance(value, dict) else "The answer is JSON, but not an object."
    schema = schema_of(parameters)
    return "" if schema is None else _mismatch(value, schema)


def schema_of(parameters: Json) -> Any:
    """The JSON schema of a request, None when it has none."""
    form: Any = parameters.get("response_format")
    inner: Any = cast("Json", form).get("json_schema") if isinstance(form, dict) else None
    return cast("Json", inner).get("schema") if isinstance(inner, dict) else None


def _mismatch(value: Any, schema: Any) -> str:
    if not _may_be_schema(schema):
        return "The answer was not checked: its schema is none."
    # Only here: it takes longer to import than stepchat takes to start.
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        validator_class: Any = validator_for(schema)
        validator_class.check_schema(schema)
        # A registry of our own: the usual one would fetch what a schema refers to from the network.
        registry: Any = cast("Any", Registry)()
        errors: list[Any] = list(validator_class(schema, registry=registry).iter_errors(value))
    except SchemaError as error:
        return f"The answer was not checked: {_wrong_schema(error)}"
    except Unresolvable as error:
        return f"The answer was not checked: its schema refers to {error.ref}, which is not in it."
    except RecursionError:
        return "The answer was not checked: it is nested too deeply."
    except Exception as error:  # noqa: BLE001 - the answer is there, and what is wrong is the schema
        return f"The answer was not checked: {_no_schema(error)}"
    if not errors:
        return ""
    errors.sort(key=lambda error: [str(part) for part in error.absolute_path])
    told = "; ".join(f"at {error.json_path} {_short(error.message)}" for error in errors[:_MOST])
    more = f"; and {len(errors) - _MOST} more" if len(errors) > _MOST else ""
    return f"The answer does not fit the schema: {told}{more}."


def check_schema(parameters: Json) -> None:
    """Raises UsageError when the schema of a request is none."""
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
        raise UsageError(f"response_format: {_wrong_schema(error)}", "Mend the schema.") from None
    except Exception as error:  # noqa: BLE001 - the library trips in many ways over what is no schema
        raise UsageError(f"response_format: {_no_schema(error)}", "Mend the schema.") from None


def check_schema_kind(parameters: Json) -> None:
    """The same without the library, which takes long to import: raises UsageError for what cannot be a schema at all."""
    schema = schema_of(parameters)
    if not _may_be_schema(schema):
        kind = _short(json.dumps(schema))
        raise UsageError(
            f"response_format: a schema is an object, or true or false; this is {kind}.", "Mend the schema."
        )


def _may_be_schema(schema: Any) -> bool:
    return schema is None or isinstance(schema, dict | bool)


def _no_schema(error: Exception) -> str:
    return f"the schema cannot be used: {_short(str(error) or type(error).__name__)}."


def _wrong_schema(error: Any) -> str:
    return f"the schema is wrong at {error.json_path}: {_short(error.message)}."


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
