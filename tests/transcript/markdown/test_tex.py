import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.transcript.markdown.inline import Display
from stepchat.transcript.markdown.tex import readable
from tests.transcript.chat import answered, everything, page


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (r"$x^2+y_{ij}$", "x²+yᵢⱼ"),
        (r"$\frac{a+b}{c}$", "(a+b)/c"),
        (r"$\tfrac{1}{2}mv^2$", "(1/2)mv²"),
        (r"$\frac{\partial f}{\partial x}$", "∂f/∂x"),
        (r"$x = \frac{-b \pm \sqrt{b^2-4ac}}{2a}$", "x = (-b ± √(b²-4ac))/(2a)"),
        (r"\(\sqrt[3]{x}\)", "³√x"),
        (r"$\sqrt{2}x + \sqrt{3}$", "√(2)x + √3"),
        (r"$$\sum_{i=1}^{n} i = \frac{n(n+1)}{2}$$", "∑ᵢ₌₁ⁿ i = n(n+1)/2"),
        (r"\[\int_0^\infty e^{-x^2}\,dx\]", "∫₀^∞ e^(-x²) dx"),
        (r"$\begin{pmatrix} a & b \\ c & d \end{pmatrix}$", "(a  b; c  d)"),
        (
            r"$\begin{cases} x & \text{if } x \ge 0 \\ -x & \text{otherwise} \end{cases}$",
            "{ x  if x ≥ 0; -x  otherwise",
        ),
        (r"  a &= b + c \\", "a = b + c"),
        (r"$\Delta t, \hat{x} \in \mathbb{R}^n, \epsilon > 0$", "Δt, x̂ ∈ ℝⁿ, ε > 0"),
        (r"$O(n \log n) \to \left\lfloor\frac{n}{2}\right\rfloor$", "O(n log n) → ⌊n/2⌋"),
        (r"$x \equiv 1 \pmod{p}, \binom{n}{k}, 90^\circ$", "x ≡ 1 (mod p), (n choose k), 90°"),
        (r"$\prod_{p \text{ prime}} \sin^2\theta$", "∏_(p prime) sin²θ"),
    ],
)
def test_formula_reads_as_text(formula, text):
    assert readable(formula) == text


@pytest.mark.parametrize(
    "formula",
    [
        r"$\unknown{x}$",
        r"$\underbrace{x}_{y}$",
        "$x^{$",
        "$}$",
        r"$\frac{a}$",
        r"$\begin{tikzpicture}$",
        "$" + "{" * 99 + "$",
        r"$\vec{AB}$",
        "$ $",
        "$a\0b$",
        r"$\quad$",
        f"${'x' * 3000}$",
        "$x^$",
        r"$\text{\bf x}$",
    ],
)
def test_formula_without_a_readable_form_stays_as_it_is(formula):
    assert readable(formula) == formula


_LEAVES = st.sampled_from([*"abxynAR0179+-=()", r"\alpha ", r"\le ", r"\infty ", r"\log ", " "])


def _nested(inner):
    one = st.lists(inner, min_size=1, max_size=3).map("".join)
    return st.one_of(
        st.tuples(one, one).map(lambda two: rf"\frac{{{two[0]}}}{{{two[1]}}}"),
        one.map(lambda text: rf"\sqrt{{{text}}}"),
        st.tuples(st.sampled_from("^_"), one).map(lambda two: f"z{two[0]}{{{two[1]}}}"),
        st.tuples(one, one).map(lambda two: rf"\begin{{bmatrix}}{two[0]}&{two[1]}\\{two[0]}\end{{bmatrix}}"),
    )


def _letters(text):
    return [character for character in unicodedata.normalize("NFKC", text) if character.isalnum()]


@given(st.lists(st.recursive(_LEAVES, _nested, max_leaves=12), max_size=4).map(" ".join))
def test_no_letter_and_no_digit_is_lost(formula):
    text = readable(f"${formula}$")
    words = {"alpha": "α", "log": "log"}
    plain = re.sub(
        r"\\(?:begin|end)\{bmatrix\}|\\([A-Za-z]+)", lambda name: words.get(name[1], ""), formula.replace("\\\\", " ")
    )
    assert _letters(text) == _letters(formula if text.startswith("$") else plain)


@given(st.text(r"\{}^_&$ ab12fracsqrtbeginleft[].", max_size=60))
def test_any_text_is_read(text):
    assert readable(f"${text}$") or not text


ANSWER = "The area is $\\pi r^2$.\n\n$$\n\\begin{aligned}\na &= \\frac{b}{c} \\\\\n\\end{aligned}\n$$\n\nDone."


def test_page_shows_text_or_tex():
    shown = "\n".join(everything(page(answered(ANSWER))))
    assert "The area is πr²." in shown
    assert "a = b/c" in shown
    assert "$$" not in shown
    assert "aligned" not in shown
    as_tex = "\n".join(everything(page(answered(ANSWER), display=Display(formulas=False))))
    assert "$\\pi r^2$" in as_tex
    assert "\\begin{aligned}" in as_tex
