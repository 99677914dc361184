from __future__ import annotations

import pytest

from stepchat.errors import StepchatError


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("x is not a valid ID", "x is not a valid ID. Ask again."),
        ("It broke.", "It broke. Ask again."),
        ("It broke (again)", "It broke (again). Ask again."),
        ('It said "no."', 'It said "no." Ask again.'),
        ("Really?\n", "Really? Ask again."),
        ("Wait \u2026", "Wait \u2026 Ask again."),
    ],
)
def test_what_a_server_said_ends_before_our_words_begin(said, shown):
    assert str(StepchatError(said, "Ask again.")) == shown
    assert str(StepchatError(said)) == said
