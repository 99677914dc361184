import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepchat.transcript.layout.layout import shown_code
from stepchat.transcript.markdown import block_starts
from stepchat.transcript.markdown.highlighting import LONGEST_LINE, can_highlight, highlight

SOURCE = 'def f(x: int) -> str:\n\n    # why\n    return f"{x} a" + 12\n\n"""more\nlines"""\n\n'


def test_lines_come_back_with_names_of_styles():
    lines = list(highlight("Python", SOURCE))
    assert ["".join(text for text, _ in line) for line in lines] == SOURCE.split("\n")[: len(lines)]
    assert ("def", "keyword") in lines[0]
    assert ("f", "function") in lines[0]
    assert ("# why", "comment") in lines[2]
    assert ("12", "number") in lines[3]
    assert lines[5] == [('"""more', "string")]


@pytest.mark.parametrize("language", ["", "no-such-language", "../x", "\x1b"])
def test_unknown_language_stays_plain(language):
    assert not can_highlight(language, "x = 1")


@pytest.mark.parametrize(
    ("info", "language"),
    [
        ("python", "python"),
        ("python {linenos}", "python"),
        ("python{1,3}", "python"),
        ("{.python .numberLines}", "python"),
        ("{python}", "python"),
        (".python", "python"),
        ("rust,ignore", "rust"),
        ("ts:src/app.ts", "ts"),
        ("language-c++ title='x'", "c++"),
        ("f&ouml;o", "föo"),
        ("", ""),
        ("{}", ""),
    ],
)
def test_language_is_what_the_info_string_names_first(info, language):
    assert block_starts.language(info) == language


def test_diff_is_coloured_by_line():
    lines = list(highlight("diff", "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n same\n"))
    assert [line[0] for line in lines[3:5]] == [("-old", "keyword"), ("+new", "string")]
    assert {name for _, name in lines[5]} == {""}


def test_tabs_reach_to_the_next_stop_also_behind_wide_characters():
    assert [shown_code(text) for text in ("\ta", "ab\tc", "中\tc", "中文\tc\td")] == [
        "    a",
        "ab  c",
        "中  c",
        "中文    c   d",
    ]


def test_long_lines_and_blocks_stay_plain():
    assert can_highlight("python", "x = 1")
    assert not can_highlight("python", "x" * (LONGEST_LINE + 1))
    assert not can_highlight("python", "x = 1\n" * 50_000)


@given(
    st.sampled_from(["python", "c", "html", "json", "bash", "diff", "rust"]), st.text(alphabet="ab{}\"'<>#/*\n\t =1")
)
@settings(max_examples=200, deadline=None)
def test_no_text_is_lost(language, source):
    lines = ["".join(text for text, _ in line) for line in highlight(language, source)]
    wanted = source.split("\n")
    while len(wanted) > len(lines):
        assert not wanted.pop()
    assert lines == wanted


def test_only_the_named_language_is_imported():
    program = (
        "import sys\n"
        "from stepchat.transcript.markdown.highlighting import can_highlight, highlight\n"
        "assert can_highlight('python', 'x = 1')\n"
        "list(highlight('python', 'x = 1'))\n"
        "lexers = [name for name in sys.modules if name.startswith('pygments.lexers.')]\n"
        "assert len(lexers) < 12, lexers\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
