import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepchat.transcript.markdown import formulas
from stepchat.transcript.markdown.inline import (
    CODE,
    EMPHASIS,
    LINK,
    MAX_PIECES,
    PIECE_LENGTH,
    STRONG,
    Display,
    next_piece,
    spans,
)
from tests.transcript.forms import laid_out

TEX = Display(formulas=False)


def found(text, **how):
    return [
        span.text for span in spans(text, {}, display=TEX, **how) if span.marks & EMPHASIS and not span.marks & CODE
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$x_1 * y_2$ and $a*b*c$", ["$x_1 * y_2$", "$a*b*c$"]),
        ("$$\\sum_{i}^{n} a_i$$", ["$$\\sum_{i}^{n} a_i$$"]),
        (r"by \(a_i * b_i\), \[c_1 = \frac{a}{b}\]", [r"\(a_i * b_i\)", r"\[c_1 = \frac{a}{b}\]"]),
        ("$n$, ($k$); $O(n)$-time", ["$n$", "$k$", "$O(n)$"]),
        ("其中$x_1$是数", ["$x_1$"]),
        (r"$\$5$", [r"$\$5$"]),
        ("$a <b>c</b> = d$ &amp; e", ["$a <b>c</b> = d$"]),
        ("$$a\n= b_1\n+ c_1$$", ["$$a = b_1 + c_1$$"]),
    ],
)
def test_formula_is_shown_as_it_was_written(text, expected):
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "$5 and $6",
        "$5–$6 a month",
        "between $5 and 10$ a month",
        "US$5, A$6",
        "$HOME/$USER and $PATH",
        "$ x $",
        "$$",
        "$$$$",
        r"a \[citation needed\] b",
        r"\(\) \[\]",
        r"\$5 x$",
        "`$x_1$`",
        "set $A to `$B`",
        "$" + "x" * formulas.LONGEST_FORMULA + "=$",
    ],
)
def test_money_variables_and_code_are_no_formulas(text):
    assert found(text) == []


def test_marks_around_a_formula_and_links_with_one_hold():
    assert [(span.text, span.marks) for span in spans("**so $x_1$** [a $b$](https://a.b)", {}, display=TEX)] == [
        ("so ", STRONG),
        ("$x_1$", STRONG | EMPHASIS),
        (" ", 0),
        ("a ", LINK),
        ("$b$", LINK | EMPHASIS),
    ]


@pytest.mark.parametrize(
    ("growing", "shown"),
    [
        (r"so \(a*b", [r"\(a*b\)"]),
        (r"so \(a*b" + "\\", [r"\(a*b\)"]),
        ("so $$a_1 *b*", ["$$a_1 *b*$$"]),
        ("so $$a_1$", ["$$a_1$$"]),
        ("so $(a)*(b)$ now", ["$(a)*(b)$"]),
        ("costs $5 *very", ["very"]),
    ],
)
def test_formula_that_still_grows_is_closed(growing, shown):
    assert found(growing, growing=True) == shown


WORDS = ["word ", "$x_1 * y$ ", "\\(a * b\\) ", "costs $5 ", "$$a_1 = *b$$ ", "*so* ", "\\[ a = b \\] ", "x\n", "`$` "]


@given(st.lists(st.sampled_from(WORDS), min_size=200, max_size=500).map("".join))
@settings(max_examples=60, deadline=None)
def test_no_piece_of_a_long_text_ends_within_a_formula(text):
    pieces, at = [], 0
    while piece := next_piece(text, at, len(text), {}):
        at = piece[0]
        pieces += piece[1]
    pieces += spans(text[at:], {})
    whole = spans(text, {})
    assert [(letter, span.marks) for span in pieces for letter in span.text] == [
        (letter, span.marks) for span in whole for letter in span.text
    ]
    assert at > len(text) - (MAX_PIECES + 2) * PIECE_LENGTH


def test_a_formula_of_several_lines_keeps_them():
    source = "So:\n\n$$\\begin{aligned}\na &= 1 \\\\\nb_i &= 2\n\\end{aligned}$$"
    assert laid_out(source).split("\n")[2:] == ["  a = 1", "  bᵢ = 2"]
