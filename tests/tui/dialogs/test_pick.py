from __future__ import annotations

from stepchat.tui.dialogs.list_view import VirtualList
from stepchat.tui.dialogs.pick import Choice, Picker
from tests.tui.window import wait_until, window

ROWS = [Choice("a", "first"), Choice("b", "second", detail="not here", disabled=True), Choice("c", "third")]


async def test_a_click_on_what_cannot_be_chosen_chooses_nothing_else(tmp_path):
    async with window(tmp_path, None) as pilot:
        taken = []
        pilot.app.push_screen(Picker("Which?", ROWS), taken.append)
        await wait_until(pilot, "third")
        await pilot.click(VirtualList, offset=(4, 1))
        await pilot.pause()
        assert (taken, pilot.app.screen.__class__) == ([], Picker)
        await pilot.click(VirtualList, offset=(4, 2))
        await wait_until(pilot, lambda: taken == ["c"])


async def test_backspace_deletes_a_grapheme_cluster(tmp_path):
    async with window(tmp_path, None) as pilot:
        pilot.app.push_screen(Picker("Which?", ROWS))
        await wait_until(pilot, "third")
        field = pilot.app.screen._filter
        field.value = "a🇩🇪🇫🇷e\u0301👩\u200d👩\u200d👧"
        field.cursor_position = len(field.value)
        left = []
        for _ in range(6):
            await pilot.press("backspace")
            left.append(field.value)
        assert left == ["a🇩🇪🇫🇷e\u0301", "a🇩🇪🇫🇷", "a🇩🇪", "a", "", ""]


async def test_a_dialog_closes_once(tmp_path):
    async with window(tmp_path, None) as pilot:
        taken = []
        dialog, above = Picker("Which?", ROWS), Picker("Where?", ROWS)
        pilot.app.push_screen(dialog, taken.append)
        await wait_until(pilot, "third")
        dialog.dismiss("a")
        pilot.app.push_screen(above)
        dialog.dismiss("c")
        dialog.dismiss(None)
        await wait_until(pilot, "Where?")
        assert (taken, pilot.app.screen) == (["a"], above)
