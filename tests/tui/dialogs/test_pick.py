from __future__ import annotations

from stepchat.tui.dialogs.list_view import RowList
from stepchat.tui.dialogs.pick import Pick, Row
from tests.tui.window import wait_until, window

ROWS = [Row("a", "first"), Row("b", "second", aside="not here", disabled=True), Row("c", "third")]


async def test_a_click_on_what_cannot_be_chosen_chooses_nothing_else(tmp_path):
    async with window(tmp_path, None) as pilot:
        taken = []
        pilot.app.push_screen(Pick("Which?", ROWS), taken.append)
        await wait_until(pilot, "third")
        await pilot.click(RowList, offset=(4, 1))
        await pilot.pause()
        assert (taken, pilot.app.screen.__class__) == ([], Pick)
        await pilot.click(RowList, offset=(4, 2))
        await wait_until(pilot, lambda: taken == ["c"])
