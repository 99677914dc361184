from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.errors import UsageError
from stepchat.parameters.extract import NotFoundError, extract, format_extracted, format_path, parse_path

VALUE = {"name": "x", "items": [{"price": 1.5}, {"price": 2}], "a key": {"b": [None, True]}, "": 0}
STEPS = st.text(max_size=6) | st.integers(-99, 99) | st.none()


@given(st.lists(STEPS, max_size=5).map(tuple))
def test_every_path_can_be_written_and_read_back(path):
    assert parse_path(format_path(path)) == path


def parsed(text):
    try:
        return parse_path(text)
    except UsageError as error:
        return error


@given(st.text(st.sampled_from('.[]"a0-\\ $'), max_size=10))
def test_any_text_is_a_path_or_an_error_with_its_position(text):
    path = parsed(text)
    if isinstance(path, UsageError):
        assert "column " in path.message
    else:
        assert parse_path(format_path(path)) == path


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (".name", ["x"]),
        ("name", ["x"]),
        (" .name ", ["x"]),
        (".", [VALUE]),
        (".items[0].price", [1.5]),
        (".items[-1]", [{"price": 2}]),
        (".items[].price", [1.5, 2]),
        ('."a key".b', [[None, True]]),
        (".[]", [*VALUE.values()]),
        ('.""', [0]),
    ],
)
def test_values(path, values):
    assert extract(VALUE, parse_path(path)) == values


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (".b", r"there is no \.b in the object at the top"),
        (".items[5]", r"there is no \[5\] in the list of 2 at \.items"),
        (".items[].cost", r"there is no \.cost in the object at \.items\[0\]"),
        (".name.x", r"there is no \.x in the string at \.name"),
        (".name[]", r"there is no \[\] in the string"),
        ('."a key".b[0].c', r"in the value null at \.\"a key\"\.b\[0\]"),
        (".items[1].price[0]", "in the number"),
    ],
)
def test_what_is_missing_says_where(path, words):
    with pytest.raises(NotFoundError, match=words):
        extract(VALUE, parse_path(path))


@pytest.mark.parametrize(
    ("text", "column"), [("", 1), (".x$", 3), ("x$", 2), (".items[x]", 7), ("..a", 1), (".a..b", 3)]
)
def test_an_error_names_its_column(text, column):
    with pytest.raises(UsageError, match=f"column {column} "):
        parse_path(text)


def test_strings_are_printed_as_they_are_and_anything_else_as_json():
    assert [format_extracted(value) for value in ("a\nb", 1.5, None, [1, "ü"], {})] == [
        "a\nb",
        "1.5",
        "null",
        '[1,"ü"]',
        "{}",
    ]
