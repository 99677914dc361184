from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.text.widths import grapheme_left
from stepchat.tui.line_editing import (
    KillRing,
    capitalized,
    change_word,
    line_end,
    line_start,
    transposed,
    word_left,
    word_right,
)

TEXTS = st.text(st.sampled_from("ab1_ -.\näé漢👩\u200d\u0301"), max_size=20)


@given(TEXTS, st.data())
def test_positions_stay_in_the_text_and_on_their_side(text, data):
    at = data.draw(st.integers(0, len(text)))
    assert 0 <= word_left(text, at) <= at <= word_right(text, at) <= len(text)
    assert 0 <= line_start(text, at) <= at <= line_end(text, at) <= len(text)
    assert (grapheme_left(text, at) < at) == (at > 0)
    changed, cursor = change_word(text, at, str.upper)
    assert changed[:at] == text[:at]
    assert at <= cursor <= len(changed)
    swapped, cursor = transposed(text, at)
    assert sorted(swapped) == sorted(text)
    assert 0 <= cursor <= len(text)


@pytest.mark.parametrize(
    "text",
    ["one two", "snake_case-word", "  漢字 ok  ", "", "a"],
)
def test_words_are_letters_and_digits(text):
    stops = {word_left(text, at) for at in range(len(text) + 1)} - {0}
    assert stops == {at for at in range(1, len(text)) if text[at].isalnum() and not text[at - 1].isalnum()}
    ends = {word_right(text, at) for at in range(len(text) + 1)} - {len(text)}
    assert ends == {at for at in range(1, len(text)) if text[at - 1].isalnum() and not text[at].isalnum()}


@pytest.mark.parametrize("cluster", ["a", "é", "e\u0301", "👩\u200d👩\u200d👧", "🇩🇪", "👍🏽", "漢", "\n"])
def test_backspace_takes_a_whole_grapheme_cluster(cluster):
    assert grapheme_left(f"x{cluster}", 1 + len(cluster)) == 1


def test_killing_to_the_end_of_the_line_joins_only_from_its_end():
    assert [line_end("ab\ncd", at) for at in range(6)] == [2, 2, 3, 5, 5, 5]
    assert line_end("", 0) == 0


def test_capitalizing_and_exchanging():
    assert capitalized("  hELLO") == "  Hello"
    assert transposed("abc", 1) == ("bac", 2)
    assert transposed("abc", 3) == ("acb", 3)
    assert transposed("a", 1) == ("a", 1)


def test_the_kill_ring():
    ring = KillRing()
    assert ring.newest() == ""
    ring.kill("two", append=False, before=True)
    ring.kill("one ", append=True, before=True)
    ring.kill(" three", append=True, before=False)
    ring.kill("other", append=False, before=False)
    assert ring.newest() == "other"
    assert [ring.previous() for _ in range(3)] == ["one two three", "other", "one two three"]
    for number in range(100):
        ring.kill(str(number), append=False, before=False)
    assert ring.newest() == "99"
