"""A terminal for tests: runs a real process in a pseudo-terminal, shows what it painted, and types.

    with Terminal([sys.executable, "-m", "stepchat", "--demo"], home=tmp_path) as terminal:
        terminal.wait_for("Ask, or / for commands")
        terminal.type("hello")
        terminal.press("enter")

The process gets a home of its own and no other environment than `environment` says. The terminal answers the queries a
modern terminal answers (device attributes, cursor position, mode 2026, colours, version), and has no kitty keyboard.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from codecs import getincrementaldecoder
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.e2e.screens import Screens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pyte.screens import Char

KEYS = {
    "enter": "\r",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "escape": "\x1b",
    "backspace": "\x7f",
    "delete": "\x1b[3~",
    "insert": "\x1b[2~",
    "space": " ",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "f1": "\x1bOP",
    "f2": "\x1bOQ",
    "f3": "\x1bOR",
    "f4": "\x1bOS",
    "f5": "\x1b[15~",
    "alt+up": "\x1b[1;3A",
    "alt+down": "\x1b[1;3B",
    "shift+up": "\x1b[1;2A",
    "shift+down": "\x1b[1;2B",
    "shift+left": "\x1b[1;2D",
    "shift+right": "\x1b[1;2C",
    "ctrl+left": "\x1b[1;5D",
    "ctrl+right": "\x1b[1;5C",
    "ctrl+home": "\x1b[1;5H",
    "ctrl+end": "\x1b[1;5F",
    "ctrl+space": "\x00",
}

END = b"\x1b]7777;end\x07"
"""A sequence without effect that `wait_exit` writes behind the last output."""


def key_bytes(key: str) -> bytes:
    """What a terminal without the kitty protocol sends for a key named as Textual names it."""
    if key in KEYS:
        return KEYS[key].encode()
    if key.startswith("ctrl+") and len(key) == 6:
        return bytes([ord(key[-1].upper()) & 0x1F])
    if key.startswith("alt+"):
        return b"\x1b" + key_bytes(key[4:])
    if len(key) == 1:
        return key.encode()
    raise KeyError(key)


def environment(home: Path, changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """A fixed environment with its own home; `changes` set variables, or remove them with None."""
    fixed = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "STEPCHAT_HOME": str(home / "stepchat"),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }
    return {name: value for name, value in {**fixed, **(changes or {})}.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Read:
    """Bytes the process wrote, and when: seconds since it was started."""

    seconds: float
    data: bytes


class Terminal:
    """A process in a terminal of its own. Close it, or use it in a with statement, whatever happens."""

    def __init__(
        self,
        argv: Sequence[str],
        home: Path,
        env: Mapping[str, str | None] | None = None,
        cols: int = 100,
        rows: int = 30,
        cwd: Path | None = None,
    ) -> None:
        self._master, self._slave = pty.openpty()
        self._set_size(cols, rows)
        self.attributes_before = self.attributes()
        self.reads: list[Read] = []
        self._screens = Screens(cols, rows)
        self._changed = threading.Condition()
        self._closing, self._close = os.pipe()
        # The shell of a new session gets the first terminal it opens as its own, and exec leaves nothing of the shell.
        command = ["/bin/sh", "-c", 'exec "$@" <>"$0" >&0 2>&0', os.ttyname(self._slave), *argv]
        self.started = time.perf_counter()
        self.process = subprocess.Popen(command, env=environment(home, env), start_new_session=True, cwd=cwd)
        self._reader = threading.Thread(target=self._read, name="terminal")
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        decoder = getincrementaldecoder("utf-8")("replace")
        while True:
            ready = select.select([self._master, self._closing], [], [])[0]
            if self._closing in ready:
                return
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            seconds = time.perf_counter() - self.started
            with self._changed:
                self.reads.append(Read(seconds, data))
                answer = self._screens.feed(decoder.decode(data))
                self._changed.notify_all()
            if answer:
                self.send(answer.encode())

    def _set_size(self, cols: int, rows: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    # What the person does

    def send(self, data: bytes) -> None:
        """Send these very bytes."""
        while data:
            data = data[os.write(self._master, data) :]

    def type(self, text: str) -> None:
        self.send(text.encode())

    def press(self, *keys: str) -> None:
        """Press keys named as in Textual: "enter", "ctrl+q", "alt+up", "x"."""
        for key in keys:
            self.send(key_bytes(key))

    def paste(self, text: str) -> None:
        """Paste as a terminal does while the program has asked for bracketed paste."""
        marked = f"\x1b[200~{text}\x1b[201~" if 2004 in self.modes else text
        self.type(marked.replace("\n", "\r"))

    def resize(self, cols: int, rows: int) -> None:
        with self._changed:
            self._drawn().resize(cols, rows)
        self._set_size(cols, rows)

    # What the person sees

    def _drawn(self) -> Screens:
        with self._changed:
            self._screens.draw()
            return self._screens

    def lines(self) -> list[str]:
        """The rows of the screen, without the spaces at their ends."""
        with self._changed:
            return [line.rstrip() for line in self._drawn().current.display]

    def screen(self) -> str:
        return "\n".join(self.lines())

    def cells(self) -> list[list[Char]]:
        """Every cell with its colours and attributes, row by row."""
        with self._changed:
            columns, rows = self._screens.size
            buffer = self._drawn().current.buffer
            return [[buffer[y][x] for x in range(columns)] for y in range(rows)]

    @property
    def cursor(self) -> tuple[int, int]:
        """Row and column, from 0."""
        cursor = self._drawn().current.cursor
        return cursor.y, cursor.x

    @property
    def alternate(self) -> bool:
        """Whether the alternate screen is on."""
        return self._drawn().alternate

    @property
    def left_alternate(self) -> int:
        """How often the alternate screen was left."""
        return self._drawn().left_alternate

    @property
    def modes(self) -> set[int]:
        """The private modes that were set and not reset: 2004 bracketed paste, 1000 mouse ..."""
        return set(self._drawn().modes)

    @property
    def title(self) -> str:
        return self._drawn().title

    def output(self) -> bytes:
        """All the process has written."""
        with self._changed:
            return b"".join(read.data for read in self.reads)

    def attributes(self) -> list[object]:
        """The terminal's modes (termios) as they are now."""
        return termios.tcgetattr(self._slave)

    def seconds_until(self, data: bytes) -> float | None:
        """When these bytes had been written, in seconds since the start."""
        so_far = bytearray()
        for read in [*self.reads]:
            so_far += read.data
            if data in so_far:
                return read.seconds
        return None

    # Waiting

    def wait_for(self, wanted: str | Callable[[Terminal], bool], timeout: float = 20) -> None:
        """Wait until the text is on the screen or the predicate holds. Raises AssertionError with the screen."""
        seen = (lambda terminal: wanted in terminal.screen()) if isinstance(wanted, str) else wanted
        end = time.monotonic() + timeout
        while not seen(self):
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(f"not seen in {timeout} s: {wanted!r}\n{self.describe()}")
            with self._changed:
                # A predicate may also look at a file or at the process, so look again soon.
                self._changed.wait(min(left, 0.05))

    def wait_exit(self, timeout: float = 20) -> int:
        """The exit code; minus the signal's number when one ended it. Raises AssertionError with the screen."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout} s\n{self.describe()}") from None
        # What it wrote last may still be on its way through the kernel: what we write now comes after it.
        os.write(self._slave, END)
        # Behind it there may be our own late answer to a question, which the terminal echoes by now.
        self.wait_for(lambda terminal: END in terminal.output())
        return code

    def process_wait(self, seconds: float) -> None:
        """Let the process run for this long; less if it ends."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    def describe(self) -> str:
        state = self.process.poll()
        frame = "-" * self._screens.size[0]
        return f"exit code {state}, cursor {self.cursor}\n{frame}\n{self.screen()}\n{frame}\n{self.output()[-600:]!r}"

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send the process a signal; nothing when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def close(self) -> None:
        """End the process if it runs and free the terminal."""
        if self._master < 0:
            return
        self.kill()
        self.process.wait()
        os.write(self._close, b"x")
        self._reader.join()
        for end in (self._master, self._slave, self._closing, self._close):
            os.close(end)
        self._master = -1


def is_stopped(terminal: Terminal) -> bool:
    return os.waitid(os.P_PID, terminal.process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
