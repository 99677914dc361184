from __future__ import annotations

import pytest

from stepchat.text.format import short_count


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"), (7, "7"), (999, "999"), (1000, "1k"), (1249, "1.2k"), (9_949, "9.9k"), (9_950, "10k"), (42_400, "42k"),
        (131_072, "131k"), (262_144, "262k"), (999_499, "999k"), (999_500, "1M"), (1_048_576, "1M"), (1_100_000, "1.1M"),
        (12_345_678, "12M"),
    ],
)  # fmt: skip
def test_few_characters_that_say_the_most(number, shown):
    assert short_count(number) == shown
    assert len(shown) <= 4
