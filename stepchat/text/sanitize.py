"""Makes hostile text harmless: the only sanitizer, with one policy for each destination.

=========================  ==========================================================================================
`sanitize`                 text on the screen; controls, bidi controls and broken code points become visible
`sanitize_for_display`     the same for rows of the transcript, reduced to characters whose width all terminals agree on
`sanitize_for_clipboard`   the same, but tabs stay: pasted into a shell, it must not do what a model wrote
`sanitize_for_export`      text in an exported file; only active characters are replaced
`sanitize_paste`           text pasted or restored into the prompt; escape sequences and controls are dropped
`sanitize_title`           one line of words, as a session title
`sanitize_line`            one line of printable characters, for names and labels that come from a server
=========================  ==========================================================================================

The first frame has its own in `first_frame/picture.py`, because it imports nothing.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

HARMFUL: Final = (
    "\u061c\u200b\u200e\u200f"  # Arabic letter mark, zero-width space, direction marks
    "\u2028-\u202e\u2060-\u206f"  # line separators, embeddings, overrides, isolates, invisible operators
    "\u034f\u115f\u1160\u180e\u3164\uffa0"  # joiners and fillers without a glyph
    "\u302e\u302f"  # Hangul tone marks, of width zero or two
    "\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff"  # byte order mark, interlinear annotation, non-characters
    "\ud800-\udfff"  # half a surrogate pair cannot be encoded as UTF-8
)
HARMFUL_FAR: Final = "\U000e0000-\U000e0fff"  # tags: invisible text
"""Characters besides controls that do harm on a screen, as the contents of a regular expression's set."""
_HARMFUL: Final = re.compile(
    f"[\x00-\x1f\x7f-\x9f\u00ad{HARMFUL}{HARMFUL_FAR}]"
)  # C0, DEL, C1 (which includes NEL), soft hyphen
_COMPOSED: Final = re.compile(
    "[\U0001f1e6-\U0001f1ff]"  # regional indicators
    "|[\u200d\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]"  # joiner, variation selectors, skin tones
)
_TAB: Final = "    "
_VISIBLE: Final = {
    0x7F: "\u2421",
    **{code: chr(0x2400 + code) for code in range(0x20)},
    0x302E: "\u00b7",
    0x302F: ":",
}
"""C0 controls and DEL become control pictures, tone marks a similar character, anything else U+FFFD."""
_INVISIBLE: Final = frozenset("\r\u00ad\u034f\u180e\u200b\u2060\u2061\u2062\u2063\u2064\ufeff")
"""Characters without width or effect of their own, which are dropped."""

_EXPORT_HARMFUL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Controls, direction overrides, and what no file can hold. Tabs and newlines stay."""

_LINE_BREAK: Final = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_PASTE_HARMFUL: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # colours, window titles
    "|[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]"
)

_ESCAPE_SEQUENCE: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # OSC and the other strings
    r"|\x1b[ -/]*[0-~]"
)
JOINERS: Final = "\u200c\u200d"
"""Zero-width characters that writing systems and emoji need."""


def sanitize(text: str, *, keep_newlines: bool = True) -> str:
    """Text that no terminal acts on; tabs become four spaces. Newlines stay, or become spaces."""
    if (text.isascii() and text.isprintable()) or not _HARMFUL.search(text):
        return text
    return _HARMFUL.sub(_visible_keeping_newlines if keep_newlines else _visible_in_one_line, text)


def sanitize_for_display(text: str, *, keep_newlines: bool = False) -> str:
    """Text for rows, reduced to characters whose width all terminals agree on.

    Terminals disagree on the width of composed emoji, and a row with one would shift or overflow. So they become their
    parts: a family its members, a flag its country code; joiners, variation selectors and skin tones are dropped.
    """
    return sanitize(split_emoji(text), keep_newlines=keep_newlines)


def split_emoji(text: str) -> str:
    """The text with composed emoji as their parts."""
    return _COMPOSED.sub(_part, text) if not text.isascii() and has_composed_emoji(text) else text


def has_composed_emoji(text: str) -> bool:
    return _COMPOSED.search(text) is not None


def sanitize_for_clipboard(text: str) -> str:
    """Text for the clipboard: tabs stay, and every line ends with a newline."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "\t".join(map(sanitize, text.split("\t")))


def sanitize_for_export(text: str) -> str:
    """Text for a file: controls and direction overrides become visible, everything else stays."""
    return _EXPORT_HARMFUL.sub(_control_picture, text.replace("\r\n", "\n"))


def sanitize_paste(text: str) -> str:
    """Text for the prompt: newlines for every kind of line break, no escape sequences, no controls but newline and tab."""
    if text.isprintable():
        return text
    return _PASTE_HARMFUL.sub("", _LINE_BREAK.sub("\n", text))


def sanitize_title(text: str) -> str:
    """One line of words: printable characters and joiners, single spaces between them."""
    return " ".join("".join(map(_title_character, text)).split())


def sanitize_line(text: str) -> str:
    """One line: the printable characters, trimmed."""
    return "".join(char for char in text if char.isprintable()).strip()


def without_escape_sequences(text: str) -> str:
    """The text without terminal escape sequences, complete or not."""
    return _ESCAPE_SEQUENCE.sub("", text)


def _visible_keeping_newlines(match: re.Match[str]) -> str:
    return "\n" if match[0] == "\n" else _visible(match[0])


def _visible_in_one_line(match: re.Match[str]) -> str:
    return " " if match[0] == "\n" else _visible(match[0])


def _visible(character: str) -> str:
    if character == "\t":
        return _TAB
    if character in _INVISIBLE:
        return ""
    return _VISIBLE.get(ord(character), "\ufffd")


def _part(match: re.Match[str]) -> str:
    letter = ord(match[0]) - 0x1F1E6
    return chr(ord("A") + letter) if 0 <= letter < 26 else ""


def _control_picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    return chr(0x2400 + code) if code < 0x20 else "\ufffd"


def _title_character(char: str) -> str:
    if char in JOINERS:
        return char
    category = unicodedata.category(char)
    # Controls, bidi and other format characters, lone surrogates, private use, unassigned.
    if category.startswith("C"):
        return " " if char in "\t\n\r\v\f\x85" else ""
    return " " if category.startswith("Z") else char
