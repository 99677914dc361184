"""Text in columns of cells."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size


def fit(text: str, width: int) -> str:
    """In exactly so many cells; what is cut ends with a mark."""
    return set_cell_size(shortened(text, width), max(0, width))


def shortened(text: str, width: int) -> str:
    """In at most so many cells."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def column(text: str, width: int, *, left: bool = False) -> str:
    """In exactly so many cells, at the right of them unless `left`."""
    shown = shortened(text, width)
    blank = " " * (width - cell_len(shown))
    return shown + blank if left else blank + shown


def printable(text: str) -> str:
    """Without what moves the cursor or turns the writing round: it may hold a server's words."""
    return "".join(char for char in text if char.isprintable()).strip()
