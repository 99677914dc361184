"""Inline Markdown to styled spans, with markdown-it; hostile characters become visible.

A long paragraph is parsed in pieces whose ends depend on its text alone. So the cost of a token does not grow with the
paragraph, and a streamed paragraph looks like a loaded one.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

from stepchat.text.sanitize import sanitize, sanitize_for_display
from stepchat.transcript.markdown import formulas, tex
from stepchat.transcript.markdown.autoclose import close_open_markup

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

    from stepchat.transcript.markdown.blocks import Links

STRONG: Final = 1
EMPHASIS: Final = 2
STRIKE: Final = 4
CODE: Final = 8
LINK: Final = 16

PIECE_LENGTH: Final = 512
"""A piece ends at the first white space after so many characters where nothing is open ..."""
MAX_PIECES: Final = 8
"""... or, if something stays open, after so many times as many."""

_MANY_BRACKETS: Final = 40
_PIECE_OF_LINK: Final = 8
"""A text with fewer characters than this per bracket has no links."""

_SPECIAL: Final = re.compile(r"[\\`*_~\[<&$]|[ ]\n|https?://|www\.")
_MAY_OPEN: Final = re.compile(r"\*(?=\S)|(?<!\w)_(?=\S)|~(?=\S)|`|\[|<[A-Za-z/!?]|&#?\w*$|\\$|https?:/*$|\bw{1,3}$")
_BOUNDARY: Final = re.compile(r"\s+(?=\S)")
_SAFE_TARGET: Final = re.compile(r"(?i:https?://|mailto:)[!-~]+")

_BREAK: Final = re.compile(r"<br\s*/?>", re.IGNORECASE)
"""The one tag that is supported: models use it for line breaks in table cells."""
_ADDRESS: Final = re.compile(r"\s*(?:https?://(?:[^/?#\s]*@)?(?:www\.)?|www\.)([\w.-]+)", re.IGNORECASE)

_MARKS: Final = {"strong": STRONG, "em": EMPHASIS, "s": STRIKE, "link": LINK}


class Display(NamedTuple):
    """How characters are shown."""

    joins_emoji: bool = False
    """The terminal draws a composed emoji as one of two cells, so it is not split into its parts."""
    formulas: bool = True
    """Formulas are Unicode text where that is readable; otherwise they are TeX."""


USUAL: Final = Display()


class Span(NamedTuple):
    """A run of text with the same marks. "\\n" in it is a line break."""

    text: str
    marks: int = 0
    target: str = ""


def spans(
    source: str,
    labels: Mapping[str, Any],
    *,
    keep_breaks: bool = False,
    growing: bool = False,
    display: Display = USUAL,
) -> list[Span]:
    """The spans of a paragraph.

    A single newline is a space unless `keep_breaks`. Markup still open at the end of a `growing` text is closed.
    """
    if not _SPECIAL.search(source):
        show = sanitize if display.joins_emoji else sanitize_for_display
        return [Span(show(source, keep_newlines=keep_breaks))] if source else []
    if growing:
        source = close_open_markup(source)
    return list(_with_real_hosts(_read(_parse(source, labels), "\n" if keep_breaks else " ", display)))


def next_piece(
    source: str,
    start: int,
    stable: int,
    labels: Mapping[str, Any],
    *,
    keep_breaks: bool = False,
    display: Display = USUAL,
) -> tuple[int, list[Span]] | None:
    """The end of the piece that begins at `start`, and its spans; None while `source[:stable]` does not determine them.

    Nothing in a piece depends on the text after it.
    """
    for count in range(1, MAX_PIECES + 1):
        end = _boundary(source, start + count * PIECE_LENGTH, stable)
        if end is None:
            return None
        piece = source[start:end]
        if not _SPECIAL.search(piece):
            return end, spans(piece, labels, keep_breaks=keep_breaks, display=display)
        tokens = _parse(piece, labels)
        if count == MAX_PIECES or not (_leaves_open(tokens) or formulas.open_at(piece) >= 0):
            return end, list(_with_real_hosts(_read(tokens, "\n" if keep_breaks else " ", display)))
    return None


def _leaves_open(tokens: Sequence[Token]) -> bool:
    return any(token.type == "text" and _MAY_OPEN.search(token.content) for token in tokens)


def _boundary(source: str, at: int, stable: int) -> int | None:
    """The end of the first white space after `at`; in text without any, a position between two plain characters."""
    far = at + PIECE_LENGTH // 2
    if found := _BOUNDARY.search(source, at, min(stable, far)):
        return found.end()
    if stable <= far + 1:
        return None
    for index in range(far, min(stable - 1, far + PIECE_LENGTH)):
        if source[index - 1].isalnum() and source[index].isalnum():
            return index
    return far + PIECE_LENGTH if stable > far + PIECE_LENGTH else None


def _parse(source: str, labels: Mapping[str, Any]) -> list[Token]:
    # The partner of each bracket is searched up to the end: of very many, as in nested lists of numbers, none is a link.
    brackets = source.count("[")
    parser = _parser(links=brackets < _MANY_BRACKETS or brackets * _PIECE_OF_LINK < len(source))
    return parser.inline.parse(source, parser, {"references": dict(labels)}, [])


def warm_up() -> None:
    """Imports the parser ahead of the first formatted word. Slow; meant for a thread."""
    _parse("*", {})


@cache
def _parser(*, links: bool = True) -> MarkdownIt:
    """The parser, imported with the first text that needs it."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable("strikethrough")
    parser.inline.ruler.after("text", "bare_link", bare_link)
    parser.inline.ruler.before("escape", "formula", formula)
    if not links:
        parser.disable(["link", "image"])
    return parser


def _read(tokens: Sequence[Token], soft_break: str, display: Display = USUAL) -> Iterator[Span]:
    marks, target = 0, ""
    show = sanitize if display.joins_emoji else sanitize_for_display
    outer: list[tuple[int, str]] = []
    for token in tokens:
        match token.type:
            case "html_inline" if _BREAK.fullmatch(token.content):
                yield Span("\n", marks)
            case "text" | "text_special" | "html_inline" | "bare_link":
                yield from _text_spans(show(token.content, keep_newlines=False), marks, target)
            case "code_inline":
                yield Span(show(token.content, keep_newlines=False), marks | CODE, target)
            case "formula":
                text = tex.readable(token.content) if display.formulas else token.content
                breaks = soft_break == "\n" or text != token.content
                yield Span(show(text, keep_newlines=breaks), marks | EMPHASIS, target)
            case "softbreak":
                yield Span(soft_break, marks)
            case "hardbreak":
                yield Span("\n", marks)
            case "image":
                source = _safe_target(token)
                yield Span(_flat(token.children or (), display) or source, marks | LINK, source)
            case kind if token.nesting > 0:
                outer.append((marks, target))
                marks |= _MARKS.get(kind.removesuffix("_open"), 0)
                target = _safe_target(token) if kind == "link_open" else target
            case _ if token.nesting < 0 and outer:
                marks, target = outer.pop()
            case _:
                pass


def _with_real_hosts(found: Iterator[Span]) -> Iterator[Span]:
    """The spans. A link whose text is an address on another host than its target is followed by the real host."""
    for target, link in groupby(found, key=lambda span: span.target):
        if not target:
            yield from link
            continue
        link_spans = list(link)
        yield from link_spans
        claimed = _ADDRESS.match("".join(span.text for span in link_spans))
        goal = _ADDRESS.match(target)
        if claimed and goal and claimed[1].casefold() != goal[1].casefold():
            yield Span(f" ({goal[1]})", link_spans[-1].marks & ~LINK)


def _flat(tokens: Sequence[Token], display: Display) -> str:
    """The text of an image, without marks."""
    return "".join(span.text for span in _read(tokens, " ", display))


def _text_spans(text: str, marks: int, target: str) -> Iterator[Span]:
    """Plain text, in which bare addresses become links."""
    at = 0
    if not marks & LINK and ("://" in text or "www." in text):
        for found in BARE_LINK.finditer(text):
            address = without_punctuation(found[0])
            if found.start() > at:
                yield Span(text[at : found.start()], marks)
            goal = quote(address if address.startswith("http") else f"http://{address}", safe=":/?#[]@!$&'()*+,;=%~")
            yield Span(address, marks | LINK, goal)
            at = found.start() + len(address)
    if at < len(text):
        yield Span(text[at:], marks, target)


def _safe_target(token: Token) -> str:
    """The target of a link if it is an address that is safe to give to a terminal, otherwise ""."""
    address = str(token.attrs.get("href") or token.attrs.get("src") or "")
    return address if _SAFE_TARGET.fullmatch(address) else ""


BARE_LINK: Final = re.compile(
    r"(?<![A-Za-z0-9_])(?:https?://|www\.(?=[\w-]+\.\w))"
    r"(?:[^\s<>\"`|\\^{}*\u2018-\u201d\u3001\u3002\u3008-\u3011\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f"
    r"\u2400-\u2426\ufffd]|\*(?=[A-Za-z0-9/&=?]))+"
)
"""Quotation marks, and Chinese and Japanese punctuation, end an address; so does a `*` that may be markup."""
_SCHEME: Final = re.compile(r"(?<![A-Za-z0-9_])https?$")
_NOT_AT_END: Final = "?!.,:;*_~'\")]"


def bare_link(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as markdown-it calls it
    """A rule for markdown-it: takes an address whole before anything in it can be markup."""
    if silent or state.linkLevel or not state.src.startswith("://", state.pos):
        return False
    if not (scheme := _SCHEME.search(state.pending)):
        return False
    found = BARE_LINK.match(state.src, state.pos - len(scheme[0]), state.posMax)
    address = without_punctuation(found[0]) if found else ""
    if len(address) <= len(scheme[0]) + 3:
        return False
    state.pending = state.pending[: scheme.start()]
    state.push("bare_link", "", 0).content = address
    state.pos += len(address) - len(scheme[0])
    return True


def formula(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - as markdown-it calls it
    """A rule for markdown-it: leaves a formula as it is."""
    if state.src[state.pos] not in "$\\" or not (end := formulas.end(state.src, state.pos, state.posMax)):
        return False
    if not silent:
        state.push("formula", "", 0).content = state.src[state.pos : end]
    state.pos = end
    return True


def without_punctuation(address: str) -> str:
    """Punctuation at the end belongs to the sentence; a closing bracket does only if it was not opened inside."""
    while address and address[-1] in _NOT_AT_END:
        if address[-1] == ")" and address.count("(") >= address.count(")"):
            break
        address = address[:-1]
    return address


def take_definitions(text: str, links: Links) -> str:
    """Adds the link definitions at the beginning of a finished paragraph to `links`. Returns the rest.

    A footnote (`[^1]: ...`) is not a definition here: it stays visible.
    """
    if not text.startswith("[") or text.startswith("[^") or "]:" not in text:
        return text
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_block.reference import reference

    env: dict[str, Any] = {}
    parser = MarkdownIt("zero").enable(["reference", "paragraph"])
    state = StateBlock(text, parser, env, [])
    line, end = 0, text.count("\n") + 1
    while line < end and text_at(state, line).startswith("[") and not text_at(state, line).startswith("[^"):
        if not reference(state, line, end, False):
            break
        line = state.line
    found: Mapping[str, Mapping[str, Any]] = env.get("references", {})
    if not found:
        return text
    links.labels = {**found, **links.labels}
    return "\n".join(text.split("\n")[line:])


def text_at(state: Any, line: int) -> str:
    """A line of markdown-it's text, without its indentation."""
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
