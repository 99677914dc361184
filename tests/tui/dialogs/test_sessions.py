"""The session screen in the window, with a store that already has sessions."""

from __future__ import annotations

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.config.paths import Paths
from stepchat.messages import AssistantMessage, Timing, Usage, UserMessage
from stepchat.sessions.store import SessionStore
from stepchat.tui.dialog_keys import DEFAULTS
from stepchat.tui.dialogs.key_hints import hint_label, hint_lines
from stepchat.tui.dialogs.session_list import SessionListOptions, age, read_options, write_options
from stepchat.tui.dialogs.sessions import HINTS, SessionScreen
from tests.tui.screen import screen_rows, screen_text
from tests.tui.window import open_session, say, wait_until, window

START = 1_700_000_000.0
TOPICS = ("Sorting by hand", "Prime numbers", "Rain on glass")


async def fill(home, topics):
    """One session a topic, a day apart, the last the newest; returns their ids."""
    clock = [START]
    store = SessionStore.open(Paths(home, home, home), accumulate=accumulate, clock=lambda: clock[0])
    ids = []
    for number, topic in enumerate(topics):
        clock[0] += 86400
        session = await store.create(model="lab/thinker", server="x", system=None)
        asked = await store.append(session.id, None, UserMessage(topic, clock[0]))
        answer = AssistantMessage(
            text=f"Said of {topic.lower()}.",
            reasoning="Secretly pondering.",
            model="lab/thinker",
            timing=Timing(clock[0]),
            stop="stop",
            usage=Usage({"cost": 0.5 - number / 10}),
        )
        await store.append(session.id, asked.id, answer)
        ids.append(session.id)
    await store.close()
    return ids


@pytest.fixture
async def ids(tmp_path):
    return await fill(tmp_path, TOPICS)


async def opened(pilot):
    """The open session screen, its list read."""
    await pilot.press("ctrl+o")
    await wait_until(pilot, lambda: isinstance(pilot.app.screen, SessionScreen) and bool(pilot.app.screen._total))
    return pilot.app.screen


def titles(screen):
    return [entry.summary.title for entry in screen._rows.entries]


async def listed(pilot, screen, *wanted):
    await wait_until(pilot, lambda: titles(screen) == list(wanted))


async def test_columns_preview_and_opening(tmp_path, ids):
    async with window(tmp_path, None) as pilot:
        screen = await opened(pilot)
        await listed(pilot, screen, "Rain on glass", "Prime numbers", "Sorting by hand")
        shown = await wait_until(pilot, "Said of rain on glass.")
        row = next(line for line in shown.splitlines() if "Rain on glass" in line)
        assert ("thinker" in row, "$0.30" in row) == (True, True)
        await pilot.press("down")
        await wait_until(pilot, "Said of prime numbers.")
        await pilot.press("enter")
        await wait_until(pilot, lambda: pilot.app.screen is not screen)
        await wait_until(pilot, lambda: open_session(pilot) is not None)
        assert open_session(pilot).id == ids[1]
        # The next time it begins where it was left.
        again = await opened(pilot)
        await wait_until(pilot, lambda: again.current is not None and again.current.id == ids[1])


async def test_its_first_frame_has_the_list(tmp_path, ids):
    async with window(tmp_path, None) as pilot:
        store = pilot.app.workspace.store
        screen = SessionScreen(store, SessionListOptions(at=ids[1]))
        await screen.read()
        # Nothing is read any more before it is painted.
        await store.close()
        pilot.app.push_screen(screen)
        shown = await wait_until(pilot, "Rain on glass")
        assert ("Prime numbers" in shown, screen.current.id) == (True, ids[1])


async def test_typing_searches_and_a_key_includes_the_reasoning(tmp_path, ids):
    async with window(tmp_path, None) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"said prime")
        await listed(pilot, screen, "Prime numbers")
        assert "answer: Said of prime numbers." in screen_text(pilot.app)
        screen._filter.value = "ponder"
        await wait_until(pilot, "No matches. Ctrl+T searches the reasoning as well.")
        await pilot.press("ctrl+t")
        await listed(pilot, screen, "Rain on glass", "Prime numbers", "Sorting by hand")
        assert "reasoning: Secretly pondering." in screen_text(pilot.app)
        await pilot.press("escape")
        await wait_until(pilot, lambda: pilot.app.screen is not screen)
        again = await opened(pilot)
        assert again.options.search_reasoning


async def test_equal_titles_are_told_apart(tmp_path, ids):
    async with window(tmp_path, None) as pilot:
        store = pilot.app.workspace.store
        twins = [await store.create(model="a/b", server="http://localhost/", system=None) for _ in range(2)]
        for twin in twins:
            await store.append(twin.id, None, UserMessage("Twins"))
        await opened(pilot)
        shown = await wait_until(pilot, f"· {twins[0].id[:4]}")
        assert f"· {twins[1].id[:4]}" in shown
        assert "Rain on glass ·" not in shown


async def test_the_welcome_makes_room_for_the_session_that_is_opened(tmp_path, ids):
    async with window(tmp_path, None) as pilot:
        await wait_until(pilot, "all sessions")
        await opened(pilot)
        await pilot.press("enter")
        shown = await wait_until(pilot, "Said of rain on glass.")
        assert "all sessions" not in shown
        assert not pilot.app.screen.pane.is_welcoming


async def test_sorting(tmp_path, ids):
    async with window(tmp_path, None) as pilot:
        screen = await opened(pilot)
        await pilot.press("ctrl+x", "s", "ctrl+x", "s")
        await listed(pilot, screen, "Prime numbers", "Rain on glass", "Sorting by hand")
        assert "title ▾" in screen_text(pilot.app)
        await pilot.press("ctrl+x", "s", "ctrl+x", "s")
        await listed(pilot, screen, "Sorting by hand", "Prime numbers", "Rain on glass")


async def test_marked_ones_are_deleted_together_and_come_back(tmp_path, ids):
    async with window(tmp_path, None) as pilot:
        screen = await opened(pilot)
        await pilot.press("tab", "tab")
        assert "2 marked" in screen_text(pilot.app)
        await pilot.press("ctrl+x", "d")
        await listed(pilot, screen, "Sorting by hand")
        await wait_until(pilot, "Deleted 2 sessions · Ctrl+X z to undo")
        # What is undone is marked again, with the cursor at its first one.
        await pilot.press("ctrl+x", "z")
        await listed(pilot, screen, "Rain on glass", "Prime numbers", "Sorting by hand")
        assert (set(screen._rows.marked), screen.current.id) == ({ids[2], ids[1]}, ids[2])
        await pilot.press("ctrl+x", "d")
        await listed(pilot, screen, "Sorting by hand")
        await pilot.press("ctrl+x", "v", "ctrl+x", "v")
        await listed(pilot, screen, "Rain on glass", "Prime numbers")
        await pilot.press("enter")
        await listed(pilot, screen, "Prime numbers")
        await pilot.press("ctrl+x", "z")
        await listed(pilot, screen, "Rain on glass", "Prime numbers")
        await pilot.press("ctrl+x", "z", "ctrl+x", "v")
        await listed(pilot, screen, "Rain on glass", "Prime numbers", "Sorting by hand")
        await pilot.press("ctrl+x", "z")
        await wait_until(pilot, "Nothing to undo.")


async def test_the_cursor_stays_beside_what_is_deleted_above_it(tmp_path, ids):
    async with window(tmp_path, None) as pilot:
        screen = await opened(pilot)
        await listed(pilot, screen, "Rain on glass", "Prime numbers", "Sorting by hand")
        await pilot.press("tab", "ctrl+x", "d")
        await listed(pilot, screen, "Prime numbers", "Sorting by hand")
        assert screen.current.id == ids[1]


async def test_another_size_while_it_is_open(tmp_path, ids):
    async with window(tmp_path, None, size=(60, 16)) as pilot:
        screen = await opened(pilot)
        assert "Said of rain on glass." not in screen_text(pilot.app)
        await pilot.resize_terminal(120, 40)
        await wait_until(pilot, "Said of rain on glass.")
        await pilot.press("ctrl+x", "r")
        await pilot.resize_terminal(60, 16)
        await wait_until(pilot, lambda: not screen._pane.is_on_screen)
        await wait_until(pilot, lambda: screen._editor.region.right < 60 - 10)


async def test_pinned_first_and_archived_ones_apart(tmp_path, ids):
    async with window(tmp_path, None) as pilot:
        screen = await opened(pilot)
        await listed(pilot, screen, "Rain on glass", "Prime numbers", "Sorting by hand")
        await pilot.press("down", "down", "ctrl+x", "p")
        await listed(pilot, screen, "Sorting by hand", "Rain on glass", "Prime numbers")
        assert screen.current.id == ids[0]
        await pilot.press("ctrl+x", "p")
        await listed(pilot, screen, "Rain on glass", "Prime numbers", "Sorting by hand")
        await pilot.press("ctrl+x", "a")
        await listed(pilot, screen, "Rain on glass", "Prime numbers")
        await pilot.press("ctrl+x", "v")
        await listed(pilot, screen, "Sorting by hand")
        await pilot.press("ctrl+x", "a")
        await wait_until(pilot, "No archived sessions.")


async def test_a_search_finds_archived_ones_and_says_so(tmp_path, ids):
    async with window(tmp_path, None) as pilot:
        await pilot.app.workspace.store.set_archived([ids[1]], archived=True)
        screen = await opened(pilot)
        await listed(pilot, screen, "Rain on glass", "Sorting by hand")
        await pilot.press(*"prime")
        await listed(pilot, screen, "Prime numbers")
        await wait_until(pilot, "archived · Prime numbers")
        await pilot.press("enter")
        await wait_until(pilot, "Said of prime numbers.")


async def test_a_title_is_edited_in_its_row(tmp_path, ids):
    async with window(tmp_path, None) as pilot:
        screen = await opened(pilot)
        await pilot.press("ctrl+x", "r", "backspace", "ctrl+a", *"Wet ", "enter")
        await listed(pilot, screen, "Wet Rain on glas", "Prime numbers", "Sorting by hand")
        await pilot.press("ctrl+x", "z")
        await listed(pilot, screen, "Rain on glass", "Prime numbers", "Sorting by hand")
        await pilot.press("ctrl+x", "r", "x", "escape")
        assert pilot.app.screen is screen
        assert screen._filter.has_focus


async def test_the_session_that_was_deleted_is_not_shown_any_more(tmp_path, ids):
    async with window(tmp_path, None) as pilot:
        chat = pilot.app.screen
        await say(pilot, "/sessions prime")
        await wait_until(pilot, lambda: open_session(pilot) is not None)
        screen = await opened(pilot)
        await pilot.press(*"prime")
        await listed(pilot, screen, "Prime numbers")
        await pilot.press("ctrl+x", "d", "escape")
        await wait_until(pilot, lambda: pilot.app.screen is chat and open_session(pilot) is None)


async def test_only_what_is_in_sight_is_read(tmp_path):
    await fill(tmp_path, [f"Topic {number:03}" for number in range(250)])
    async with window(tmp_path, None, size=(60, 16)) as pilot:
        screen = await opened(pilot)
        await wait_until(pilot, lambda: len(titles(screen)) == 100)
        await wait_until(pilot, "Tab mark")
        assert not screen._pane.is_on_screen
        for _ in range(8):
            await pilot.press("pagedown")
        await wait_until(pilot, lambda: len(titles(screen)) == 200)
        await pilot.press("ctrl+end")
        await wait_until(pilot, lambda: screen._list.cursor == 249)
        assert "Topic 000" in screen_text(pilot.app)
        await pilot.press(*"topic")
        await wait_until(pilot, lambda: len(titles(screen)) == 40)
        assert any("Topic" in row for row in screen_rows(pilot.app))


def test_the_options_of_the_list_are_remembered():
    view = SessionListOptions("cost", search_reasoning=True, at="s0abc")
    assert read_options(write_options(view)) == view
    for stored in (None, "", "[]", "nonsense", '{"order": "nothing", "at": 3}'):
        assert read_options(stored) == SessionListOptions()


@pytest.mark.parametrize("mode", ["current", "archived", "deleted", "rename"])
@pytest.mark.parametrize("width", [56, 90, 180])
def test_hints_are_shown_whole(mode, width):
    hints = [(hint_label(DEFAULTS, names), word) for names, word in HINTS[mode]]
    assert all(label for label, _ in hints)
    lines = [line.plain for line in hint_lines(hints, width, 2)]
    assert len(lines) <= 2
    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "now"), (59, "now"), (60, "1 min"), (3 * 3600, "3 h"), (86400, "1 d"), (364 * 86400, "364 d"), (8e7, "2 y")],
)
def test_age(seconds, words):
    assert age(0, seconds) == words
