"""The JSON schema of a function's arguments, from its signature, annotations and docstring, and the way back: arguments as
the values that the annotations name. Imports only the standard library, because the process of the user's functions uses it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import inspect
import re
import types
import typing
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple, Union, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PLAIN: Final[dict[Any, str]] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
_FORMATS: Final[dict[Any, str]] = {dt.datetime: "date-time", dt.date: "date", dt.time: "time"}
_LISTS: Final = (list, tuple, set, frozenset, Sequence, AbstractSet)
_NO_TYPE: Final = (inspect.Parameter.empty, Any, object)


class SignatureError(ValueError):
    """A signature that cannot be described to a model; the message names the parameter."""


class Described(NamedTuple):
    """The description of a function for the model."""

    description: str
    parameters: dict[str, Any]


def describe(function: Callable[..., Any], *, injected: Sequence[type] = ()) -> Described:
    """The description and the schema of the arguments, except parameters of the `injected` types.

    Raises SignatureError.
    """
    text, about = _read_docstring(inspect.getdoc(function) or "")
    properties: dict[str, Any] = {}
    required: list[str] = []
    open_ended = False
    for parameter, annotation in _parameters(function, injected):
        match parameter.kind:
            case inspect.Parameter.VAR_KEYWORD:
                open_ended = True
                continue
            case inspect.Parameter.VAR_POSITIONAL | inspect.Parameter.POSITIONAL_ONLY:
                raise SignatureError(f"parameter {parameter.name}: models give arguments by name, not by position")
            case _:
                pass
        try:
            schema = schema_of(annotation)
        except SignatureError as error:
            raise SignatureError(f"parameter {parameter.name}: {error}") from None
        if parameter.name in about:
            schema["description"] = about[parameter.name]
        if parameter.default is inspect.Parameter.empty:
            required.append(parameter.name)
        elif (default := _as_json(parameter.default)) is not None:
            schema["default"] = default
        properties[parameter.name] = schema
    parameters: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        parameters["required"] = required
    if not open_ended:
        parameters["additionalProperties"] = False
    return Described(text, parameters)


def arguments_of(
    function: Callable[..., Any], given: Mapping[str, Any], *, injected: Sequence[type] = ()
) -> dict[str, Any]:
    """Convert arguments that fit the schema to the annotated types, such as enums and sets. Raises ValueError."""
    annotations = {parameter.name: annotation for parameter, annotation in _parameters(function, injected)}
    return {name: value_of(value, annotations.get(name, Any)) for name, value in given.items()}


def schema_of(annotation: Any) -> dict[str, Any]:
    """The JSON schema of an annotation. Raises SignatureError."""
    return _schema(annotation, ())


def _parameters(function: Callable[..., Any], injected: Sequence[type]) -> Iterator[tuple[inspect.Parameter, Any]]:
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception as error:  # noqa: BLE001 - an annotation may be any expression
        raise SignatureError(f"an annotation cannot be read: {error}") from None
    for parameter in inspect.signature(function).parameters.values():
        annotation = hints.get(parameter.name, Any)
        if annotation not in injected:
            yield parameter, annotation


def _schema(annotation: Any, above: tuple[Any, ...]) -> dict[str, Any]:
    if annotation in _NO_TYPE:
        return {}
    if annotation in _PLAIN:
        return {"type": _PLAIN[annotation]}
    if annotation in _FORMATS:
        return {"type": "string", "format": _FORMATS[annotation]}
    if annotation is Path:
        return {"type": "string"}
    if isinstance(annotation, typing.NewType):
        return _schema(annotation.__supertype__, above)
    origin, inner = _parts(annotation)
    if origin is Annotated:
        schema = _schema(inner[0], above)
        words = [word for word in inner[1:] if isinstance(word, str)]
        return {**schema, "description": words[0]} if words else schema
    if origin is Literal:
        return _choices([value.value if isinstance(value, enum.Enum) else value for value in inner])
    if origin in {Union, types.UnionType}:
        return _union([_schema(option, above) for option in inner])
    if origin in _LISTS:
        return _list(origin, inner, above)
    if origin in {dict, Mapping}:
        if inner and inner[0] is not str:
            raise SignatureError("the keys of a JSON object are text: use dict[str, ...]")
        return {"type": "object", **({"additionalProperties": _schema(inner[1], above)} if inner else {})}
    if _is_class(annotation):
        return _class(annotation, above)
    raise SignatureError(f"{_name(annotation)} has no JSON schema")


def _list(origin: Any, inner: tuple[Any, ...], above: tuple[Any, ...]) -> dict[str, Any]:
    unique = {"uniqueItems": True} if origin in {set, frozenset, AbstractSet} else {}
    if origin is tuple and inner and inner[-1] is not Ellipsis:
        items = [_schema(item, above) for item in inner]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    items = _schema(inner[0], above) if inner else {}
    return {"type": "array", **({"items": items} if items else {}), **unique}


def _union(options: list[dict[str, Any]]) -> dict[str, Any]:
    options = [option for at, option in enumerate(options) if option not in options[:at]]
    if {} in options:
        return {}
    plain = [option["type"] for option in options if set(option) == {"type"}]
    if len(plain) == len(options):
        return {"type": plain if len(plain) > 1 else plain[0]}
    return {"anyOf": options}


def _class(annotation: Any, above: tuple[Any, ...]) -> dict[str, Any]:
    if issubclass(annotation, enum.Enum):
        return _choices([member.value for member in annotation])
    if annotation in above:
        raise SignatureError(f"{annotation.__name__} contains itself")
    above = (*above, annotation)
    hints = {} if annotation.__module__ == "builtins" else typing.get_type_hints(annotation, include_extras=True)
    if dataclasses.is_dataclass(annotation):
        fields = [field for field in dataclasses.fields(annotation) if field.init]
        missing = dataclasses.MISSING
        required = [row.name for row in fields if row.default is missing and row.default_factory is missing]
        names = [row.name for row in fields]
    elif typing.is_typeddict(annotation):
        names = list(hints)
        # Not from __required_keys__, which is wrong where annotations are not evaluated.
        optional = typing.NotRequired if annotation.__total__ else None
        marks = {name: typing.get_origin(hints[name]) for name in names}
        required = [
            name for name, mark in marks.items() if mark is typing.Required or (optional and mark is not optional)
        ]
    else:
        raise SignatureError(f"{annotation.__name__} has no JSON schema; use a dataclass, an Enum or a plain type")
    properties = {name: _schema(_without_marks(hints[name]), above) for name in names}
    return {
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _without_marks(annotation: Any) -> Any:
    """The annotation inside Required or NotRequired."""
    marked = typing.get_origin(annotation) in {typing.Required, typing.NotRequired}
    return typing.get_args(annotation)[0] if marked else annotation


def _choices(values: list[Any]) -> dict[str, Any]:
    for value in values:
        if _as_json(value) != value or (value is not None and _as_json(value) is None):
            raise SignatureError(f"{value!r} is not a JSON value")
    kinds = list(dict.fromkeys(_PLAIN[type(value)] for value in values if type(value) in _PLAIN))
    return {**({"type": kinds[0]} if len(kinds) == 1 else {}), "enum": values}


def _as_json(value: Any) -> Any:
    """The value as JSON can hold it; None if it cannot."""
    if isinstance(value, enum.Enum):
        return _as_json(value.value)
    if isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list | tuple):
        items = [_as_json(item) for item in cast("Sequence[Any]", value)]
        return None if None in items else items
    return None


def _parts(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """`list` and `(int,)` for `list[int]`."""
    return typing.get_origin(annotation) or annotation, typing.get_args(annotation)


def _is(kind: Any, value: Any) -> bool:
    return isinstance(value, kind)


def _is_time(annotation: Any) -> bool:
    return annotation in _FORMATS


def _is_class(annotation: Any) -> bool:
    return isinstance(annotation, type)


def _name(annotation: Any) -> str:
    return getattr(annotation, "__name__", None) or str(annotation)


# ---- from JSON to values


def value_of(value: Any, annotation: Any) -> Any:
    """Convert a JSON value that fits the schema of the annotation to the annotated type. Raises ValueError."""
    return _named(value, _without_marks(annotation))


def _named(value: Any, annotation: Any) -> Any:
    if isinstance(annotation, typing.NewType):
        return value_of(value, annotation.__supertype__)
    origin, inner = _parts(annotation)
    if origin is Annotated:
        return value_of(value, inner[0])
    if origin in {Union, types.UnionType}:
        return _first_fit(value, inner)
    if origin is Literal:
        return next((one for one in inner if isinstance(one, enum.Enum) and one.value == value), value)
    if _is_time(annotation) and isinstance(value, str):
        return annotation.fromisoformat(value)
    if origin in _LISTS and _is(list, value):
        return _list_value(value, origin, inner)
    if origin in {dict, Mapping} and inner and _is(dict, value):
        return {key: value_of(item, inner[1]) for key, item in value.items()}
    if annotation in {int, float} and isinstance(value, int | float) and not isinstance(value, bool):
        return annotation(value)
    if annotation is Path and isinstance(value, str):
        return Path(value)
    return _class_value(value, annotation) if _is_class(annotation) else value


def _list_value(value: list[Any], origin: Any, inner: tuple[Any, ...]) -> Any:
    if origin is tuple and inner and inner[-1] is not Ellipsis:
        return tuple(value_of(item, kind) for item, kind in zip(value, inner, strict=True))
    items = [value_of(item, inner[0]) for item in value] if inner else value
    abstract: dict[Any, Any] = {AbstractSet: set, Sequence: list}
    kind: Any = abstract.get(origin, origin)
    return kind(items)


def _class_value(value: Any, annotation: Any) -> Any:
    if issubclass(annotation, enum.Enum):
        return annotation(value)
    is_made_of_fields = dataclasses.is_dataclass(annotation) or typing.is_typeddict(annotation)
    if is_made_of_fields and _is(dict, value):
        hints = typing.get_type_hints(annotation, include_extras=True)
        make: Any = annotation
        return make(**{name: value_of(item, hints.get(name, Any)) for name, item in value.items()})
    return value


def _first_fit(value: Any, options: Sequence[Any]) -> Any:
    for option in options:
        if _fits(value, option):
            return value_of(value, option)
    return value


def _fits(value: Any, annotation: Any) -> bool:
    """Whether a JSON value has the shape of an annotation; the schema has been checked already."""
    origin, inner = _parts(annotation)
    if origin is Annotated:
        return _fits(value, inner[0])
    if origin is Literal:
        return value in [one.value if isinstance(one, enum.Enum) else one for one in inner]
    if _is_class(annotation) and issubclass(annotation, enum.Enum):
        return value in [member.value for member in annotation]
    if isinstance(value, dict):
        if typing.is_typeddict(annotation) or dataclasses.is_dataclass(annotation):
            return set(cast("dict[str, Any]", value)) <= set(typing.get_type_hints(annotation))
        return origin in {dict, Mapping}
    if isinstance(value, list):
        return origin in _LISTS
    if annotation is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if annotation in _PLAIN:
        return type(value) is annotation
    return annotation in _NO_TYPE or (isinstance(value, str) and (annotation in _FORMATS or annotation is Path))


# ---- docstrings

_ARGUMENTS: Final = re.compile(r"^(?:Args|Arguments|Parameters):\s*$")
_SECTION: Final = re.compile(r"^(?:Returns|Raises|Yields|Examples?|Notes?):\s*$")
_GOOGLE: Final = re.compile(r"^\s+\*{0,2}(\w+)(?:\s*\([^)]*\))?:\s*(.*)$")
_SPHINX: Final = re.compile(r"^\s*:param(?:\s+[\w.\[\]]+)??\s+(\w+):\s*(.*)$")


def _read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """The description, and that of each parameter, from an `Args:` section or `:param name:`."""
    about: dict[str, str] = {}
    words: list[str] = []
    name, in_arguments, in_section = "", False, False
    indent = None
    for line in text.splitlines():
        inner = len(line) - len(line.lstrip())
        if _ARGUMENTS.match(line) or _SECTION.match(line):
            in_arguments, in_section, name = bool(_ARGUMENTS.match(line)), not _ARGUMENTS.match(line), ""
            indent = None
        # A line that is indented further belongs to the parameter above, even if it begins with a word and a colon.
        elif found := _SPHINX.match(line) or (in_arguments and indent in {None, inner} and _GOOGLE.match(line)) or None:
            indent = inner if in_arguments else None
            name = found[1]
            about[name] = found[2]
        elif (in_arguments or name) and line[:1].isspace() and name:
            about[name] = f"{about[name]} {line.strip()}".strip()
        elif not line.strip().startswith(":") and not in_section:
            in_arguments = in_arguments and not line.strip()
            name = ""
            words.append(line)
    return "\n".join(words).strip(), {name: said for name, said in about.items() if said}
