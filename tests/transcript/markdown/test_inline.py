import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from stepchat.transcript.markdown.autoclose import close_open_markup
from stepchat.transcript.markdown.inline import (
    CODE,
    EMPHASIS,
    LINK,
    PIECE_LENGTH,
    STRIKE,
    STRONG,
    Span,
    next_piece,
    spans,
)

MARKS = {"strong": STRONG, "em": EMPHASIS, "s": STRIKE}


def plain(found):
    return "".join(span.text for span in found)


def characters(found):
    return [(character, span.marks, span.target) for span in found for character in span.text]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("just text", [("just text", 0, "")]),
        ("a **b** c", [("a ", 0, ""), ("b", STRONG, ""), (" c", 0, "")]),
        ("***b***", [("b", STRONG | EMPHASIS, "")]),
        ("**a *b* c**", [("a ", STRONG, ""), ("b", STRONG | EMPHASIS, ""), (" c", STRONG, "")]),
        ("**a **b** c**", [("a ", STRONG, ""), ("b", STRONG, ""), (" c", STRONG, "")]),
        ("~~no~~ `x*y*`", [("no", STRIKE, ""), (" ", 0, ""), ("x*y*", CODE, "")]),
        ("[a](https://b.c/d)", [("a", LINK, "https://b.c/d")]),
        ("![pic](https://b.c)", [("pic", LINK, "https://b.c")]),
        ("[a](javascript:alert(1))", [("[a](javascript:alert(1))", 0, "")]),
        ("[a](file:///etc/passwd)", [("[a](file:///etc/passwd)", 0, "")]),
        ("[a](ftp://x)", [("a", LINK, "")]),
        ("<https://a.b>", [("https://a.b", LINK, "https://a.b")]),
        ("see https://a.b/c_(d)).", [("see ", 0, ""), ("https://a.b/c_(d)", LINK, "https://a.b/c_(d)"), (").", 0, "")]),
        ("www.a.de!", [("www.a.de", LINK, "http://www.a.de"), ("!", 0, "")]),
        ("a &amp; b &lt;", [("a & b <", 0, "")]),
        (r"\*a\*", [("*a*", 0, "")]),
        ("a <b>x</b>", [("a <b>x</b>", 0, "")]),
        ("a\nb", [("a b", 0, "")]),
        ("a  \nb", [("a\nb", 0, "")]),
        ("a\\\nb", [("a\nb", 0, "")]),
        ("[bold]x[/bold]", [("[bold]x[/bold]", 0, "")]),
    ],
)
def test_spans(source, expected):
    assert characters(spans(source, {})) == characters([Span(*span) for span in expected])


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("https://a.b/_x_/y_z.", "https://a.b/_x_/y_z"),
        ("see **https://a.b**，中文", "https://a.b"),
        ("请看https://a.b/c。然后", "https://a.b/c"),
        ("“https://a.b/c” is", "https://a.b/c"),
        ("[see https://a.b/x_y_z]", "https://a.b/x_y_z"),
        ("a *b https://x.y/a*b c*", "https://x.y/a*b"),
        ("a | http://a.b?q=1&r=2), x", "http://a.b?q=1&r=2"),
        ("[https://a.b_c_](https://c.d)", "https://c.d"),
        ("![an *image*](HTTPS://c.d)", "HTTPS://c.d"),
        ("http:// xhttps://a.b ftp://a.b `https://a.b`", ""),
    ],
)
def test_bare_addresses_are_links_whole(source, address):
    assert {span.target for span in spans(source, {}) if span.target} == ({address} if address else set())


def test_reference_links_use_the_labels():
    labels = {"X": {"href": "https://a.b", "title": ""}}
    assert spans("[t][x]", labels) == [Span("t", LINK, "https://a.b")]
    assert plain(spans("[t][x]", {})) == "[t][x]"


def test_reasoning_keeps_its_line_breaks():
    assert plain(spans("a\n*b*\nc", {}, keep_breaks=True)) == "a\nb\nc"


@pytest.mark.parametrize("source", ["\x1b[31m", "&#27;[31m", "`\x1b[31m`", "[\x1b](https://a.b)", "a\u202eb", "<\x1b>"])
def test_no_control_character_gets_through(source):
    for span in spans(source, {}):
        assert "\x1b" not in span.text
        assert "\u202e" not in span.text
        assert "\x1b" not in span.target


def test_a_link_target_contains_no_control_character():
    for source in (
        "[a](https://b\x07c)",
        "<https://a\x1bb>",
        "https://a\x1b\\b",
        "[a](https://b&#7;c)",
        "[a](https://b&#27;c)",
    ):
        for span in spans(source, {}):
            assert span.target.isprintable()
            assert span.target.isascii()


@pytest.mark.parametrize(
    ("growing", "shown"),
    [
        ("a **bo", [("a ", 0), ("bo", STRONG)]),
        ("a **bold*", [("a ", 0), ("bold", STRONG)]),
        ("a **", [("a ", 0)]),
        ("a *i", [("a ", 0), ("i", EMPHASIS)]),
        ("x `co", [("x ", 0), ("co", CODE)]),
        ("x ``", [("x ", 0)]),
        ("x ``a` b", [("x ", 0), ("a` b", CODE)]),
        ("**a `b", [("a ", STRONG), ("b", STRONG | CODE)]),
        ("~~st", [("st", STRIKE)]),
        ("[text](https://ex", [("text", LINK)]),
        ("***x", [("x", STRONG | EMPHASIS)]),
        ("**a *b", [("a ", STRONG), ("b", STRONG | EMPHASIS)]),
        ("5*3 = 15", [("5*3 = 15", 0)]),
        ("snake_case_name", [("snake_case_name", 0)]),
        ("**a** and **b", [("a", STRONG), (" and ", 0), ("b", STRONG)]),
    ],
)
def test_marks_of_a_growing_text_show_their_effect_at_once(growing, shown):
    found = [(character, marks) for character, marks, _ in characters(spans(growing, {}, growing=True))]
    assert found == [(character, marks) for text, marks in shown for character in text]


@given(st.text(alphabet="ab *_`~[]()\n"))
@settings(max_examples=500, deadline=None)
def test_autoclosing_only_drops_trailing_marks_and_adds_marks(source):
    mended = close_open_markup(source)
    kept = 0
    while kept < min(len(source), len(mended)) and source[kept] == mended[kept]:
        kept += 1
    assert set(source[kept:]) <= set("*_`~ \n")
    assert set(mended[kept:]) <= set("*_`~)")


WORDS = [
    "word ",
    "**bold** ",
    "*it* ",
    "`code` ",
    "[a](https://b.c) ",
    "line\n",
    "x_y ",
    "2 * 3 ",
    "ümlaut ",
    "&amp; ",
    "中文，",
]


@given(st.lists(st.sampled_from(WORDS), min_size=200, max_size=500).map("".join))
@settings(max_examples=60, deadline=None)
def test_pieces_mean_what_the_whole_means(text):
    found, at = [], 0
    while piece := next_piece(text, at, len(text), {}):
        assert piece[0] > at
        at, part = piece
        found += part
    found += spans(text[at:], {})
    assert len(text) - at <= 3 * PIECE_LENGTH
    assert characters(found) == characters(spans(text, {}))


@given(st.text(alphabet="ab *_`[<中\n", min_size=2000, max_size=6000), st.integers(0, 6000))
@settings(max_examples=60, deadline=None)
def test_pieces_do_not_depend_on_what_follows(text, stable):
    early = next_piece(text, 0, min(stable, len(text)), {})
    if early is not None:
        assert early == next_piece(text, 0, len(text), {})
        assert early == next_piece(text[: early[0] + 1] + "x" * 100, 0, len(text), {}) or text[early[0]] in " \n"


def test_every_long_text_is_cut():
    for text in (
        "x" * 20_000,
        "中" * 20_000,
        "*" * 20_000,
        "`a " * 7000,
        "[ " * 10_000,
        "a`" * 10_000,
        " " * 20_000 + "x",
    ):
        piece = next_piece(text, 0, len(text), {})
        assert piece is None or piece[0] <= 10 * PIECE_LENGTH
        if text.strip(" ") == text:
            assert piece is not None


@given(st.text(alphabet="ab*_`~[]()<>&;\\! "))
@settings(max_examples=300, deadline=None)
def test_marks_are_those_of_markdown_it(text):
    """Every character that markdown-it shows, with the marks around it."""
    text = text.strip()
    assume("\\(" not in text and "\\[" not in text)  # our own: formulas
    expected, stack = [], []
    for token in MarkdownIt("commonmark").enable("strikethrough").parseInline(text)[0].children or []:
        if token.nesting:
            name = token.type.rpartition("_")[0]
            stack.append(name) if token.nesting > 0 else stack.pop()
        elif token.type != "image":
            code = CODE if token.type == "code_inline" else 0
            marks = code | sum({MARKS[name] for name in stack if name in MARKS})
            expected += [(character, marks) for character in token.content]
        else:
            expected += [(character, None) for character in token.content]
    found = [(character, marks & ~LINK) for character, marks, _ in characters(spans(text, {}))]
    assert [c for c, _ in found] == [c for c, _ in expected]
    assert all(
        marks in (wanted, None) or wanted is None for (_, marks), (_, wanted) in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("[https://bank.com](https://evil.com/x)", "https://bank.com (evil.com)"),
        ("[www.bank.com/login](https://bank.com@evil.com/)", "www.bank.com/login (evil.com)"),
        ("[**https://bank.com**](http://evil.com)", "https://bank.com (evil.com)"),
        ("[https://bank.com/a](https://www.BANK.com/b)", "https://bank.com/a"),
        ("[the bank](https://evil.com) and https://bank.com", "the bank and https://bank.com"),
        ("[README.md](https://example.com/README.md)", "README.md"),
    ],
)
def test_a_link_with_another_address_as_its_text_shows_the_real_host(source, seen):
    assert "".join(span.text for span in spans(source, {})) == seen


@pytest.mark.parametrize("piece", ["[", "![", "[a](", "[[1,[2,[3,4]]],", "[x] "])
def test_very_many_brackets_are_text(piece):
    assert "".join(span.text for span in spans(piece * 100, {})) == (piece * 100)
    assert spans("[a](https://b.c) " * 30, {})[0].target == "https://b.c"
