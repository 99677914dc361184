from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepchat.transcript.layout.layout import Layout, shown_code
from stepchat.transcript.markdown.blocks import Block
from stepchat.transcript.markdown.highlighting import LONGEST_LINE, highlight
from stepchat.transcript.markdown.incremental import IncrementalParser
from stepchat.transcript.markdown.streaming_highlighting import StreamingHighlighter
from stepchat.transcript.palette import colourless
from tests.transcript.forms import split

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


def test_it_gives_up_rather_than_hold_up_a_frame():
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


def test_a_line_is_plain_while_it_is_written():
    layout = Layout(colourless(), 60)
    open_line = split("```python\ndef f(", finish=False).blocks[1]
    assert [segment.text.strip() for segment in layout.rows(open_line)[0] if segment.text.strip()] == ["def f("]
