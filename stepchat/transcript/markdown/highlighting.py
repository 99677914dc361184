"""Highlights code blocks with Pygments: line by line while they stream, then as a whole, large ones in slices of time.

The language is the one that the block names, never a guess. Pygments reads whole texts, but its lexers that are tables of
states can continue from a state, which is right except for matches across several lines. So a closed block is
highlighted again as a whole, and that result stays.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from concurrent.futures import Future
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pygments.lexer import Lexer
    from pygments.token import _TokenType  # pyright: ignore[reportPrivateUsage]

    from stepchat.transcript.markdown.blocks import Block, Fence

StartLoading: TypeAlias = "Callable[[Callable[[], None]], Future[None]]"
Colored: TypeAlias = "tuple[str, str]"
"""Text, and the name of its style in `Palette.syntax`; "" for none."""

LONGEST_LINE: Final = 2000
LONGEST_BLOCK: Final = 200_000
"""Longer blocks stay plain: a lexer may take far more than linear time."""

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
    """Whether the language is known and the block is small enough to highlight safely."""
    return (
        bool(language)
        and len(source) <= LONGEST_BLOCK
        and language.lower() in _known()
        and max(map(len, source.split("\n"))) <= LONGEST_LINE
    )


def highlight(language: str, source: str) -> Iterator[list[Colored]]:
    """The lines of the source one by one, so that the work can be spread over time. Requires `can_highlight`."""
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
    """The lexer of a language, if it is known and a table of states."""
    if language.lower() not in _known():
        return None
    from pygments.lexer import RegexLexer

    lexer = _lexer(language.lower())
    return lexer if isinstance(lexer, RegexLexer) else None


def has_star_comments(language: str) -> bool:
    """Whether `/*` begins a comment."""
    return next(iter(highlight(language, "/**/")), [("", "")])[0] == ("/**/", "comment")


def lex_line(lexer: Lexer, text: str, states: list[str]) -> tuple[list[Colored], list[str]]:
    """The tokens of one line, and the states after it. Raises whatever a lexer raises that needs more than its states."""
    from pygments.lexer import ExtendedRegexLexer, LexerContext

    # The method needs nothing of a lexer but its states.
    context: Any = LexerContext(text + "\n", 0, [*states])
    lex: Any = ExtendedRegexLexer.get_tokens_unprocessed
    tokens: Iterator[tuple[int, _TokenType, str]] = lex(lexer, context=context)
    pieces = [(piece.rstrip("\n"), _style_name(kind)) for _, kind, piece in tokens]
    return [(piece, name) for piece, name in pieces if piece], context.stack


def load(language: str) -> None:
    """Loads the lexer of a language, which takes up to 50 ms the first time. Meant for a thread."""
    if can_highlight(language, "/**/"):
        list(highlight(language, "/**/"))


def load_at_once(load_lexer: Callable[[], None]) -> Future[None]:
    """A `HighlightCache.start` that waits for the lexer."""
    done: Future[None] = Future()
    done.set_result(load_lexer())
    return done


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


AT_ONCE: Final = 2000
"""Characters that are highlighted within a frame: about 4 ms."""
_MOST_BLOCKS: Final = 64
_NOTHING: Final[list[Colored]] = []


class HighlightCache:
    """Caches the coloured lines of recent code blocks.

    `shown` makes a line safe to show. `start` runs what loads a lexer, in a thread if nothing may wait for it.
    """

    def __init__(self, shown: Callable[[str], str], start: StartLoading = load_at_once) -> None:
        self._shown = shown
        self._start = start
        self._loads: dict[str, Future[None]] = {}
        self._loading: set[str] = set()
        self._lines: OrderedDict[Fence, list[list[Colored]] | None] = OrderedDict()
        self._growing: tuple[Fence, StreamingHighlighter] | None = None
        self._jobs: deque[tuple[Fence, list[list[Colored]], Iterator[list[Colored]]]] = deque()

    @property
    def has_work(self) -> bool:
        return bool(self._jobs or self._loading)

    def line(self, fence: Fence, number: int) -> list[Colored] | None:
        """One coloured line, the same object as long as it looks the same; None while it is unknown."""
        whole = self._whole(fence)
        if whole is not None:
            return whole[number] if number < len(whole) else _NOTHING
        if self._growing is None or self._growing[0] is not fence:
            if fence.closed or not self._is_loaded(fence.language):
                return None
            self._growing = (fence, StreamingHighlighter(fence.language, self._shown))
        return self._growing[1].line(fence.lines, number)

    def _whole(self, fence: Fence) -> list[list[Colored]] | None:
        """The coloured lines of a closed block; None while they are unknown, or if it stays plain."""
        if not fence.closed or not self._is_loaded(fence.language):
            return None
        if fence in self._lines:
            self._lines.move_to_end(fence)
            return self._lines[fence]
        source = "\n".join([self._shown(line.text) for line in fence.lines])
        self._lines[fence] = None
        if can_highlight(fence.language, source):
            coloured = highlight(fence.language, source)
            if len(source) <= AT_ONCE:
                self._lines[fence] = list(coloured)
            else:
                self._jobs.append((fence, [], coloured))
        while len(self._lines) > _MOST_BLOCKS:
            self._lines.popitem(last=False)
        return self._lines[fence]

    def _is_loaded(self, language: str) -> bool:
        """Whether the lexer is loaded; the first call for a language loads it."""
        if not language:
            return False
        name = language.lower()
        if name not in self._loads:
            self._loads[name] = self._start(partial(load, name))
            if not self._loads[name].done():
                self._loading.add(name)
        return name not in self._loading

    def work(self, seconds: float) -> bool:
        """Highlights for about so many seconds. Returns whether lines got their colours or can now get them."""
        end = time.perf_counter() + seconds
        loaded = {name for name in self._loading if self._loads[name].done()}
        self._loading -= loaded
        done = bool(loaded)
        while self._jobs and time.perf_counter() < end:
            fence, found, coloured = self._jobs[0]
            line = next(coloured, None)
            if line is not None:
                found.append(line)
                continue
            self._jobs.popleft()
            self._lines[fence] = found
            done = True
        return done


_MOST_AT_ONCE: Final = 200
"""Lines to catch up with at once, about 8 ms; a block with more stays plain until it is closed."""


class StreamingHighlighter:
    """Colours the lines of a growing code block, each line once."""

    def __init__(self, language: str, shown: Callable[[str], str]) -> None:
        self._lexer: Any = stateful_lexer(language)
        self._shown = shown
        self._states: Any = ["root"]
        self._in_comment = False
        self._has_comments = self._lexer is not None and has_star_comments(language)
        self._lines: list[list[Colored]] = []

    def line(self, lines: Sequence[Block], number: int) -> list[Colored] | None:
        """The line with this index; None while it is incomplete, or if its colours cannot be known."""
        if number < len(self._lines):
            return self._lines[number]
        if self._lexer is None or lines[number].open:
            return None
        if number - len(self._lines) > _MOST_AT_ONCE:
            self._lexer = None
            return None
        for block in lines[len(self._lines) : number + 1]:
            text = self._shown(block.text)
            try:
                self._lines.append([] if len(text) > LONGEST_LINE else list(self._coloured(text)))
            except Exception:  # noqa: BLE001 - lexers that need more than their states fail in ways of their own
                self._lexer = None
                return None
            if text and not self._lines[-1]:
                self._lexer = None
                return None
        return self._lines[number]

    def _coloured(self, text: str) -> Iterator[Colored]:
        """The coloured pieces of a line. Follows `/* */` comments itself, because lexers match them whole."""
        if self._in_comment:
            comment, end, text = text.partition("*/")
            self._in_comment = not end
            if comment or end:
                yield comment + end, "comment"
        if self._in_comment or not text:
            return
        pieces, self._states = lex_line(self._lexer, text, self._states)
        at = 0
        for piece, name in pieces:
            begins = text.startswith("/*", at) and name not in {"comment", "string"}
            if begins and self._has_comments and "*/" not in text[at:]:
                self._in_comment = True
                yield text[at:], "comment"
                return
            at += len(piece)
            yield piece, name
