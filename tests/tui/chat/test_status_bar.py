from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App

import stepchat.tui
from stepchat.tui.chat.status_bar import MOST_THINGS, Fact, StatusBar, arrange
from stepchat.tui.themes import find_themes, textual_theme
from tests.tui.screen import screen_cells, screen_rows

FACTS = ["step-3.5-flash", "context 2 %", "$0.0021", "effort auto"]
HINTS = [("^T", "reasoning"), ("^P", "commands")]


def row(facts, hints, width):
    return "".join(span.text for span in arrange(facts, hints, width))


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (100, "  step-3.5-flash · context 2 % · $0.0021 · effort auto" + " " * 19 + "^T reasoning  ^P commands  "),
        (81, "  step-3.5-flash · context 2 % · $0.0021 · effort auto  ^T reasoning"),
        (60, "  step-3.5-flash · context 2 % · $0.0021  ^T reasoning  "),
        (47, "  step-3.5-flash · context 2 % · $0.0021"),
        (33, "  step-3.5-flash · context 2 %"),
        (31, "  step-3.5-flash"),
        (18, "  step-3.5-flash  "),
        (17, ""),
        (0, ""),
    ],
)
def test_things_go_from_the_right_and_whole(width, shown):
    assert row(FACTS, HINTS, width).split() == shown.split()
    assert len(row(FACTS, HINTS, width)) == (width if shown else 0)
    assert row(FACTS, HINTS, width).startswith("  " if shown else "")


def test_the_exact_row():
    assert row(FACTS, HINTS, 60) == "  step-3.5-flash · context 2 % · $0.0021      ^T reasoning  "
    assert row(FACTS[:1], HINTS, 50) == "  step-3.5-flash       ^T reasoning  ^P commands  "
    assert row([], HINTS[:1], 20) == "      ^T reasoning  "


def test_at_most_seven_things():
    spans = arrange([f"f{n}" for n in range(9)], HINTS, 500)
    text = "".join(span.text for span in spans)
    assert text.split(" · ")[-1].split()[0] == f"f{MOST_THINGS - 2}"
    assert "^T reasoning" in text
    assert "^P" not in text


def test_the_longer_form_has_what_room_is_left_over():
    facts = ["model", Fact("$0.0021", longer="$0.0021 · today $0.45"), "187 tok/s"]
    whole = "  model · $0.0021 · today $0.45 · 187 tok/s  ^T reasoning  ^P commands  "
    assert row(facts, HINTS, len(whole)) == whole
    assert row(facts, HINTS, len(whole) - 1).split() == whole.replace(" · today $0.45", "").split()
    assert row(facts[:2], [], 15).split() == ["model"]


def test_roles():
    facts = ["plain", Fact("thinking", "state"), Fact("low", "warning"), Fact("lost", "error"), ""]
    roles = {span.text.strip(): span.role for span in arrange(facts, HINTS, 100) if span.text.strip(" ·")}
    assert roles == {
        "plain": "plain",
        "thinking": "state",
        "low": "warning",
        "lost": "error",
        "^T": "key",
        "reasoning": "plain",
        "^P": "key",
        "commands": "plain",
    }


words = st.text(max_size=20)


@given(st.lists(words, max_size=9), st.lists(st.tuples(words, words), max_size=4), st.integers(0, 140))
def test_the_row_is_as_wide_as_the_window_or_empty_and_has_only_printable_text(facts, hints, width):
    text = row(facts, hints, width)
    assert cell_len(text) == width or text == ""
    assert text.isprintable()


class StatusApp(App):
    CSS_PATH = Path(stepchat.tui.__file__).parent / "app.tcss"

    def __init__(self):
        super().__init__()
        self.register_theme(textual_theme(find_themes(Path("/nonexistent"), print)["dark"]))
        self.theme = "dark"
        self.status = StatusBar()

    def compose(self):
        yield self.status


@pytest.mark.parametrize("size", [(60, 16), (120, 40)])
async def test_the_widget_shows_the_row_and_follows_the_width(size):
    app = StatusApp()
    async with app.run_test(size=size) as pilot:
        app.status.items = tuple(FACTS)
        app.status.hints = tuple(HINTS)
        await pilot.pause()
        assert screen_rows(app)[0] == row(FACTS, HINTS, size[0]).rstrip()
        await pilot.resize_terminal(40, 10)
        await pilot.pause()
        assert screen_rows(app)[0] == row(FACTS, HINTS, 40).rstrip()


async def test_markup_and_escapes_are_only_text():
    app = StatusApp()
    async with app.run_test(size=(60, 16)) as pilot:
        app.status.items = ("[bold red]x[/]", "a\x1b[31mb\u202ec\n")
        await pilot.pause()
        assert screen_rows(app)[0] == "  [bold red]x[/] · a[31mbc"


async def test_a_state_stands_out_in_the_accent_colour():
    app = StatusApp()
    async with app.run_test(size=(60, 16)) as pilot:
        app.status.items = ("m", Fact("thinking", "state"))
        await pilot.pause()
        cells = screen_cells(app, 0)
        accent = app.current_theme.accent
        assert cells[2].style.color.name != accent
        assert cells[6].style.color.name == accent


async def test_it_paints_only_what_has_changed():
    painted = []

    class Counting(StatusBar):
        def render_line(self, y):
            painted.append(y)
            return super().render_line(y)

    app = StatusApp()
    app.status = Counting()
    async with app.run_test(size=(60, 16)) as pilot:
        app.status.items = tuple(FACTS)
        await pilot.pause()
        painted.clear()
        app.status.items = tuple(FACTS)
        app.status.items = (*FACTS, "one more that does not fit into so narrow a window")
        await pilot.pause()
        assert painted == []
        app.status.items = tuple(FACTS[:2])
        await pilot.pause()
        assert painted == [0]


async def test_what_is_said_once_is_cut_at_a_word_rather_than_not_said():
    class Window(App):
        def compose(self):
            yield StatusBar()

    async with Window().run_test(size=(30, 3)) as pilot:
        line = pilot.app.query_one(StatusBar)
        line.items = ("flash",)
        line.show_flash("Copied very many characters to the clipboard.")
        await pilot.pause()
        assert line.render_line(0).text.strip() == "flash · Copied very many…"
        line.show_flash(f"Model: {'m' * 300}")
        assert line.render_line(0).text.strip() == f"flash · Model: {'m' * 10}…"


async def test_what_goes_on_and_the_key_that_stops_it_are_seen_beside_what_is_said():
    app = StatusApp()
    async with app.run_test(size=(60, 16)) as pilot:
        app.status.items = ("m", Fact("answering 3 s", "state"), "$0.01")
        app.status.hints = (("Esc", "stop"), ("^T", "reasoning"))
        app.status.show_flash("Copied 13 characters.")
        await pilot.pause()
        assert screen_rows(app)[0].split() == [
            "m",
            "·",
            "Copied",
            "13",
            "characters.",
            "·",
            "answering",
            "3",
            "s",
            "Esc",
            "stop",
        ]
        app.status.items = ("m", Fact("answering 4 s", "state"), "$0.01")
        await pilot.pause()
        assert "answering 4 s" in screen_rows(app)[0]
        app.status.show_flash("A sentence that is longer than there is any room for in this line.")
        await pilot.pause()
        assert screen_rows(app)[0].strip().startswith("m · A sentence that is longer")
        await pilot.resize_terminal(24, 16)
        await pilot.pause()
        assert screen_rows(app)[0].strip() == "m · A sentence that…"
