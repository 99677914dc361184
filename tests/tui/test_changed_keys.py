from __future__ import annotations

from stepchat.config.file import Config
from stepchat.demo.server import DemoServer
from stepchat.tui.changed_keys import ALL, CHANGED, SETTING, announcement, changed_key
from stepchat.tui.commands import KEY_ROWS
from stepchat.tui.keymap import build_keymap
from tests.tui.screen import screen_text
from tests.tui.window import ask, chat_screen, draft, wait_until, window, write

KEYMAP = build_keymap(KEY_ROWS, {})


def test_every_row_names_a_key_or_command_that_exists_and_another_key():
    names = {row.name for row in KEY_ROWS}
    for row in CHANGED:
        assert row.old in names
        assert row.key not in KEYMAP.keys(row.old)
        assert announcement(row, KEYMAP).count("{") == 0


def test_what_was_announced_or_bound_back_or_never_known_is_not_announced():
    row = changed_key(KEYMAP, ("prompt", "chat"), "ctrl+r", "")
    assert announcement(row, KEYMAP) == "Ctrl+R has a new meaning; Alt+R regenerates the answer."
    assert changed_key(KEYMAP, ("prompt", "chat"), "ctrl+r", "ctrl+r:retry") is None
    assert changed_key(KEYMAP, ("prompt", "chat"), "ctrl+r", ALL) is None
    back = build_keymap(KEY_ROWS, {"retry": "ctrl+r", "history-search": "none"})
    assert changed_key(back, ("prompt", "chat"), "ctrl+r", "") is None
    assert changed_key(KEYMAP, ("tree", "list", "prompt"), "ctrl+r", "") is None


async def test_an_existing_setup_is_told_once_and_a_new_one_never(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await wait_until(pilot, lambda: server is not None)
            await ask(pilot, "demo:haiku")
            await pilot.press("alt+u")
            await pilot.pause()
            assert "new meaning" not in screen_text(pilot.app)
            await chat_screen(pilot).workspace.store.set_setting(SETTING, "")
        for times in (1, 0):
            async with window(tmp_path, server) as pilot:
                write(pilot, "word")
                await wait_until(pilot, lambda app=pilot.app: app._announced != ALL)
                await pilot.press("ctrl+a", "alt+u", "alt+u")
                await pilot.pause()
                assert draft(pilot) == "WORD"
                assert screen_text(pilot.app).count("Alt+U has a new meaning") == times


async def test_esc_twice_edits_the_last_question_only_on_an_idle_empty_prompt(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await ask(pilot, "demo:haiku")
            write(pilot, "text")
            await pilot.press("escape", "escape")
            assert draft(pilot) == "text"
            await pilot.press("ctrl+u", "escape", "escape")
            await wait_until(pilot, lambda: draft(pilot) == "demo:haiku")
            assert chat_screen(pilot).composer.editing is not None
            await pilot.press("escape", "escape")
            await pilot.pause()
            assert draft(pilot) == ""


async def test_esc_twice_is_a_key_that_can_be_changed(tmp_path):
    with DemoServer(speed=0) as server:
        for number, (keys, edits) in enumerate((("none", False), ("f6", False), (["f6", "escape escape"], True))):
            async with window(tmp_path / str(number), server, config=Config(keys={"edit-last": keys})) as pilot:
                assert not pilot.app.keymap.problems
                await ask(pilot, "demo:haiku")
                await pilot.press("escape", "escape")
                await pilot.pause()
                assert (draft(pilot) == "demo:haiku") is edits
                if not edits and keys != "none":
                    await pilot.press(keys)
                    await wait_until(pilot, lambda pilot=pilot: draft(pilot) == "demo:haiku")


async def test_up_walks_this_session_first_and_then_all_earlier_ones(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await ask(pilot, "demo:haiku one")
            await ask(pilot, "demo:haiku two")
            await pilot.press("ctrl+n")
            await wait_until(pilot, lambda: not chat_screen(pilot).conversation.path)
            await wait_until(pilot, lambda: len(chat_screen(pilot).prompt._earlier) == 2)
            await ask(pilot, "demo:haiku three")
            seen = []
            for _ in range(4):
                await pilot.press("up")
                seen.append(draft(pilot))
            assert seen == ["demo:haiku three", "demo:haiku two", "demo:haiku one", "demo:haiku one"]
            await pilot.press("down", "down", "down")
            assert draft(pilot) == ""
