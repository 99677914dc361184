"""The last line of a dialog: its keys and what they do, like those of the status line. Whole ones go when there is no room."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.geometry import Size

Keys: TypeAlias = "Sequence[tuple[str, str]]"
"""Key and word, the most important first, and last the one that closes the dialog."""
_BETWEEN = "  "


class KeyHints(Widget):
    """Shows the keys that fit in at most so many lines. It is right in the first frame, whatever the width is."""

    def __init__(self, keys: Keys, *, lines: int = 1) -> None:
        super().__init__(classes="dialog-keys")
        self._keys = keys
        self._said = ""
        self._lines = lines
        if lines > 1:
            self.styles.height = "auto"

    def set_keys(self, keys: Keys) -> None:
        """Other keys from now on."""
        self._keys, self._said = keys, ""
        self.refresh(layout=self._lines > 1)

    def show_message(self, words: str) -> None:
        """One line in place of the keys, until others are set."""
        self._said = words
        self.refresh(layout=self._lines > 1)

    def _in(self, width: int) -> list[Content]:
        return [Content(self._said)] if self._said or not self._keys else key_lines(self._keys, width, self._lines)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - Textual's signature
        return len(self._in(width))

    def render(self) -> Content:
        return Content("\n").join(self._in(self.size.width))


def key_lines(keys: Keys, width: int, most: int = 1) -> list[Content]:
    """The keys in at most so many lines of this width."""
    shown = list(keys)
    while True:
        # That Esc closes goes without saying, if that is all there is no room for.
        for some in (shown, shown[:-1]):
            rows = _rows(some, width)
            if (len(rows) <= most and some) or len(shown) == 1:
                return [_line(row) for row in rows]
        del shown[-2]


def _rows(keys: Keys, width: int) -> list[list[tuple[str, str]]]:
    rows: list[list[tuple[str, str]]] = [[]]
    used = 0
    for key, word in keys:
        size = cell_len(f"{key} {word}")
        if rows[-1] and used + len(_BETWEEN) + size > width:
            rows.append([])
            used = 0
        used += size + (len(_BETWEEN) if rows[-1] else 0)
        rows[-1].append((key, word))
    return rows


def _line(keys: Keys) -> Content:
    return Content(_BETWEEN).join(Content.assemble((key, "$text"), f" {word}") for key, word in keys)
