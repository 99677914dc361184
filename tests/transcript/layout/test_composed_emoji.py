"""Composed emoji: as their parts by default, whole where the terminal draws them as one."""

import pytest
from rich.cells import cell_len
from rich.style import Style

from stepchat.transcript.find.navigator import FindNavigator
from stepchat.transcript.find.search import Search
from stepchat.transcript.hit_testing import HitTester
from stepchat.transcript.markdown.inline import Display
from stepchat.transcript.overlays.selection import Selection
from stepchat.transcript.palette import colourless
from tests.transcript.chat import answered, asked, everything, page, shown

FAMILY, ASTRONAUT, FLAG = "👨‍👩‍👧‍👦", "👩🏽‍🚀", "🇩🇪"
MARK = Style(reverse=True)


@pytest.mark.parametrize(
    "text", [f"a {FAMILY}b", f"# {ASTRONAUT}", f"- **{FLAG}** x", f"| a | b |\n|--|--|\n| {FAMILY} | x |"]
)
def test_they_are_whole_only_where_the_terminal_draws_them_so(text):
    emoji = next(emoji for emoji in (FAMILY, ASTRONAUT, FLAG) if emoji in text)
    assert emoji in "\n".join(everything(page(answered(text), display=Display(joins_emoji=True))))
    assert emoji not in "\n".join(everything(page(answered(text))))


def test_those_of_the_user_are_whole_too():
    assert FAMILY in "\n".join(everything(page(asked(FAMILY), display=Display(joins_emoji=True))))


def test_they_become_whole_when_the_terminal_reports_it_late():
    viewport = page(answered(f"{FAMILY}!"))
    document = viewport.document
    assert FAMILY not in "\n".join(shown(viewport))
    document.reset(colourless(), document.layout.width, display=Display(joins_emoji=True))
    assert FAMILY in "\n".join(shown(viewport))
    document.reset(colourless(), 40)
    assert FAMILY in "\n".join(shown(viewport))


@pytest.mark.parametrize("width", [9, 20, 60])
def test_rows_are_as_wide_as_the_page(width):
    viewport = page(answered(f"{FAMILY}{ASTRONAUT}{FLAG} " * 20), width=width, display=Display(joins_emoji=True))
    for _, _, rows in viewport.document.forward(0, 0):
        assert all(strip.cell_length == cell_len(strip.text) == width for strip in rows)


def test_one_is_two_cells_for_the_mouse_and_copied_whole():
    viewport = page(answered(f"x{FAMILY}{FLAG}y and more"), display=Display(joins_emoji=True))
    y = next(y for y, row in enumerate(shown(viewport)) if "and more" in row)
    for x, copied in ((3, FAMILY), (4, FAMILY), (5, FLAG), (7, "y")):
        selection = Selection(viewport.document)
        selection.begin(viewport, x, y, "character")
        selection.extend(viewport, x, y)
        selection.extend(viewport, x + 1 if x in (4, 7) else x, y)
        ends = HitTester(viewport.document).position_at(viewport, x, y)
        assert ends is not None
        assert ends.end > ends.at
        selection.extend(viewport, 0, y)
        assert selection.text() == f"x{FAMILY}{FLAG}y"[: f"x{FAMILY}{FLAG}y".index(copied) + len(copied)]


def test_what_is_found_after_one_is_marked():
    viewport = page(answered(f"{FAMILY}{ASTRONAUT} {FLAG} heron {FAMILY}"), display=Display(joins_emoji=True))
    search = Search(HitTester(viewport.document))
    navigator = FindNavigator(search, viewport)
    for query, total in (("heron", 1), (FAMILY, 2), ("👩‍🚀", 1)):
        navigator.search_for(query)
        assert search.total == total
        rows = search.mark_rows(viewport, viewport.render(), MARK, MARK)
        marked = [text for row in rows for text, style, _ in row if style and style.reverse]
        assert len(marked) == total
        assert all(cell_len(text) == (5 if query == "heron" else 2) for text in marked)
