"""The keys of a list with a filter, of its field, of a page and of the find bar, in the running window."""

from __future__ import annotations

import pytest
from textual.app import App

from stepchat.demo.server import DemoServer
from stepchat.tui.dialogs.pick import Choice, Picker
from stepchat.tui.dialogs.report import TextDialog
from stepchat.tui.field import Field
from tests.tui.screen import screen_rows
from tests.tui.window import ask, chat_screen, draft, status, wait_until, window


@pytest.mark.parametrize(
    ("text", "keys", "after", "cursor"),
    [
        ("one two", "ctrl+a x", "xone two", 1),
        ("one two", "ctrl+b ctrl+b ctrl+f y", "one twyo", 7),
        ("one two", "alt+b ctrl+d", "one wo", 4),
        ("one two", "ctrl+a alt+f alt+d", "one", 3),
        ("one two", "ctrl+w ctrl+w ctrl+y", "one two", 7),
        ("one two", "ctrl+w ctrl+a ctrl+k ctrl+y alt+y", "two", 3),
        ("one two", "ctrl+a ctrl+k ctrl+k", "", 0),
        ("one two", "ctrl+u ctrl+underscore", "one two", 7),
        ("one two", "x y ctrl+underscore alt+slash", "one twoxy", 9),
        ("one two", "ctrl+a alt+u alt+l", "ONE two", 7),
        ("one two", "ctrl+e delete ctrl+d ctrl+f", "one two", 7),
        ("", "backspace ctrl+h ctrl+w ctrl+u ctrl+k ctrl+d delete alt+d ctrl+y alt+y ctrl+underscore alt+u", "", 0),
        ("ä👩\u200d🔬", "backspace", "ä", 1),
        ("one", "alt+q", "one", 3),
    ],
)
async def test_a_field_is_edited_as_the_prompt_is(text, keys, after, cursor):
    class Fields(App[None]):
        def compose(self):
            yield Field(text, select_on_focus=False)

    async with Fields().run_test() as pilot:
        await pilot.press(*keys.split())
        field = pilot.app.query_one(Field)
        assert (field.value, field.cursor_position) == (after, cursor)


CHOICES = [Choice(name, name) for name in ("alpha", "beta", "gamma", "beta max")]


async def choose(pilot, *keys):
    """What a picker with four rows returns after these keys."""
    results = []
    pilot.app.push_screen(Picker("Greek", CHOICES), results.append)
    await pilot.pause()
    await pilot.press(*keys)
    await pilot.pause()
    return results


@pytest.mark.parametrize(
    ("keys", "result"),
    [
        ("down ctrl+n ctrl+j enter", "beta max"),
        ("down down ctrl+p enter", "beta"),
        ("down down ctrl+k up enter", "alpha"),
        ("ctrl+end enter", "beta max"),
        ("b e t a space m ctrl+a ctrl+d b enter", "beta max"),
        ("x ctrl+u g enter", "gamma"),
        ("escape", None),
        ("ctrl+c", None),
        ("b ctrl+g", None),
    ],
)
async def test_a_list_moves_as_in_fzf_and_its_filter_is_edited_as_in_readline(tmp_path, keys, result):
    async with window(tmp_path, None) as pilot:
        assert await choose(pilot, *keys.split()) == [result]


async def test_the_leader_in_a_dialog_lists_its_actions_and_reports_other_keys(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await ask(pilot, "demo:haiku")
            await pilot.press("ctrl+o")
            await wait_until(pilot, "title")
            assert "Ctrl+X …  r rename" in " ".join(screen_rows(pilot.app))
            await pilot.press("ctrl+x")
            last = screen_rows(pilot.app)[-3:]
            assert "Enter open" not in " ".join(last)
            assert "v archived" in " ".join(last)
            await pilot.press("0")
            await wait_until(pilot, "Ctrl+X 0 is not assigned.")
            await pilot.press("h", "ctrl+a", "delete")
            dialog = pilot.app.screen
            assert dialog.typed == ""
            await wait_until(pilot, "demo:haiku")
            await pilot.press("delete")
            await wait_until(pilot, "Deleted")


async def test_a_report_is_read_as_in_less(tmp_path):
    from stepchat.chat.spending import ReportLine

    async with window(tmp_path, None, size=(80, 20)) as pilot:
        lines = [ReportLine(f"row {number}") for number in range(100)]
        pilot.app.push_screen(TextDialog("Rows", lambda _: lines))
        await wait_until(pilot, "row 0")
        await pilot.press("G")
        await wait_until(pilot, "row 99")
        await pilot.press("g", "slash", *"Row 7", "enter")
        await wait_until(pilot, "1/11")
        await pilot.press("n", "n")
        await wait_until(pilot, "row 71")
        await pilot.press("N")
        await wait_until(pilot, "2/11")
        await pilot.press("slash", "q", "ctrl+g")
        assert "row 70" in "\n".join(screen_rows(pilot.app))
        await pilot.press("ctrl+c")
        await wait_until(pilot, lambda: pilot.app.screen is chat_screen(pilot))


async def test_the_find_bar_has_the_keys_of_a_list_and_the_leader(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await ask(pilot, "demo:haiku")
            await ask(pilot, "demo:haiku again")
            await pilot.press("ctrl+f", *"arrives")
            search = chat_screen(pilot).view.finder.search
            await wait_until(pilot, lambda: search.total > 2 and search.is_done)
            await pilot.press("enter")
            for key in ("ctrl+n", "ctrl+p", "ctrl+j", "ctrl+k", "ctrl+f"):
                before = search.number
                await pilot.press(key)
                moved = (search.number - before) % search.total
                assert moved == (search.total - 1 if key in {"ctrl+p", "ctrl+k"} else 1), key
            await pilot.press("ctrl+x")
            assert "r retry" in status(pilot)
            await pilot.press("ctrl+g", "ctrl+a", "ctrl+f", "x")
            assert chat_screen(pilot).pane.find_bar.query_one(Field).value == "axrrives"
            await pilot.press("ctrl+c")
            await wait_until(pilot, lambda: chat_screen(pilot).pane.find_bar is None)
            assert draft(pilot) == ""


async def test_shift_tab_goes_to_the_last_message_and_back(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await ask(pilot, "demo:haiku")
            await pilot.press("shift+tab")
            await wait_until(pilot, lambda: chat_screen(pilot).view.focused_message is not None)
            await pilot.press("shift+tab")
            await wait_until(pilot, lambda: chat_screen(pilot).prompt.has_focus)
            await pilot.press("x")
            assert draft(pilot) == "x"
