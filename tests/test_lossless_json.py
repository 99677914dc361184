from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat import lossless_json
from stepchat.lossless_json import Number

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=20,
)
FRACTIONS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30}([eE][+-]?[0-9]{1,4})?|[eE][+-]?[0-9]{1,4})", fullmatch=True
)
INTEGERS = st.from_regex(r"0|-?[1-9][0-9]{0,400}", fullmatch=True)


@pytest.mark.parametrize(
    "text",
    [
        "1.10",
        "1.0",
        "1E+2",
        "1e2",
        "0.1e-07",
        "-0.0",
        "0E0",
        "1e400",
        "-1e-400",
        "3.14159265358979323846264338327950288",
        "12345678901234567890",
        "1" * 4300,
        "-" + "9" * 4300,
        '""',
        '"\\u0000"',
        '"\\ud800"',
        '"a\\udfffb"',
        '"\\ud83d"',
        "null",
        "true",
        "false",
        "[]",
        "{}",
        "[[],{},[{}]]",
        '{"":""}',
        '{"b":1,"a":2,"":3,"B":4}',
        '{"index":0,"text":"\\n","signature":null,"new":[1.50,{"x":-1}]}',
    ],
    ids=lambda text: text[:20],
)
def test_same_text_back(text):
    assert lossless_json.dumps(lossless_json.loads(text)) == text


INTEGER_SPELLINGS = ["-0", '{"index":-0}', "1" * 4301, "[-" + "9" * 100_000 + "]"]


@pytest.mark.parametrize("text", INTEGER_SPELLINGS, ids=lambda text: text[:20])
def test_every_integer_comes_back_as_spelled(text):
    assert lossless_json.dumps(lossless_json.loads(text)) == text


@given(FRACTIONS | INTEGERS)
def test_numbers_keep_their_spelling(literal):
    assert lossless_json.dumps(lossless_json.loads(literal)) == literal
    assert lossless_json.dumps_for_storage(lossless_json.loads(f"[{literal}]")) == f"[{literal}]"


@given(VALUES)
def test_any_value_survives_both_ways(value):
    for text in (
        lossless_json.dumps(value),
        lossless_json.dumps(value, ascii_only=False),
        lossless_json.dumps_for_storage(value),
    ):
        assert lossless_json.loads(text) == value
        assert json.loads(text) == value


@given(VALUES)
def test_writes_what_json_writes(value):
    assert lossless_json.dumps(value) == json.dumps(value, separators=(",", ":"))
    assert lossless_json.dumps(value, ascii_only=False) == json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@given(VALUES)
def test_what_is_stored_can_be_encoded(value):
    assert lossless_json.loads(lossless_json.dumps_for_storage(value).encode().decode()) == value
    lossless_json.dumps(value).encode("ascii")


@given(st.permutations(["b", "a", "index", "text", "z", "Ä", ""]))
def test_keys_keep_their_order(keys):
    text = lossless_json.dumps(dict.fromkeys(keys, 0))
    assert list(lossless_json.loads(text)) == keys
    assert lossless_json.dumps(lossless_json.loads(text)) == text


def test_stored_is_readable_where_it_can_be():
    assert lossless_json.dumps_for_storage({"text": "Grüße 👋"}) == '{"text":"Grüße 👋"}'
    assert lossless_json.dumps_for_storage({"text": "ü\ud800"}) == '{"text":"\\u00fc\\ud800"}'


def test_a_number_is_a_float_that_remembers():
    number = lossless_json.loads("1.10")
    assert number == 1.1
    assert number.literal == "1.10"
    copy = pickle.loads(pickle.dumps(number))
    assert (type(copy), copy.literal) == (Number, "1.10")
    assert lossless_json.dumps((number, 0.5, 1)) == "[1.10,0.5,1]"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "[1,]",
        "{'a':1}",
        "NaN",
        "Infinity",
        "-Infinity",
        "[NaN]",
        "01",
        "1.",
        ".5",
        "+1",
        "nul",
        "1 2",
        '"\n"',
        '"\\x"',
        '{"a"}',
        "\ufeff{}",
        "[DONE]",
        "\0",
    ],
)
def test_what_is_not_json_is_refused(text):
    with pytest.raises(ValueError):
        lossless_json.loads(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), [float("nan")]])
def test_what_json_cannot_say_is_refused(value):
    with pytest.raises(ValueError):
        lossless_json.dumps(value)


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes"])
def test_what_is_no_json_value_is_refused(value):
    with pytest.raises(TypeError):
        lossless_json.dumps(value)


@pytest.mark.parametrize("depth", [1, 20, 90])
def test_ordinary_depth(depth):
    text = '{"a":[' * depth + "]}" * depth
    assert lossless_json.dumps(lossless_json.loads(text)) == text


TOO_DEEP = ["[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 100_000]


@pytest.mark.parametrize("text", TOO_DEEP, ids=["open", "closed", "objects"])
def test_too_deep_is_a_value_error(text):
    with pytest.raises(ValueError):
        lossless_json.loads(text)


def written_below(frames: int, value: object) -> str:
    return lossless_json.dumps(value) if frames == 0 else written_below(frames - 1, value)


@pytest.mark.parametrize("depth", [100, 300, 900])
def test_what_was_read_can_be_written_in_a_deeper_place_or_is_refused(depth):
    text = "[" * depth + "]" * depth
    try:
        written = written_below(400, lossless_json.loads(text))
    except ValueError:
        assert depth > 200
    else:
        assert written == text
