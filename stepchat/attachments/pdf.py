"""Counts the pages of PDFs, and reads their text with pypdf (the extra `pdf`)."""

from __future__ import annotations

import re
from importlib.util import find_spec
from io import BytesIO
from typing import Final

from stepchat.errors import UsageError

_PAGE: Final = re.compile(rb"/Type\s*/Page(?![a-zA-Z])")
_TOKENS_PER_PAGE: Final = 1_500
_MOST_PAGES: Final = 2_000
_MOST_CHARACTERS: Final = 5_000_000


def count_pages(data: bytes) -> int:
    """The number of pages; 0 if only a PDF library could determine it."""
    return len(_PAGE.findall(data))


def estimate_pdf_tokens(pages: int, size: int) -> int:
    """About how many tokens a PDF takes; models differ."""
    return max(1, pages or size // 50_000) * _TOKENS_PER_PAGE


def can_read_pdf() -> bool:
    """Whether pypdf is installed."""
    return find_spec("pypdf") is not None


def pdf_text(name: str, data: bytes) -> tuple[str, int]:
    """The text of a PDF, each page after a line with its number, and how many pages there are. Raises UsageError."""
    try:
        pages = _read_pages(data)
    except Exception as error:
        raise UsageError(
            f"The text of {name} cannot be read: {error}.", "The file may be damaged, or protected by a password."
        ) from error
    if not any(pages):
        raise UsageError(f"{name} contains no text; perhaps it consists of scanned pages.")
    text = "\n\n".join(f"[page {number}]\n{page}" for number, page in enumerate(pages, 1))
    if len(text) > _MOST_CHARACTERS:
        raise UsageError(f"{name} has more than {_MOST_CHARACTERS:,} characters.", "Attach a part of it.")
    return text, len(pages)


def _read_pages(data: bytes) -> list[str]:
    import logging

    from pypdf import PdfReader

    # It warns of every irregularity, and most files have some.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = PdfReader(BytesIO(data))
    if reader.is_encrypted:
        reader.decrypt("")
    return [page.extract_text().strip() for page in reader.pages[:_MOST_PAGES]]
