from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.parameters.budget import ThinkingBudget, parse_budget
from stepchat.parameters.scopes import Scopes


@pytest.mark.parametrize(
    ("written", "budget"),
    [
        ("20s", ThinkingBudget(seconds=20)),
        ("1.5 min", ThinkingBudget(seconds=90)),
        ("2000", ThinkingBudget(tokens=2000)),
        (2000, ThinkingBudget(tokens=2000)),
        ("800 Tokens", ThinkingBudget(tokens=800)),
        *((wrong, None) for wrong in ("", "0", "0s", "-1", "1.5", "2h", "fast", True, 1.5, None, "9" * 30, "20s 5")),
    ],
)
def test_what_is_a_budget(written, budget):
    assert parse_budget(written) == budget


@given(st.text())
def test_any_text_is_a_budget_or_none(text):
    found = parse_budget(text)
    assert found is None or parse_budget(str(found).replace(",", "")) == found


def test_it_is_never_sent_and_the_strongest_scope_decides():
    scopes = Scopes(config=(("think_at_most", "1min"), ("temperature", 1)), session=(("think_at_most", "20s"),))
    assert scopes.request() == {"temperature": 1}
    assert scopes.resolve("think_at_most").value == "20s"
