"""From the first frame (startup.py) to Textual: the driver that goes on where the frame stopped, and the file that tells
the next start what to paint.

A screen that wants what was typed ahead does two things: it creates its prompt with the text and cursor of
`Handover.type_ahead()`, and calls `Handover.prompt_is_ready()` once the prompt has the focus. No key is read before that.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import tempfile
import threading
import time
from codecs import getincrementaldecoder
from pathlib import Path
from typing import TYPE_CHECKING

from rich.color import ColorSystem
from textual import constants
from textual._xterm_parser import XTermParser
from textual.messages import ExitApp
from textual.strip import Strip

from stepchat.tui.first_frame import ROLES, clean
from stepchat.tui.type_ahead import TypeAhead

if TYPE_CHECKING:
    from codecs import IncrementalDecoder
    from collections.abc import Iterable, Mapping, Sequence

    from rich.style import Style
    from textual.app import App
    from textual.driver import Driver
    from textual.message import Message

    from stepchat.tui.startup import FirstFrame

ALTERNATE_SCREEN = "\x1b[?1049h"
PATIENCE = 5.0
"""Seconds after which keys are read though no prompt was ever ready, so that the program can at least be left."""
MISREAD = (
    ("\x1b\r", "\x1b[13;3u"),  # Alt+Enter: taken for Enter, after a delay
    ("\x1b[27;2;13~", "\x1b[13;2u"),  # Shift+Enter as xterm and tmux may send it
    ("\x1b[27;3;13~", "\x1b[13;3u"),
    ("\x1b[27;5;13~", "\x1b[13;5u"),
)


class Handover:
    """What the first frame leaves to a Textual app; an ordinary start (`frame` None) leaves nothing typed."""

    def __init__(self, frame: FirstFrame | None) -> None:
        self._frame = frame
        self._taken: TypeAhead | None = None
        self._ready = threading.Event()
        self._wake = -1

    def driver_class(self) -> type[Driver] | None:
        """For App(driver_class=...); None, Textual's own choice, where there is no POSIX terminal."""
        if os.name != "posix" or constants.DRIVER is not None:
            return None
        return _driver_class(self, self._frame)

    def type_ahead(self) -> TypeAhead:
        """What was typed into the first frame, which echoes no more from now on."""
        if self._taken is None:
            self._taken = self._frame.hand_over() if self._frame else TypeAhead("", (0, 0), ())
        return self._taken

    def prompt_is_ready(self) -> None:
        """The prompt shows the text and has the focus: the other keys may come, first those that were kept."""
        self._ready.set()
        if self._wake >= 0:
            os.write(self._wake, b"r")

    def wait_for_prompt(self, wake: int) -> bool:
        """In the driver's input thread: False when input was stopped meanwhile."""
        while not self._ready.is_set():
            if not select.select([wake], [], [], PATIENCE)[0]:
                return True
            if b"x" in os.read(wake, 64):
                return False
        return True

    def listen(self, wake: int) -> None:
        """Where `prompt_is_ready` shall write; -1 for nowhere."""
        self._wake = wake


def _driver_class(handover: Handover, frame: FirstFrame | None) -> type[Driver]:
    """Textual's driver, except that it enters the alternate screen only when the frame has not, gives back the modes
    from before the frame, feeds the parser with what was kept before what comes, and sleeps until a key comes.
    """
    from textual.drivers.linux_driver import LinuxDriver

    class HandoverDriver(LinuxDriver):
        def __init__(
            self, app: App[object], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
        ) -> None:
            super().__init__(app, debug=debug, mouse=mouse, size=size)  # pyright: ignore[reportUnknownMemberType]
            # The frame is on stdout. Textual's stderr may be a file; and a lone surrogate must not end the program.
            self._file = open(1, "w", encoding="utf-8", errors="replace", newline="", closefd=False)  # noqa: SIM115
            self._first_start = True
            self._keep_screen = False
            self._wake = (-1, -1)

        def write(self, data: str) -> None:
            if self._keep_screen and data == ALTERNATE_SCREEN:
                self._keep_screen = False  # entering it again would clear it
                return
            super().write(data)

        def start_application_mode(self) -> None:
            handover.type_ahead()
            self._keep_screen = frame is not None and self._first_start and frame.on_screen
            self._wake = os.pipe()
            handover.listen(self._wake[1])
            super().start_application_mode()
            if frame is not None:
                if self._first_start:
                    self.attrs_before = list(frame.modes)
                frame.give_to_textual()
            if not self._first_start:
                # Continued after a stop: the alternate screen is empty, and Textual would paint only what changes.
                self._app.call_later(self._app.refresh, layout=True)
            self._first_start = False

        def disable_input(self) -> None:
            if self._wake[1] >= 0:
                os.write(self._wake[1], b"x")
            super().disable_input()

        def stop_application_mode(self) -> None:
            super().stop_application_mode()
            handover.listen(-1)
            for end in self._wake:
                if end >= 0:
                    os.close(end)
            self._wake = (-1, -1)

        def close(self) -> None:
            super().close()
            if frame is not None:
                frame.give_back()

        def run_input_thread(self) -> None:
            wake = self._wake[0]
            if not handover.wait_for_prompt(wake):
                return
            parser = XTermParser(self._debug)
            decoder = getincrementaldecoder("utf-8")("replace")
            kept = handover.type_ahead()
            pending, kept.pending = kept.pending, ()
            for message in kept_messages(pending, parser, decoder):
                self.process_message(message)
                _let_settle(self._app, self._loop, self.exit_event)
            for message in coming_messages(self.fileno, wake, parser, decoder):
                self.process_message(message)

    return HandoverDriver


# Textual's parser knows a lone Escape only by the time that passes after it.
ESCAPE_DELAY = constants.ESCAPE_DELAY + 0.01


def kept_messages(pending: Sequence[bytes], parser: XTermParser, decoder: IncrementalDecoder) -> Iterable[Message]:
    """The keys that were kept; the last one stays in the parser when it is not complete."""
    for index, part in enumerate(pending):
        if index:
            threading.Event().wait(ESCAPE_DELAY)
            yield from parser.tick()
        yield from _parsed(parser, decoder.decode(part))


def coming_messages(terminal: int, wake: int, parser: XTermParser, decoder: IncrementalDecoder) -> Iterable[Message]:
    """The keys that come, until "x" is written to `wake` or the terminal is gone, which ends the app."""
    timeout: float | None = ESCAPE_DELAY
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
            yield from _parsed(parser, decoder.decode(data))
            timeout = ESCAPE_DELAY
        else:
            yield from parser.tick()
            timeout = None


def _let_settle(app: App[object], loop: asyncio.AbstractEventLoop, stopped: threading.Event) -> None:
    """Wait until the app has done what the key asked for, half a second at most.

    A person's keys leave it that time. In a burst, a key that opens a dialog would come after the keys meant for it.
    """
    quiet = asyncio.run_coroutine_threadsafe(_quiet(app), loop)
    end = time.monotonic() + 0.5
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


def _parsed(parser: XTermParser, text: str) -> Iterable[Message]:
    """The keys in the text, with those that Textual 8.2 misreads in a form it knows."""
    for sent, known in MISREAD:
        text = text.replace(sent, known)
    # An empty text would end the parser.
    return parser.feed(text) if text else ()


def write_first_frame(path: Path, model: str, status: Sequence[str], styles: Mapping[str, Style]) -> None:
    """Note what the next start shall paint. A file that cannot be written is no reason to say anything.

    `status` is what the status line of a new session says after the model; `styles` has one for each of
    first_frame.ROLES, with foreground and background.
    """
    lines = [f"model {clean_line(model)}", *(f"status {clean(item)}" for item in status)]
    for depth, system in _SYSTEMS:
        for role in ROLES:
            style = styles[role]
            lines.append(f"{depth} {role} {sgr(style if system else style.without_color, system)}")
    content = "\n".join(lines).encode() + b"\n"
    with contextlib.suppress(OSError):
        if path.is_file() and path.read_bytes() == content:
            return
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(path, content)


_SYSTEMS = (
    ("truecolor", ColorSystem.TRUECOLOR),
    ("256", ColorSystem.EIGHT_BIT),
    ("16", ColorSystem.STANDARD),
    ("none", None),
)


def sgr(style: Style, system: ColorSystem | None) -> str:
    """The parameters Textual would send for this style. Of a copy, for the style remembers them."""
    return Strip.render_ansi(style.copy(), system or ColorSystem.TRUECOLOR)


def clean_line(text: str) -> str:
    return "".join(character for character in text[:200] if character.isprintable())


def _replace(path: Path, content: bytes) -> None:
    """Write the file whole or not at all, for its owner only. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
