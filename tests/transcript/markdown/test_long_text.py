"""A paragraph or a line of any length costs as much as any other text."""

import pytest

from stepchat.transcript import copying
from stepchat.transcript.answer import TEXT
from stepchat.transcript.hit_testing import HitTester
from stepchat.transcript.layout.layout import MAX_ROWS
from stepchat.transcript.markdown.blocks import LONGEST_TEXT, Fence, split_long
from tests.transcript.chat import answered, asked, everything, page, stream, words
from tests.transcript.forms import forms, split

WORDS = "the quick **brown** fox, "
TEXTS = {
    "one line": WORDS * 1600,
    "many lines": (WORDS * 3 + "\n") * 550,
    "hard breaks": (WORDS * 3 + "  \n") * 550,
    "no spaces": "x" * 40_000,
    "Chinese": "漢字仮名交じり文。" * 4500,
    "in a quote": "> " + WORDS * 1600,
    "a heading": "# " + WORDS * 1600,
    "lines in an item": "- " + (WORDS * 3 + "\n  ") * 550,
    "code": "```json\n" + '{"a": [1, 2, 3]}, ' * 2200 + "\n```",
    "HTML": "<div>" + "a b " * 10_000,
}
texts = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)


@texts
def test_its_blocks_are_short_and_the_same_in_any_pieces(text):
    whole = split(text)
    assert max(len(block.text) for block in whole.blocks) < LONGEST_TEXT + 1100
    assert len(whole.blocks) > 2
    for size in (997, 4096, 30_000):
        assert forms(split(*(text[at : at + size] for at in range(0, len(text), size)))) == forms(whole)


@texts
def test_streamed_and_loaded_look_the_same(text):
    live = page(width=70)
    stream(live, words(text, 3001))
    live.document.finish_answer(answered(text))
    assert everything(live) == everything(page(answered(text), width=70))


@texts
def test_what_is_copied_has_no_joints(text):
    viewport = page(answered(f"Before.\n\n{text}\n\nAfter."))
    entry = viewport.document.open(0)
    last = entry.section_size(TEXT) - 1
    ends = (copying.CopyPosition(0, TEXT, 0, 3), copying.CopyPosition(0, TEXT, last, 3))
    copied = copying.selected_text(HitTester(viewport.document), *ends)
    assert copied.startswith("ore.")
    assert copied.endswith("Aft")
    assert "".join(text.split()) in "".join(copied.split())
    assert [line.strip() for line in text.strip().splitlines()] == [
        line.strip() for line in copied.strip().splitlines()
    ][2:-2]


def test_a_long_line_of_code_is_one_line_when_copied():
    (fence,) = {block.group for block in split(TEXTS["code"]).blocks if isinstance(block.group, Fence)}
    assert fence.source == TEXTS["code"].split("\n")[1]


def test_a_long_line_of_the_user_is_one_line_when_copied():
    text = "So: " + WORDS * 1600
    viewport = page(asked(text + "\nEnd"))
    blocks = viewport.document.open(0).blocks
    assert len(blocks) > 2
    ends = (copying.CopyPosition(0, 0, 0, 1), copying.CopyPosition(0, 0, len(blocks) - 1, 2))
    assert copying.selected_text(HitTester(viewport.document), *ends) == (text + "\nEn")[1:]


def test_only_rows_near_the_screen_are_kept():
    viewport = page(answered(WORDS * 25_000))
    for row in range(0, viewport.document.height, 1500):
        viewport.jump(row)
        viewport.render()
    assert viewport.document.layout.kept_rows <= MAX_ROWS + 500


def test_a_paragraph_that_begins_with_definitions_does_not_show_them():
    text = "[a]: https://a.example\n" * 900 + "See [a]. " + WORDS * 1000
    shown = everything(page(answered(text)))
    assert not any("[a]:" in row for row in shown)
    assert any(row.lstrip().startswith("See a.") for row in shown)


@pytest.mark.parametrize("below", ["===", "---", "| - |"])
def test_a_line_below_it_does_not_turn_its_end_into_a_heading_or_table(below):
    blocks = split(f"{WORDS * 1600}| x\n{below}\n\nend").blocks
    assert {block.kind for block in blocks} <= {"paragraph", "rule"}


@pytest.mark.parametrize("text", ["a" * 40_000, "ab " * 12_000, "", "\n" * 50_000, " " * 50_000])
def test_the_parts_and_what_is_between_them_are_the_text(text):
    for verbatim in (True, False):
        parts = split_long(text, verbatim=verbatim)
        assert "".join((joint or "") + part for joint, part in parts) == text
        assert parts[0][0] is None
        assert all(joint is not None for joint, _ in parts[1:])
