"""Detects the type of a file by its content, not by its name. To add a type, add a row to `TYPES` or `UNSUPPORTED`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from stepchat.text.format import file_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from stepchat.messages import Attachment, AttachmentKind

_BEGINNING: Final = 1024


class FileType(NamedTuple):
    """A type that can be attached. `pattern` matches the beginning of the content."""

    kind: AttachmentKind
    media_type: str
    word: str
    pattern: re.Pattern[bytes]
    measure: Callable[[bytes], tuple[int, int]] | None = None
    """Returns width and height; 0 if they cannot be read."""


def _png_size(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def _gif_size(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """Reads the size from the frame header, which follows any number of other segments."""
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return 0, 0


def _webp_size(data: bytes) -> tuple[int, int]:
    match data[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 ":
            return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
        case _:
            return 0, 0


def _begins(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


TYPES: Final = (
    FileType("image", "image/png", "PNG image", _begins(rb"\x89PNG\r\n\x1a\n"), _png_size),
    FileType("image", "image/jpeg", "JPEG image", _begins(rb"\xff\xd8\xff"), _jpeg_size),
    FileType("image", "image/gif", "GIF image", _begins(rb"GIF8[79]a"), _gif_size),
    FileType("image", "image/webp", "WebP image", _begins(rb"RIFF.{4}WEBP"), _webp_size),
    FileType("pdf", "application/pdf", "PDF", _begins(rb"(?:\xef\xbb\xbf)?\s{0,1000}%PDF-\d")),
    FileType("audio", "audio/wav", "WAV recording", _begins(rb"RIFF.{4}WAVE")),
    FileType("audio", "audio/mp3", "MP3 recording", _begins(rb"ID3[\x02-\x04]|\xff[\xfb\xf3\xf2][^\x00\xff]")),
    FileType("audio", "audio/flac", "FLAC recording", _begins(rb"fLaC")),
    FileType("audio", "audio/ogg", "Ogg recording", _begins(rb"OggS")),
    FileType("audio", "audio/m4a", "M4A recording", _begins(rb".{4}ftypM4A")),
)

UNSUPPORTED: Final = (
    ("a BMP image", _begins(rb"BM.{4}\0\0\0\0")),
    ("a TIFF image", _begins(rb"II\*\0|MM\0\*")),
    ("an AVIF image", _begins(rb".{4}ftypavi")),
    ("a HEIC image", _begins(rb".{4}ftyp(?:hei|hev|mif1|msf1)")),
    ("an icon", _begins(rb"\0\0[\x01\x02]\0")),
    ("a video", _begins(rb".{4}ftyp|\x1aE\xdf\xa3|RIFF.{4}AVI ")),
    ("a Word, Excel or OpenDocument file, or another ZIP archive", _begins(rb"PK(?:\x03\x04|\x05\x06)")),
    ("an old Word, Excel or PowerPoint file", _begins(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")),
    ("an archive", _begins(rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd|.{257}ustar")),
    ("a program", _begins(rb"\x7fELF|MZ.{58}|\xcf\xfa\xed\xfe|\xca\xfe\xba\xbe")),
    ("a database", _begins(rb"SQLite format 3\0")),
)
"""Types that users may try to attach, with their names for the error."""


def type_of(data: bytes) -> FileType | None:
    """The type of a file that is not text; None if it is text, or not supported."""
    return next((row for row in TYPES if row.pattern.match(data[:_BEGINNING])), None)


def unsupported_name(data: bytes) -> str:
    """The name of an unsupported type."""
    return next((name for name, pattern in UNSUPPORTED if pattern.match(data[:_BEGINNING])), "a binary file")


def type_name(media_type: str) -> str:
    """`PNG image` for image/png; `text` for any other."""
    return next((row.word for row in TYPES if row.media_type == media_type), "text")


def describe(attachment: Attachment) -> str:
    """Type, dimensions and size: `PNG image · 800 × 600 · 14 kB`, `PDF · 3 pages · 1.2 MB`."""
    kind = type_name(attachment.media_type)
    facts = [f"text of a {kind}" if attachment.kind == "text" and kind != "text" else kind]
    if attachment.width and attachment.height:
        facts.append(f"{attachment.width:,} × {attachment.height:,}")
    if attachment.pages:
        facts.append(f"{attachment.pages:,} page{'' if attachment.pages == 1 else 's'}")
    return " · ".join((*facts, file_size(attachment.size)))
