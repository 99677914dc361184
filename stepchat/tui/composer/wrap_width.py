"""Wraps the prompt earlier than Textual where that counts too few cells."""

from __future__ import annotations

from itertools import pairwise

from rich.cells import cell_len

from stepchat.first_frame.picture import wrap
from stepchat.text.widths import cells


def wrap_width_correction(text: str, width: int) -> int:
    """The number of columns to subtract from `width`, so that no row is wider than that in a terminal."""
    if text.isascii():
        return 0
    lines = [line for line in text.split("\n") if cells(line) > max(width, cell_len(line))]
    less = 0
    while lines and less < width // 2:
        over = max(_widest(line, width - less) for line in lines) - width
        if over <= 0:
            break
        less += over
    return min(less, width // 2)


def _widest(line: str, width: int) -> int:
    """The cells of the widest row."""
    return max(cells(line[start:end].rstrip(" ")) for start, end in pairwise([0, *wrap(line, width), len(line)]))
