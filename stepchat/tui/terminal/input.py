"""Turns the bytes of the terminal into Textual's messages.

They are split into tokens (a character, a key, a reply, a paste), and Textual's parser gets only those it knows, each
complete and valid. A read may end anywhere in a sequence. Unknown and invalid sequences are dropped whole, never typed.
Textual 8.2's own parser raises on subfields and large numbers, types unknown replies, and ends a paste at any escape
sequence inside it.
"""

from __future__ import annotations

import re
import time
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING, Final
from unicodedata import category

from textual import constants
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._keyboard_protocol import FUNCTIONAL_KEYS
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, FOCUSIN, FOCUSOUT, XTermParser
from textual.events import Key, Paste

from stepchat.text.sanitize import sanitize_paste

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from textual.message import Message

WAYS_OUT = (b"\x03", b"\x11", b"\x1b[99;5u", b"\x1b[113;5u")
"""Ctrl+C and Ctrl+Q end even a paste whose end was lost, if they arrive alone after a pause."""
BURST_SECONDS: Final = 0.05
"""Seconds within which more text belongs to a paste without brackets."""
ENTER_SECONDS: Final = 0.01
"""An Enter this soon after a character waits as long: followed by another character, it is a line break of a paste."""
ESCAPE_SECONDS: Final = constants.ESCAPE_DELAY + 0.01
"""After this time without further input, an ESC counts as the Escape key."""
REST_SECONDS: Final = 0.5
"""Time within which the rest of a sequence may arrive whose ESC was mistaken for the Escape key."""
MAX_SEQUENCE: Final = 4096
"""The longest sequence in characters; a longer one has lost its end. Only clipboard replies would be longer."""

_ESC: Final = "\x1b"
_STRINGS: Final = "]PX^_"
"""The character after ESC in OSC, DCS, SOS, PM and APC, which end with BEL or ST."""
_TEXT: Final = re.compile(r"[\t\n\r]*[^\x00-\x1f\x7f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*")
"""Characters and line breaks, as in a paste."""
_BREAKS: Final = re.compile(r"[\t\n\r]+")
_LINUX_KEY: Final = re.compile(r"\x1b\[\[[A-E]")
_OLD_MOUSE: Final = re.compile(r"\x1b\[M[^\x1b]{3}", re.DOTALL)
_MOUSE: Final = re.compile(r"\x1b\[<[-+.:;\w]{0,60}?[Mm]", re.ASCII)
"""Some terminals send NaN if the mouse is outside the window."""
_CSI: Final = re.compile(r"\x1b\[(?!<)[0-?]*(?:[ -/]*[@-~]|\$)")
_SS3: Final = re.compile(r"\x1bO[0-9;]*[@-~]")
_STRING: Final = re.compile(r"\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)")
_STRING_BEGUN: Final = re.compile(r"\x1b(?:\][0-9]|P[0-9>!+=]|[_^X][A-Za-z0-9])[^\x07\x1b\x9c]*\x1b?\Z")
"""A string without its end. A letter typed after Alt+] or Alt+Shift+P looks different."""
_BEGUN: Final = re.compile(r"\x1b(?:\[(?:\[|M[^\x1b]{0,2}|<[-+.:;\w]{0,60}|[0-?]*[ -/]*)|O[0-9;]*)?\Z", re.DOTALL)
"""A sequence without its end."""
_UNDECIDED: Final = re.compile(r"\x1b.?\Z", re.DOTALL)
"""A key of its own if nothing follows: Escape, Alt+[, Alt+Shift+O."""
_KITTY: Final = re.compile(r"\x1b\[([\d:;]*)([u~ABCDEFHPQS])")
_SGR_MOUSE: Final = re.compile(r"\x1b\[<\d{1,3};-?\d{1,5};-?\d{1,5}[Mm]")
_RESIZE: Final = re.compile(r"\x1b\[48;(\d{1,5})(?::\d*)*;(\d{1,5})(?::\d*)*;(\d{1,6})(?::\d*)*;(\d{1,6})(?::\d*)*t")
_REPORT: Final = re.compile(r"\x1b\[(?:\?(?P<mode>\d{1,5});(?P<value>\d)\$y|\d{1,5};\d{1,5}R)")
_BACKGROUND: Final = re.compile(r"\x1b\]11;rgba?:([0-9a-f]{1,4})/([0-9a-f]{1,4})/([0-9a-f]{1,4})", re.IGNORECASE)
"""The terminal's background (OSC 11)."""
_SCHEME: Final = re.compile(r"\x1b\[\?997;([12])n")
"""The terminal's colours have changed to dark (1) or light ones (2); see mode 2031."""
_ALT, _CTRL, _RELEASE = 2, 4, 3
_MODIFIER_BITS: Final = 0xFF

_PLACES: Final = dict(
    zip(
        "йцукенгшщзфывапролдячсмитьіїєґ" + ";ςερτυθιοπασδφγηξκλζχψωβνμ" + "/'קראטוןםפשדגכעיחלךזסבהנמצ",
        "qwertyuiopasdfghjklzxcvbnms]'`" + "qwertyuiopasdfghjklzxcvbnm" + "qwertyuiopasdfghjklzxcvbnm",
        strict=True,
    )
)
"""The Latin letter on the key of a Cyrillic, Greek or Hebrew letter, for terminals that do not report the base key."""


class TerminalInput:
    """Reads the terminal's bytes, split anywhere. `now` is a clock in seconds."""

    __slots__ = (
        "_background_reported",
        "_burst_end",
        "_decoder",
        "_enter_held",
        "_escaped",
        "_last",
        "_mode_reported",
        "_now",
        "_parser",
        "_paste",
        "_quiet",
        "_rest",
    )

    def __init__(
        self,
        *,
        debug: bool = False,
        now: Callable[[], float] = time.monotonic,
        mode_reported: Callable[[int, int], object] | None = None,
        background_reported: Callable[[bool], object] | None = None,
    ) -> None:
        """`mode_reported` gets each mode the terminal reports (DECRPM) and its value: 0 unknown, 1 or 3 set, 2 or 4 reset. `background_reported` gets whether
        the terminal's background is light."""
        self._parser = XTermParser(debug)
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._now = now
        self._mode_reported = mode_reported
        self._background_reported = background_reported
        self._paste: list[str] | None = None
        """The parts of a paste without its end."""
        self._rest = ""
        """The last characters, if they are not a complete token yet."""
        self._quiet = False
        self._escaped = ("", 0.0)
        """An ESC that was taken for a key, and until when the rest of its sequence may still arrive."""
        self._burst_end = 0.0
        """Until when more text belongs to a paste without brackets."""
        self._last = float("-inf")
        """When the last characters arrived."""
        self._enter_held = False

    @property
    def wait(self) -> float | None:
        """Seconds without input after which `tick` must be called; None for never."""
        if self._enter_held:
            return ENTER_SECONDS
        return None if self._quiet else ESCAPE_SECONDS

    def feed(self, data: bytes, *, typed: bool = False) -> Iterator[Message]:
        """Returns the messages of one read. `typed` means that it was collected over time and is not a burst."""
        if self._paste is not None and self._quiet and data in WAYS_OUT:
            yield self._finished("")
        self._quiet = False
        text = self._rest + self._decoder.decode(data)
        self._rest = ""
        text = self._without_late_rest(text)
        while text:
            if self._paste is not None:
                text = yield from self._pasted(text)
            elif text[0] == _ESC:
                yield from self._release_enter()
                self._last, self._burst_end = float("-inf"), 0.0
                text = yield from self._sequence(text)
            elif typed:
                run = text.partition(_ESC)[0]
                yield from self._parse(run)
                text = text[len(run) :]
            else:
                text = yield from self._characters(text)

    def tick(self) -> Iterator[Message]:
        """Handle a pause: an ESC at the end was the Escape key."""
        if self._enter_held:
            yield from self._release_enter()
            return
        self._quiet = True
        if self._paste is not None or not _UNDECIDED.match(self._rest):
            return
        key, self._rest = self._rest, ""
        self._escaped = (key, self._now() + REST_SECONDS)
        yield from self._escape_key(key)

    def _release_enter(self) -> Iterator[Message]:
        if self._enter_held:
            self._enter_held = False
            yield from self._parse("\r")

    def _without_late_rest(self, text: str) -> str:
        (key, end), self._escaped = self._escaped, ("", 0.0)
        if self._now() >= end or len(token := _token(key + text)) <= max(2, len(key)):
            return text
        return text[len(token) - len(key) :]

    def _sequence(self, text: str) -> Generator[Message, None, str]:
        """The messages of the sequence at the start of the text; returns the text behind it."""
        if token := _token(text):
            rest = text[len(token) :]
            if token == BRACKETED_PASTE_START:
                self._paste = []
            elif (report := _REPORT.fullmatch(token)) and report["mode"] and self._mode_reported is not None:
                self._mode_reported(int(report["mode"]), int(report["value"]))
                yield from self._parse(token)
            elif known := _known(token):
                yield from self._parse(known)
            elif (is_light := _is_light(token)) is not None and self._background_reported is not None:
                self._background_reported(is_light)
            return rest
        if len(text) < MAX_SEQUENCE and (_BEGUN.match(text) or _STRING_BEGUN.match(text)):
            self._rest = text
            return ""
        if len(text) == 2 and text[1] in _STRINGS:
            self._rest = text
            return ""
        if text[1] == "[" or _STRING_BEGUN.match(text):
            # Interrupted by a character that cannot be part of it, or by another sequence.
            used = re.match(r"\x1b\[[0-?]*[ -/]*|\x1b[^\x1b]*", text)
            return text[used.end() if used else 1 :]
        # Alt+Ctrl+letter is not used: this is Escape, then Ctrl+letter.
        used = 1 if text[1] < " " and text[1] not in "\t\r\b" else 2
        yield from self._escape_key(text[:used])
        return text[used:]

    def _escape_key(self, key: str) -> Iterator[Message]:
        """Escape, or a key with Alt in the legacy encoding."""
        if key == _ESC:
            yield Key("escape", _ESC)
            return
        letter = key[1]
        if letter == "\r":
            yield from self._parse("\x1b[13;3u")
        elif letter in "\b\x7f":
            yield from self._parse("\x1b[127;3u")
        elif not letter.isalpha() and isinstance(ANSI_SEQUENCES_KEYS.get(key), tuple):
            yield from self._parse(key)
        elif letter.isupper():
            yield from self._parse(f"\x1b[{ord(letter.lower()[0])};4u")
        else:
            yield from self._parse(f"\x1b[{ord(letter)};3u")

    def _characters(self, text: str) -> Generator[Message, None, str]:
        """The text before the next sequence. Lines that arrive at once are a paste, not questions to send one by one."""
        now = self._now()
        found = _TEXT.match(text)
        if found is None and text[0] in "\r\n\t" and now < self._burst_end:
            found = _BREAKS.match(text)
        if found is None:
            yield from self._release_enter()
            if text[0] == "\r" and len(text) == 1 and now - self._last < ENTER_SECONDS:
                self._enter_held = True
            else:
                yield from self._parse(text[0])
            return text[1:]
        run = found[0]
        close, self._last = now - self._last < ENTER_SECONDS, now
        if self._enter_held or now < self._burst_end or _is_burst(run, after_text=close):
            self._burst_end = now + BURST_SECONDS
            held, self._enter_held = "\n" if self._enter_held else "", False
            yield Paste(sanitize_paste(held + run))
        elif run.endswith("\r"):
            yield from self._parse(run[:-1])
            self._enter_held = True
        else:
            yield from self._parse(run)
        return text[len(run) :]

    def _pasted(self, text: str) -> Generator[Message, None, str]:
        """The paste, if its end is in the text; returns the text behind it."""
        found = text.find(BRACKETED_PASTE_END)
        if found >= 0:
            yield self._finished(text[:found])
            return text[found + len(BRACKETED_PASTE_END) :]
        # The end marker may start in the last characters.
        cut = next(
            (at for at in range(max(0, len(text) - 5), len(text)) if BRACKETED_PASTE_END.startswith(text[at:])), None
        )
        if self._paste is not None:
            self._paste.append(text[:cut])
        self._rest = "" if cut is None else text[cut:]
        return ""

    def _finished(self, last: str) -> Paste:
        parts, self._paste = [*(self._paste or ()), self._rest, last], None
        self._rest = ""
        return Paste(sanitize_paste("".join(parts)))

    def _parse(self, text: str) -> Iterator[Message]:
        for message in self._parser.feed(text):
            yield _printable(message)


def _is_burst(run: str, *, after_text: bool) -> bool:
    """Whether there is a line break between characters that arrived at once."""
    first = re.search(r"[\r\n]", run)
    if first is None or not (first.start() or after_text):
        return False
    return any(character >= " " for character in run[first.end() :])


def _token(text: str) -> str:
    """The complete sequence at the start of the text, "" if there is none."""
    for pattern in (_LINUX_KEY, _OLD_MOUSE, _MOUSE, _CSI, _SS3, _STRING):
        if found := pattern.match(text):
            return "" if text.startswith("\x1b[M") and pattern is _CSI else found[0]
    return ""


def _is_light(token: str) -> bool | None:
    """Whether a reply says that the terminal's background is light; None for anything else."""
    if scheme := _SCHEME.fullmatch(token):
        return scheme[1] == "2"
    if colour := _BACKGROUND.match(token):
        red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in colour.groups())
        return 0.299 * red + 0.587 * green + 0.114 * blue > 0.5
    return None


def _known(token: str) -> str:
    """A complete sequence in a form that Textual's parser accepts, "" if it accepts none."""
    if (
        token in ANSI_SEQUENCES_KEYS
        or token in {FOCUSIN, FOCUSOUT}
        or _SGR_MOUSE.fullmatch(token)
        or _REPORT.fullmatch(token)
    ):
        return token
    if size := _RESIZE.fullmatch(token):
        return token if int(size[1]) and int(size[2]) else ""
    if key := _KITTY.fullmatch(token):
        return _known_key(key[1], key[2])
    return ""


def _known_key(fields: str, end: str) -> str:
    """A key of the kitty protocol or of modifyOtherKeys without the subfields that Textual does not support.

    `code:shifted:base ; modifiers:event ; text:text...`; see https://sw.kovidgoyal.net/kitty/keyboard-protocol/.
    """
    parts = [part.split(":") for part in fields.split(";")]
    numbers = [[int(number) if 0 < len(number) < 8 else None for number in part] for part in parts]
    if end == "~" and numbers[0][0] == 27 and len(numbers) == 3:
        numbers, end = [numbers[2], numbers[1]], "u"
    codes, modified, text, *_ = [*numbers, [None], [None], [None]]
    code = codes[0] if parts[0][0] or end == "u" else 1
    modifiers = modified[0] or 1
    if code is None or (len(modified) > 1 and modified[1] == _RELEASE):
        return ""
    bits = (modifiers - 1) & _MODIFIER_BITS
    base = codes[2] if len(codes) > 2 else None
    if end == "u":
        if bits & (_ALT | _CTRL) and code > 127:
            code = base or ord(_PLACES.get(chr(code) if _is_character(code) else "", "\0")) or code
        if not _is_character(code) and f"{code}u" not in FUNCTIONAL_KEYS:
            return ""
    if end != "u" and f"{code}{end}" not in FUNCTIONAL_KEYS:
        return ""
    typed = [number for number in text if number is not None and _is_character(number) and number >= 32]
    written = f";{':'.join(map(str, typed))}" if typed else ""
    return f"\x1b[{code};{bits + 1}{written}{end}" if bits or written or end != "u" else f"\x1b[{code}u"


def _is_character(code: int) -> bool:
    """Neither a surrogate nor one of the protocol's own codes, which are in a private area."""
    return 0 < code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF and not 0xE000 <= code <= 0xF8FF


def _printable(message: Message) -> Message:
    """Textual's fields drop what `str.isprintable` rejects: wide spaces, joiners, private characters. A paste keeps them."""
    character = message.character if isinstance(message, Key) and not message.key.startswith("alt+") else None
    if character is None or len(character) > 1 or character.isprintable() or category(character) in {"Cc", "Cs"}:
        return message
    return Paste(character)
