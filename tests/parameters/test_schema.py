from __future__ import annotations

from typing import Any

import pytest

from stepchat.errors import UsageError
from stepchat.parameters.schema import check_schema, schema_mismatch, wants_json
from stepchat.parameters.values import parse_setting, parse_value

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"primes": {"type": "array", "items": {"type": "integer"}}, "name": {"type": "string"}},
    "required": ["primes"],
}


def asking(schema: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}}


OBJECT = {"response_format": {"type": "json_object"}}


@pytest.mark.parametrize("parameters", [{}, {"response_format": None}, {"response_format": {"type": "text"}}])
def test_nothing_asked_nothing_wrong(parameters):
    assert not wants_json(parameters)
    assert schema_mismatch("no JSON", parameters) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1}', ""),
        (' {"a": 1}\n', ""),
        ("[1]", "The answer is JSON, but not an object."),
        ('{"a": 1', "The answer is not JSON: line 1, column 8: expecting ',' delimiter."),
        ('{\n "a": x}', "The answer is not JSON: line 2, column 7: expecting value."),
        (
            '```json\n{"a": 1}\n```',
            "The answer is not JSON: line 1, column 1: expecting value; it is inside a code fence",
        ),
        ("", "The answer is not JSON: line 1, column 1: expecting value."),
        ("[" * 100_000, "The answer is not JSON: it is nested too deeply"),
    ],
)
def test_an_object(text, words):
    assert schema_mismatch(text, OBJECT).startswith(words) if words else schema_mismatch(text, OBJECT) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"primes": [2, 3]}', ""),
        ('{"primes": [2, "x"]}', "The answer violates the schema: at $.primes[1] 'x' is not of type 'integer'."),
        ("{}", "The answer violates the schema: at $ 'primes' is a required property."),
        ('{"primes": ["a", "b", "c", "d"]}', "at $.primes[2] 'c' is not of type 'integer'; and 1 more."),
        ("5", "at $ 5 is not of type 'object'."),
        ("{", "The answer is not JSON"),
    ],
)
def test_a_schema(text, words):
    found = schema_mismatch(text, asking(SCHEMA))
    assert words in found if words else found == ""


def test_a_long_wrong_value_is_not_repeated_whole():
    assert len(schema_mismatch('"' + "x" * 10_000 + '"', asking(SCHEMA))) < 400


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "strange"}, "was not checked: the schema is wrong at $.type"),
        (
            {"$ref": "http://127.0.0.1:9/schema.json"},
            "refers to http://127.0.0.1:9/schema.json, which it does not contain",
        ),
        ({"$ref": "#/$defs/none"}, "was not checked"),
        (5, "was not checked: its schema is invalid"),
        ([], "was not checked: its schema is invalid"),
        ({"$schema": []}, "was not checked: the schema cannot be used"),
    ],
)
def test_a_schema_that_is_none_is_told_and_nothing_is_fetched(schema, words):
    assert words in schema_mismatch("{}", asking(schema))


def test_a_wrong_schema_is_refused_when_it_is_set():
    with pytest.raises(UsageError, match=r"the schema is wrong at \$.properties.a.type"):
        parse_setting('response_format={"type":"object","properties":{"a":{"type":"strange"}}}')
    check_schema(asking(SCHEMA))


@pytest.mark.parametrize("schema", ["5", "[]", '"x"', '{"$schema": []}'])
def test_what_cannot_be_a_schema_is_refused_when_it_is_set(schema):
    with pytest.raises(UsageError, match="schema"):
        parse_setting(f'response_format={{"type":"json_schema","json_schema":{{"schema":{schema}}}}}')


@pytest.mark.parametrize("schema", [5, [], "x"])
def test_what_cannot_be_a_schema_is_refused_in_a_config_file(schema):
    with pytest.raises(UsageError, match="a schema is an object"):
        parse_value("response_format", asking(schema)["response_format"])


def test_true_and_false_are_schemas():
    check_schema(asking(True))
    assert schema_mismatch("{}", asking(True)) == ""
    assert "violates the schema" in schema_mismatch("{}", asking(False))
