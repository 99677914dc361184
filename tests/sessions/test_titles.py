from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from rich.cells import cell_len

from stepchat.sessions.titles import clean_title, title_from
from tests.sessions import samples


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("Why is the sky blue?", "Why is the sky blue?"),
        ("\n\n   Second line\nthird", "Second line"),
        ("# Plan **now**", "Plan now"),
        ("> - [ ] *really* _two words_ `code` ~~gone~~", "really two words code gone"),
        ("see [the docs](https://example.org/x) and ![a cat](cat.png)", "see the docs and a cat"),
        ("1. first\n2. second", "first"),
        ("what is 2*3*4 in __init__ of snake_case_name?", "what is 2*3*4 in __init__ of snake_case_name?"),
        ("```python\nx = 1\n```\nWhy does it fail?", "Why does it fail?"),
        ("```\nonly code\n```", "only code"),
        ("---\n***\nreal", "real"),
        ("???", "???"),
        ("🙂", "🙂"),
        ("", ""),
        (" \n\t ", ""),
        ("tab\there\u2028next", "tab here"),
        ("\x1b[31mred\x1b[0m \x1b]0;evil\x07text\x9b2J", "red text"),
        ("\u202eevil\u202c \u2066bidi\u2069 \ufeffmark", "evil bidi mark"),
        ("\ud800half\udfff", "half"),
        ("[bold]markup[/bold]", "[bold]markup[/bold]"),
        ("👩‍👩‍👧 family", "👩‍👩‍👧 family"),
        ("Fix this:\n```\nx\n```", "Fix this"),
        ("https://www.example.org/a/b/c/d/e/page?query=1#x\nWhat does it say?", "What does it say?"),
        ("https://www.example.org/a/b/c/d/e/page?query=1#x", "example.org/…/page"),
        ("Read https://me:secret@example.org/a/b/c/d/e/page please", "Read example.org/…/page please"),
        ("Read https://example.org/x please", "Read https://example.org/x please"),
        ("explain /home/somebody/projects/deep/down/main.py", "explain …/main.py"),
        ("token " + "Ab1" * 40, "token " + ("Ab1" * 40)[:29] + "…"),
        (
            "First things first, here. Then a great many other words follow.",
            "First things first, here. Then a great many other words…",
        ),
        (
            "This first sentence is long enough to be. Then many more words follow it.",
            "This first sentence is long enough to be.",
        ),
        (
            "日本語の長い質問文がここにあります。これは六十セルを超えるはずなので切られます。",
            "日本語の長い質問文がここにあります。",
        ),
    ],
)
def test_title(question: str, title: str) -> None:
    assert title_from(question) == title


def test_a_long_title_is_cut_at_a_word() -> None:
    title = title_from("word " * 30)
    assert title == "word " * 11 + "word…"
    assert cell_len(title) <= 60


def test_a_long_word_is_cut_anyway() -> None:
    assert title_from("a" * 200) == "a" * 29 + "…"
    assert title_from("ä" * 200) == "ä" * 59 + "…"


def test_wide_characters_count_twice() -> None:
    title = title_from("漢字" * 50)
    assert title == ("漢字" * 15)[:29] + "…"


def test_a_pile_of_marks_is_no_title() -> None:
    assert len(title_from("e" + "\u0301" * 50_000)) < 300


def test_marks_stay_with_their_letter() -> None:
    title = title_from("e\u0301" * 100)
    assert title == "e\u0301" * 59 + "…"


def test_a_typed_title_may_be_longer_and_keeps_its_stars() -> None:
    assert clean_title("  **a**\nb\x1b[2J " + "c" * 80) == "**a** b " + "c" * 80


@given(samples.texts)
def test_titles_are_one_printable_line(text: str) -> None:
    for title in (title_from(text), clean_title(text)):
        title.encode()
        assert cell_len(title) <= 200
        assert title == title.strip()
        assert all(unicodedata.category(c)[0] != "C" or c in "\u200c\u200d" for c in title)
        assert not any(unicodedata.category(c) in ("Zl", "Zp") for c in title)
