from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.chat.drafts import strip_paste_marks
from stepchat.text.sanitize import sanitize_paste
from stepchat.tui.composer.paste import Pastes


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("a\r\nb\rc\nd\te", "a\nb\nc\nd\te"),
        ("\x1b[31mred\x1b[0m\x07\x00\x7f\x9b", "red"),
        ("\x1b]0;title\x07a \x1b]8;;https://a.b\x1b\\link\x1b[38;2;1;2;3m \x1b[", "a link ["),
        ("a\u2028b\u0085c\x0bd", "a\nb\nc\nd"),
        ("\ud800x", "x"),
        ("漢字 👩‍💻 é עִבְרִית", "漢字 👩‍💻 é עִבְרִית"),
        ("", ""),
    ],
)
def test_cleaning(raw, clean):
    assert sanitize_paste(raw) == clean


@pytest.mark.parametrize("around", ["{}", "before\n{}\nafter", "{}\nafter", "before {}"])
def test_what_comes_back_unfolded_is_folded_again(around):
    pastes = Pastes()
    pasted = "\n".join(map(str, range(60_000))) + "\n"
    placeholder = pastes.fold(pasted)
    sent = around.format(pasted).rstrip()
    folded = pastes.fold_known(sent)
    assert folded == around.format(placeholder)
    assert pastes.expand(folded).rstrip() == sent


def test_what_nobody_has_typed_is_folded_when_it_comes_from_elsewhere():
    pastes = Pastes()
    text = "\n".join(map(str, range(60_000)))
    assert pastes.expand(pastes.fold_known(text)) == text
    assert pastes.fold_known(text) == "[pasted 60,000 lines]"
    assert pastes.fold_known(text[:3000]) == text[:3000]


@given(st.text())
def test_cleaning_twice_changes_nothing_and_leaves_one_kind_of_line_break(text):
    clean = sanitize_paste(text)
    assert sanitize_paste(clean) == clean
    assert clean.splitlines() == clean.removesuffix("\n").split("\n") or clean == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x" * 2000, "x" * 2000),
        ("x" * 2001, "[pasted 2,001 characters]"),
        ("l\n" * 20, "l\n" * 20),
        ("l\n" * 20 + "l", "[pasted 21 lines]"),
        ("l\n" * 120, "[pasted 120 lines]"),
    ],
)
def test_what_is_folded(text, shown):
    pastes = Pastes()
    assert pastes.fold(text) == shown
    assert pastes.expand(f"a {shown} b") == f"a {text} b"


def test_pastes_of_one_size_are_told_apart_and_the_same_paste_is_not_kept_twice():
    pastes = Pastes()
    first, second = "a\n" * 30, "b\n" * 30
    assert pastes.fold(first) == pastes.fold(first) == "[pasted 30 lines]"
    assert pastes.fold(second) == "[pasted 30 lines, 2]"
    assert pastes.expand("[pasted 30 lines, 2][pasted 30 lines]") == second + first


def test_a_paste_that_speaks_of_placeholders_is_not_unfolded_again():
    pastes = Pastes()
    inner, outer = "a\n" * 30, "[pasted 30 lines]\n" * 40
    pastes.fold(inner)
    assert pastes.expand(pastes.fold(outer)) == outer


def test_where_placeholders_stand():
    pastes = Pastes()
    assert pastes.spans("[pasted 30 lines]") == []
    pastes.fold("a\n" * 30)
    assert pastes.spans("x [pasted 30 lines] [pasted 31 lines]") == [(2, 19)]


def test_a_kept_text_folds_its_pastes_again_in_another_prompt():
    pastes, others = Pastes(), Pastes()
    long = "\n".join("row" for _ in range(30))
    shown = f"see {pastes.fold(long)} and {pastes.fold(long + '!')}"
    kept = pastes.mark(shown)
    assert strip_paste_marks(kept) == f"see {long} and {long}!"
    assert others.fold_marked(kept) == shown
    assert others.expand(others.fold_marked(kept)) == pastes.expand(shown)
    assert others.fold_marked("no \x02mark") == "no \x02mark"
    assert others.mark("plain") == "plain"
