import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from stepchat.transcript.layout.wrap import Wrapper, chop

PLAIN, BOLD = Style(), Style(bold=True)


def wrapped(width, *parts):
    wrapper = Wrapper(width)
    for part in parts:
        wrapper.add(part, PLAIN)
    return ["".join(text for text, _ in line) for line in wrapper.all_lines()]


@pytest.mark.parametrize(
    ("width", "parts", "expected"),
    [
        (12, ["hello world this ", "is bo", "ld text"], ["hello world", "this is bold", "text"]),
        (5, ["abcdefgh ij"], ["abcde", "fgh", "ij"]),
        (8, ["ab ", "cdef", "ghi"], ["ab", "cdefghi"]),
        (8, ["a\nb\n\nc"], ["a", "b", "", "c"]),
        (8, ["中文字符，测试一下。"], ["中文字", "符，测试", "一下。"]),
        (8, ["abc中文def"], ["abc中文", "def"]),
        (10, ["（中文）测试"], ["（中文）测", "试"]),
        (4, ["👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦"], ["👨‍👩‍👧‍👦👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦"]),
        (3, ["e\u0301e\u0301e\u0301e\u0301"], ["e\u0301e\u0301e\u0301", "e\u0301"]),
        (10, ["word   spaced   out"], ["word", "spaced", "out"]),
        (12, ["see https://a.b/one/two?x=1"], ["see", "https://a.b/", "one/two?x=1"]),
        (12, ["https://a.b/", "c", "dé/two?x=1"], ["https://a.b/", "cdé/two?x=1"]),
        (12, ["abcdefghij.klm"], ["abcdefghij.", "klm"]),
        (12, ["a.bcdefghijklm"], ["a.bcdefghijk", "lm"]),
        (8, ["한국어를 배웁니다"], ["한국어를", "배웁니다"]),
        (9, ["ｱｲｳｴ ｵｶｷｸｹ"], ["ｱｲｳｴ", "ｵｶｷｸｹ"]),
        (4, ["一丁鿿龥，"], ["一丁", "鿿", "龥，"]),
    ],
)
def test_wrapping(width, parts, expected):
    assert wrapped(width, *parts) == expected


texts = st.lists(st.sampled_from([*"ab  中，。（é👍\n", "x" * 9, "e\u0301"]), max_size=60).map("".join)


@given(st.integers(2, 14), st.lists(texts, max_size=5))
@settings(max_examples=500, deadline=None)
def test_nothing_is_lost_and_nothing_sticks_out(width, parts):
    lines = wrapped(width, *parts)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == "".join(parts).replace(" ", "").replace("\n", "")


@given(st.integers(2, 14), texts, st.integers(0, 60))
@settings(max_examples=500, deadline=None)
def test_a_change_of_style_does_not_change_the_lines(width, text, at):
    if text[at - 1 : at + 1].endswith("\u0301"):
        at = 0
    wrapper = Wrapper(width)
    wrapper.add(text[:at], PLAIN)
    wrapper.add(text[at:], BOLD)
    lines = ["".join(part for part, _ in line).rstrip() for line in wrapper.all_lines()]
    assert lines == [line.rstrip() for line in wrapped(width, text)]


def test_continuing_does_not_change_the_wrapper():
    wrapper = Wrapper(10)
    wrapper.add("one two ", PLAIN)
    other = wrapper.continued()
    other.add("three four five", PLAIN)
    assert ["".join(text for text, _ in line) for line in other.all_lines()] == ["one two", "three four", "five"]
    assert wrapper.open_line == [("one two ", PLAIN)]
    assert wrapper.lines == []


def test_indents_that_belong_to_the_text_stay():
    text = "def f(x):\n    if x:\n        return 1\n\n   河川 here"
    whole, pieces = Wrapper(20, keeps_indents=True), Wrapper(20, keeps_indents=True)
    whole.add(text, PLAIN)
    for character in text:
        pieces.add(character, PLAIN)
    for wrapper in (whole, pieces):
        lines = ["".join(text for text, _ in line) for line in wrapper.all_lines()]
        assert lines == text.split("\n")


def test_code_is_cut_anywhere():
    rows = chop([("abcdef", PLAIN), ("ghi中文", BOLD)], 4)
    assert ["".join(text for text, _ in row) for row in rows] == ["abcd", "efgh", "i中", "文"]
    assert chop([], 4) == [[]]
    assert chop([("中", PLAIN)], 1) == [[("中", PLAIN)]]
