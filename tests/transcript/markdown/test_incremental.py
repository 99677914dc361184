import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepchat.transcript.markdown.block_starts import LINE_LIMIT
from stepchat.transcript.markdown.incremental import IncrementalParser
from tests.transcript.forms import form, forms, split
from tests.transcript.judge import judged, ours

FRAGMENTS = [
    *(
        "foo",
        "bar baz",
        "- ",
        "* ",
        "1. ",
        "2) ",
        "> ",
        "    ",
        "  ",
        " ",
        "\t",
        "```",
        "~~~",
        "```py",
        "# ",
        "## x",
        "---",
    ),
    *(
        "***",
        "===",
        "|",
        "| a | b |",
        "|---|---|",
        "<div>",
        "</div>",
        "<!--",
        "-->",
        "<b>",
        "[x]: /u",
        "[x]",
        "\n",
        "\n\n",
    ),
    *("+", "a|b", "-|-", "`c`", "  \n", "\\", "- - ", "\r\n", "\r", "\n- ", "\n> ", "\n```\n", "中文"),
]
LONG = ["x" * 700 + " ", "word " * 150, " " * 400, "#" * 300, "-" * 500, "|" * 300, "`" * 400]
FORMULAS = ["\n$$\n", "$$", "$", "\n\\[\n", "\\]", "\n  $$"]

EMPTY_ITEM = re.compile(r"(?:[-+*]|\d[.)])[ \t>]*(?:\r\n?|\n)[ \t>]*(?:\r\n?|\n)[ \t>]*(?:\r|\n|$)")
INDENTED_QUOTE = re.compile(r"(?:[ ]{4}|\t)[ \t]*>")
MAYBE_TABLE = re.compile(r"\|[^\r\n]*(?:\r\n?|\n)[-+*>\s\d.)]*[-:|][-:| \t]*(?:\r|\n|$)")

documents = st.lists(st.sampled_from(FRAGMENTS), max_size=16).map("".join)
long_documents = st.lists(st.sampled_from(FRAGMENTS + LONG + FORMULAS), max_size=14).map("".join)


@st.composite
def cut_documents(draw, source):
    text = draw(source)
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return text, [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


@given(cut_documents(documents | long_documents))
@settings(max_examples=500, deadline=None)
def test_fed_in_pieces_is_fed_at_once(cut):
    text, pieces = cut
    assert forms(split(*pieces, finish=False)) == forms(split(text, finish=False))
    assert forms(split(*pieces)) == forms(split(text))


@given(documents)
@settings(max_examples=300, deadline=None)
def test_fed_letter_by_letter_is_fed_at_once(text):
    assert forms(split(*text)) == forms(split(text))


@given(cut_documents(documents | long_documents))
@settings(max_examples=300, deadline=None)
def test_blocks_before_the_dirty_one_stay_the_same_objects(cut):
    _, pieces = cut
    splitter = IncrementalParser()
    before = []
    for piece in pieces:
        dirty = splitter.feed(piece)
        now = [(block, form(block)) for block in splitter.blocks]
        assert now[:dirty] == before[:dirty]
        before = now


@given(cut_documents(documents | long_documents))
@settings(max_examples=300, deadline=None)
def test_stable_text_stays(cut):
    _, pieces = cut
    splitter = IncrementalParser()
    stable = {}
    for piece in pieces:
        splitter.feed(piece)
        for block in splitter.blocks:
            assert block.text.startswith(stable.get(block, "").rstrip())
            stable[block] = block.text[: block.stable]


def is_an_exception(text):
    """Where we differ from markdown-it on purpose.

    - It looks one line ahead for a table before it looks for any other block, so that `## a|b` can be a table's head;
      that would turn a heading into something else after it was shown.
    - It takes `>` for a quote's mark also four columns in, where CommonMark has code, if a quote is open.
    - It ends the paragraph after a link definition, whatever follows; we read on until the paragraph ends.
    - Two blank lines after an empty item end its list there; in CommonMark blank lines end no list.
    """
    return "]:" in text or any(pattern.search(text) for pattern in (MAYBE_TABLE, INDENTED_QUOTE, EMPTY_ITEM))


@given(documents.map(lambda text: text + "\n"))
@settings(max_examples=1000, deadline=None)
def test_blocks_are_those_of_markdown_it(text):
    if not is_an_exception(text):
        assert ours(text) == judged(text)


@pytest.mark.parametrize(
    "text",
    [
        "- one\n- two\n\n  in two\n  - nested\n    ```py\n    x = 1\n\n      y\n    ```\n3. three\n4. four\n",
        "> quote\nlazy\n> - item\n>\n>       code\n",
        "| a | b \\| c |\n|---|:-:|\n| 1 | 2 | 3 |\n| 4 |\nfoo\n\nbar\n",
        "text\n| a | b |\n|---|---|\n| 1 | 2 |\n> quote\n",
        "Setext\nheading\n===\n\nAnother\n---\n***\n",
        "[x]: http://a 'title'\n[y]:\n  /u\n\nuse [x] and [y]\n",
        "<div>\n*not*\n\n</div>\ntext <b>in</b>\n<!-- a\n\nb -->\n",
        "    code\n\n\n      more\n\ntext\n    not code\n",
        "- a\n\n\n- b\n1. c\n1. d\n-\n\n- e\n",
        "~~~ruby startline=3\n```\n~~~\n```\nunclosed",
        "\tcode\n-\ttab item\n\n\t\tcode in it\n>\tquoted\n",
        "# a #\n####### no\n#no\n## \n#\tb\n",
        "10) ten\n11) eleven\n\n1234567890. too long\n",
    ],
)
def test_documents_are_read_like_markdown_it_reads_them(text):
    assert ours(text) == judged(text)


@pytest.mark.parametrize(
    "line", ["-", "- ", "**", "1.", "12", "#", "## ", "```", "```py", "|", "|--", "> ", "===", "_"]
)
def test_undecided_beginning_of_a_line_is_not_shown_yet(line):
    splitter = split("text\n" + line, finish=False)
    assert [block.text for block in splitter.blocks] == ["text"]


@pytest.mark.parametrize(("line", "shown"), [("- a", ["t", "a"]), ("**b", ["t\n**b"]), ("## h", ["t", "h"])])
def test_incomplete_line_is_shown_at_once(line, shown):
    assert [block.text for block in split("t\n" + line, finish=False).blocks] == shown


CELLS = ["a", "b c", "`x|y`", r"d\|e", "", " ", "**f**", "|", "\\"]


@given(
    st.lists(st.lists(st.sampled_from(CELLS), min_size=1, max_size=4).map("|".join), min_size=1, max_size=6),
    st.sampled_from(["|---|", "|---|:-:|", "--|--", "| :-- | --: | - |", "|--"]),
    st.sampled_from([("", ""), ("", "> "), ("text\n", ""), ("> text\n", "> ")]),
)
@settings(max_examples=300, deadline=None)
def test_tables_are_those_of_markdown_it(rows, delimiter, before):
    above, mark = before
    text = above + "".join(f"{mark}{row}\n" for row in [f"|{rows[0]}|", delimiter, *rows[1:]])
    assert ours(text) == judged(text)


def test_tight_items_have_no_blank_rows_between_and_loose_ones_do():
    gaps = [block.gap for block in split("text\n- a\n- b\n\n- c\n\ntext\n").blocks]
    assert gaps == [1, 1, 0, 1, 1]


def test_footnote_stays_visible():
    assert [block.text for block in split("text[^1]\n\n[^1]: the note\n").blocks] == ["text[^1]", "[^1]: the note"]


def test_formula_on_lines_of_its_own_is_left_alone():
    text = "so\n$$\na_1\n= b\n- c *d*\n> 0\n$$\n- i\n  \\[\n  + x\n  \\]\n"
    assert [(block.kind, block.text) for block in split(text).blocks] == [
        ("paragraph", "so"),
        *(("html", line) for line in ("$$", "a_1", "= b", "- c *d*", "> 0", "$$")),
        ("paragraph", "i"),
        *(("html", line) for line in ("\\[", "+ x", "\\]")),
    ]


def test_formula_that_is_never_closed_ends_with_a_blank_line():
    assert [block.kind for block in split("$$\na\n\n# b\n").blocks] == ["html", "html", "heading"]


def test_line_longer_than_all_bounds_is_one_paragraph():
    text = "- " * 20 + "word " * LINE_LIMIT
    blocks = split(text).blocks
    assert blocks[-1].text == ("word " * LINE_LIMIT).strip()


@pytest.mark.parametrize(
    "text", ["> " * 500 + "x", "- " * 500 + "x", "[" * 3000, "*a " * 2000, "`" * 3000, "<a " * 2000, "|" * 3000]
)
def test_nesting_and_repetition_are_bounded(text):
    blocks = split(text).blocks
    assert blocks
    assert all(len(block.path) <= 60 for block in blocks)
