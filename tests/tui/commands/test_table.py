from __future__ import annotations

from collections import Counter

import pytest

from stepchat.demo.server import DemoServer
from stepchat.manual import DOCS
from stepchat.tui.commands import COMMANDS, GROUPS, KEY_ROWS, complete, find
from stepchat.tui.dialogs.help import HelpRow, help_lines
from stepchat.tui.keymap import build_keymap
from tests.transcript.chat import answered
from tests.tui.screen import screen_text
from tests.tui.window import ask, branch, notice, say, wait_until, window, write

SINGLE = [row for row in COMMANDS if row.message_key]
MANUAL = DOCS / "commands.md"


def test_every_command_has_help_and_its_own_name_and_key():
    assert all(row.help for row in COMMANDS)
    assert max(Counter(row.name for row in COMMANDS).values()) == 1
    assert max(Counter(key for row in COMMANDS for key in row.keys).values()) == 1


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_the_manual_names_the_command_and_its_key(row):
    text = MANUAL.read_text()
    assert f"/{row.name}" in text
    if row.keys:
        assert build_keymap(KEY_ROWS, {}).label(row.name) in text.replace("&lt;", "<").replace("&gt;", ">")


def test_a_line_finds_its_command_and_argument():
    row, argument = find("/model  a/b c ")
    assert (row.name, argument) == ("model", "a/b c")
    assert find("/nothing") is None
    assert find("/") is None


def test_completion_offers_names_then_arguments():
    names = [offer.text for offer in complete("/re", None)]
    assert names[:3] == ["/retry", "/redo", "/reasoning "]
    assert [offer.text for offer in complete("/reasoning f", None)] == ["/reasoning full"]
    assert [offer.text for offer in complete("/set tempera", None)] == ["/set temperature="]


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_a_command_that_is_typed_whole_is_offered_first(row):
    assert complete(f"/{row.name}", None)[0].text.rstrip() == f"/{row.name}"


async def test_why_a_command_was_refused_is_seen_from_anywhere_and_goes_when_it_is_no_longer_true(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, size=(100, 16)) as pilot:
            await ask(pilot, "demo:welcome")
            for line, words in (
                ("/nope", "There is no command /nope. F1 lists all commands."),
                ("/reasoning bogus", "Views: tail, full, hidden."),
                ("/set temprature=1", "Did you mean temperature?"),
            ):
                await pilot.press("ctrl+home")
                await say(pilot, line)
                await wait_until(pilot, words)
                assert not pilot.app.screen.view.follow
            await pilot.press("ctrl+end")
            await wait_until(pilot, "Did you mean temperature?")
            await say(pilot, "/set temperature=1")
            await wait_until(pilot, "temperature = 1")
            await wait_until(pilot, lambda: "Did you mean" not in screen_text(pilot.app))
            await say(pilot, "/once")
            await wait_until(pilot, "Nothing is set for the next question only.")


async def test_a_refusal_ends_with_the_turn_that_was_its_reason(tmp_path):
    with DemoServer(speed=1) as server:
        async with window(tmp_path, server) as pilot:
            await say(pilot, "demo:long")
            await wait_until(pilot, lambda: pilot.app.screen.view.live)
            await say(pilot, "/server demo")
            await wait_until(pilot, "Still answering.")
            write(pilot, "")
            await pilot.press("escape")
            await wait_until(pilot, lambda: not notice(pilot))


async def test_help_lists_every_command_and_what_can_be_done_with_a_message(tmp_path):
    async with window(tmp_path, None, size=(100, 240)) as pilot:
        await pilot.press("f1")
        await wait_until(pilot, "Commands and keys")
        shown = await wait_until(pilot, SINGLE[-1].help)
        assert all(f"/{row.name}" in shown for row in COMMANDS)
        assert all(pilot.app.keymap.label(row.name) in shown for row in COMMANDS)
        assert "On a focused message" in shown
        assert all(row.help in shown for row in SINGLE)
        await pilot.press("escape")
        await wait_until(pilot, lambda: "Commands and keys" not in screen_text(pilot.app))


def test_help_fits_every_width():
    groups = [
        (title, [HelpRow(f"/{row.name}", row.keys[0] if row.keys else "", row.help, row.argument) for row in rows])
        for title, rows in GROUPS
    ]
    for width in (50, 68, 84):
        lines = ["".join(text for text, _ in line) for line in help_lines(groups, width)]
        assert max(len(line) for line in lines) <= width
        assert all(f"/{row.name}" in "\n".join(lines) for row in COMMANDS)


async def test_help_filters_as_you_type_and_q_is_a_letter(tmp_path):
    async with window(tmp_path, None, size=(60, 16)) as pilot:
        await pilot.press("f1")
        await wait_until(pilot, "Writing")
        await pilot.press(*"quit")
        shown = await wait_until(pilot, lambda: "Ctrl+J" not in screen_text(pilot.app))
        assert "/quit" in shown
        assert "Ctrl+Q" in shown
        await pilot.press("f1")
        await wait_until(pilot, lambda: "Commands and keys" not in screen_text(pilot.app))


async def test_the_last_row_of_a_long_dialog_can_be_seen_on_a_small_screen(tmp_path):
    async with window(tmp_path, None, size=(60, 16)) as pilot:
        await pilot.press("f1")
        await wait_until(pilot, "Writing")
        await pilot.press("ctrl+end")
        shown = await wait_until(pilot, "see its address")
        assert "Esc close" in shown
        await pilot.press("escape", "ctrl+p")
        await wait_until(pilot, "Type to filter")
        await pilot.press("up")
        assert "Esc close" in await wait_until(pilot, f"/{COMMANDS[-1].name}")


async def test_palette_runs_what_is_chosen(tmp_path):
    async with window(tmp_path, None) as pilot:
        await pilot.press("ctrl+p")
        await wait_until(pilot, "Type to filter")
        await pilot.press(*"help", "enter")
        await wait_until(pilot, "Commands and keys")


async def test_set_is_sent_with_the_next_request_and_unset_again(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await say(pilot, "/set temperature=0.5")
            await say(pilot, "/set reasoning.exclude false")
            await ask(pilot, "demo:haiku")
            body = server.requests[-1].body
            assert body["temperature"] == 0.5
            assert body["reasoning"] == {"enabled": True, "exclude": False}
            await say(pilot, "/set temperature=")
            await ask(pilot, "demo:haiku")
            assert "temperature" not in server.requests[-1].body
            await say(pilot, "/set temperature=9")
            await wait_until(pilot, "temperature must be a number between 0 and 2, not 9")


async def test_model_and_system_reach_the_request(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await say(pilot, "/system Be brief.")
            await say(pilot, "/system")
            await wait_until(pilot, "System prompt of the new session: Be brief.")
            await say(pilot, "/system off")
            await wait_until(pilot, "No system prompt.")
            assert pilot.app.workspace.system is None
            await say(pilot, "/system Be brief.")
            await say(pilot, "/model demo/haiku")
            await ask(pilot, "hello")
            body = server.requests[-1].body
            assert body["model"] == "demo/haiku"
            assert body["messages"][0] == {"role": "system", "content": "Be brief."}
            await say(pilot, "/system Be long.")
            await wait_until(pilot, "belongs to the whole session")
            await say(pilot, "/system")
            await wait_until(pilot, "System prompt of this session: Be brief.")


async def test_copy_puts_source_text_on_the_clipboard(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server) as pilot:
            await ask(pilot, "demo:primes")
            answer = branch(pilot)[-1].message
            await say(pilot, "/copy")
            await wait_until(pilot, lambda: pilot.app.clipboard == answer.text)
            await say(pilot, "/copy reasoning")
            await wait_until(pilot, lambda: pilot.app.clipboard == answer.reasoning)
            await say(pilot, "/copy all")
            await wait_until(pilot, lambda: "demo:primes" in pilot.app.clipboard and answer.text in pilot.app.clipboard)


async def test_links_of_all_answers_are_listed_and_the_chosen_one_is_copied(tmp_path):
    async with window(tmp_path, None) as pilot:
        old = answered("[one](https://one.example/a) and [two](https://two.example/b)")
        pilot.app.screen.view.show([old, answered("[new](https://new.example/c)")])
        await pilot.press("ctrl+x", "h")
        listed = await wait_until(pilot, "https://two.example/b")
        assert "Links of this chat" in listed
        assert listed.index("new.example") < listed.index("one.example")
        await pilot.press(*"two", "enter")
        await wait_until(pilot, "Copy the address")
        await pilot.press("enter")
        await wait_until(pilot, lambda: pilot.app.clipboard == "https://two.example/b")


async def test_mouse_is_left_to_the_terminal_and_taken_back(tmp_path):
    async with window(tmp_path, None) as pilot:
        written = []
        pilot.app._driver.write = written.append
        await pilot.press("f2")
        await wait_until(pilot, lambda: "\x1b[?1003l" in "".join(written))
        assert pilot.app.screen.view.mouse_is_free
        assert "\x1b[?1003h" not in "".join(written)
        await pilot.press("f2")
        await wait_until(pilot, lambda: "\x1b[?1003h" in "".join(written))


async def test_theme_changes_at_once_and_is_remembered(tmp_path):
    async with window(tmp_path, None) as pilot:
        await say(pilot, "/theme light")
        await wait_until(pilot, lambda: pilot.app.theme == "light")
        assert await pilot.app.workspace.store.setting("theme") == "light"
        await say(pilot, "/theme nonsense")
        await wait_until(pilot, "No theme named 'nonsense'")
