"""The first frame, painted before anything heavy is imported, and a reader that echoes what is typed into it.

Imported first, so it imports only C modules and what the interpreter has already loaded; a test checks sys.modules.
tui/terminal/handover.py is the other side, which hands the terminal to Textual.
"""

import _thread
import atexit
import os
import select
import sys
import termios
import time

from stepchat.first_frame.files import first_frame_path
from stepchat.first_frame.page import read_page
from stepchat.first_frame.picture import (
    MIN_COLUMNS,
    MIN_ROWS,
    FrameStyle,
    Picture,
    colour_depth,
    draw,
    non_utf8_locale,
    prompt_width,
    read_frame_style,
)
from stepchat.first_frame.type_ahead import TypeAhead, TypeAheadReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType
    from typing import TextIO

    _Disposition = Callable[[int, FrameType | None], object] | int | None
else:
    import _signal

STDIN, STDOUT, STDERR = 0, 1, 2

# Alternate screen, no line wrap, cursor hidden (the frame paints its own, as Textual does), bracketed paste.
TAKE_SCREEN = "\x1b[?1049h\x1b[?7l\x1b[?25l\x1b[?2004h"
GIVE_SCREEN_BACK = "\x1b[0m\x1b[?2004l\x1b[?7h\x1b[?1049l\x1b[?25h"
# What Textual switches on in addition: mouse, focus reports, in-band resize, the kitty keyboard protocol.
TEXTUAL_OFF = "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l\x1b[?1004l\x1b[?2048l\x1b[<u"

WAKE_STOP, WAKE_RESIZE = b"s", b"w"
HAND_OVER_PATIENCE = 2.0
"""Seconds that an unfinished paste can delay Textual."""


def paint_first_frame(argv: "Sequence[str]", environ: "Mapping[str, str]") -> "FirstFrame | None":
    """Take over the terminal, paint the frame and start to echo. Must be called from the main thread.

    Returns None and changes nothing if the terminal does not allow it (no terminal, TERM=dumb, not UTF-8, too small).
    """
    if environ.get("TERM", "").lower() in ("", "dumb", "unknown") or not (os.isatty(STDIN) and os.isatty(STDOUT)):
        return None
    if sys.stdout.encoding.lower() not in ("utf-8", "utf8") or non_utf8_locale(environ):
        return None
    try:
        size = terminal_size(environ)
        modes = termios.tcgetattr(STDIN)
    except (OSError, termios.error):
        return None
    if size[0] < MIN_COLUMNS or size[1] < MIN_ROWS:
        return None
    style = _read_style(argv, environ)
    page = read_page(argv, environ, size, colour_depth(environ), style)
    frame = FirstFrame(style, size, modes, environ, page)
    try:
        frame.start()
    except (OSError, termios.error):
        frame.restore()
        return None
    return frame


def terminal_size(environ: "Mapping[str, str]") -> tuple[int, int]:
    """Columns and rows, like shutil.get_terminal_size and therefore Textual. Raises OSError."""
    size: list[int] = []
    for name in ("COLUMNS", "LINES"):
        value = environ.get(name, "")
        size.append(int(value) if value.isdecimal() else 0)
    columns, rows = size
    if not (columns and rows):
        real = os.get_terminal_size(STDOUT)
        columns, rows = columns or real.columns, rows or real.lines
    return columns, rows


def requested_model(argv: "Sequence[str]", environ: "Mapping[str, str]") -> str | None:
    """The model given on the command line or in the environment."""
    asked = None
    for index, word in enumerate(argv):
        if word == "--":
            break
        if word.startswith("--model="):
            asked = word.partition("=")[2]
        elif word in ("--model", "-m") and index + 1 < len(argv):
            asked = argv[index + 1]
    return asked or environ.get("STEPCHAT_MODEL") or None


def _read_style(argv: "Sequence[str]", environ: "Mapping[str, str]") -> FrameStyle:
    content = b""
    try:
        # O_NONBLOCK: opening must not hang, even if it is a FIFO.
        file = os.open(first_frame_path(environ), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        pass
    else:
        try:
            content = os.read(file, 8192)
        except OSError:
            content = b""
        finally:
            os.close(file)
    return read_frame_style(content, colour_depth(environ), requested_model(argv, environ))


def write_all(text: str) -> None:
    data = text.encode()
    while data:
        data = data[os.write(STDOUT, data) :]


def _raw(modes: "list[int | list[bytes | int]]") -> "list[int | list[bytes | int]]":
    """The terminal modes that Textual will set: unbuffered, no echo, no signals from keys, Enter distinct from Ctrl+J."""
    iflag, oflag, cflag, lflag, ispeed, ospeed, characters = modes
    assert isinstance(iflag, int)  # noqa: S101 - for the type checker
    assert isinstance(lflag, int)  # noqa: S101 - the same
    assert isinstance(characters, list)  # noqa: S101 - the same
    iflag &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
    lflag &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
    characters = list(characters)
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    return [iflag, oflag, cflag, lflag, ispeed, ospeed, characters]


class FirstFrame:
    """The painted frame.

    Until Textual has the terminal, everything that ends the program restores it: an exception, sys.exit, SIGTERM and
    SIGHUP; and so does a message on stderr, which must be visible.
    """

    def __init__(
        self,
        style: FrameStyle,
        size: tuple[int, int],
        modes: "list[int | list[bytes | int]]",
        environ: "Mapping[str, str]",
        page: "Sequence[str]" = (),
    ) -> None:
        """`page` are the rows above the prompt; none leaves them blank."""
        self.modes = modes
        """The terminal's original modes, to be restored when the program ends."""
        self.on_screen = False
        """The alternate screen is on and shows the frame or Textual's screen."""
        self.at_signal: Callable[[], str] | None = None
        """Called when a signal ends the program; returns a message for stderr."""
        self.undo = ""
        """Undoes what Textual's driver set in addition to `TEXTUAL_OFF`."""
        self._given_to_textual = False
        self._style = style
        self._size = size
        self._environ = environ
        self._page = page
        self._typing = TypeAheadReader(prompt_width(size[0]))
        self._picture = Picture([], (0, 0))
        self._wake = (-1, -1)
        self._reading = _thread.allocate_lock()
        self._before: dict[int, _Disposition] = {}

    def start(self) -> None:
        """Paint the frame and start to echo what is typed. Raises OSError or termios.error."""
        self._guard()
        termios.tcsetattr(STDIN, termios.TCSANOW, _raw(self.modes))
        self.on_screen = True
        if select.select([STDIN], [], [], 0)[0]:
            # Typed before the modes changed, when the terminal still turned Enter into a newline.
            self._typing.feed(os.read(STDIN, 65536).replace(b"\n", b"\r"), time.monotonic())
        self._paint(TAKE_SCREEN)
        self._wake = os.pipe()
        self._before[_signal.SIGWINCH] = _signal.signal(_signal.SIGWINCH, self._on_resize)
        self._reading.acquire()
        _thread.start_new_thread(self._read, ())

    def hand_over(self) -> TypeAhead:
        """Stop echoing and return what was typed. What is typed from now on stays in the terminal.

        Waits briefly for the rest of an incomplete key or paste.
        """
        self._stop_reading(HAND_OVER_PATIENCE + 1)
        return self._typing.result(time.monotonic())

    def hand_to_textual(self) -> None:
        """Note that Textual's driver has started: from now on, only a signal restores the terminal here."""
        self._given_to_textual = self.on_screen = True

    def give_back(self) -> None:
        """Note that Textual has restored the terminal."""
        self._given_to_textual = self.on_screen = False

    def restore(self) -> None:
        """Leave the alternate screen and restore the terminal's modes. Does nothing the second time."""
        if not self.on_screen:
            return
        self.on_screen = False
        self._stop_reading(0.2)
        try:
            write_all((TEXTUAL_OFF + self.undo if self._given_to_textual else "") + GIVE_SCREEN_BACK)
            termios.tcsetattr(STDIN, termios.TCSANOW, self.modes)
        except (OSError, termios.error):
            pass  # the terminal is gone
        self._given_to_textual = False

    def _guard(self) -> None:
        atexit.register(self.restore)
        if os.isatty(STDERR):
            sys.stderr = _Messages(sys.stderr, self._make_way)  # pyright: ignore[reportAttributeAccessIssue]
        for number in (_signal.SIGTERM, _signal.SIGHUP):
            if _signal.getsignal(number) not in (_signal.SIG_IGN, None):
                self._before[number] = _signal.signal(number, self._on_signal)

    def _make_way(self) -> None:
        """Restore the terminal for a message. Once Textual has the terminal, it handles messages itself."""
        if not self._given_to_textual:
            self.restore()

    def _on_signal(self, number: int, _stack: object) -> None:
        message = ""
        try:
            if self.at_signal is not None:
                message = self.at_signal()
        finally:
            self.restore()
            self._write_message(message)
            _signal.signal(number, self._before[number])
            os.kill(os.getpid(), number)

    def _write_message(self, text: str) -> None:
        try:  # noqa: SIM105 - contextlib is not loaded yet
            os.write(STDERR, text.encode("utf-8", "replace"))
        except OSError:
            pass  # the terminal is gone

    def _on_resize(self, _number: int, _stack: object) -> None:
        self._wake_reader(WAKE_RESIZE)

    def _wake_reader(self, reason: bytes) -> None:
        try:  # noqa: SIM105 - contextlib is not loaded yet
            os.write(self._wake[1], reason)
        except OSError:
            pass  # it has just stopped

    def _stop_reading(self, patience: float) -> None:
        if self._wake[1] < 0:
            return
        _signal.signal(_signal.SIGWINCH, self._before[_signal.SIGWINCH])
        self._wake_reader(WAKE_STOP)
        # A terminal that accepts no output would block the reader forever.
        if self._reading.acquire(timeout=patience):
            self._reading.release()
            for end in self._wake:
                os.close(end)
        self._wake = (-1, -1)

    def _read(self) -> None:
        wake = self._wake[0]
        end = 0.0
        try:
            while True:
                timeout = min(self._typing.seconds_to_wait(), end - time.monotonic()) if end else None
                if timeout is not None and timeout <= 0:
                    return
                ready = select.select([STDIN, wake], [], [], timeout)[0]
                if not ready:
                    return
                if wake in ready:
                    if WAKE_STOP in os.read(wake, 64):
                        end = time.monotonic() + HAND_OVER_PATIENCE
                        continue
                    self._size = terminal_size(self._environ)
                    self._page = ()
                    self._typing.wrap_width = prompt_width(max(MIN_COLUMNS, self._size[0]))
                    self._picture.rows.clear()
                else:
                    data = os.read(STDIN, 65536)
                    if not data:
                        return
                    self._typing.feed(data, time.monotonic())
                self._paint("")
        except OSError:
            return  # the terminal is gone; the main thread will notice
        finally:
            self._reading.release()

    def _paint(self, before: str) -> None:
        """Paint the rows that changed."""
        columns, rows = max(MIN_COLUMNS, self._size[0]), max(MIN_ROWS, self._size[1])
        new = draw(self._typing.text, self._typing.cursor, self._style, columns, rows, self._page)
        old = self._picture.rows
        changed = [
            f"\x1b[{index + 1};1H{row}" for index, row in enumerate(new.rows) if index >= len(old) or old[index] != row
        ]
        self._picture = new
        if changed or before:
            write_all(f"{before}{''.join(changed)}\x1b[0m\x1b[{new.cursor[0] + 1};{new.cursor[1] + 1}H")


class _Messages:
    """Replaces stderr while the frame is shown: restores the terminal before a message is written."""

    def __init__(self, stream: "TextIO", make_way: "Callable[[], None]") -> None:
        self._stream = stream
        self._make_way = make_way

    def write(self, text: str) -> int:
        self._make_way()
        return self._stream.write(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)
