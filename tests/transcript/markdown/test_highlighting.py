from __future__ import annotations

import subprocess
import sys
from concurrent.futures import Future

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepchat.transcript.layout.layout import Layout, shown_code
from stepchat.transcript.markdown import block_starts
from stepchat.transcript.markdown.blocks import Block
from stepchat.transcript.markdown.highlighting import LONGEST_LINE, StreamingHighlighter, can_highlight, highlight
from stepchat.transcript.markdown.incremental import IncrementalParser
from stepchat.transcript.palette import colourless
from tests.transcript.forms import split

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


def test_tabs_reach_the_next_stop_after_wide_characters():
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


SOURCES = {
    "python": 'def f(x: int = 3) -> str:\n    """For all\n    that is not in code."""\n    return f"{x!r} and" + \'b\'  # c\n\n@a\nclass A(B): ...\n',
    "javascript": "const f = async (x) => {\n  /* if a\n     comment for you */\n  return 'src/*' + x;\n};\n",
    "typescript": "interface A {\n  x: number; // */\n}\n/** for\n * x */ const y = 1;\n",
    "java": "public class A {\n  /** doc for\n   * x */\n  int f() { return 1; }\n}\n",
    "css": "a {\n  color: red;\n  /* x\n y */\n}\n",
    "rust": 'fn main() {\n    /* x\n    y */\n    println!("{:?}", 1);\n}\n',
    "bash": 'for f in *.txt; do\n  echo "$f: $(wc -l < "$f")"\ndone\n',
    "sql": "SELECT a\nFROM t -- c\nWHERE x = 'y';\n",
    "toml": '[a]\nb = 1\nc = """x\ny"""\n',
    "diff": "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n",
    "kotlin": 'fun f(x: Int): String {\n  return "a $x"\n}\n',
}


def lines_of(source):
    return [Block("code", line) for line in source.split("\n")]


def merged(line):
    """A line as one style a letter."""
    return [(letter, name) for text, name in line for letter in text if not letter.isspace()]


@pytest.mark.parametrize("language", SOURCES)
def test_lines_look_as_they_will_when_the_block_is_closed(language):
    lines = lines_of(SOURCES[language])
    growing = StreamingHighlighter(language, shown_code)
    found = [merged(growing.line(lines, number)) for number in range(len(lines))]
    whole = [merged(line) for line in highlight(language, SOURCES[language])]
    assert found[: len(whole)] == whole


@pytest.mark.parametrize("language", ["json", "yaml", "text", "console", "no-such-language"])
def test_what_is_no_table_of_states_stays_plain(language):
    lines = lines_of('{"a": 1}\n')
    assert StreamingHighlighter(language, shown_code).line(lines, 0) is None


@given(
    st.sampled_from(sorted(SOURCES)),
    st.lists(st.text(alphabet="ab \"'/*#\\{}()<>$`@=+-\t中\x1b", max_size=12), max_size=8),
)
@settings(max_examples=60)
def test_no_text_is_lost_or_breaks_it(language, texts):
    lines = [Block("code", text) for text in texts]
    growing = StreamingHighlighter(language, shown_code)
    for number, text in enumerate(texts):
        line = growing.line(lines, number)
        assert line is None or "".join(piece for piece, _ in line) == shown_code(text)


def test_it_gives_up_rather_than_block_a_frame():
    lines = lines_of("x = 1\n" * 1000)
    assert StreamingHighlighter("python", shown_code).line(lines, 900) is None
    assert StreamingHighlighter("python", shown_code).line([Block("code", "x" * (LONGEST_LINE + 1))], 0) is None


@pytest.mark.parametrize("count", [3, 500])
def test_nothing_changes_when_the_fence_closes(count):
    layout = Layout(colourless(), 60)
    splitter = IncrementalParser()
    splitter.feed("```python\n")
    for _ in range(count):
        splitter.feed("def f(): return 'a'\n")
        before = [layout.rows(block) for block in splitter.blocks[1:]][-1]
    assert len(before[0]._segments) > 3
    splitter.feed("```\n")
    assert layout.rows(splitter.blocks[-1]) == before
    while layout.has_work:
        layout.work(0.01)
    assert layout.rows(splitter.blocks[-1]) == before


def test_an_incomplete_line_is_plain():
    layout = Layout(colourless(), 60)
    open_line = split("```python\ndef f(", finish=False).blocks[1]
    assert [segment.text.strip() for segment in layout.rows(open_line)[0] if segment.text.strip()] == ["def f("]


@pytest.mark.parametrize("fence", ["```python\nx = 'a'\n```\n", "```python\nx = 'a'\n"])
def test_code_is_plain_until_its_lexer_is_loaded(fence):
    loads = []

    def start(load):
        loads.append((load, Future()))
        return loads[-1][1]

    layout = Layout(colourless(), 60, start_loading=start)
    code = split(fence, finish=False).blocks[1]
    plain = layout.rows(code)
    assert layout.has_work
    assert not layout.work(0.01)
    ((load, future),) = loads
    future.set_result(load())
    assert layout.work(0.01)
    assert not layout.has_work
    assert len(layout.rows(code)[0]._segments) > len(plain[0]._segments)
    assert len(loads) == 1
