"""Editing as in vi: each case is text with the cursor as |, keys, and the same afterwards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.config.file import Config
from stepchat.demo.server import DemoServer
from stepchat.tui.vi import Vi, shared_ends
from tests.tui.window import ask, chat_screen, draft, status, wait_until, window


def typed(before, keys):
    """The text with its cursor after these keys, from normal mode; `<` is Esc."""
    cursor, text = before.index("|"), before.replace("|", "", 1)
    vi, register = Vi(), ""
    vi.is_inserting = False
    for key in keys:
        if key == "<":
            cursor = vi.leave_insert(text, cursor) if vi.is_inserting else cursor
            vi.cancel()
        elif vi.is_inserting:
            text, cursor = text[:cursor] + key + text[cursor:], cursor + 1
        else:
            edited = vi.press(key, text, cursor, register)
            text, cursor = edited.text, edited.cursor
            register = register if edited.register is None else edited.register
    return f"{text[:cursor]}|{text[cursor:]}"


@pytest.mark.parametrize(
    ("before", "keys", "after"),
    [
        ("|one two three", "w", "one |two three"),
        ("|one two three", "2w", "one two |three"),
        ("|one.two", "wW", "one.tw|o"),
        ("one two thre|e", "bb", "one |two three"),
        ("|one two", "e", "on|e two"),
        ("|one two", "$", "one tw|o"),
        ("  one tw|o", "^", "  |one two"),
        ("  one tw|o", "0", "|  one two"),
        ("|one, two; three", "f;", "one, two|; three"),
        ("|a b a b a", "fa;", "a b a b |a"),
        ("|a b a b a", "ta", "a b| a b a"),
        ("|a b a b a", "ta;", "a b a b| a"),
        ("a b a b |a", "Fa", "a b |a b a"),
        ("a b a b |a", "Fa,", "a b a b |a"),
        ("|one\ntwo\nthree", "G", "one\ntwo\n|three"),
        ("one\ntwo\nth|ree", "gg", "|one\ntwo\nthree"),
        ("|one\ntwo\nthree", "2G", "one\n|two\nthree"),
        ("|one two", "dw", "|two"),
        ("|one two three", "d2w", "|three"),
        ("|one two three", "2dw", "|three"),
        ("one |two", "dw", "one| "),
        ("|one\ntwo", "dw", "|\ntwo"),
        ("|one two", "cwsix<", "si|x two"),
        ("|one two three", "cwsix<w.", "six si|x three"),
        ("one |two three", "d$", "one| "),
        ("one |two three", "D", "one| "),
        ("one |two", "Cx<", "one |x"),
        ("on|e two", "d0", "|e two"),
        ("one tw|o", "db", "one |o"),
        ("|one two", "de", "| two"),
        ("|one, two", "dt,", "|, two"),
        ("|one, two", "df,", "| two"),
        ("one |two three", "diw", "one | three"),
        ("one |two three", "daw", "one |three"),
        ("one |two three", "ciwx<", "one |x three"),
        ("o|ne\ntwo\nthree", "dd", "|two\nthree"),
        ("one\ntwo\nth|ree", "dd", "one\n|two"),
        ("o|ne\ntwo\nthree", "2dd", "|three"),
        ("o|ne\ntwo\nthree", "dj", "|three"),
        ("one\ntw|o", "dk", "|"),
        ("o|ne\ntwo", "ccx<", "|x\ntwo"),
        ("o|ne\ntwo", "yyp", "one\n|one\ntwo"),
        ("one\ntw|o", "yyp", "one\ntwo\n|two"),
        ("one\ntw|o", "yyP", "one\n|two\ntwo"),
        ("|one two", "ywP", "one| one two"),
        ("|ab", "xp", "b|a"),
        ("|abc", "2x", "|c"),
        ("|abc", "rx", "|xbc"),
        ("|abc", "3rx", "xx|x"),
        ("|abc", "4rx", "|abc"),
        ("|abc", "x.", "|c"),
        ("a|bc", "X", "|bc"),
        ("|abc", "~~", "AB|c"),
        ("|abc", "ix<", "|xabc"),
        ("|abc", "ax<", "a|xbc"),
        ("ab|c", "Ix<", "|xabc"),
        ("|abc", "Ax<", "abc|x"),
        ("a|bc", "ox<", "abc\n|x"),
        ("a|bc", "Ox<", "|x\nabc"),
        ("|abc", "sx<", "|xbc"),
        ("|abc", "Sx<", "|x"),
        ("|abc", "d<x", "|bc"),
        ("|abc", "qzx", "|bc"),
        ("|ä👩\u200d🔬b", "lx", "ä|b"),
        ("o|ne\n  two\nthree", "J", "one| two\nthree"),
        ("o|ne\ntwo\nthree\nfour", "3J", "one two| three\nfour"),
        ("o|ne\ntwo\nthree", "J.", "one two| three"),
        ("on|e", "J", "on|e"),
        ("f(a, |b[1])", "di(", "f(|)"),
        ("f(a, |b[1])", "cibx<", "f(|x)"),
        ("f(a, b[|1])", "da[", "f(a, b|)"),
        ("f(|(a), b)", "di)", "f((|), b)"),
        ('say "on|e two"', 'ci"x<', 'say "|x"'),
        ("|say 'one'", "di'", "say '|'"),
        ("|say one", 'di"', "|say one"),
        ("a.b-|c d", "diW", "| d"),
        ("|f(a(b))c", "%", "f(a(b)|)c"),
        ("f(a(b|))c", "%", "f(a|(b))c"),
        ("f|(a(b))c", "d%", "f|c"),
        ("f(a|)c", "d%", "f|c"),
        ("|abc", "%", "|abc"),
        ("|", "xdw$0wbe", "|"),
    ],
)  # fmt: skip
def test_what_keys_do(before, keys, after):
    assert typed(before, keys) == after


@given(st.text('ab. \n()"', max_size=12), st.text('dcyhlwbeWBE0^$;,%Ggft123xXDCYsSpPuiaIAoOJ~.r<ab"(', max_size=14))
def test_no_keys_put_the_cursor_outside_of_the_text(text, keys):
    after = typed(f"|{text}", keys)
    assert after.count("|") == 1


@given(st.text("ab", max_size=8), st.text("ab", max_size=8))
def test_shared_ends_do_not_overlap(before, after):
    start, same = shared_ends(before, after)
    assert before[:start] == after[:start]
    assert start + same <= min(len(before), len(after))
    assert before[len(before) - same :] == after[len(after) - same :]


async def test_the_prompt_has_the_modes_of_vi(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, config=Config(editing="vi")) as pilot:
            assert "insert mode" in status(pilot)
            await pilot.press(*"one two three", "escape")
            await wait_until(pilot, lambda: "normal mode" in status(pilot))
            await pilot.press("b", "d", "b", "x", "u", "u", "ctrl+r")
            assert draft(pilot) == "one three"
            await pilot.press("0", "c", "w", *"six", "escape", "w", ".", "escape", "escape")
            assert draft(pilot) == "six six"
            await pilot.press("enter")
            await wait_until(pilot, lambda: "insert mode" in status(pilot))
            assert server.requests[-1].body["messages"][-1]["content"] == "six six"
            await pilot.press("escape", "k")
            assert draft(pilot) == "six six"
            await pilot.press("d", "d", ":", "q", "enter")
            await wait_until(pilot, lambda: not pilot.app.is_running)


async def test_esc_esc_edits_nothing_and_n_repeats_a_search(tmp_path):
    with DemoServer(speed=0) as server:
        async with window(tmp_path, server, config=Config(editing="vi")) as pilot:
            await ask(pilot, "demo:haiku")
            await pilot.press("escape", "escape", "escape", "escape")
            assert draft(pilot) == ""
            assert chat_screen(pilot).composer.editing is None
            await pilot.press("slash", *"each", "enter", "escape")
            await wait_until(pilot, lambda: chat_screen(pilot).prompt.has_focus)
            await pilot.press("n")
            await wait_until(pilot, "Find: each")


async def test_esc_leaves_the_filter_of_a_list_for_its_rows(tmp_path):
    async with window(tmp_path, None, config=Config(editing="vi")) as pilot:
        await pilot.press("ctrl+p", *"f")
        await wait_until(pilot, "Commands")
        dialog = pilot.app.screen
        await pilot.press("escape", "G", "k", "j", "g", "j", "n", "N", "ctrl+d", "ctrl+u")
        assert pilot.app.screen is dialog
        assert dialog._list.cursor == 1
        await pilot.press("i", "j")
        assert dialog._filter.value == "fj"
        await pilot.press("escape", "q")
        await wait_until(pilot, lambda: pilot.app.screen is chat_screen(pilot))
