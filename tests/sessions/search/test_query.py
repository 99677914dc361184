from __future__ import annotations

import sqlite3

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stepchat.messages import UserMessage
from stepchat.sessions.database import connect
from stepchat.sessions.migrations import migrate
from stepchat.sessions.search import index as search_index
from stepchat.sessions.search.query import Snippet, Term, TermFinder, expression, parse
from tests.sessions import samples


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("", []),
        ("  *** ", []),
        ("hello wor", [Term(("hello",)), Term(("wor",), True)]),
        ("hello world ", [Term(("hello",)), Term(("world",))]),
        ('"two words" x', [Term(("two", "words"))]),
        ('"open phr', [Term(("open", "phr"), True)]),
        ('"open phrase ', [Term(("open", "phrase"))]),
        ('"closed"', [Term(("closed",))]),
        ("foo-bar.baz", [Term(("foo", "bar", "baz"), True)]),
        ("foo-b", [Term(("foo",))]),
        ("foo(", [Term(("foo",))]),
        # One letter says nothing while typing, unless it is all there is.
        ("c", [Term(("c",))]),
        ("in c", [Term(("in",))]),
        ("in c ", [Term(("in",)), Term(("c",))]),
        ("漢字", [Term(("漢", "字"))]),
        ("CAFÉ", [Term(("cafe",), True)]),
        ("AND NEAR(a, b) -c title:x ^y", None),
        ("x " * 100, [Term(("x",))] * 32),
        ("y" * 5000, [Term(("y" * 2000,), True)]),
    ],
)
def test_parse(typed: str, terms: list[Term] | None) -> None:
    if terms is not None:
        assert list(parse(typed)) == terms
    else:
        assert " ".join(word for term in parse(typed) for word in term.words) == "and near a b c title x"


def _index(*texts: str) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, None)  # type: ignore[arg-type]
    search_index.prepare(connection, full_text=True)
    for number, text in enumerate(texts, 1):
        search_index.add(connection, number, UserMessage(text))
    return connection


def _found(connection: sqlite3.Connection, typed: str) -> list[int]:
    terms = parse(typed)
    if not terms:
        return []
    rows = connection.execute(
        "SELECT rowid FROM message_index WHERE message_index MATCH ? ORDER BY rowid", (expression(terms, ["prompt"]),)
    )
    return [number for (number,) in rows]


# Few letters, so that something is found; many kinds of them.
_alike = st.text('aAbéÉe\u0301ß漢字กิ한🙂 _-"*(:\n\0\ud800', max_size=20)


@given(st.lists(st.one_of(_alike, samples.texts), min_size=1, max_size=4), st.one_of(_alike, samples.texts))
@example(["x"], '" OR *')
@example(["a\0b"], "b ")
def test_the_index_and_the_eye_find_the_same(texts: list[str], typed: str) -> None:
    connection = _index(*texts)
    terms = parse(typed)
    finder = TermFinder(terms)
    by_eye = [n for n, text in enumerate(texts, 1) if terms and len(finder.terms_in(text)) == len(terms)]
    assert _found(connection, typed) == by_eye
    connection.close()


@given(st.one_of(_alike, samples.texts), st.integers(1, 60), st.one_of(_alike, samples.texts))
def test_a_snippet_is_one_clean_line_with_ranges_inside(text: str, times: int, typed: str) -> None:
    finder = TermFinder(parse(typed))
    for snippet in (finder.snippet(text * times), finder.whole(text)):
        snippet.text.encode()
        assert "\n" not in snippet.text
        assert not any(char < " " or "\x7f" <= char < "\xa0" for char in snippet.text)
        ends = [0, *(end for _, end in snippet.ranges)]
        assert all(before <= start < end for before, (start, end) in zip(ends, snippet.ranges, strict=False))
        assert max(ends) <= len(snippet.text)


def _marked(snippet: Snippet) -> str:
    text = snippet.text
    for start, end in reversed(snippet.ranges):
        text = f"{text[:start]}[{text[start:end]}]{text[end:]}"
    return text


@pytest.mark.parametrize(
    ("typed", "text", "marked"),
    [
        ("sky", "Why is the\n\n  sky   blue?", "Why is the [sky] blue?"),
        ("why blu", "Why is the sky blue?", "[Why] is the sky [blu]e?"),
        ('"the sky"', "Sky the, SKY!", "Sky [the, SKY]!"),
        ("über", "Was ist U\u0308ber-uns?", "Was ist [U\u0308ber]-uns?"),
        ("漢字", "これは漢字です", "これは[漢字]です"),
        ("red", "\x1b[31mred\x07\t\u202ex", "␛[31mred␇ �x"),
        ("31mred", "\x1b[31mred\x07\t\u202ex", "␛[[31mred]␇ �x"),
        ("nothing", "x" * 300, "x" * 160 + "…"),
        ("😀", "so 😀 happy", "so [😀] happy"),
    ],
)
def test_what_a_snippet_shows(typed: str, text: str, marked: str) -> None:
    assert _marked(TermFinder(parse(typed)).snippet(text)) == marked


def test_a_snippet_shows_the_place_with_most_words() -> None:
    text = "apple " + "and so on " * 100 + "then apple with pear " + "and so on " * 100
    marked = _marked(TermFinder(parse("apple pear")).snippet(text))
    assert marked.startswith("…")
    assert marked.endswith("…")
    assert "then [apple] with [pear] and" in marked
    assert len(marked) < 180


def test_a_title_is_shown_whole() -> None:
    title = "word " * 60 + "needle"
    assert _marked(TermFinder(parse("needle")).whole(title)) == "word " * 60 + "[needle]"


def test_a_prefix_uses_the_index_of_prefixes(tmp_path) -> None:
    """Without it, a broad prefix reads every word."""
    connection = connect(tmp_path / "x.db")
    migrate(connection, tmp_path / "x.db")
    search_index.prepare(connection, full_text=True)
    (sql,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'message_index'").fetchone()
    assert "prefix='2 3 4'" in sql
    connection.close()
