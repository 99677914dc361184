from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from jsonschema import Draft202012Validator

from stepchat.tools.signature import SignatureError, arguments_of, describe, schema_of


class Unit(enum.Enum):
    CELSIUS = "celsius"
    FAHRENHEIT = "fahrenheit"


@dataclass
class Place:
    city: str
    heights: list[float]
    unit: Unit = Unit.CELSIUS


class Options(TypedDict):
    deep: bool
    depth: NotRequired[int]


@dataclass
class Endless:
    inner: Endless | None


SCHEMAS: list[tuple[Any, Any]] = [
    (str, {"type": "string"}),
    (int, {"type": "integer"}),
    (float, {"type": "number"}),
    (bool, {"type": "boolean"}),
    (Any, {}),
    (str | None, {"type": ["string", "null"]}),
    (list[int], {"type": "array", "items": {"type": "integer"}}),
    (Sequence[str], {"type": "array", "items": {"type": "string"}}),
    (set[str], {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
    (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
    (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
    (Unit, {"type": "string", "enum": ["celsius", "fahrenheit"]}),
    (date, {"type": "string", "format": "date"}),
    (Annotated[int, "how many"], {"type": "integer", "description": "how many"}),
    (int | list[str], {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "string"}}]}),
    (
        tuple[int, str],
        {
            "type": "array",
            "prefixItems": [{"type": "integer"}, {"type": "string"}],
            "minItems": 2,
            "maxItems": 2,
        },
    ),
    (
        Options,
        {
            "type": "object",
            "properties": {"deep": {"type": "boolean"}, "depth": {"type": "integer"}},
            "required": ["deep"],
            "additionalProperties": False,
        },
    ),
]


@pytest.mark.parametrize(("annotation", "schema"), SCHEMAS, ids=str)
def test_an_annotation_becomes_a_schema(annotation, schema):
    assert schema_of(annotation) == schema
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("annotation", [bytes, dict[int, str], Endless, Literal[b"x"], complex], ids=str)
def test_what_has_no_schema_is_refused(annotation):
    with pytest.raises(SignatureError):
        schema_of(annotation)


def weather(place: Place, days: int = 3, *, when: date | None = None, units: set[Unit] = frozenset()) -> str:
    """Forecast the weather.

    Several days at once.

    Args:
        place: Where. Known fields:
            city: is required
        days (int): How many days.

    Returns:
        Words.
    """
    return f"{place} {days} {when} {units}"


def test_a_docstring_describes_the_function_and_its_parameters():
    described = describe(weather)
    assert described.description == "Forecast the weather.\n\nSeveral days at once."
    properties = described.parameters["properties"]
    assert properties["place"]["description"] == "Where. Known fields: city: is required"
    assert properties["days"] == {"type": "integer", "description": "How many days.", "default": 3}
    assert described.parameters["required"] == ["place"]
    assert described.parameters["additionalProperties"] is False


def test_sphinx_docstrings_are_read_too():
    def find(text: str) -> str:
        """Find it.

        :param text: what to find,
            exactly
        :return: lines
        """
        return text

    assert describe(find).description == "Find it."
    assert describe(find).parameters["properties"]["text"]["description"] == "what to find, exactly"


def test_arguments_become_what_the_annotations_name():
    given = {"place": {"city": "Oslo", "heights": [1, 2.5], "unit": "fahrenheit"}, "days": 2.0, "when": "2026-01-31"}
    arguments = arguments_of(weather, {**given, "units": ["celsius"]})
    assert arguments == {
        "place": Place("Oslo", [1.0, 2.5], Unit.FAHRENHEIT),
        "days": 2,
        "when": date(2026, 1, 31),
        "units": {Unit.CELSIUS},
    }
    assert type(arguments["days"]) is int


def test_parameters_that_models_cannot_give_are_refused():
    def positional(first: int, /) -> None: ...
    def many(*items: int) -> None: ...
    def unknown(thing: Nowhere) -> None: ...  # noqa: F821 - does not exist on purpose

    for function, word in ((positional, "by name"), (many, "by name"), (unknown, "cannot be read")):
        with pytest.raises(SignatureError, match=word):
            describe(function)
