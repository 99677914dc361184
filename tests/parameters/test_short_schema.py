from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.errors import UsageError
from stepchat.parameters.short_schema import TYPES, parse_short_schema
from stepchat.parameters.values import parse_schema

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)


def written(kind: object) -> str:
    match kind:
        case str():
            return kind
        case ("list", inner):
            return f"[{written(inner)}]"
        case ("null", inner):
            return f"{written(inner)}?"
        case ("enum", words):
            return "|".join(words)
        case dict():
            return "{" + ", ".join(f"{name} {written(inner)}" for name, inner in kind.items()) + "}"
    raise AssertionError(kind)


def meant(kind: object) -> dict:
    match kind:
        case str():
            return TYPES[kind]
        case ("list", inner):
            return {"type": "array", "items": meant(inner)}
        case ("null", inner):
            schema = meant(inner)
            if "type" not in schema:
                return schema
            return {**schema, "type": [schema["type"], "null"]} | (
                {"enum": [*schema["enum"], None]} if "enum" in schema else {}
            )
        case ("enum", words):
            return {"type": "string", "enum": words}
        case dict():
            properties = {name: meant(inner) for name, inner in kind.items()}
            return {
                "type": "object",
                "properties": properties,
                "required": [*properties],
                "additionalProperties": False,
            }
    raise AssertionError(kind)


def may_be_null(inner: st.SearchStrategy) -> st.SearchStrategy:
    return inner | inner.map(lambda kind: ("null", kind))


PLAIN = st.sampled_from([*TYPES]) | st.lists(NAMES, min_size=2, max_size=3, unique=True).map(
    lambda words: ("enum", words)
)
KINDS = st.recursive(
    PLAIN,
    lambda inner: (
        may_be_null(inner).map(lambda kind: ("list", kind))
        | st.dictionaries(NAMES, may_be_null(inner), min_size=1, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(NAMES, may_be_null(KINDS), min_size=1, max_size=4))
def test_what_is_written_is_what_is_meant(fields):
    schema = parse_short_schema(written(fields)[1:-1])
    assert schema == meant(fields)
    jsonschema.validators.validator_for(schema).check_schema(schema)


def parsed(text):
    try:
        return parse_short_schema(text)
    except UsageError as error:
        return error


@given(st.text(st.sampled_from("ab ,:|?[]{}\n$int"), max_size=20))
def test_any_text_is_a_schema_or_an_error_with_its_position(text):
    schema = parsed(text)
    if isinstance(schema, UsageError):
        assert "The schema is wrong at " in schema.message
    else:
        jsonschema.validators.validator_for(schema).check_schema(schema)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "column 1: a field is missing."),
        ("a integre", "column 3: there is no type integre; did you mean integer?"),
        ("a zzz", "column 3: there is no type zzz; types: str, int,"),
        ("a int b", "column 7: a comma is expected, not 'b'."),
        ("a int,\nb {c", "line 2, column 5: } is missing."),
        ("a [int", "column 7: ] is missing."),
        ("a, b, a", "column 7: a occurs twice."),
        ("a $", "column 3: '$' does not belong here."),
        ("a x|", "column 5: a word is expected after |."),
        ("a " + "[" * 11, "column 13: nested more than 10 levels deep."),
    ],
)
def test_an_error_names_its_position(text, words):
    with pytest.raises(UsageError, match="wrong at") as raised:
        parse_short_schema(text)
    assert words in raised.value.message


def test_descriptions_and_lines():
    schema = parse_short_schema("name: the full name, age int: in years\ntags [str]")
    assert schema["properties"]["name"] == {"type": "string", "description": "the full name"}
    assert schema["properties"]["age"] == {"type": "integer", "description": "in years"}
    assert [*schema["properties"]] == ["name", "age", "tags"]


def test_a_schema_comes_from_a_file_from_json_or_from_the_short_form(tmp_path):
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    file = tmp_path / "my schema.json"
    file.write_text(json.dumps(schema))
    assert parse_schema(str(file)) == {
        "type": "json_schema",
        "json_schema": {"name": "my_schema", "strict": True, "schema": schema},
    }
    assert parse_schema(json.dumps(schema))["json_schema"]["schema"] == schema
    assert parse_schema("a int")["json_schema"]["schema"]["properties"] == schema["properties"]
    whole = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert parse_schema(json.dumps(whole)) == whole


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gone.json", "The schema cannot be read from gone.json: No such file"),
        ('{"type": ', "The schema is not JSON: "),
        ('{"type": 5}', r"the schema is wrong at \$\.type"),
        ('{"type": "object", "properties": {"a": {"type": "integre"}}}', r"wrong at \$\.properties\.a\.type"),
    ],
)
def test_a_bad_schema_is_rejected_with_its_place(text, words):
    with pytest.raises(UsageError, match=words):
        parse_schema(text)
