from __future__ import annotations

from textual.widgets import Input, Static

from stepchat.tui.composer.completion import Completion
from stepchat.tui.composer.composer import Composer
from tests.tui.prompt_app import SIZES, PromptApp, running, type_in
from tests.tui.screen import screen_cells, screen_rows


@SIZES
async def test_completions_open_above_and_move_nothing(size):
    app, test = running(size)
    async with test as pilot:
        await pilot.pause()
        before = screen_rows(app)
        await pilot.press("/")
        await pilot.pause()
        rows = screen_rows(app)
        assert rows[-10].split() == ["/help", "Show", "the", "keys", "and", "commands"]
        assert rows[-9].split() == ["/theme", "Choose", "a", "theme"]
        assert rows[-3].split()[0] == "/x4"
        assert rows[:-10] == before[:-10]
        assert rows[-2:] == [before[-2], "❯ /"]
        chosen, other = screen_cells(app, -10)[2].style, screen_cells(app, -9)[2].style
        assert chosen.bgcolor != other.bgcolor
        await pilot.press("escape")
        await pilot.pause()
        assert screen_rows(app)[:-2] == before[:-2]
        assert app.keys == []
        await pilot.press("h")
        await pilot.pause()
        assert screen_rows(app)[-3].split()[0] == "/help"


async def test_down_scrolls_the_completions_and_goes_round():
    app, test = running()
    async with test as pilot:
        await pilot.press("/", *["down"] * 10)
        await pilot.pause()
        assert [row.split()[0] for row in screen_rows(app)[-10:-2]] == [f"/x{number}" for number in range(8)]
        await pilot.press("up", "up", "tab")
        assert app.prompt.text == "/x5"
        await pilot.press("ctrl+c", "/", "up", "tab")
        assert app.prompt.text == "/x11"


async def test_tab_completes_and_goes_on_to_the_argument():
    app, test = running()
    async with test as pilot:
        await type_in(pilot, "/th")
        await pilot.press("tab")
        await pilot.pause()
        assert app.prompt.text == "/theme "
        assert [row.strip() for row in screen_rows(app)[-4:-2]] == ["/theme dark", "/theme light"]
        await pilot.press("down", "down", "tab")
        await pilot.pause()
        assert app.prompt.text == "/theme light"
        assert app.sent == []
        await pilot.press("enter")
        await pilot.pause()
        assert app.sent == ["/theme light"]


async def test_enter_completes_and_sends_unless_an_argument_may_follow():
    app, test = running()
    async with test as pilot:
        await type_in(pilot, "/he")
        await pilot.press("enter")
        await pilot.pause()
        assert app.sent == ["/help"]
        await type_in(pilot, "/th")
        await pilot.press("enter")
        assert app.prompt.text == "/theme "
        await pilot.press("enter")
        await pilot.pause()
        assert app.sent == ["/help", "/theme"]
        await type_in(pilot, "/title")
        await pilot.press("enter")
        await pilot.pause()
        assert app.sent[2:] == ["/title"]


async def test_unknown_commands_and_several_lines_have_no_completions():
    app, test = running()
    async with test as pilot:
        await type_in(pilot, "/nothing")
        await pilot.press("enter")
        await type_in(pilot, "/he")
        await pilot.press("ctrl+j", "enter")
        await pilot.pause()
        assert app.sent == ["/nothing", "/he"]


async def test_a_click_takes_a_completion():
    app, test = running()
    async with test as pilot:
        await pilot.press("/", "t")
        await pilot.pause()
        await pilot.click(offset=(5, 13))
        await pilot.pause()
        assert app.prompt.text == "/title "
        assert app.focused is app.prompt


async def test_completions_close_when_the_focus_leaves():
    app, test = running()
    async with test as pilot:
        await pilot.press("/")
        app.query_one(Input).focus()
        await pilot.pause()
        assert not any("/help" in row for row in screen_rows(app))


async def test_names_and_help_are_shortened_and_never_markup():
    class Odd(PromptApp):
        def compose(self):
            yield Static(id="above")
            yield Composer(lambda _: [Completion("/a[b]", "[red]x[/] \x1b[31m\u202e" + "long words " * 20)])

    app = Odd()
    async with app.run_test(size=(60, 16)) as pilot:
        await pilot.press("/")
        await pilot.pause()
        row = screen_rows(app)[-3]
        assert row.startswith("  /a[b]  [red]x[/] [31mlong words")
        assert row.endswith("…")
        assert len(row) <= 58
