"""Text in columns of cells."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size


def pad(text: str, width: int) -> str:
    """In exactly so many cells; what is cut ends with a mark."""
    return set_cell_size(truncate(text, width), max(0, width))


def truncate(text: str, width: int) -> str:
    """In at most so many cells."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def align(text: str, width: int, *, left: bool = False) -> str:
    """In exactly so many cells, at the right of them unless `left`."""
    shown = truncate(text, width)
    blank = " " * (width - cell_len(shown))
    return shown + blank if left else blank + shown


def printable(text: str) -> str:
    """Without what moves the cursor or turns the writing round: it may hold a server's words."""
    return "".join(char for char in text if char.isprintable()).strip()
