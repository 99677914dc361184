from __future__ import annotations

import pytest
from rich.style import Style

from stepchat.events import Delta
from stepchat.text.sanitize import sanitize_for_display as displayed
from stepchat.text.widths import cells, unpad
from stepchat.transcript.overlays.selection import Selection
from tests.transcript.chat import answered, asked, page, shown

MARK = Style(reverse=True)
PROSE = "The **sieve** of Eratosthenes marks the multiples of each prime, and what is left over is prime. " * 3


def find(viewport, text, *, last=False):
    """The cell where a text on the screen begins, or its last one."""
    for y, row in enumerate(shown(viewport)):
        if text in row:
            return cells(row[: row.index(text)]) + (cells(text) - 1 if last else 0), y
    raise AssertionError(f"{text!r} is not shown:\n" + "\n".join(shown(viewport)))


def select(viewport, first, last, unit="character"):
    selection = Selection(viewport.document)
    shown(viewport)
    selection.begin(viewport, *find(viewport, first), unit)
    selection.extend(viewport, *find(viewport, last, last=True))
    return selection


def marked(viewport, selection):
    """What is highlighted on each row that has something."""
    rows = selection.mark_rows(viewport, viewport.render(), MARK)
    texts = ["".join(text for text, style, _ in row if style and style.reverse) for row in rows]
    return [text for text in texts if text]


@pytest.mark.parametrize("width", [30, 60, 100])
def test_wrapped_lines_are_joined(width):
    viewport = page(answered(PROSE), width=width, height=40)
    assert select(viewport, "Eratos", "multiples").text() == "Eratosthenes marks the multiples"


def test_a_whole_block_is_copied_as_it_was_written():
    viewport = page(answered("# Head\n\nA *word*.\n\n> quoted\n>\n> twice\n\nend"))
    assert select(viewport, "Head", "end").text() == "# Head\n\nA *word*.\n\n> quoted\n>\n> twice\n\nend"


def test_code_is_copied_exactly_and_with_its_fences_only_if_they_are_selected():
    source = "def f():\n\n    return  1  # " + "x" * 60
    viewport = page(answered(f"Look:\n\n```python\n{source}\n```\n\nDone."), width=50)
    assert select(viewport, "def f", "return  1").text() == "def f():\n\n    return  1"
    assert select(viewport, "Look", "Done.").text() == f"Look:\n\n```python\n{source}\n```\n\nDone."


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        ("ook", "def f", "ook:\n\n```python\ndef f\n```"),
        ("python", "def f", "```python\ndef f\n```"),
        ("pass", "Done.", "```python\npass\n```\n\nDone."),
        ("Look:", "python", "Look:\n\n```python\n```"),
        ("python", "python", "python"),
        ("def f", "pass", "def f():\n    pass"),
    ],
)
@pytest.mark.parametrize("mark", ["", "- ", "> "])
def test_code_next_to_other_text_is_copied_in_a_closed_fence(first, last, text, mark):
    source = "Look:\n\n```python\ndef f():\n    pass\n```\n\nDone."
    rest = mark.replace("-", " ")
    viewport = page(answered("\n".join((rest if at else mark) + line for at, line in enumerate(source.split("\n")))))
    copied = select(viewport, first, last).text()
    if mark == "> ":  # whole lines of a quote stay quoted
        copied = "\n".join(line[2:] if line[:1] == ">" else line for line in copied.split("\n"))
    if first == "Look:" and mark == "- ":  # begins with the item, so all of it is in it
        text = f"- {text}".replace("\n", "\n  ").replace("\n  \n", "\n\n")
    assert copied == text


def test_an_answer_that_is_selected_whole_is_copied_letter_for_letter():
    source = "Title\n=====\n\n*  one\n*  two\n\n~~~py title=x\n1\n~~~\n\n[more]\n\n[more]: https://a.example 'said'\n"
    viewport = page(asked("Q"), answered(source, "*  a\n*  b", folded=False), asked("R"), height=40)
    assert select(viewport, "Title", "more").text() == source.strip("\n")
    assert select(viewport, "Q", "R").text() == "\n\n".join(["Q", "*  a\n*  b", source.strip("\n"), "R"])


def test_the_programs_own_lines_are_marked_only_when_they_are_copied():
    viewport = page(asked("First?"), answered("Yes.", "hm"), asked("Second?"), height=30)
    both = select(viewport, "First", "Second?")
    assert [text.strip() for text in marked(viewport, both)] == ["First?", "Yes.", "Second?"]
    assert marked(viewport, select(viewport, "Thought for", "Thought for")) == ["Thought for"]


@pytest.mark.parametrize("indent", ["", "        ", "\t"])
def test_a_wrapped_line_of_code_is_indented_and_copied_as_one_line(indent):
    line = f"{indent}total=sum(values.weighted(weights,strict=True).filtered(lambda:other),start=Z)"
    viewport = page(answered(f"```python\n{line}\n```"), width=40)
    rows = [row for row in shown(viewport) if row.strip()][1:-1]  # less the label and the foot
    begin = len(rows[0]) - len(rows[0].lstrip())
    assert len(rows) > 2
    assert {len(row) - len(row.lstrip()) for row in rows[1:]} == {begin + 2}
    selection = select(viewport, "sum", "=Z)")
    assert selection.text() == line.strip()[line.strip().index("sum") :]
    assert "".join(marked(viewport, selection)) == selection.text()


def test_part_of_a_line_of_code_keeps_its_blanks():
    viewport = page(answered("```\na  =    [1,   2]\n```"))
    assert select(viewport, "=", "[1,   2").text() == "=    [1,   2"


def test_lists_keep_their_markers():
    source = "1. one\n2. two\n   - deep\n   - [x] done\n3. three"
    viewport = page(answered(source))
    assert select(viewport, "one", "three").text() == source
    assert select(viewport, "wo", "dee").text() == "wo\n- dee"
    assert select(viewport, "deep", "done").text() == "- deep\n- [x] done"
    assert select(viewport, "done", "done").text() == "- [x] done"
    assert select(viewport, "one", "ne", "word").text() == "one"


@pytest.mark.parametrize("marker", ["-", "7."])
@pytest.mark.parametrize("width", [12, 20, 60])
def test_the_box_of_a_task_is_no_text(width, marker):
    viewport = page(answered(f"{marker} [x] well done and\n   more of it"), width=width, height=30)
    selection = select(viewport, "ell", "more o")
    assert selection.text() == "ell done and\nmore o"
    assert "".join(marked(viewport, selection)).replace(" ", "") == "elldoneandmoreo"
    assert select(viewport, "well", "it").text() == f"{marker} [x] well done and\n   more of it"


def test_part_of_a_task_and_part_of_a_table_row():
    viewport = page(answered("- [x] done **well**\n\n| a | b |\n|--|:-:|\n| one | two |\n| three | four |"))
    assert select(viewport, "ne w", "well").text() == "ne well"
    assert select(viewport, "thr", "four").text() == "| three | four |"
    assert select(viewport, "hree", "fou").text() == "hree\tfou"


@pytest.mark.parametrize("width", [24, 32])
def test_rules_between_rows_are_no_text(width):
    table = "| name | what |\n| --- | --- |\n| one | a word or two, and more |\n| two | quite as much, or even more |"
    viewport = page(answered(table), width=width, height=40)
    assert any("╌" in row for row in shown(viewport))
    selection = select(viewport, "one", "two,")
    assert "╌" not in "".join(marked(viewport, select(viewport, "one", "quite")))
    assert selection.text().startswith("one")


TABLE = """\
| name | what it is |
| --- | --- |
| sieve | marks the multiples of each prime in turn |
| trial division | tries every smaller prime |
"""


@pytest.mark.parametrize("width", [26, 32, 44, 80])
def test_what_is_selected_in_a_cell_of_a_table_is_of_that_cell(width):
    viewport = page(answered(TABLE), width=width, height=40)
    for first, last, text in (
        ("marks", "turn", "marks the multiples of each prime in turn"),
        ("ial", "divi", "ial divi"),
    ):
        selection = select(viewport, first, last)
        assert selection.text() == text
        assert "".join(marked(viewport, selection)).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("width", [26, 32, 44, 80])
def test_over_cells_of_a_table_they_come_in_the_order_they_were_written_in(width):
    viewport = page(answered(TABLE), width=width, height=40)
    assert select(viewport, "eve", "turn").text() == "eve\tmarks the multiples of each prime in turn"
    over_rows = "turn |\n| trial division | tries every smaller prime |"
    assert select(viewport, "each", "tries").text() == "each prime in turn\ntrial division\ttries"
    assert (
        select(viewport, "sieve", "tries")
        .text()
        .startswith("| sieve | marks the multiples of each prime in " + over_rows[:6])
    )


@pytest.mark.parametrize("width", [26, 44, 80])
def test_parts_of_rows_beside_whole_ones_are_rows(width):
    viewport = page(answered(TABLE), width=width, height=40)
    head = "| name | what it is |\n| --- | --- |\n"
    row = "| sieve | marks the multiples of each prime in turn |"
    assert select(viewport, "name", "trial").text() == f"{head}{row}\n| trial |  |"
    assert select(viewport, "multiples", "prime").text().count("|") == 0
    if width == 80:
        assert select(viewport, "what", "tries").text() == f"|  |{head[8:]}{row}\n| trial division | tries |"


@pytest.mark.parametrize("width", [26, 80])
def test_a_stacked_table_row_counts_its_characters_like_one_in_columns(width):
    viewport = page(answered(TABLE), width=80, height=40)
    selection = select(viewport, "ultiples", "prime in")
    viewport.document.reset(viewport.document.layout.builder.palette, width)
    viewport.to_end()
    assert "".join(marked(viewport, selection)).replace(" ", "") == "ultiplesofeachprimein"


def test_a_table_is_copied_as_markdown():
    viewport = page(answered("Top.\n\n| a | b |\n|--|:-:|\n| one | two |\n\nEnd."))
    assert select(viewport, "Top", "End.").text() == "Top.\n\n| a | b |\n|--|:-:|\n| one | two |\n\nEnd."
    assert select(viewport, "op.", "two").text() == "op.\n\n| a | b |\n|--|:-:|\n| one | two |"


def test_over_messages_without_the_programs_own_lines():
    viewport = page(asked("First?\n  indented"), answered("Yes.", "hm"), asked("Second?"), height=30)
    assert select(viewport, "First", "Second?").text() == "First?\n  indented\n\nYes.\n\nSecond?"
    assert select(viewport, "Thought for", "Thought for").text() == "Thought for"


def test_backwards_is_the_same():
    viewport = page(answered("alpha beta gamma"))
    selection = Selection(viewport.document)
    shown(viewport)
    selection.begin(viewport, *find(viewport, "gamma"), "character")
    selection.extend(viewport, *find(viewport, "beta"))
    assert selection.text() == "beta g"


def test_words_and_blocks():
    viewport = page(answered("alpha beta-gamma\n\nnext"))
    assert select(viewport, "eta", "et", "word").text() == "beta-gamma"
    assert select(viewport, "lpha", "eta", "word").text() == "alpha beta-gamma"
    assert select(viewport, "gamma", "gamma", "block").text() == "alpha beta-gamma"


def test_highlight_leaves_out_margin_and_padding():
    viewport = page(answered("> one two\n>\n> three four"))
    assert marked(viewport, select(viewport, "two", "three")) == ["two", "three"]


def test_wide_characters():
    viewport = page(answered("漢字とかな and 👩‍👩‍👧 more"))
    selection = Selection(viewport.document)
    shown(viewport)
    selection.begin(viewport, 4, 1, "character")
    selection.extend(viewport, 9, 1)
    assert selection.text() == "字とか"
    assert marked(viewport, selection) == ["字とか"]


def test_stays_on_its_text_while_more_comes_and_at_every_width():
    viewport = page(asked(), height=60)
    document = viewport.document
    document.begin_answer(0.0)
    document.feed(Delta(text=PROSE), 0.1)
    viewport.update_live(0.2, 1)
    selection = select(viewport, "marks", "each")
    for number in range(5):
        document.feed(Delta(text=f" more {number}\n\nand **more**"), 0.3 + number)
        viewport.update_live(0.4 + number, number)
        assert "".join(marked(viewport, selection)).replace(" ", "") == "marksthemultiplesofeach"
    for width in (25, 100, 61):
        document.reset(document.layout.builder.palette, width)
        viewport.to_end()
        assert "".join(marked(viewport, selection)).replace(" ", "") == "marksthemultiplesofeach"
    document.finish_answer(answered(document.live.text.source, "now with reasoning"))
    assert selection.text() == "marks the multiples of each"


def test_reasoning_is_the_same_in_its_tail_and_opened():
    viewport = page(asked())
    document = viewport.document
    document.begin_answer(0.0)
    document.feed(Delta(reasoning="".join(f"Thought {number} of many.\n\n" for number in range(20))), 0.1)
    viewport.update_live(0.2, 1)
    selection = select(viewport, "ought 17", "18 of")
    wanted = "ought 17 of many.\n\nThought 18 of"
    assert selection.text() == wanted
    document.toggle(1)
    assert selection.text() == wanted
    document.toggle(1)
    assert selection.text() == wanted


def test_goes_with_the_message_it_is_in():
    viewport = page(asked("Q"))
    viewport.document.notice("It failed.", "", "error")
    selection = select(viewport, "It", "failed")
    assert selection
    viewport.document.add(asked("R"))
    assert not selection
    assert selection.text() == ""


def test_nothing_is_selected_by_a_press_alone():
    viewport = page(answered("alpha"))
    selection = Selection(viewport.document)
    shown(viewport)
    selection.begin(viewport, 3, 1, "character")
    selection.extend(viewport, 3, 1)
    assert not selection
    selection.extend(viewport, 4, 1)
    assert selection
    selection.clear()
    assert not selection


def test_indented_code_keeps_its_indentation_beside_other_blocks():
    source = "Look:\n\n    def f():\n        pass\n\nDone."
    viewport = page(answered(source))
    assert select(viewport, "Look", "Done.").text() == source
    assert select(viewport, "def f", "pass").text() == "def f():\n    pass"


@pytest.mark.parametrize(
    ("text", "at", "word"),
    [
        ("see https://example.com/a/b?c=d.", "example", "https://example.com/a/b?c=d"),
        ("in src/app-main.py, then", "app", "src/app-main.py"),
        ("It is over. Now", "over", "over"),
        ("don't stop", "don", "don't"),
    ],
)
def test_addresses_and_paths_are_one_word(text, at, word):
    viewport = page(answered(text))
    shown(viewport)
    selection = Selection(viewport.document)
    selection.begin(viewport, *find(viewport, at), "word")
    assert selection.text() == word


@pytest.mark.parametrize("width", [20, 40, 100])
def test_scripts_whose_marks_take_a_cell_are_copied_as_they_were_written(width):
    viewport = page(answered("**यह** किताब की पहली पंक्ति है और यह दूसरी भी।"), width=width, height=30)
    selection = Selection(viewport.document)
    rows = shown(viewport)
    y = next(place for place, row in enumerate(rows) if "किताब" in unpad(row))
    x = cells(unpad(rows[y]).partition("किताब")[0])
    selection.begin(viewport, x, y, "character")
    selection.extend(viewport, x + cells("किताब") - 1, y)
    assert selection.text() == "किताब"
    assert [unpad(text) for text in marked(viewport, selection)] == ["किताब"]


@pytest.mark.parametrize("width", [16, 17, 19, 24, 80])
@pytest.mark.parametrize(
    "word",
    ["https://example.com/a/rather/long/address?c=d", "Donaudampfschifffahrtsgesellschaft", "漢字漢字漢字漢字漢字漢字"],
)
@pytest.mark.parametrize(
    "source", ["Some words and {}, and more.", "| a | b |\n|---|---|\n| see | {} |", "- x\n  - y {}"]
)
def test_a_word_that_is_wrapped_is_one_word(width, word, source):
    viewport = page(answered(source.format(word)), width=width, height=60)
    y = next(place for place, row in enumerate(shown(viewport)) if word[:2] in row)
    for row in (y, y + (word[:2] not in word[3:] and width < 20)):
        selection = Selection(viewport.document)
        text = shown(viewport)[row]
        before = text.partition(word[:2])[0] if row == y else text[: len(text) - len(text.lstrip("│ "))]
        selection.begin(viewport, cells(before), row, "word")
        assert selection.text() == word


EMOJI = ["👩‍👩‍👧", "👍🏽", "🇨🇭", "❤️", "1️⃣", "e\u0301", "👩🏽‍💻"]


@pytest.mark.parametrize("emoji", EMOJI)
@pytest.mark.parametrize(
    "source", ["one {} two", "`{}` two", "```\n\tone {} two\n```", "| a |\n|---|\n| one {} two |", "**{}** two"]
)
def test_what_is_seen_as_one_character_is_copied_whole(emoji, source):
    viewport = page(answered(source.format(emoji)))
    selection = Selection(viewport.document)
    rows = shown(viewport)
    y = next(place for place, row in enumerate(rows) if "two" in row)
    end = cells(rows[y].partition(" two")[0])
    for x in range(end - 1, end - 1 - cells(displayed(emoji)), -1):
        selection.begin(viewport, x, y, "character")
        selection.extend(viewport, end + 1, y)
        assert selection.text() == f"{emoji} t"
        assert marked(viewport, selection) == [f"{displayed(emoji)} t"]


def test_what_a_person_typed_is_copied_with_its_emoji():
    viewport = page(asked("My 👩‍👩‍👧 and 🇨🇭!"))
    assert select(viewport, "y ", "nd").text() == "y 👩‍👩‍👧 and"


def test_part_of_a_line_of_code_keeps_its_tabs():
    viewport = page(answered("```\nif x:\n\ty\t= 1\n```"))
    assert select(viewport, "y ", "= 1").text() == "y\t= 1"
