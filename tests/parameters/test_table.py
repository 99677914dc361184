from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat import lossless_json
from stepchat.errors import UsageError
from stepchat.parameters.scopes import to_request
from stepchat.parameters.table import BY_NAME, PARAMETERS, Parameter, find_parameter
from stepchat.parameters.values import check_value, parse_setting, parse_value


def accepted(row: Parameter) -> list[str]:
    """Its examples, and the values that its kind and range imply."""
    found = [*row.examples, *row.choices]
    if row.kind == "bool":
        found += ["true", "false"]
    if row.low is not None and not row.excludes_low:
        found.append(f"{row.low:g}")
    if row.high is not None:
        found.append(f"{row.high:g}")
    if row.kind == "texts":
        found.append(json.dumps(["a"] * (row.max_items or 9)))
    return list(dict.fromkeys(found))


def rejected(row: Parameter) -> list[str]:
    """What its row says, and the values just beyond its range or of another kind."""
    by_kind: dict[str, list[str]] = {
        "bool": ["1", "0", "yes", "True", "null", '"true"'],
        "int": ["1.5", "x", "true"],
        "float": ["x", "[1]", "false", "null"],
        "choice": ["nothing of this kind", "1", "null"],
        "texts": ["[1]"],
        "map": ["x", "[]", "1"],
        "list": ["{}", "x", "null", "[1]"],
    }
    found = [*row.refused, *by_kind.get(row.kind, [])]
    step = 1 if row.kind == "int" else 0.01
    if row.low is not None:
        found += [f"{row.low - step:g}", *([f"{row.low:g}"] if row.excludes_low else [])]
    if row.high is not None:
        found.append(f"{row.high + step:g}")
    if row.kind == "choice":
        found += [choice.upper() for choice in row.choices]
    if row.max_items is not None:
        many = {str(n): "x" for n in range(row.max_items + 1)}
        found.append(json.dumps(many if row.kind == "map" else list(many)))
    return list(dict.fromkeys(found))


TAKEN = [(row.name, text) for row in PARAMETERS for text in accepted(row)]
REFUSED = [(row.name, text) for row in PARAMETERS for text in rejected(row)]


def test_every_row_can_be_tried():
    assert len(BY_NAME) == len(PARAMETERS)
    assert all(row.examples for row in PARAMETERS)
    assert {row.name for row in PARAMETERS if row.kind == "any"} <= {name for name, _ in REFUSED}
    assert ("temperature", "2.01") in REFUSED
    assert ("top_p", "0") in REFUSED
    assert ("top_p", "0") not in TAKEN


@pytest.mark.parametrize(("name", "text"), TAKEN)
def test_taken(name, text):
    found, value = parse_setting(f"{name}={text}")
    assert found == name
    # Whatever is taken can be sent.
    assert lossless_json.loads(lossless_json.dumps(to_request([(name, value)]))) == to_request([(name, value)])


@pytest.mark.parametrize(("name", "text"), REFUSED)
def test_refused_with_the_name_and_an_example(name, text):
    with pytest.raises(UsageError) as raised:
        parse_setting(f"{name}={text}")
    assert raised.value.message.startswith(name.partition(".")[0])
    assert " must be " in raised.value.message
    assert "For example: " in raised.value.hint


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda row: row.name)
def test_the_example_of_a_row_is_taken(parameter):
    assert parse_setting(f"{parameter.name}={parameter.example}")[1] is not None
    assert parameter.help.endswith((".", "..."))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("temperature=0.5", 0.5),
        ("temperature = 0.5 ", 0.5),
        ("top_k=40", 40),
        ("stop=END", ["END"]),
        ("stop=a=b", ["a=b"]),
        ('stop="END"', ["END"]),
        ("models=a/b", ["a/b"]),
        ("response_format=json_object", {"type": "json_object"}),
        ("tool_choice=auto", "auto"),
        ("user=5", "5"),
        ('provider.order=["a"]', ["a"]),
        ("provider.sort=price", "price"),
        ("logit_bias.42=-100", -100),
        ("reasoning.other=all_turns", "all_turns"),
        ("temperature=", None),
        ("temperature= ", None),
        ("stop= ", [" "]),
        ("stop=", None),
        ("stop=\n", ["\n"]),
        ('stop= ["a"] ', ["a"]),
        ("user= me", " me"),
    ],
)  # fmt: skip
def test_value_of_a_setting(text, value):
    assert parse_setting(text)[1] == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("temperature", "'temperature' is not NAME=VALUE"),
        ("", "'' is not NAME=VALUE"),
        ("=5", "There is no parameter ''"),
        ("heat=1", "There is no parameter 'heat'"),
        ("messages=[]", "There is no parameter 'messages'"),
        ("stream=false", "There is no parameter 'stream'"),
        ("model=x", "There is no parameter 'model'"),
        ("temperature.high=1", "There is no parameter 'temperature.high'"),
        ("provider.=1", "There is no parameter 'provider.'"),
        ("provider..sort=1", "There is no parameter 'provider..sort'"),
        (".provider=1", "There is no parameter '.provider'"),
        ("logit_bias.42=101", "logit_bias.42 must be a number between -100 and 100"),
    ],
)
def test_what_is_no_setting(text, words):
    with pytest.raises(UsageError) as raised:
        parse_setting(text)
    assert raised.value.message.startswith(words)
    assert raised.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", math.nan),
        ("temperature", math.inf),
        ("temperature", date(2026, 1, 1)),
        ("temperature", Decimal(1)),
        ("seed", date(2026, 1, 1)),
        ("logit_bias", {"1": math.nan}),
        ("provider", {"until": date(2026, 1, 1)}),
        ("provider", {"max_price": {"prompt": math.nan}}),
        ("tools", [math.inf]),
        ("tool_choice", date(2026, 1, 1)),
        ("user", 5),
        ("stop", [["a"]]),
    ],
)
def test_values_of_a_config_file_that_no_request_can_carry(name, value):
    with pytest.raises(UsageError, match=f"^{name}.* must be "):
        parse_value(name, value)


def test_numbers_keep_their_spelling():
    assert lossless_json.dumps(to_request([parse_setting("temperature=0.50")])) == '{"temperature":0.50}'


def test_ranges_are_told():
    for text, words in [
        ("temperature=3", "between 0 and 2"),
        ("top_p=0", "more than 0 and at most 1"),
        ("max_tokens=0", "at least 1"),
        ("top_k=x", "a whole number, at least 0, not x"),
        ('stop=["a","b","c","d","e"]', "at most 4"),
    ]:
        with pytest.raises(UsageError, match=words):
            parse_setting(text)


def test_a_long_wrong_value_is_not_repeated_whole():
    with pytest.raises(UsageError) as raised:
        parse_setting("temperature=" + "x" * 10_000)
    assert len(str(raised.value)) < 300


def test_later_settings_win_and_none_takes_out():
    given = [("temperature", 0.5), ("top_k", 1), ("temperature", 1.0), ("top_k", None), ("seed", None)]
    assert to_request(given) == {"temperature": 1.0}


def test_dotted_names_reach_into_a_map_without_changing_it():
    whole: dict[str, Any] = {"effort": "low", "exclude": True}
    given = [
        ("reasoning", whole),
        ("reasoning.effort", "high"),
        ("reasoning.max_tokens", 5),
        ("reasoning.exclude", None),
    ]
    assert to_request(given) == {"reasoning": {"effort": "high", "max_tokens": 5}}
    assert whole == {"effort": "low", "exclude": True}


def test_a_map_that_lost_everything_is_not_sent():
    assert to_request([("reasoning.effort", "high"), ("reasoning.effort", None)]) == {}
    assert to_request([("reasoning", {"effort": "low"}), ("reasoning", None)]) == {}
    assert to_request([]) == {}


@given(st.sampled_from(PARAMETERS), st.text(max_size=20))
def test_any_text_ends_in_a_request_or_a_usage_error(parameter, text):
    with suppress(UsageError):
        lossless_json.dumps(to_request([parse_setting(f"{parameter.name}={text}")]))


@given(
    st.sampled_from(PARAMETERS),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | st.binary(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    ),
)
def test_any_value_ends_in_a_request_or_a_usage_error(parameter, value):
    with suppress(UsageError):
        lossless_json.dumps(check_value(parameter, value))


def test_flags_and_names_are_all_different():
    assert len({parameter.flag for parameter in PARAMETERS}) == len(PARAMETERS)
    assert BY_NAME["reasoning.max_tokens"].flag == "--reasoning-max-tokens"


def test_a_wrong_name_is_helped():
    with pytest.raises(UsageError) as raised:
        parse_setting("temprature=1")
    assert raised.value.hint == "Did you mean temperature?"


def test_a_schema_alone_becomes_a_format():
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    sent = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
    assert parse_setting(f"response_format={lossless_json.dumps(schema)}")[1] == sent
    assert parse_value("response_format", sent) == sent


def test_a_file_for_a_value(tmp_path):
    schema = {"type": "object"}
    (tmp_path / "my schema.json").write_text(lossless_json.dumps(schema))
    (tmp_path / "tools.json").write_text("[]")
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "bytes.json").write_bytes(b"\xff")
    _, value = parse_setting(f"response_format=@{tmp_path}/my schema.json")
    assert value["json_schema"] == {"name": "my_schema", "strict": True, "schema": schema}
    assert parse_setting(f"tools=@{tmp_path}/tools.json") == ("tools", [])
    assert parse_setting("user=@me") == ("user", "@me")
    with pytest.raises(UsageError, match="cannot be read from ~nobody-of-this-name/x"):
        parse_setting("tools=@~nobody-of-this-name/x")
    for name, words in [("none", "No such file"), ("bad", "not JSON"), ("bytes", "not UTF-8")]:
        with pytest.raises(UsageError, match=words):
            parse_setting(f"response_format=@{tmp_path}/{name}.json")


def test_only_regular_files_of_a_sane_size_and_depth_are_read(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "large").write_text("[" + "1," * 600_000 + "1]")
    (tmp_path / "deep").write_text("[" * 100_000)
    for path, words in (
        (tmp_path / "fifo", "not a regular file"), ("/dev/zero", "not a regular file"), (tmp_path, "s a directory"),
        (tmp_path / "large", "larger than 1,000,000 bytes"), (tmp_path / "deep", "nested too deeply"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=words):
            parse_setting(f"tools=@{path}")


def test_dotted_names_beyond_the_rows_belong_to_their_map():
    assert find_parameter("provider.max_price.prompt").kind == "any"
    assert find_parameter("reasoning.effort") is BY_NAME["reasoning.effort"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("reasoning.effrt=high", "reasoning.effort"),
        ("reasoning.Effort=high", "reasoning.effort"),
        ('reasoning={"enable":true}', "reasoning.enabled"),
        ("provider.alow_fallbacks=true", "provider.allow_fallbacks"),
    ],
)
def test_a_mistyped_name_inside_a_map_is_none_of_its_own(typed, meant):
    with pytest.raises(UsageError) as raised:
        parse_setting(typed)
    assert raised.value.hint == f"Did you mean {meant}?"


@pytest.mark.parametrize("typed", ["provider.preferred_max_latency=3", 'provider={"options":{}}', "reasoning.budget=5"])
def test_what_a_server_may_know_beyond_the_table_is_sent(typed):
    assert parse_setting(typed)[1] is not None


def test_a_new_row_shows_up_everywhere():
    """In a fresh process, because what is made from the table is made when it is imported."""
    script = """
import sys
from dataclasses import replace
from stepchat.parameters import table
row = table.Parameter("warp.factor", "float", "Speed.", 1, 9, examples=("5",))
group = replace(table.GROUPS[0], rows=(*table.GROUPS[0].rows, row))
table.GROUPS = (group, *table.GROUPS[1:])
table.PARAMETERS = (*table.PARAMETERS, row)
table.BY_NAME = {row.name: row for row in table.PARAMETERS}
from stepchat.__main__ import _opens_window
from stepchat.cli.parameters import all_flags
from stepchat.parameters.docs import as_markdown, as_text
from stepchat.parameters.values import parse_setting
assert parse_setting("warp.factor=5") == ("warp.factor", 5)
assert "--warp-factor" in [name for flag in all_flags() for name in flag.opts]
assert _opens_window(["--warp-factor", "5"])
assert "`warp.factor`" in as_markdown() and "warp.factor" in as_text()
"""
    subprocess.run([sys.executable, "-c", script], check=True)
