from __future__ import annotations

import pytest
from textual import events

from stepchat.text.widths import cells
from stepchat.tui.prompt_keys import PROMPT_ROWS
from stepchat.tui.terminal.input import TerminalInput
from tests.tui.prompt_app import SIZES, running, type_in
from tests.tui.screen import screen_cells, screen_rows
from tests.tui.window import wait_until


@SIZES
async def test_empty_it_is_one_row_under_a_rule(size):
    app, test = running(size)
    async with test as pilot:
        await pilot.pause()
        assert screen_rows(app)[-2:] == ["─" * size[0], "❯ Ask, or / for commands"]
        row = screen_cells(app, -1)
        assert row[0].style.color.name == app.current_theme.accent
        assert row[3].style.color.name == app.theme_variables["dim"]
        assert app.cursor_position == (2, size[1] - 1)


@SIZES
async def test_it_grows_to_eight_rows_and_shrinks_again(size):
    app, test = running(size)
    async with test as pilot:
        for rows in range(1, 12):
            app.prompt.prefill("\n".join(f"l{row}" for row in range(rows)))
            await pilot.pause()
            assert app.prompt.size.height == min(rows, 8)
            assert screen_rows(app)[-1].endswith(f"  l{rows - 1}" if rows > 1 else "❯ l0")
            assert screen_rows(app)[-min(rows, 8) - 1] == "─" * size[0]
            assert app.cursor_position == (2 + len(f"l{rows - 1}"), size[1] - 1)
        app.prompt.prefill("")
        await pilot.pause()
        assert app.prompt.size.height == 1
        assert app.cursor_position == (2, size[1] - 1)


@SIZES
async def test_long_lines_wrap_between_words(size):
    app, test = running(size)
    async with test as pilot:
        app.prompt.prefill("word " * 40)
        await pilot.pause()
        rows = [row for row in screen_rows(app)[-8:] if "word" in row]
        assert len(rows) == app.prompt.size.height > 1
        assert all(set(row.split()) <= {"❯", "word"} for row in rows)
        assert all(len(row) <= size[0] - 2 for row in rows)


@SIZES
async def test_scripts_whose_marks_take_a_cell_wrap_before_the_edge(size):
    app, test = running(size)
    async with test as pilot:
        for _ in range(4):
            app.prompt.insert("हिन्दी में किताब कृपया मेरी किताब वापस कीजिए ")
        await pilot.pause()
        rows = [row for row in screen_rows(app)[-8:] if "किताब" in row]
        assert len(rows) == app.prompt.size.height > 1
        assert all(cells(row) <= size[0] - 2 for row in rows)
        app.prompt.prefill("word " * 40)
        await pilot.pause()
        assert any(len(row) > size[0] - 9 for row in screen_rows(app)[-8:] if "word" in row)


async def test_the_terminal_cursor_follows_when_the_window_changes():
    app, test = running()
    async with test as pilot:
        await type_in(pilot, "漢字é")
        await pilot.pause()
        assert app.cursor_position == (2 + 2 + 2 + 1, 15)
        await pilot.resize_terminal(80, 30)
        await pilot.pause()
        assert app.cursor_position == (2 + 2 + 2 + 1, 29)


async def test_enter_sends_and_clears():
    app, test = running()
    async with test as pilot:
        await type_in(pilot, "hello")
        await pilot.press("enter", "enter", "space", "enter")
        await pilot.pause()
        assert app.sent == ["hello"]
        assert app.prompt.text == " "


@pytest.mark.parametrize("key", ["shift+enter", "ctrl+j", "alt+enter"])
async def test_keys_that_break_the_line(key):
    app, test = running()
    async with test as pilot:
        await pilot.press(key, "a", key, "b", "enter")
        await pilot.pause()
        assert app.sent == ["a\nb"]


@pytest.mark.parametrize(
    "sequence", ["\x1b\r", "\n", "\x1b[13;2u", "\x1b[13;3u", "\x1b[27;2;13~", "\x1b[27;3;13~", "\x1b[27;5;13~"]
)
async def test_what_terminals_send_for_a_line_break_never_sends(sequence):
    keys = list(TerminalInput().feed(sequence.encode()))
    assert len(keys) == 1
    app, test = running()
    async with test as pilot:
        await pilot.press("a")
        app.prompt.post_message(keys[0])
        await pilot.press("b")
        await pilot.pause()
        assert app.prompt.text == "a\nb"
        assert app.sent == []


async def test_up_and_down_walk_the_history_and_keep_what_was_not_sent():
    app, test = running()
    async with test as pilot:
        app.prompt.set_history(["first", "second\nof two lines"])
        await type_in(pilot, "draft")
        await pilot.press("up")
        assert app.prompt.text == "second\nof two lines"
        await pilot.press("!", "up", "up", "up")
        assert app.prompt.text == "first"
        await pilot.press("down")
        assert app.prompt.text == "second!\nof two lines"
        await pilot.press("down")
        assert app.prompt.text == "draft"
        await pilot.press("down", "!")
        assert app.prompt.text == "draft!"


async def test_up_inside_wrapped_text_moves_the_cursor_first():
    app, test = running()
    async with test as pilot:
        app.prompt.set_history(["old"])
        app.prompt.prefill("word " * 20)
        await pilot.pause()
        await pilot.press("up")
        assert app.prompt.text.startswith("word")
        await pilot.press("up")
        assert app.prompt.text == "old"


async def test_what_was_sent_is_in_the_history_once():
    app, test = running()
    async with test as pilot:
        for text in ("one", "two", "two"):
            await type_in(pilot, text)
            await pilot.press("enter")
        await pilot.press("up")
        assert app.prompt.text == "two"
        await pilot.press("up")
        assert app.prompt.text == "one"


async def test_a_command_from_the_history_does_not_stop_the_walk():
    app, test = running()
    async with test as pilot:
        app.prompt.set_history(["first", "/help"])
        await pilot.press("up")
        assert app.prompt.text == "/help"
        await pilot.press("up")
        assert app.prompt.text == "first"


async def test_ctrl_c_clears_and_up_or_undo_brings_it_back():
    app, test = running()
    async with test as pilot:
        await type_in(pilot, "half a thought")
        await pilot.press("ctrl+c")
        assert app.prompt.text == ""
        await pilot.press("ctrl+underscore")
        assert app.prompt.text == "half a thought"
        await pilot.press("ctrl+c", "up")
        assert app.prompt.text == "half a thought"
        assert "ctrl+c" not in app.keys


async def test_ctrl_c_and_escape_and_pages_belong_to_others_when_there_is_nothing_to_do():
    app, test = running()
    async with test as pilot:
        await pilot.press("ctrl+c", "escape", "pageup", "pagedown")
        await pilot.pause()
        assert app.keys == ["ctrl+c", "escape", "pageup", "pagedown"]
        assert app.is_running


async def test_ctrl_c_copies_a_selection_instead():
    app, test = running()
    async with test as pilot:
        await type_in(pilot, "abc")
        await pilot.press("shift+left", "shift+left", "ctrl+c")
        assert app.clipboard == "bc"
        assert app.prompt.text == "abc"


async def test_readline_keys():
    app, test = running()
    async with test as pilot:
        await type_in(pilot, "one two three")
        await pilot.press("ctrl+w")
        assert app.prompt.text == "one two "
        await pilot.press("ctrl+a", "x", "ctrl+e", "y", "ctrl+a", "ctrl+k")
        assert app.prompt.text == ""
        await type_in(pilot, "abc")
        await pilot.press("left", "ctrl+u")
        assert app.prompt.text == "c"


async def test_tab_neither_inserts_nor_moves_the_focus():
    app, test = running()
    async with test as pilot:
        await pilot.press("a", "tab", "b")
        assert app.prompt.text == "ab"
        assert app.focused is app.prompt


@SIZES
async def test_a_paste_is_cleaned_and_never_sends(size):
    app, test = running(size)
    async with test as pilot:
        await pilot.press("a", "b", "left")
        app.post_message(events.Paste("1\r2\x1b[31m\t\x07\n"))
        await pilot.pause()
        assert app.prompt.text == "a1\n2\t\nb"
        assert app.sent == []
        await pilot.press("ctrl+underscore")
        assert app.prompt.text == "ab"


async def test_text_is_never_markup():
    app, test = running()
    async with test as pilot:
        app.prompt.paste("[bold]x[/] $(y) {z}")
        await pilot.pause()
        assert screen_rows(app)[-1] == "❯ [bold]x[/] $(y) {z}"


BIG = "\n".join(f"line {number}" for number in range(120))


async def test_a_large_paste_folds_and_is_sent_whole():
    app, test = running()
    async with test as pilot:
        await type_in(pilot, "see ")
        app.post_message(events.Paste(BIG))
        await pilot.pause()
        await type_in(pilot, " ok")
        await pilot.pause()
        assert screen_rows(app)[-1] == "❯ see [pasted 120 lines] ok"
        assert screen_cells(app, -1)[7].style.color.name == app.current_theme.accent
        assert app.prompt.unfolded_text == f"see {BIG} ok"
        await pilot.press("enter", "up")
        assert app.prompt.text == "see [pasted 120 lines] ok"
        await pilot.press("enter")
        await pilot.pause()
        assert app.sent == [f"see {BIG} ok"] * 2


async def test_a_folded_paste_is_one_piece():
    app, test = running()
    async with test as pilot:
        await pilot.press("a")
        app.prompt.paste(BIG)
        await pilot.press("left", "b")
        assert app.prompt.text == "ab[pasted 120 lines]"
        await pilot.press("right", "c", "left")
        assert app.prompt.text == "ab[pasted 120 lines]c"
        await pilot.press("backspace")
        assert app.prompt.text == "abc"
        await pilot.press("ctrl+underscore")
        assert app.prompt.text == "ab[pasted 120 lines]c"
        app.prompt.move_cursor((0, 9))
        assert app.prompt.cursor_location in {(0, 2), (0, 20)}
        app.prompt.move_cursor((0, 2))
        await pilot.press("delete")
        assert app.prompt.text == "abc"


async def test_prefill_puts_the_cursor_where_it_was():
    app, test = running()
    async with test as pilot:
        app.prompt.prefill("one\ntwo\x1b", 5)
        await pilot.press("!")
        assert app.prompt.text == "one\nt!wo"
        app.prompt.prefill("x", 99)
        await pilot.press("y")
        assert app.prompt.text == "xy"
        app.prompt.prefill("x", 0)
        await pilot.press("y")
        assert app.prompt.text == "yx"


async def test_a_click_sets_the_cursor():
    app, test = running()
    async with test as pilot:
        await type_in(pilot, "abcdef")
        await pilot.click(offset=(4, 15))
        await pilot.press("!")
        assert app.prompt.text == "ab!cdef"


async def test_idle_it_wakes_up_for_nothing():
    app, test = running()
    async with test as pilot:
        await type_in(pilot, "abc")
        await pilot.pause()
        assert not app.prompt.blink_timer._active.is_set()


@pytest.mark.parametrize(
    ("keys", "text", "after"),
    [
        ("ctrl+a ctrl+k ctrl+y ctrl+y", "one two", "one twoone two"),
        ("ctrl+w ctrl+w ctrl+y", "one two", "one two"),
        ("ctrl+u ctrl+y", "one two", "one two"),
        ("alt+b alt+d ctrl+y space ctrl+y", "one two", "one two two"),
        ("ctrl+w ctrl+a ctrl+k ctrl+y alt+y", "one two", "two"),
        ("ctrl+a alt+u", "one two", "ONE two"),
        ("ctrl+b ctrl+b ctrl+d", "one two", "one to"),
        ("ctrl+w ctrl+underscore", "one two", "one two"),
        ("ctrl+w ctrl+underscore alt+slash", "one two", "one "),
        ("ctrl+d ctrl+k", "one", "one"),
        ("shift+left shift+left ctrl+w ctrl+y ctrl+y", "one", "onene"),
        ("ctrl+a ctrl+u ctrl+h alt+y", "one", "one"),
    ],
)
async def test_the_editing_keys_of_readline(keys, text, after):
    app, test = running()
    async with test as pilot:
        app.prompt.prefill(text)
        await pilot.press(*keys.split())
        assert app.prompt.text == after
        assert app.sent == []


@pytest.mark.parametrize("text", ["one line", "first\nsecond\n"], ids=repr)
@pytest.mark.parametrize("at_end", [True, False])
@pytest.mark.usefixtures("short_pauses")
async def test_no_editing_key_sends_and_undo_or_yank_brings_everything_back(text, at_end):
    app, test = running()
    async with test as pilot:
        for row in PROMPT_ROWS:
            if row.id in {"send", "undo", "redo", "paste", "yank-previous"}:
                continue
            for key in row.single_keys.split(","):
                app.prompt.load_text(text)
                app.prompt.move_cursor(app.prompt.document.end if at_end else (0, 0))
                await pilot.press(key)
                if app.prompt.text != text:
                    await pilot.press("ctrl+underscore")
                    assert app.prompt.text == text, key
        assert app.sent == []


async def test_a_folded_paste_is_opened_for_editing_by_a_click_or_the_leader():
    app, test = running()
    async with test as pilot:
        app.prompt.paste(BIG)
        await pilot.press("x")
        await pilot.press("left")
        app.prompt.action_open_paste()
        assert app.prompt.text == f"{BIG}x"
        assert app.prompt.cursor_location == (0, 0)
        await pilot.press("ctrl+underscore")
        assert app.prompt.text == "[pasted 120 lines]x"
        await wait_until(pilot, lambda: app.prompt.size.height == 1)
        await pilot.click("Prompt", offset=(4, 0))
        assert app.prompt.text == f"{BIG}x"
        app.prompt.prefill("plain")
        app.prompt.action_open_paste()
        assert app.prompt.text == "plain\n"


async def test_a_line_break_that_made_the_prompt_scroll_is_undone():
    app, test = running()
    async with test as pilot:
        app.prompt.prefill("\n".join("12345678"))
        await pilot.press("shift+enter", "ctrl+underscore")
        assert app.prompt.text == "1\n2\n3\n4\n5\n6\n7\n8"


@pytest.mark.usefixtures("short_pauses")
async def test_no_editing_key_sends_or_loses_anything_at_an_end_of_any_text():
    app, test = running()
    rows = [
        (row, key)
        for row in PROMPT_ROWS
        for key in row.keys[:1]
        if " " not in key and row.id not in {"send", "paste", "undo", "redo"}
    ]
    async with test as pilot:
        for row, key in rows:
            for text in ("", "one two", "one\ntwo"):
                for cursor in (0, len(text)):
                    prompt = app.prompt
                    prompt.prefill(text, cursor)
                    await pilot.press(key)
                    changed = prompt.text
                    if changed != text:
                        await pilot.press("ctrl+underscore")
                    assert prompt.text == text, (row.id, text, cursor, changed)
        assert app.sent == []
