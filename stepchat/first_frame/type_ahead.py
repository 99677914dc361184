"""Handles what is typed before Textual runs: simple editing keys change a text; from the first other key on, raw bytes are
kept.

Imported before anything else (see frame.py), so it imports only what the interpreter has already loaded.
Every edit matches Textual's TextArea. A key whose effect depends on more than the text (it moves by visible row in a
wrapped line, or its character has an uncertain width) counts as an other key.
"""

from stepchat.first_frame.picture import cells, wrap

ESCAPE_PAUSE = 0.1
"""Seconds after which a lone ESC is the Escape key."""
MAX_PASTE_CHARACTERS, MAX_PASTE_LINES = 1000, 8
"""A longer paste is left to the real prompt, which may abbreviate it."""
MAX_UNFINISHED_BYTES = 1 << 16
KEY_LINGER, PASTE_LINGER = 0.05, 0.5
"""Seconds to wait at the end for the rest of a key or paste; replies to Textual's queries would arrive in the middle of it."""

PASTE_START, PASTE_END = b"\x1b[200~", b"\x1b[201~"

KEYS = {
    b"\x01": "home",
    b"\x03": "clear",
    b"\x05": "end",
    b"\x08": "backspace",
    b"\x0a": "newline",
    b"\x0b": "kill",
    b"\x15": "discard",
    b"\x17": "word",
    b"\x7f": "backspace",
    b"\x1b\x7f": "word",
    b"\x1b\r": "newline",
    b"\x1b[13;2u": "newline",
    b"\x1b[13;3u": "newline",
    b"\x1b[27;2;13~": "newline",
    b"\x1b[27;3;13~": "newline",
    b"\x1b[D": "left",
    b"\x1bOD": "left",
    b"\x1b[C": "right",
    b"\x1bOC": "right",
    b"\x1b[H": "home",
    b"\x1bOH": "home",
    b"\x1b[1~": "home",
    b"\x1b[F": "end",
    b"\x1bOF": "end",
    b"\x1b[4~": "end",
    b"\x1b[3~": "delete",
    b"\x1b[I": "ignore",
    b"\x1b[O": "ignore",
}
"""The simple editing keys. Focus reports are not keys and change nothing."""

BY_ROW = ("home", "end", "kill", "discard")
"""In a wrapped line these apply to the visible row, not to the line."""


class TypeAhead:
    """What was typed so far.

    `text` and `cursor` (line, column) belong in the prompt. `pending` must then be fed to the parser that reads the
    terminal from there on, because it may end in the middle of a key or paste. Between two parts of it the user paused
    after an ESC, which therefore was the Escape key.
    """

    __slots__ = ("cursor", "pending", "text")

    def __init__(self, text: str, cursor: tuple[int, int], pending: tuple[bytes, ...]) -> None:
        self.text = text
        self.cursor = cursor
        self.pending = pending


class TypeAheadReader:
    """Parses the terminal's bytes, one read at a time."""

    __slots__ = ("_last", "_pending", "_unread", "cursor", "text", "wrap_width")

    def __init__(self, wrap_width: int) -> None:
        self.text = ""
        self.cursor = 0
        self.wrap_width = wrap_width
        self._unread = b""
        self._pending: list[bytes] = []
        self._last = 0.0

    def feed(self, data: bytes, now: float) -> None:
        """Parse more bytes. `now` is a monotonic clock in seconds."""
        self._settle_escape(now)
        self._last = now
        if self._pending:
            self._pending[-1] += data
            return
        self._unread += data
        while self._unread and (used := self._step(self._unread)):
            self._unread = self._unread[used:]

    def result(self, now: float) -> TypeAhead:
        self._settle_escape(now)
        parts = [*self._pending]
        if self._unread:
            parts = [self._unread]
        before = self.text[: self.cursor]
        line = before.count("\n")
        return TypeAhead(self.text, (line, self.cursor - (before.rfind("\n") + 1)), tuple(parts))

    def seconds_to_wait(self) -> float:
        """Seconds to wait for the rest of an incomplete key or paste; 0 if there is none."""
        data = self._pending[-1] if self._pending else self._unread
        if data.rfind(PASTE_START) > data.rfind(PASTE_END):
            return PASTE_LINGER
        last = data.rfind(b"\x1b")
        return KEY_LINGER if self._unread or (last >= 0 and not sequence_length(data[last:])) else 0.0

    def _settle_escape(self, now: float) -> None:
        if now - self._last < ESCAPE_PAUSE:
            return
        if self._unread == b"\x1b":
            self._keep()
        if self._pending and self._pending[-1].endswith(b"\x1b"):
            self._pending.append(b"")

    def _keep(self) -> None:
        """Stop editing: from here on raw bytes are kept."""
        self._pending = [self._unread]
        self._unread = b""

    def _step(self, data: bytes) -> int:
        """Apply the first key in the data. Returns its length in bytes; 0 to wait for more, or if editing has stopped."""
        if data.startswith(PASTE_START):
            return self._paste(data)
        if data[0] == 0x1B:
            return self._escape(data)
        if data[0] < 0x20 or data[0] == 0x7F:
            return self._key(data[:1])
        return self._characters(data)

    def _escape(self, data: bytes) -> int:
        size = sequence_length(data)
        if size == 0 and len(data) < 64:
            return 0
        key = data[:size]
        if key.startswith(b"\x1b[?"):
            return size  # a reply to the program that ran before us
        return self._key(key)

    def _key(self, key: bytes) -> int:
        name = KEYS.get(key)
        if name is None or (name in BY_ROW and wrap(self._line(), self.wrap_width)):
            self._keep()
            return 0
        self.text, self.cursor = edited(name, self.text, self.cursor)
        return len(key)

    def _line(self) -> str:
        start = self.text.rfind("\n", 0, self.cursor) + 1
        return self.text[start:].partition("\n")[0]

    def _characters(self, data: bytes) -> int:
        end = 0
        while end < len(data) and data[end] >= 0x20 and data[end] != 0x7F:
            end += 1
        try:
            text, cut = data[:end].decode(), False
        except UnicodeDecodeError as error:
            text, cut = data[: error.start].decode(), error.end == len(data) and "unexpected end" in error.reason
            end = error.start
        good = 0
        while good < len(text) and cells(text[good]) is not None:
            good += 1
        self._insert(text[:good])
        if good == len(text) and (end or cut):
            return end
        self._unread = data[len(text[:good].encode()) :]
        self._keep()
        return 0

    def _paste(self, data: bytes) -> int:
        end = data.find(PASTE_END)
        if end < 0:
            if len(data) > MAX_UNFINISHED_BYTES:
                self._keep()
            return 0
        try:
            text = data[len(PASTE_START) : end].decode()
        except UnicodeDecodeError:
            text = "\0"
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        strange = any(character != "\n" and cells(character) is None for character in text)
        if strange or len(text) > MAX_PASTE_CHARACTERS or text.count("\n") >= MAX_PASTE_LINES:
            self._keep()
            return 0
        self._insert(text)
        return end + len(PASTE_END)

    def _insert(self, text: str) -> None:
        self.text = self.text[: self.cursor] + text + self.text[self.cursor :]
        self.cursor += len(text)


def sequence_length(data: bytes) -> int:
    """The length of the escape sequence at the beginning of the data; 0 if it is incomplete."""
    if len(data) < 2:
        return 0
    if data[1:2] == b"O":
        return 3 if len(data) >= 3 else 0
    if data[1:2] != b"[":
        return 2
    for index in range(2, len(data)):
        if 0x40 <= data[index] <= 0x7E:
            return index + 1
    return 0


def edited(name: str, text: str, cursor: int) -> tuple[str, int]:
    """The text and cursor after an editing key (a value of KEYS). The cursor's line must not be wrapped."""
    start = text.rfind("\n", 0, cursor) + 1
    end = text.find("\n", cursor)
    end = len(text) if end < 0 else end
    match name:
        case "left":
            return text, max(0, cursor - 1)
        case "right":
            return text, min(len(text), cursor + 1)
        case "home":
            return text, start + smart_home(text[start:end], cursor - start)
        case "end":
            return text, end
        case "newline":
            return text[:cursor] + "\n" + text[cursor:], cursor + 1
        case "clear":
            return "", 0
        case "delete":
            return text[:cursor] + text[cursor + 1 :], cursor
        case "kill":
            # At the end of a line this deletes the line break.
            return text[:cursor] + text[(end if cursor < end else end + 1) :], cursor
        case "discard" if cursor > start:
            return text[:start] + text[cursor:], start
        case "word" if cursor > start:
            kept = start + word_start(text[start:cursor])
            return text[:kept] + text[cursor:], kept
        case "backspace" | "discard" | "word":
            return text[: max(0, cursor - 1)] + text[cursor:], max(0, cursor - 1)
        case _:
            return text, cursor


def smart_home(line: str, column: int) -> int:
    """The column of the first non-space; 0 if the cursor is already there, or in the spaces before it."""
    first = len(line) - len(line.lstrip(" ")) if line.strip(" ") else 0
    return first if column == 0 or column > first else 0


def word_start(before: str) -> int:
    """The start of the last word of this text."""
    word = before.rstrip(" ")
    index = len(word) - 1
    while index > 0 and is_word(word[index - 1]) == is_word(word[index]):
        index -= 1
    return max(0, index)


def is_word(character: str) -> bool:
    return character == "_" or character.isalnum()
