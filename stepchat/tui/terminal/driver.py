"""A driver for Textual that takes over the terminal from the first frame. For POSIX terminals only.

It enters the alternate screen unless the frame already has, restores the terminal's modes from before the frame, and reads
keys only once the prompt is ready: first those typed into the frame, then new ones. It sleeps in between.
"""

from __future__ import annotations

import asyncio
import os
import select
import threading
import time
from itertools import chain
from typing import TYPE_CHECKING

from textual._ansi_sequences import SYNC_END, SYNC_START
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key, Paste
from textual.message import Message
from textual.messages import ExitApp

from stepchat.tui.terminal.clipboard import OSC_52, for_multiplexer
from stepchat.tui.terminal.input import ESCAPE_SECONDS, TerminalInput
from stepchat.tui.terminal.output import sanitize_output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from textual.app import App

    from stepchat.tui.terminal.handover import Handover

ALTERNATE_SCREEN = "\x1b[?1049h"
TEXTUALS_KEYBOARD_FLAGS, KEYBOARD_FLAGS = "\x1b[>25u", "\x1b[>29u"
"""Kitty keyboard protocol. Ours also request alternate keys (4), so that Ctrl+C works with other alphabets."""
ALT_MODES = (1036, 1039)
"""xterm's metaSendsEscape and altSendsEscape. Without them Alt+letter types an accented letter."""
MODIFY_OTHER_KEYS = ("\x1b[>4;1m", "\x1b[>4m")
"""Makes xterm report Shift+Enter and Ctrl+Enter, and undoes it. Level 2 would recode every Ctrl+letter."""
JOINED_EMOJI = 2027
"""Grapheme clustering: an emoji sequence is one emoji of two cells."""
ASK_BACKGROUND = "\x1b]11;?\x1b\\"
FOLLOW_BACKGROUND = ("\x1b[?2031h", "\x1b[?2031l")
"""Makes the terminal report when its colours change between dark and light ones, and undoes it."""
_SET, _RESET = (1, 3), 2
"""Values in a mode report: the mode is supported and on, or off."""
BURST = 0.1
"""Seconds between two keys during which the first may still be unhandled."""
SETTLE_LIMIT = 0.25
"""The longest time in seconds that a busy app can delay a key."""


class HandoverDriver(LinuxDriver):
    """Textual creates the instance; `driver_class` gives the class its handover."""

    handover: Handover

    class EmojiJoined(Message):
        """The terminal reported that it draws emoji sequences as one emoji; `Handover.joins_emoji` is set."""

    class BackgroundReported(Message):
        """The terminal reported its background."""

        def __init__(self, *, is_light: bool) -> None:
            super().__init__()
            self.is_light = is_light

    def __init__(
        self, app: App[object], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)  # pyright: ignore[reportUnknownMemberType]
        # The frame is on stdout, while stderr, which Textual uses, may be a file. A lone surrogate must not raise.
        self._file = open(1, "w", encoding="utf-8", errors="replace", newline="", closefd=False)  # noqa: SIM115
        self._first_start = True
        self._keep_screen = False
        self._wake = (-1, -1)
        self._suspended = False
        self._undo = ""
        """Turns off the modes that were turned on because the terminal reported them as off."""
        self._frame: list[str] = []
        """The parts of a synchronized frame so far."""

    def write(self, data: str) -> None:
        """Write a frame in one piece: each piece would wake the writer thread and pass through the terminal separately."""
        if self._suspended:
            return  # another program has the terminal; everything is painted again afterwards
        if self._keep_screen and data == ALTERNATE_SCREEN:
            self._keep_screen = False  # entering it again would clear it
            return
        if data == TEXTUALS_KEYBOARD_FLAGS:
            data = KEYBOARD_FLAGS
        elif data.startswith(OSC_52):
            data = for_multiplexer(data, os.environ)
        if data == SYNC_START or self._frame:
            self._frame.append(data)
            if data != SYNC_END:
                return
            data = "".join(self._frame)
            self._frame.clear()
        super().write(sanitize_output(data))

    def start_application_mode(self) -> None:
        frame = self.handover.frame
        self.handover.type_ahead()
        self._keep_screen = frame is not None and self._first_start and frame.on_screen
        self._wake = os.pipe()
        self.handover.listen(self._wake[1])
        super().start_application_mode()
        if frame is not None:
            if self._first_start:
                self.attrs_before = list(frame.modes)
            frame.hand_to_textual()
        if not self._first_start:
            # Resumed: the alternate screen is empty, and Textual would paint only changes.
            self._app.call_later(self._app.refresh, layout=True)
        self._first_start = False
        if os.environ.get("TERM_PROGRAM") != "Apple_Terminal":  # it prints the `p`
            self.write("".join(f"\x1b[?{mode}$p" for mode in (*ALT_MODES, JOINED_EMOJI)))
        self._turn_on(ASK_BACKGROUND + FOLLOW_BACKGROUND[0], FOLLOW_BACKGROUND[1])

    def _mode_reported(self, mode: int, value: int) -> None:
        """In the input thread: turn on what helps."""
        if mode in ALT_MODES and value == _RESET:
            on, off = MODIFY_OTHER_KEYS if mode == ALT_MODES[0] else ("", "")
            self._turn_on(f"\x1b[?{mode}h{on}", f"\x1b[?{mode}l{off}")
        elif mode == JOINED_EMOJI and value in {*_SET, _RESET}:
            if value == _RESET:
                self._turn_on(f"\x1b[?{mode}h", f"\x1b[?{mode}l")
            if not self.handover.joins_emoji:
                self.handover.joins_emoji = True
                self._app.post_message(self.EmojiJoined())

    def _turn_on(self, on: str, off: str) -> None:
        self._undo += off
        if self.handover.frame is not None:
            self.handover.frame.undo = self._undo
        # Bypasses `write`, which may be collecting a frame in the other thread.
        super().write(on)

    def suspend_application_mode(self) -> None:
        super().suspend_application_mode()
        self._suspended = True
        self._frame.clear()

    def resume_application_mode(self) -> None:
        self._suspended = False
        super().resume_application_mode()

    def disable_input(self) -> None:
        if self._wake[1] >= 0:
            os.write(self._wake[1], b"x")
        super().disable_input()

    def stop_application_mode(self) -> None:
        super().stop_application_mode()
        super().write(self._undo)
        self._undo = ""
        self.handover.listen(-1)
        for end in self._wake:
            if end >= 0:
                os.close(end)
        self._wake = (-1, -1)

    def close(self) -> None:
        super().close()
        if self.handover.frame is not None:
            self.handover.frame.give_back()

    def run_input_thread(self) -> None:
        wake = self._wake[0]
        if not self.handover.wait_for_prompt(wake):
            return
        keyboard = TerminalInput(
            debug=self._debug,
            mode_reported=self._mode_reported,
            background_reported=lambda light: self._app.post_message(self.BackgroundReported(is_light=light)),
        )
        kept = self.handover.type_ahead()
        pending, kept.pending = kept.pending, ()
        coming = coming_messages(self.fileno, wake, keyboard)
        deliver(
            chain(kept_messages(pending, keyboard), coming),
            self.process_message,
            lambda: let_settle(self._app, self._loop, self.exit_event),
        )


def driver_class(handover: Handover) -> type[HandoverDriver]:
    return type("BoundDriver", (HandoverDriver,), {"handover": handover})


def kept_messages(pending: Sequence[bytes], keyboard: TerminalInput) -> Iterable[Message]:
    """The messages of keys typed into the first frame; an incomplete last one stays in `keyboard`."""
    for index, part in enumerate(pending):
        if index:
            threading.Event().wait(ESCAPE_SECONDS)
            yield from keyboard.tick()
        yield from keyboard.feed(part, typed=True)


def coming_messages(terminal: int, wake: int, keyboard: TerminalInput) -> Iterable[Message]:
    """The messages of new keys, until "x" is written to `wake`, or the terminal is gone, which ends the app."""
    timeout: float | None = ESCAPE_SECONDS
    is_first = True
    while True:
        ready = select.select([terminal, wake], [], [], timeout)[0]
        if wake in ready:
            if b"x" in os.read(wake, 64):
                return
        elif ready:
            try:
                data = os.read(terminal, 4096)
            except OSError:
                data = b""
            if not data:
                yield ExitApp()
                return
            # The first read returns what was typed before anything read it, and not at once.
            yield from keyboard.feed(data, typed=is_first)
            is_first = False
            timeout = keyboard.wait
        else:
            yield from keyboard.tick()
            timeout = keyboard.wait


def deliver(messages: Iterable[Message], process: Callable[[Message], None], settle: Callable[[], None]) -> None:
    """Process the messages; between keys in a burst let the app settle, unless both are characters.

    Textual runs bindings in another queue than characters, and would mix up their order. Text typed right after the key
    that opens a dialog is meant for the dialog.
    """
    was_plain, last = True, 0.0
    for message in messages:
        if isinstance(message, (Key, Paste)):
            plain = isinstance(message, Key) and message.is_printable
            if not (plain and was_plain) and time.monotonic() - last < BURST:
                settle()
            was_plain, last = plain, time.monotonic()
        process(message)


def let_settle(app: App[object], loop: asyncio.AbstractEventLoop, stopped: threading.Event) -> None:
    """Wait until the app has handled all messages, input is stopped, or it takes too long."""
    quiet = asyncio.run_coroutine_threadsafe(_quiet(app), loop)
    end = time.monotonic() + SETTLE_LIMIT
    while not quiet.done() and not stopped.wait(0.001):
        if time.monotonic() > end:
            quiet.cancel()
            return


async def _quiet(app: App[object]) -> None:
    rounds = 0
    while rounds < 3:
        await asyncio.sleep(0)
        pumps = (app, *app._registry)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        waiting = any(not pump._message_queue.empty() for pump in pumps)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage, reportUnknownMemberType]
        rounds = 0 if waiting else rounds + 1
