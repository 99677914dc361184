from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.sessions.search.normalize import WORD, Folding, fold
from tests.sessions import samples


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, WORLD", ["hello", "world"]),
        ("Café CAFE\u0301 naïve", ["cafe", "cafe", "naive"]),
        ("Straße ﬁne Ⅷ x²", ["strasse", "fine", "viii", "x2"]),
        ("ΟΔΟΣ οδός", ["οδοσ", "οδοσ"]),
        ("漢字です 학교에서", ["漢", "字", "で", "す", "학", "교", "에", "서"]),
        ("ﾃｽﾄ", ["テ", "ス", "ト"]),
        ("กิน", ["ก", "ิ", "น"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("مُحَمَّد", ["محمد"]),
        ("smile🙂on €5", ["smile", "u1f642", "on", "u20ac", "5"]),
        ("a\0b \ud800c x_y-z", ["a", "b", "c", "x", "y", "z"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert WORD.findall(fold(text)) == words


@given(samples.texts)
def test_a_folded_text_can_be_encoded_and_stays_folded(text: str) -> None:
    folded = fold(text)
    folded.encode()
    assert "\0" not in folded
    assert Folding(text).text == folded


@given(st.text(st.characters(exclude_categories=()), min_size=1, max_size=40), st.integers(0, 3), st.data())
def test_a_word_is_found_where_it_came_from(text: str, times: int, data: st.DataObject) -> None:
    source = "é漢 x" * 400 * times + text
    folding = Folding(source)
    words = list(WORD.finditer(folding.text))
    if not words:
        return
    word = data.draw(st.sampled_from(words))
    start, end = folding.span(*word.span())
    assert 0 <= start < end <= len(source)
    # The part it came from holds the word, and without its ends it no longer does.
    assert word[0] in fold(source[start:end])
    assert word[0] not in fold(source[start + 1 : end])
    assert fold(source[:start]).split() == folding.text[: word.start()].split() or word.start() > 0


def test_marks_belong_to_their_letter() -> None:
    source = "xé" * 2000 + " e\u0301t\u0301\u0302 end"
    folding = Folding(source)
    at = folding.text.index(" et ") + 1
    start, end = folding.span(at, at + 2)
    assert source[start:end] == "e\u0301t\u0301\u0302"
