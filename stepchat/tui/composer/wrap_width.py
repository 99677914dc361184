"""Wrapping the prompt earlier than Textual would, where it counts too few cells."""

from __future__ import annotations

from itertools import pairwise

from rich.cells import cell_len

from stepchat.first_frame.picture import wrap
from stepchat.text.widths import cells


def wrap_width_correction(text: str, width: int) -> int:
    """By how many columns a text must be narrower for no row of it to be wider than `width` in a terminal."""
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
