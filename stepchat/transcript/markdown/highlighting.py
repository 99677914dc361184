"""Highlights the lines of a code block with Pygments, by the language it names and no other."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pygments.lexer import Lexer
    from pygments.token import _TokenType  # pyright: ignore[reportPrivateUsage]

Colored: TypeAlias = "tuple[str, str]"
"""Text, and the name of its style in `Palette.syntax`; '' for none."""

LONGEST_LINE: Final = 2000
LONGEST_BLOCK: Final = 200_000
"""Longer ones stay plain: a lexer may need far more than linear time."""

_NAMES: Final = (
    ("Comment", "comment"),
    ("Keyword.Type", "type"),
    ("Keyword.Constant", "number"),
    ("Keyword", "keyword"),
    ("Literal.String", "string"),
    ("Literal.Number", "number"),
    ("Name.Function", "function"),
    ("Name.Class", "type"),
    ("Name.Builtin", "function"),
    ("Name.Decorator", "function"),
    ("Name.Exception", "type"),
    ("Name.Tag", "keyword"),
    ("Name.Attribute", "function"),
    ("Name", "name"),
    ("Operator.Word", "keyword"),
    ("Operator", "operator"),
    ("Punctuation", "operator"),
    ("Generic.Deleted", "keyword"),
    ("Generic.Inserted", "string"),
    ("Generic.Heading", "type"),
    ("Generic.Subheading", "type"),
)


def can_highlight(language: str, source: str) -> bool:
    """Whether the language is known and the block is of a size that is safe to highlight."""
    return (
        bool(language)
        and len(source) <= LONGEST_BLOCK
        and language.lower() in _known()
        and max(map(len, source.split("\n"))) <= LONGEST_LINE
    )


def highlight(language: str, source: str) -> Iterator[list[Colored]]:
    """The lines of the source one after the other, so that the work can be spread. `can_highlight` must hold."""
    line: list[Colored] = []
    for kind, text in _lexer(language.lower()).get_tokens(source):
        name = _style_name(kind)
        head, *others = text.split("\n")
        if head:
            line.append((head, name))
        for part in others:
            yield line
            line = [(part, name)] if part else []
    if line:
        yield line


def stateful_lexer(language: str) -> Lexer | None:
    """The lexer of a language if it is known and its lexer is a table of states."""
    if language.lower() not in _known():
        return None
    from pygments.lexer import RegexLexer

    lexer = _lexer(language.lower())
    return lexer if isinstance(lexer, RegexLexer) else None


def has_star_comments(language: str) -> bool:
    """Whether `/*` begins a comment."""
    return next(iter(highlight(language, "/**/")), [("", "")])[0] == ("/**/", "comment")


def lex_line(lexer: Lexer, text: str, states: list[str]) -> tuple[list[Colored], list[str]]:
    """The pieces of one line, and the states after it. Raises what lexers raise that need more than states."""
    from pygments.lexer import ExtendedRegexLexer, LexerContext

    # Of what a lexer is, the method needs only its states.
    context: Any = LexerContext(text + "\n", 0, [*states])
    lex: Any = ExtendedRegexLexer.get_tokens_unprocessed
    tokens: Iterator[tuple[int, _TokenType, str]] = lex(lexer, context=context)
    pieces = [(piece.rstrip("\n"), _style_name(kind)) for _, kind, piece in tokens]
    return [(piece, name) for piece, name in pieces if piece], context.stack


def warm_up() -> None:
    """Import Pygments before it is needed; in a thread, so that the first code block does not wait for it."""
    list(highlight("python", "pass"))
    stateful_lexer("python")


@cache
def _known() -> frozenset[str]:
    from pygments.lexers import get_all_lexers

    return frozenset(alias for _, aliases, _, _ in get_all_lexers(plugins=False) for alias in aliases)


@cache
def _lexer(language: str) -> Lexer:
    from pygments.lexers import get_lexer_by_name  # pyright: ignore[reportUnknownVariableType]

    return get_lexer_by_name(language, stripnl=False, ensurenl=True)


@cache
def _style_name(kind: _TokenType) -> str:
    name = str(kind).removeprefix("Token.")
    return next((style for prefix, style in _NAMES if name.startswith(prefix)), "")
