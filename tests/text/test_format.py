from __future__ import annotations

from decimal import Decimal

import pytest

from stepchat.text.format import date, duration, money, short_count, short_model, token_count, token_split


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"), (7, "7"), (999, "999"), (1000, "1k"), (1249, "1.2k"), (9_949, "9.9k"), (9_950, "10k"), (42_400, "42k"),
        (131_072, "131k"), (262_144, "262k"), (999_499, "999k"), (999_500, "1M"), (1_048_576, "1M"), (1_100_000, "1.1M"),
        (12_345_678, "12M"),
    ],
)  # fmt: skip
def test_counts_are_short(number, shown):
    assert short_count(number) == shown
    assert len(shown) <= 4


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "0.0 s"), (0.44, "0.4 s"), (1.9, "1 s"), (12.0, "12 s"), (75, "1 min 15 s"), (3720, "1 h 2 min")],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("cost", "words"),
    [("0", "$0"), ("0.00045", "$0.00045"), ("0.0000123", "$0.000012"), ("0.0501", "$0.050"), ("12.346", "$12.35")],
)
def test_costs_have_two_digits_that_mean_something(cost, words):
    assert money(Decimal(cost)) == words


@pytest.mark.parametrize(
    ("total", "reasoning", "words"),
    [
        (None, 5, ""),
        (1, None, "1 output token"),
        (310, 0, "310 output tokens"),
        (1510, 1200, "1.2k reasoning + 310 output tokens"),
        (100, 200, "200 reasoning + 0 output tokens"),
    ],
)
def test_what_an_answer_is_made_of(total, reasoning, words):
    assert token_split(total, reasoning) == words


def test_the_rest():
    assert (token_count(1), token_count(1234)) == ("1 token", "1,234 tokens")
    assert (short_model("a/b/"), short_model("b")) == ("b", "b")
    assert (date(1e20), date(float("nan"))) == ("-", "-")
