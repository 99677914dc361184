"""Where text begins and code ends: what may still change while an answer comes."""

from dataclasses import replace

from rich.style import Style

from stepchat.transcript.layout.layout import Layout
from stepchat.transcript.markdown.incremental import IncrementalParser
from stepchat.transcript.palette import colourless
from tests.transcript.forms import lines


def test_numbers_of_a_list_end_below_one_another_however_many_there_are():
    text = "8. eight\n9. nine,\n   - on two lines\n\n     | a |\n     |---|\n     | b |\n10. ten\n\nend\n\n9. nine"
    layout = Layout(colourless(), 40)
    splitter = IncrementalParser()
    splitter.feed(text[:58])
    before = [row for block in splitter.blocks for row in lines(layout.rows(block))]
    assert before[1:4] == ["  8. eight", "  9. nine,", "     • on two lines"]
    splitter.feed(text[58:])
    now = [row for block in splitter.blocks for row in lines(layout.rows(block))]
    assert now[1:4] == ["   8. eight", "   9. nine,", "      • on two lines"]
    assert now[5:] == ["        a", "        ─", "        b", "", "  10. ten", "", "  end", "", "  9. nine"]


def test_the_surface_of_code_ends_with_the_text_unless_a_line_goes_further():
    surface = Style(bgcolor="red")
    layout = Layout(replace(colourless(), code_block=surface, code_label=surface), 160)
    splitter = IncrementalParser()

    def ends() -> list[int]:
        rows = [layout.rows(block)[-1] for block in splitter.blocks]
        return [4 + sum(segment.cell_length for segment in row if segment.style == surface) for row in rows]

    splitter.feed("- a\n\n  ```\n  short\n  " + "x" * 94)
    assert ends()[1:] == [102, 102, 102]
    splitter.feed("x")
    assert ends()[1:] == [158, 158, 158]
