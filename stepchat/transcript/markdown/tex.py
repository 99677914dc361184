r"""TeX formulas as Unicode text, where that is readable: `\frac{a}{b}` as a/b, `x^2` as x², `\alpha` as α.

The symbols are those of the package `unicodeit`. Nothing is left out: a formula with anything unknown stays as it is.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from unicodedata import combining

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST: Final = 2000
"""Characters of a formula; a longer one stays as it is."""
_DEEPEST: Final = 12
_SIGN: Final = re.compile(r"\\(?:[A-Za-z]+\*?|.)|[\s~]+|.", re.DOTALL)
_DELIMITERS: Final = (("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"), ("$", "$"))

_WORDS: Final = frozenset(
    [
        "arccos",
        "arcsin",
        "arctan",
        "arg",
        "cos",
        "cosh",
        "cot",
        "coth",
        "csc",
        "deg",
        "det",
        "dim",
        "exp",
        "gcd",
        "hom",
        "inf",
        "ker",
        "lg",
        "lim",
        "liminf",
        "limsup",
        "ln",
        "log",
        "max",
        "min",
        "mod",
        "Pr",
        "sec",
        "sin",
        "sinh",
        "sup",
        "tan",
        "tanh",
    ]
)
"""Functions that are written as words."""
_UPRIGHT: Final = frozenset(
    [
        "text",
        "textrm",
        "textnormal",
        "textit",
        "textbf",
        "mathrm",
        "mathit",
        "mathsf",
        "mathtt",
        "mathnormal",
        "operatorname",
        "operatorname*",
        "mbox",
        "boxed",
        "mathbf",
        "boldsymbol",
        "bm",
    ]
)
"""Commands whose argument is shown without them."""
_VERBATIM: Final = frozenset(["text", "textrm", "textnormal", "textit", "textbf", "mbox"])
"""Those among them whose argument is text."""
_FRACTIONS: Final = frozenset({"frac", "dfrac", "tfrac", "cfrac"})
_SIZES: Final = re.compile(r"(?:left|right|middle|[bB]igg?[lrm]?)$")
_NOTHING: Final = frozenset(
    ["displaystyle", "textstyle", "scriptstyle", "limits", "nolimits", "nonumber", "notag", "hline", "!"]
)
_AFTER_FRACTION: Final = frozenset(
    [
        "\\right",
        "\\cdot",
        "\\times",
        "\\le",
        "\\leq",
        "\\ge",
        "\\geq",
        "\\to",
        "\\quad",
        "\\pm",
        "\\approx",
        "\\end",
        "\\\\",
        "\\,",
        "\\;",
    ]
)
"""Commands next to which a fraction needs no brackets."""
_SPACES: Final = frozenset([",", ":", ";", ">", "quad", "qquad", "thinspace", "enspace", " "])
_OWN_SYMBOLS: Final[Mapping[str, str]] = {
    "dots": "…",
    "lvert": "|",
    "rvert": "|",
    "lVert": "‖",
    "rVert": "‖",
    "langle": "⟨",
    "rangle": "⟩",
    "bmod": " mod ",
    "iff": " ⟺ ",
    "cdot": "·",
    "|": "‖",
    **{sign: sign for sign in "{}%$#&_"},
}
_OPENINGS: Final[Mapping[str, str]] = {
    "pmatrix": "(",
    "bmatrix": "[",
    "vmatrix": "|",
    "Vmatrix": "‖",
    "Bmatrix": "{",
    "cases": "{ ",
    **dict.fromkeys(
        [
            "matrix",
            "smallmatrix",
            "aligned",
            "align",
            "align*",
            "gathered",
            "gather",
            "gather*",
            "split",
            "equation",
            "equation*",
        ],
        "",
    ),
}
_CLOSINGS: Final = {"(": ")", "[": "]", "|": "|", "‖": "‖", "{": "}"}
_RELATION: Final = re.compile(
    r"\s*(?:[=<>:≈≠≤≥≡∼≃⇒→∝∈]|\\(?:[lg]eq?|n?eq?|approx|equiv|sim|to|Rightarrow|implies|iff|in)\b)"
)
_GAP: Final = "\0"
"""Stands for the space between two columns until the end."""
_GAPS: Final = re.compile(rf" *{_GAP}[ {_GAP}]*")
_ONE_FACTOR: Final = re.compile(r"(?:\d+|[d∂]?[^\W\d_]?[\u0300-\u036f\u20d7]?)[²³¹⁰⁴-ⁿ₀-ₜᵢ-ᵪ]*|[^\W\d_]?\([^()]*\)")
"""What needs no brackets below a fraction or a root: a number, a letter with its scripts, dx, f(x)."""
_TERM: Final = re.compile(r"[^\s+\-−±/=<>,;]*")
"""What needs none above a fraction, besides what is in brackets."""
_BINDS_TO_NEXT: Final = "¬∀∃∂√"
_DECORATIONS: Final = re.compile("over|under|stack|x(?:left|right)|accent")
"""Commands whose argument has something above or below it."""


class _UnreadableError(Exception):
    """The formula has something that has no readable form."""


class _Tables(NamedTuple):
    symbols: Mapping[str, str]
    accents: Mapping[str, str]
    scripts: Mapping[str, str]


@cache
def _tables() -> _Tables:
    from unicodeit.data import COMBININGMARKS, REPLACEMENTS, SUBSUPERSCRIPTS  # pyright: ignore[reportMissingTypeStubs]

    return _Tables(dict(REPLACEMENTS), {name[1:]: mark for name, mark in COMBININGMARKS}, dict(SUBSUPERSCRIPTS))


def warm_up() -> None:
    """Loads the symbols ahead of the first formula. Slow; meant for a thread."""
    _tables()


@lru_cache(maxsize=256)  # a growing paragraph is read again in every frame
def readable(formula: str) -> str:
    """A formula with its delimiters, or a line of one, as Unicode text; unchanged where that would not be readable."""
    opening, closing = next(
        (pair for pair in _DELIMITERS if formula.startswith(pair[0]) and formula.endswith(pair[1])), ("", "")
    )
    content = formula[len(opening) : len(formula) - len(closing)]
    if not content.strip() or len(content) > LONGEST or _GAP in content:
        return formula
    try:
        text = _Reader(content).all()
    except (_UnreadableError, RecursionError):
        return formula
    return text or (formula if opening else "")


class _Reader:
    """Reads a formula from left to right."""

    def __init__(self, text: str) -> None:
        self._signs = _SIGN.findall(text)
        self._at = 0
        self._depth = 0

    def all(self) -> str:
        text = re.sub(" +", " ", self._until("")).strip(f" {_GAP}")
        return re.sub(" *\n *", "\n", _GAPS.sub("  ", text))

    def _next(self) -> str:
        if self._at >= len(self._signs):
            return ""
        self._at += 1
        return self._signs[self._at - 1]

    def _peek(self) -> str:
        return self._signs[self._at] if self._at < len(self._signs) else ""

    def _until(self, end: str) -> str:
        """The text up to this sign, or to the end of the formula."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _UnreadableError
        parts: list[str] = []
        while (sign := self._next()) != end:
            if not sign:
                raise _UnreadableError
            if sign in ("&", "\\\\", "\\begin", "\\end"):
                text = "".join(parts).rstrip(" ")
                parts = [text, self._layout(sign, text)]
                self._skip_space()
            else:
                parts.append(self._part(sign, parts[-1] if parts else ""))
        self._depth -= 1
        return "".join(parts)

    def _layout(self, sign: str, before: str) -> str:
        """Columns and rows, which end up on one line."""
        if sign == "&":
            return " " if _RELATION.match("".join(self._signs[self._at : self._at + 3])) or not before else _GAP
        if sign == "\\\\":
            more = "".join(self._signs[self._at :]).strip()
            return "" if not more else "\n" if "\n" in self._peek() and not more.startswith("\\end") else "; "
        environment = self._words()
        if environment not in _OPENINGS:
            raise _UnreadableError
        opening = _OPENINGS[environment]
        if sign == "\\begin":
            return f" {opening}" if before else opening
        return _CLOSINGS.get(opening, "")

    def _skip_space(self) -> None:
        while self._peek().isspace():
            self._next()

    def _part(self, sign: str, before: str) -> str:
        if sign in "^_":
            return self._script(sign)
        if sign == "{":
            return self._until("}")
        if sign == "}":
            raise _UnreadableError
        if sign == "'":
            return "′"
        if sign.isspace() or "~" in sign:
            return " "
        if not sign.startswith("\\"):
            return sign
        return self._command(sign[1:], before)

    def _command(self, name: str, before: str) -> str:
        if name in _FRACTIONS:
            above, below = self._argument(), self._argument()
            fraction = f"{above if _is_term(above) else f'({above})'}/{_grouped(below)}"
            beside = before[-1:].isalnum() or self._peek()[:1].isalnum() or self._peek()[:1] in ("\\", "(")
            return f"({fraction})" if beside and self._peek() not in _AFTER_FRACTION else fraction
        if name in ("binom", "dbinom", "tbinom"):
            return f"({self._argument()} choose {self._argument()})"
        if name == "pmod":
            return f" (mod {self._argument()})"
        if name == "sqrt":
            degree = self._degree()
            content = self._argument()
            # Next to a letter, the root would seem to go on.
            return f"{degree}√({content})" if self._peek()[:1].isalnum() else f"{degree}√{_grouped(content)}"
        if name in _UPRIGHT:
            return self._words() if name in _VERBATIM else self._argument()
        if name in _WORDS:
            return self._word(name, before)
        if name in _NOTHING:
            return ""
        if name in _SPACES:
            return _GAP if "quad" in name else " "
        if _SIZES.match(name):
            self._skip_space()
            if self._peek() == ".":
                self._next()
            return ""
        if name in _OWN_SYMBOLS:
            return _OWN_SYMBOLS[name]
        if name in _tables().accents:
            return self._accented(_tables().accents[name])
        return self._symbol(name)

    def _symbol(self, name: str) -> str:
        symbols = _tables().symbols
        if self._peek() == "{" and f"\\{name}{{" in _families():
            letters = self._argument()
            found = [symbols.get(f"\\{name}{{{letter}}}") for letter in letters]
            if not found or None in found:
                raise _UnreadableError
            return "".join(filter(None, found))
        symbol = symbols.get(f"\\{name}")
        if symbol is None or not symbol.strip() or combining(symbol[0]) or _DECORATIONS.match(name):
            raise _UnreadableError
        after = self._signs[self._at + 1] if self._at + 1 < len(self._signs) else ""
        if (symbol.isalpha() or symbol in _BINDS_TO_NEXT) and (after[:1].isalnum() or symbol in _BINDS_TO_NEXT):
            self._skip_space()
        return symbol

    def _word(self, name: str, before: str) -> str:
        space = " " if before[-1:].isalnum() else ""
        self._skip_space()
        after = " " if self._peek()[:1].isalnum() or self._peek()[:1] == "\\" else ""
        return f"{space}{name}{after}"

    def _argument(self) -> str:
        while (sign := self._next()).isspace():
            pass
        if sign == "{":
            return self._until("}").strip()
        if not sign or sign in "^_&}":
            raise _UnreadableError
        return self._part(sign, "").strip()

    def _words(self) -> str:
        """An argument that is text, in which spaces count."""
        if self._next() != "{":
            raise _UnreadableError
        parts: list[str] = []
        while (sign := self._next()) != "}":
            if not sign or sign.startswith("\\") or sign in "{$":
                raise _UnreadableError
            parts.append(sign)
        return "".join(parts)

    def _degree(self) -> str:
        if self._peek() != "[":
            return ""
        self._next()
        degree = self._until("]").strip()
        return _raised("^", degree) or f"{degree} "

    def _script(self, sign: str) -> str:
        content = self._argument()
        if not content:
            raise _UnreadableError
        if sign == "^" and set(content) <= set("′*†∘"):
            return {"∘": "°"}.get(content, content)
        raised = "" if " " in content else _raised(sign, content)
        return raised or (f"{sign}{content}" if len(content) == 1 or _is_bracketed(content) else f"{sign}({content})")

    def _accented(self, mark: str) -> str:
        content = self._argument()
        if len(content) != 1 and mark not in "\u0305\u0332":
            raise _UnreadableError
        return "".join(character + mark for character in content)


def _grouped(text: str) -> str:
    return text if _ONE_FACTOR.fullmatch(text) else f"({text})"


def _is_term(text: str) -> bool:
    """Whether the text is one product, such as n(n+1)."""
    return _TERM.fullmatch(re.sub(r"\([^()]*\)", "", text)) is not None


def _is_bracketed(text: str) -> bool:
    return text[:1] == "(" and text.find(")") == len(text) - 1


def _raised(sign: str, text: str) -> str:
    """The text as superscripts or subscripts; "" if one is missing."""
    scripts = _tables().scripts
    found = [scripts.get(f"{sign}{character}") for character in text]
    return "" if None in found else "".join(filter(None, found))


@cache
def _families() -> frozenset[str]:
    r"""The commands that choose an alphabet, such as `\mathbb{`."""
    return frozenset(name[: name.index("{") + 1] for name in _tables().symbols if "{" in name)
