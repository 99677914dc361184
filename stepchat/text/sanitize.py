"""Makes hostile text harmless for a terminal: control characters, bidi controls and broken code points become visible."""

from __future__ import annotations

import re
from typing import Final

HARMFUL: Final = (
    "\u061c\u200b\u200e\u200f"  # Arabic letter mark, zero-width space, direction marks
    "\u2028-\u202e\u2060-\u206f"  # line separators, embeddings, overrides, isolates, invisible operators
    "\u034f\u115f\u1160\u180e\u3164\uffa0"  # joiners and fillers that look like nothing; and the Hangul tone marks,
    "\u302e\u302f"  # which are of no width or two
    "\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff"  # byte order mark, interlinear annotation, non-characters
    "\ud800-\udfff"  # half a surrogate pair cannot even be written as UTF-8
)
HARMFUL_FAR: Final = "\U000e0000-\U000e0fff"  # tags: invisible text
"""What does harm on a screen besides control characters; insides of a regular expression's set."""
_HARMFUL: Final = re.compile(
    f"[\x00-\x1f\x7f-\x9f\u00ad{HARMFUL}{HARMFUL_FAR}]"
)  # C0, DEL, C1 (NEL is one of them), soft hyphen
_MADE_UP: Final = re.compile(
    "[\U0001f1e6-\U0001f1ff]"  # regional indicators
    "|[\u200d\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]"  # joiner, variation selectors, skin tones
)
_TAB: Final = "    "
_SHOWN: Final = {
    0x7F: "\u2421",
    **{code: chr(0x2400 + code) for code in range(0x20)},
    0x302E: "\u00b7",
    0x302F: ":",
}
"""C0 controls and DEL as the control pictures of Unicode, tone marks as what they look like; everything else as U+FFFD."""
_SILENT: Final = frozenset("\r\u00ad\u034f\u180e\u200b\u2060\u2061\u2062\u2063\u2064\ufeff")
"""Without width and without effect once alone: left out."""


def sanitize(text: str, *, keep_newlines: bool = True) -> str:
    """The text with nothing in it that a terminal obeys; tabs become four spaces. Newlines stay, or become spaces."""
    if (text.isascii() and text.isprintable()) or not _HARMFUL.search(text):
        return text
    return _HARMFUL.sub(_kept if keep_newlines else _flat, text)


def sanitize_for_clipboard(text: str) -> str:
    """Clean text for the clipboard, where tabs stay: what is pasted into a shell is not to do what a model wrote."""
    if "\r" in text:  # ends a line, as it does on the screen
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "\t".join(map(sanitize, text.split("\t")))


def sanitize_for_display(text: str, *, keep_newlines: bool = False) -> str:
    """Clean text whose width all terminals agree on, for rows.

    Emoji that are put together of several characters are as wide as each terminal thinks, and a row with one shifts or
    overflows. They become their parts: a family its members, a flag the letters of its country; joiners, variation selectors
    and the colour of a skin go.
    """
    if not text.isascii() and _MADE_UP.search(text):
        text = _MADE_UP.sub(_part, text)
    return sanitize(text, keep_newlines=keep_newlines)


def _kept(match: re.Match[str]) -> str:
    return "\n" if match[0] == "\n" else _shown(match[0])


def _flat(match: re.Match[str]) -> str:
    return " " if match[0] == "\n" else _shown(match[0])


def _part(match: re.Match[str]) -> str:
    letter = ord(match[0]) - 0x1F1E6
    return chr(ord("A") + letter) if 0 <= letter < 26 else ""


def _shown(character: str) -> str:
    if character == "\t":
        return _TAB
    if character in _SILENT:
        return ""
    return _SHOWN.get(ord(character), "\ufffd")
