from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.demo.catalogue import MODELS
from stepchat.demo.scenarios.long_answers import KINDS, passages
from stepchat.demo.steps import Returned, ScenarioRequest, message_text, split_tokens


def an_ask(**options: str) -> ScenarioRequest:
    return ScenarioRequest({"messages": []}, MODELS[0], "", options, 1, 0, Returned())


@given(st.text(st.characters(codec=None)))
def test_tokens_joined_are_the_text(text):
    assert "".join(split_tokens(text)) == text


@given(st.text(alphabet="ab 1.\n\té漢\x1b", max_size=60), st.integers(0, 20))
def test_the_first_tokens_of_a_text_are_its_tokens(text, n):
    tokens = split_tokens(text)[:n]
    assert split_tokens("".join(tokens)) == tokens


def test_tokens_are_about_four_characters():
    text = "The sieve of Eratosthenes counts primes without dividing, and that is why it is so quick.\n"
    assert 3 < len(text) / len(split_tokens(text)) < 6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tokens", [0, 1, 2, 57, 1000])
def test_passages_have_exactly_the_length_asked_for(kind, tokens):
    found = list(passages(KINDS[kind], tokens))
    assert sum(len(split_tokens(passage)) for passage in found) == tokens


def test_long_answers_are_pure():
    def first(kind):
        return "".join(islice(passages(KINDS[kind], 3000), 200))

    assert "\n" not in first("oneline")
    assert all(line.lstrip().startswith("- ") for line in first("list").splitlines())
    assert all(line.startswith("|") for line in first("table").splitlines())
    assert first("fence").startswith("```python\n")
    assert first("fence").count("```") == 1
    assert {"## ", "```", "| ", "- ", "> ", "1. "} <= {
        m for m in ("## ", "```", "| ", "- ", "> ", "1. ") if m in first("mixed")
    }


@pytest.mark.parametrize(("given", "number"), [("2.5", 2.5), ("0", 0), ("-1", 7), ("x", 7), ("nan", 7), ("inf", 7)])
def test_options_that_make_no_sense_are_not_used(given, number):
    assert an_ask(at=given).number("at", 7) == number


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a", "a"),
        (None, ""),
        ([{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}], "a\nb"),
        (["x", 3, {"text": None}], ""),
    ],
)
def test_text_of_a_message(content, text):
    assert message_text(content) == text
