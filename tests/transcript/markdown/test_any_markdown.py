"""What holds of any answer, however it is written and whatever is in it: random documents of all kinds of blocks, in pieces."""

from __future__ import annotations

import re

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from stepchat.text.sanitize import sanitize_for_display as displayed
from stepchat.transcript import copying
from stepchat.transcript.answer import TEXT as TEXT_SECTION
from stepchat.transcript.find.navigator import FindNavigator
from stepchat.transcript.find.query import plain
from stepchat.transcript.find.search import Search
from stepchat.transcript.hit_testing import HitTester, source_map
from stepchat.transcript.markdown.blocks import Block, Fence, Table
from stepchat.transcript.markdown.inline import Display
from stepchat.transcript.overlays.selection import Selection
from tests.transcript.chat import answered, page, stream, words
from tests.transcript.forms import split

INLINE = [
    *(
        "word",
        "two words",
        "**bold**",
        "*em*",
        "`co|de`",
        "~~gone~~",
        "[link](https://a.b/c)",
        "[ref]",
        "![pic](x.png)",
        "<b>",
    ),
    *(
        "https://a.b/c?d=e",
        "a\\|b",
        "$x_1$",
        "\\(y\\)",
        "&amp;",
        "  \n",
        "\\\n",
        "**open",
        "_",
        "`",
        "[",
        "](",
        "<br>",
        "x" * 130,
    ),
    *(
        "漢字かな",
        "👩‍👩‍👧",
        "🇨🇭",
        "👍🏽",
        "e\u0301",
        "हिन्दी",
        "שלום",
        "مرحبا",
        "\u202eturn\u202c",
        "\u2066in\u2069",
        "\u200b",
        "\ufeff",
    ),
    *("\x00", "\x1b[31m", "\x07", "\x7f", "\x9b2J", "\ud800", "\u2028", "\t", "\r", "\U000e0041", "\xad", "ﷺ"),
]
TEXT = st.lists(st.sampled_from(INLINE), min_size=1, max_size=6).map(" ".join)
ROW = st.lists(st.sampled_from(INLINE), min_size=1, max_size=5).map(lambda cells: "|" + "|".join(cells) + "|\n")
BLOCK = st.one_of(
    TEXT.map("{}\n\n".format),
    TEXT.map("{}\n".format),
    st.builds("{} {}\n".format, st.sampled_from(["#", "###", "#######"]), TEXT),
    TEXT.map("{}\n===\n".format),
    st.sampled_from(
        ["---\n", "***\n", "\n", "\n\n\n", "[ref]: https://c.d 'title'\n", "[ref]:\n<x y>\n", "[^1]: note\n"]
    ),
    st.builds(
        "{}{}\n{}\n{}\n{}".format,
        st.sampled_from(["```", "~~~", "````"]),
        st.sampled_from(["", "python", "py title=x", "nonsense", "html"]),
        st.lists(st.sampled_from([*INLINE, "def f(x):", "    return '''", "```", "\tif x:", "", "# | a |"])).map(
            "\n".join
        ),
        st.sampled_from(["```", "~~~", "", "````"]),
        st.sampled_from(["", "\n", "\n\n"]),
    ),
    TEXT.map("    {}\n".format),
    TEXT.map("<div>\n{}\n</div>\n\n".format),
    TEXT.map("<!-- {} -->\n".format),
    st.builds("{}|---|:-:|\n{}{}\n".format, ROW, ROW, st.one_of(ROW, st.just(""))),
    TEXT.map("$$\n{}\n$$\n".format),
)


def indented(text: str, mark: str) -> str:
    """The text in a container: a mark on its first line, and room for it, or the mark again, on the others."""
    first, *others = text.split("\n")
    rest = mark if mark.startswith(">") else " " * len(mark.partition("[")[0])
    return "\n".join([mark + first, *(rest + line if line else line for line in others)])


MARKS = st.sampled_from(["- ", "* ", "1. ", "9. ", "12) ", "> ", "- [x] ", "3. [ ] ", "-\t", ">"])
NESTED = st.recursive(
    BLOCK, lambda inner: st.builds(indented, st.lists(inner, min_size=1, max_size=3).map("".join), MARKS), max_leaves=6
)
DOCUMENTS = st.lists(NESTED, min_size=1, max_size=7).map("".join)
ENDS = st.sampled_from(["\n", "\r\n"])
WIDTHS = st.sampled_from([8, 20, 41, 80, 130])
HARMFUL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u200b\u202a-\u202e\u2028\u2066-\u2069\ud800-\udfff\ufeff\U000e0000-\U000e0fff]"
)
MARK = Style(reverse=True)


def rows_of(viewport):
    return [strip for _, _, rows in viewport.document.forward(0, 0) for strip in rows]


@given(DOCUMENTS, ENDS, st.integers(1, 40), WIDTHS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_streamed_in_pieces_equals_loaded_at_once(text, end, size, width):
    text = text.replace("\n", end)
    message = answered(text)
    live = page(width=width, height=30)
    now = stream(live, words(text, size))
    live.document.finish_answer(message)
    live.update_live(now, 0)
    loaded = page(message, width=width, height=30)
    assert [list(strip) for strip in rows_of(live)] == [list(strip) for strip in rows_of(loaded)]


@given(DOCUMENTS, ENDS, WIDTHS)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_its_rows_are_harmless_and_as_wide_as_the_page(text, end, width):
    for strip in rows_of(page(answered(text.replace("\n", end), text), width=width)):
        assert not HARMFUL.search(strip.text)
        assert strip.cell_length == width == cell_len(strip.text)


@given(DOCUMENTS, WIDTHS, st.booleans())
@example("👩🏽‍🚀 flags 🇩🇪🇫🇷🇮\n\n| ❤️ | 1️⃣ |\n|---|---|\n| 🏳️‍🌈x | 👨‍👩‍👧‍👦👨‍👩‍👧‍👦 |\n", 20, True)
@example("|name|\u200b|\n|---|:-:|\n|one|two|\n|\xad|four|\n\n", 8, False)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_each_character_on_a_row_is_one_of_the_text(text, width, joins_emoji):
    viewport = page(answered(text), width=width, display=Display(joins_emoji=joins_emoji))
    spots = HitTester(viewport.document)
    for block in viewport.document.open(0).blocks:
        measured = spots.cell_map(block)
        found = source_map(block, measured)
        stretches = [stretch for row in range(len(measured.texts)) for stretch in measured.runs(row)]
        seen = "".join(stretch.text for stretch in sorted(stretches, key=lambda stretch: stretch.before))
        assert len(found.starts) == measured.total
        assert "".join(displayed(seen).split()) == "".join(displayed(found.text).split())


@given(
    DOCUMENTS, st.sampled_from(["word", "o", "bold", "two words", "漢", "a.b"]), WIDTHS.filter(lambda width: width > 10)
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_hits_are_what_was_searched_for(text, query, width):
    viewport = page(answered(text), width=width, height=4000)
    viewport.to_start()
    viewport.render()
    search = Search(HitTester(viewport.document))
    finder = FindNavigator(search, viewport)
    finder.search_for(query)
    while not search.is_done:
        finder.continue_search(1.0)
    rows = search.mark_rows(viewport, viewport.render(), MARK, MARK)
    marked = "".join(part for row in rows for part, style, _ in row if style and style.reverse)
    assert bool(marked.strip()) == bool(search.total)
    rest = plain(marked)
    for part in set(query.split()):
        rest = rest.replace(part, "")
    assert not rest.strip() or "漢" in query or "https" in text


@given(DOCUMENTS, WIDTHS)
@example("~~~\n```\n~~~\n\n> ```\n\n> ```\n", 20)
@example("* ---\n\ntwo\nlines\n===\n", 20)
@example("word\n12) <div>\n    word\n    </div>\n    # one\n    - two\n    ===\n", 20)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_whole_copy_renders_the_same(text, width):
    assume("]:" not in text)  # a definition is not seen, so not copied
    assume("\u2028" not in text)  # nor a paragraph of nothing else
    assume("\r" not in text)  # which ends a line, so what follows may be outside of its container
    viewport = page(answered(f"begin\n\n{text}\n\nend"), width=width, height=4000)
    viewport.to_start()
    viewport.render()
    selection = Selection(viewport.document)
    selection.begin(viewport, 0, 0, "character")
    selection.extend(viewport, width, len(viewport.screen_rows) - 3)
    copied = selection.text()
    again = page(answered(copied), width=width, height=4000)
    assert [row.text for row in rows_of(again)] == [row.text for row in rows_of(viewport)]


@given(DOCUMENTS, st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
@example("word\n12) > word\n    > word\nword\n===\n", 0.5, 1, 0, 1)
@example("- \t word\n  <div>\n", 0.5, 0.7, 0, 1)
@example("word\n\n9. word\n\n1. word\n\n", 0.0, 0.75, 0, 0)
@example("- \t word\n\n    text\n  <div>\n", 0.3, 0.8, 0, 1)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_no_selection_leaves_a_fence_open_and_whole_blocks_read_as_they_did(text, one, other, begin, stop):
    assume(not any(harm in text for harm in ("]:", "\u2028", "\r")))
    viewport = page(answered(f"begin\n\n{text}\n\nend"), width=80)
    spots = HitTester(viewport.document)
    entry = viewport.document.open(0)
    start = entry.section_start(TEXT_SECTION)
    blocks = entry.blocks[start : start + entry.section_size(TEXT_SECTION)]
    first, last = sorted(round(place * (len(blocks) - 1)) for place in (one, other))
    chosen = blocks[first : last + 1]
    assume(spots.cell_map(chosen[-1]).total)  # the mouse finds nothing in a rule, and ends above it

    def copied(begin: float, stop: float) -> str:
        ends = (round(begin * spots.cell_map(chosen[0]).total), round(stop * spots.cell_map(chosen[-1]).total))
        section = (0, TEXT_SECTION)
        return copying.selected_text(
            spots, copying.CopyPosition(*section, first, ends[0]), copying.CopyPosition(*section, last, ends[1])
        )

    groups = [block.group for block in chosen]
    if isinstance(groups[0], Fence) and all(group is groups[0] for group in groups) and chosen[0].kind == "code":
        assert copied(0, 1) == "\n".join(block.text for block in chosen)
        return
    for found in (copied(0, 1), copied(begin, stop)):
        assert all(block.group.closed for block in split(found).blocks if isinstance(block.group, Fence))
    assume([block.kind for block in chosen] != ["label"])
    begins_in_table = isinstance(groups[0], Table) and chosen[0].level
    if not begins_in_table and chosen[0].kind not in ("code", "html") and chosen != blocks:
        assert _read(split(copied(0, 1)).blocks) == _read(chosen)


def _read(blocks: list[Block]) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in blocks]
