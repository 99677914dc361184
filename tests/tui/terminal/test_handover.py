from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from typing import ClassVar

import pytest
from textual.app import App
from textual.events import Key, Paste
from textual.messages import ExitApp
from textual.screen import ModalScreen
from textual.widgets import Input, TextArea

from stepchat.tui.terminal.driver import coming_messages, deliver, kept_messages, let_settle
from stepchat.tui.terminal.handover import Handover
from stepchat.tui.terminal.input import TerminalInput


def names(messages) -> list[str]:
    return [message.key if isinstance(message, Key) else repr(message) for message in messages]


@pytest.fixture
def pipes():
    terminal, wake = os.pipe(), os.pipe()
    yield terminal, wake
    for end in (*terminal, *wake):
        with contextlib.suppress(OSError):
            os.close(end)


def test_an_escape_that_was_waited_for_is_no_alt():
    assert names(kept_messages([b"\x1b", b"b\r"], TerminalInput())) == ["escape", "b", "enter"]
    assert names(kept_messages([b"\x1bb\r"], TerminalInput())) == ["alt+b", "enter"]


@pytest.mark.parametrize("key", [b"\x1b\r", b"\x1b[13;3u", b"\x1b[27;3;13~"])
def test_alt_enter_however_it_is_sent(key):
    assert names(kept_messages([key], TerminalInput())) == ["alt+enter"]


@pytest.mark.parametrize("key", [b"\x1b[13;2u", b"\x1b[27;2;13~"])
def test_shift_enter_however_it_is_sent(key):
    assert names(kept_messages([key], TerminalInput())) == ["shift+enter"]


@pytest.mark.parametrize("whole", [b"\x1b[A", "漢".encode(), b"\x1b[3~"])
def test_a_key_cut_by_the_handover_is_one_key(whole, pipes):
    (terminal, keyboard), (wake, _) = pipes
    for cut in range(1, len(whole)):
        keyboard_input = TerminalInput()
        assert names(kept_messages([whole[:cut]], keyboard_input)) == []
        os.write(keyboard, whole[cut:])
        coming = iter(coming_messages(terminal, wake, keyboard_input))
        assert names([next(coming)]) == names(kept_messages([whole], TerminalInput()))


def test_a_paste_cut_by_the_handover_is_one_paste(pipes):
    (terminal, keyboard), (wake, _) = pipes
    keyboard_input = TerminalInput()
    assert names(kept_messages([b"\x1b[200~one\r"], keyboard_input)) == []
    os.write(keyboard, b"two\x1b[201~x")
    paste = next(iter(coming_messages(terminal, wake, keyboard_input)))
    assert isinstance(paste, Paste)
    assert paste.text == "one\ntwo"


def test_a_lone_escape_comes_without_another_key(pipes):
    (terminal, keyboard), (wake, _) = pipes
    os.write(keyboard, b"\x1b")
    assert names([next(iter(coming_messages(terminal, wake, TerminalInput())))]) == ["escape"]


def test_bytes_that_are_no_utf8_do_no_harm(pipes):
    (terminal, keyboard), (wake, _) = pipes
    os.write(keyboard, b"a\xff\xc3b")
    os.close(keyboard)
    messages = list(coming_messages(terminal, wake, TerminalInput()))
    assert [message.character for message in messages[:-1]] == ["a", "\ufffd", "\ufffd", "b"]


def test_the_app_ends_when_the_terminal_is_gone(pipes):
    (terminal, keyboard), (wake, _) = pipes
    os.close(keyboard)
    assert [type(message) for message in coming_messages(terminal, wake, TerminalInput())] == [ExitApp]


def test_stopping_and_being_told_that_the_prompt_is_ready(pipes):
    (terminal, keyboard), (wake, waker) = pipes
    os.write(keyboard, b"k")
    os.write(waker, b"r")
    coming = iter(coming_messages(terminal, wake, TerminalInput()))
    assert names([next(coming)]) == ["k"]
    os.write(waker, b"x")
    assert list(coming) == []


def test_the_keyboard_flags_of_textual_are_those_that_are_replaced():
    from inspect import getsource

    from textual.drivers import linux_driver

    from stepchat.tui.terminal.driver import TEXTUALS_KEYBOARD_FLAGS

    names = ("KITTY_DISAMBIGUATE_ESCAPE_CODES", "KITTY_REPORT_ALL_KEYS", "KITTY_REPORT_ASSOCIATED_TEXT")
    assert f"\x1b[>{sum(getattr(linux_driver, name) for name in names)}u" == TEXTUALS_KEYBOARD_FLAGS
    assert 'write(f"\\x1b[>{KITTY_PROTOCOL_FLAG}u")' in getsource(linux_driver)


def test_an_ordinary_start_has_nothing_typed():
    ahead = Handover(None).type_ahead()
    assert (ahead.text, ahead.cursor, ahead.pending) == ("", (0, 0), ())


def test_no_key_is_read_before_the_prompt_is_ready(pipes):
    _, (wake, waker) = pipes
    handover = Handover(None)
    handover.listen(waker)
    os.write(waker, b"x")
    assert handover.wait_for_prompt(wake) is False
    handover.prompt_is_ready()
    assert handover.wait_for_prompt(wake) is True


class Dialog(ModalScreen[None]):
    def compose(self):
        yield Input()


class DialogApp(App[None]):
    """Opens a dialog with a field on ctrl+g, which takes some rounds of the loop."""

    BINDINGS: ClassVar = [("ctrl+g", "dialog", "")]

    def compose(self):
        yield TextArea()

    async def action_dialog(self) -> None:
        await asyncio.sleep(0)
        await self.push_screen(Dialog())


async def burst(app: DialogApp, pilot, keys: bytes) -> None:
    messages = list(kept_messages([keys], TerminalInput()))
    driver, stopped = app._driver, threading.Event()
    await asyncio.to_thread(deliver, messages, driver.process_message, lambda: let_settle(app, driver._loop, stopped))
    await pilot.pause()


async def test_keys_reach_the_dialog_that_an_earlier_one_opens():
    app = DialogApp()
    async with app.run_test() as pilot:
        await burst(app, pilot, b"ab\x07cd")
        assert app.screen_stack[0].query_one(TextArea).text == "ab"
        assert app.screen.query_one(Input).value == "cd"


async def test_keys_that_are_bindings_keep_their_place_in_a_burst():
    app = DialogApp()
    async with app.run_test() as pilot:
        await burst(app, pilot, b"abd\x1b[Dc\x1b[3~\x1b[D\x1b[D\x7f-\x05+")
        assert app.query_one(TextArea).text == "-bc+"


def test_characters_are_not_held_up():
    settled: list[str] = []
    seen: list[str] = []
    messages = kept_messages([b"ab\x7f\x1b[Dc"], TerminalInput())
    deliver(messages, lambda message: seen.append(message.key), lambda: settled.append(seen[-1]))
    assert seen == ["a", "b", "backspace", "left", "c"]
    assert settled == ["b", "backspace", "left"]
