from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.tools.base import ToolError
from stepchat.tools.calculator import calculate

RESULTS = {
    "0.1 + 0.2": "0.3",
    "1/3*3": "1",
    "1/3": "1/3 ≈ 0.333333333333333",
    "2**100": "1267650600228229401496703205376",
    "2**-3": "0.125",
    "-7//2": "-4",
    "7 % 5": "2",
    "3 × 4 ÷ 2 − 1": "5",
    "1_000.5 * 2": "2001",
    "0xff": "255",
    "1.5e3": "1500",
    "sqrt(16/9)": "4/3 ≈ 1.33333333333333",
    "sqrt(2)": "1.4142135623731",
    "cbrt(-27)": "-3",
    "log(8, 2)": "3",
    "log10(1000)": "3",
    "ln(e)": "1",
    "round(2.675, 2)": "2.68",
    "sum([1, 2, 3]) + max(4, 5)": "11",
    "mean(1, 2, 4)": "7/3 ≈ 2.33333333333333",
    "comb(5, 2) + gcd(12, 18) + lcm(4, 6)": "28",
    "(-1)**10**9": "1",
    "sin(0)": "0",
    "factorial(20)": "2432902008176640000",
}

ERRORS = {
    "1/0": "Division by zero",
    "9**9**9": "too large",
    "9**-9**9": "too large",
    "1e99999": "too large or too small",
    "factorial(10**9)": "whole numbers from 0 to 1,000",
    "comb(10**9, 10**8)": "whole numbers",
    "exp(10**6)": "No result",
    "exp(1) ** 5000": "No result",
    "(-8)**(1/3)": "not a real number",
    "2^3": r"\*\* for powers",
    "1 +": "Not an arithmetic expression",
    "": "Not an arithmetic expression",
    "__import__('os').system('true')": "not arithmetic",
    "().__class__": "not arithmetic",
    "[1, 2]": "only allowed as the argument",
    "'a' * 9": "not arithmetic",
    "lambda: 1": "not arithmetic",
    "x + 1": "x is unknown",
    "eval('1')": "not arithmetic",
    "open(1)": "open is not a known function",
    "min()": "does not take 0 arguments",
    "True": "not arithmetic",
    "(" * 400 + "1" + ")" * 400: "Not an arithmetic|nested too deeply",
    "-" * 990 + "1": "nested too deeply",
    "1 +" * 1000 + "1": "too long",
}


@pytest.mark.parametrize("expression", RESULTS)
def test_arithmetic_is_exact_where_numbers_are(expression):
    assert calculate(expression) == RESULTS[expression]


@pytest.mark.parametrize("expression", ERRORS)
def test_everything_else_is_refused_in_words(expression):
    with pytest.raises(ToolError, match=ERRORS[expression]):
        calculate(expression)


@given(st.text("0123456789.+-*/%() sqrtlogfaceidmn,eπ[]_x'\"\0", max_size=60))
def test_any_text_gives_a_result_or_an_error_in_words(expression):
    with suppress(ToolError):
        assert calculate(expression)
