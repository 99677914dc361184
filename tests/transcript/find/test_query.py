from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.transcript.find.query import Query, plain, source_offsets
from stepchat.transcript.markdown.inline import spans


def found(typed: str, text: str) -> list[str]:
    own = source_offsets(text)
    return [text[own[match.start()] : own[match.end() - 1] + 1] for match in Query(typed).find(plain(text))]


@pytest.mark.parametrize(
    ("typed", "text", "hits"),
    [
        ("prime", "Prime prime PRIME", ["Prime", "prime", "PRIME"]),
        ("Prime", "Prime prime PRIME", ["Prime"]),
        ("a.b", "a.b axb", ["a.b"]),
        ("(a", "(a", ["(a"]),
        ("two  words", "two\nwords two\u00a0words", ["two\nwords", "two\u00a0words"]),
        ("it's", "it’s", ["it’s"]),
        ("it’s", "it's", ["it's"]),
        ("cafe", "cafe café cafe\u0301 CAFÉ", ["cafe", "café", "cafe\u0301", "CAFÉ"]),
        ("café", "cafe café cafe\u0301", ["café", "cafe\u0301"]),
        ("cafe\u0301", "cafe café", ["café"]),
        ("λογος", "ΛΟΓΟΣ λόγος", ["ΛΟΓΟΣ", "λόγος"]),
        ("❤️ x", "❤ x", ["❤ x"]),
        ("素数", "有素数吗", ["素数"]),
    ],
)
def test_finds_what_reads_the_same(typed, text, hits):
    assert found(typed, text) == hits
    assert Query(typed).count(plain(text)) == len(hits)


@pytest.mark.parametrize("typed", ["", "  ", "\u200b"])
def test_an_empty_query_finds_nothing(typed):
    assert Query(typed).empty


def test_a_source_without_the_word_is_not_read():
    assert not Query("needle").may_be_in("hay and more hay, (and) [hay](there)")


PIECES = [
    "ne",
    "ed",
    "le",
    "Needle",
    "café",
    "e\u0301",
    "*",
    "**",
    "`",
    "~~",
    "[",
    "](x)",
    "&amp;",
    "\\",
    "_",
    " ",
    "\r",
    "🇩🇪",
]


@given(
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.sampled_from(["needle", "é", "cafe", "Need", "d e", "&"]),
)
def test_what_is_shown_may_be_in_its_source(source, typed):
    text = "".join(span.text for span in spans(source, {}))
    query = Query(typed)
    assert query.may_be_in(source) or not query.count(plain(text))
