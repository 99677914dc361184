"""Finds out the encoding of text that comes as bytes."""

from __future__ import annotations

import codecs
from typing import Final

_SAMPLE: Final = 4096
_WHOLE_SAMPLE: Final = 65_536
"""Bytes by which the encoding is guessed."""


def decode(data: bytes) -> str:
    """The text, in UTF-8 unless a byte order mark or the pattern of NULs says UTF-16 or UTF-32. Never fails."""
    return data.decode(_unicode_encoding(data), "replace")


def decode_file(data: bytes) -> tuple[str, str] | None:
    """The text of a file and its encoding, which is guessed if it is not Unicode; None if the file is not text."""
    unicode = _unicode_encoding(data)
    for encoding in (unicode, *_guesses(data, unicode)):
        try:
            text = data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        return (text, encoding) if is_text(text) else None
    return None


def is_text(text: str) -> bool:
    """Whether the characters are those of a text: hardly any controls, and no NUL."""
    sample = text[:_WHOLE_SAMPLE]
    controls = sum(char < " " and char not in "\t\n\r\f\x1b" for char in sample)
    return "\0" not in text and controls * 100 <= len(sample)


def _guesses(data: bytes, unicode: str) -> list[str]:
    if unicode != "utf-8" or b"\0" in data[:_WHOLE_SAMPLE]:
        return []
    # Imported late: few files are not Unicode.
    from charset_normalizer import from_bytes

    sample = data if len(data) <= _WHOLE_SAMPLE else data[: data.rfind(b"\n", 0, _WHOLE_SAMPLE) + 1 or _WHOLE_SAMPLE]
    best = from_bytes(sample).best()
    return [] if best is None else [best.encoding]


def _unicode_encoding(data: bytes) -> str:
    if data.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    # Before UTF-16, whose mark is the beginning of this one.
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Without a mark: in mostly Latin text every second byte is NUL.
    sample = data[: min(_SAMPLE, len(data) & ~1)]
    first, second = sample[::2].count(0), sample[1::2].count(0)
    if len(sample) >= 4 and max(first, second) * 4 > len(sample) and min(first, second) == 0:
        return "utf-16-le" if second else "utf-16-be"
    return "utf-8"
