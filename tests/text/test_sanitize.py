import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.text.sanitize import (
    sanitize,
    sanitize_for_clipboard,
    sanitize_for_display,
    sanitize_for_export,
    sanitize_line,
    sanitize_paste,
    sanitize_title,
)


def test_harmless_text_is_returned_as_it_is():
    text = "naïve 中文 ☃ 👩‍👩‍👧 e\u0301 `code` \ufffd"
    assert sanitize(text) is text


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred", "␛[31mred"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("\x9b31m", "\ufffd31m"),
        ("a\x00b\x7f", "a␀b␡"),
        ("a\u202eb\u2066c\u200fd", "a\ufffdb\ufffdc\ufffdd"),
        ("a\u2028b\u2029c\x85d", "a\ufffdb\ufffdc\ufffdd"),
        ("a\ud800b", "a\ufffdb"),
        ("a\U000e0041b", "a\ufffdb"),
        ("soft\u00adhyphen\u200b\ufeff", "softhyphen"),
        ("a\u3164b\u115fc\u1160d\uffa0e", "a\ufffdb\ufffdc\ufffdd\ufffde"),
        ("a\u180eb\u034fc", "abc"),
        ("나\u302e랏\u302f", "나·랏:"),
        ("a\ufdd0b", "a\ufffdb"),
        ("a\tb", "a    b"),
        ("a\r\nb\rc", "a\nbc"),
        ("a\nb", "a\nb"),
    ],
)
def test_hostile_characters_become_visible_or_go(hostile, shown):
    assert sanitize(hostile) == shown


def test_newlines_can_be_flattened():
    assert sanitize("a\nb\r\nc", keep_newlines=False) == "a b c"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("👨‍👩‍👧‍👦 👩🏽‍🚀", "👨👩👧👦 👩🚀"),
        ("🇩🇪 🇫🇷🇮", "DE FRI"),
        ("1\ufe0f\u20e3 ❤\ufe0f ☑\ufe0e 🏳\ufe0f\u200d🌈", "1\u20e3 ❤ ☑ 🏳🌈"),
        ("نمی\u200cخواهم e\u0301 a\u200db", "نمی\u200cخواهم e\u0301 ab"),
        ("a\x1b\nb", "a␛ b"),
    ],
)
def test_emoji_of_several_characters_are_shown_as_their_parts(text, expected):
    assert sanitize_for_display(text) == expected
    assert sanitize_for_display(expected) == expected


@given(st.text(alphabet=st.characters()))
def test_nothing_is_left_that_a_terminal_acts_on(text):
    for character in sanitize(text).replace("\n", ""):
        assert unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.bidirectional(character) not in {
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        }


@given(st.text(alphabet="ab \t\n\x1b\u202e\u200b"), st.integers(0, 20))
def test_cleaning_in_pieces_is_cleaning_at_once(text, at):
    assert sanitize(text[:at]) + sanitize(text[at:]) == sanitize(text)


@given(st.text())
def test_cleaning_twice_changes_nothing(text):
    assert sanitize(sanitize(text)) == sanitize(text)


@given(st.text())
def test_what_is_copied_has_no_control_character_but_tab_and_newline(text):
    text = sanitize_for_clipboard(text)
    assert not [
        character for character in text if unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n"
    ]
    assert sanitize_for_clipboard(text) == text


def test_lines_of_every_kind_are_lines_when_copied():
    assert sanitize_for_clipboard("a\r\nb\rc\td\n") == "a\nb\nc\td\n"


HOSTILE = "a\x1b[2J\u202eb\t\x00\x9b\ud800\u2066\r\nc\u200d"


@pytest.mark.parametrize(
    ("policy", "result"),
    [
        (sanitize_for_export, "a␛[2J\ufffdb\t␀\ufffd\ufffd\ufffd\nc\u200d"),
        (sanitize_paste, "a\u202eb\t\u2066\nc\u200d"),
        (sanitize_title, "a[2Jb c\u200d"),
        (sanitize_line, "a[2Jbc"),
    ],
)
def test_each_destination_has_its_policy(policy, result):
    assert policy(HOSTILE) == result
    assert policy(result) == result


@given(st.text(alphabet=st.characters()))
def test_no_policy_leaves_an_escape_or_half_a_surrogate_pair(text):
    for policy in (sanitize, sanitize_for_display, sanitize_for_export, sanitize_paste, sanitize_title, sanitize_line):
        assert not set("\x1b\x9b\x00\x07\x7f") & set(policy(text))
        policy(text).encode()
