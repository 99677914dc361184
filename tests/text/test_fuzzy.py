from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.text.fuzzy import match, words_of


def best(typed: str, *texts: str) -> str:
    found = {text: match(words_of(typed), text) for text in texts}
    return max((text for text in texts if found[text]), key=lambda text: found[text].score)


@pytest.mark.parametrize(
    ("typed", "wanted", "other"),
    [
        ("flash", "stepfun/step-3.5-flash", "some/reflashed-model"),
        ("step", "stepfun/step-3.5-flash", "z/footstep"),
        ("step flash", "stepfun/step-3.5-flash", "stepfun/step-3.5-flash-with-much-more-behind-it"),
        ("s35f", "stepfun/step-3.5-flash", "somebody/has35-of"),
        ("gpt", "openai/gpt-5.2", "a/gold-plated-turtle"),
        ("dpsk", "deepseek/deepseek-v3.2", "z/dapper-turtle"),
        ("FLASH Step", "stepfun/step-3.5-flash", "stepfun/step-flush-a-sh"),
    ],
)
def test_what_fits_better_comes_first(typed, wanted, other):
    assert best(typed, other, wanted) == wanted
    assert best(typed, wanted, other) == wanted


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("xyz", "stepfun/step"),
        ("pets", "step"),
        ("step gpt", "stepfun/step"),
        ("step", "borealis/tango-8.6-pro"),
        ("tango", "stepfun/a-n-g-o"),
    ],
)
def test_every_word_must_be_found(typed, text):
    assert match(words_of(typed), text) is None


def test_positions_are_those_of_the_matched_letters():
    text = "StepFun/Step-3.5-Flash"
    assert match(words_of("flash"), text).positions == tuple(range(17, 22))
    scattered = match(words_of("sf3"), text)
    assert [text[place].lower() for place in scattered.positions] == ["s", "f", "3"]


@given(st.text(max_size=12), st.text(max_size=40))
def test_any_text_matches_itself_with_positions_inside(typed, around):
    text = around + typed + around
    found = match(words_of(typed), text)
    if typed.casefold() == typed.lower() and len(text.lower()) == len(text.casefold()) == len(text):
        assert found is not None
    assert found is None or all(0 <= place < len(text) for place in found.positions)
