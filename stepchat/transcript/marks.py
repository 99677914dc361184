"""Everything that is laid over the rows of the screen on their way out: what is kept of a row never holds a mark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.style import Style

from stepchat.transcript.copy_marks import CopyMarks
from stepchat.transcript.focus import Focus
from stepchat.transcript.search import Search
from stepchat.transcript.selection import Selection
from stepchat.transcript.sibling_marks import SiblingMarks

if TYPE_CHECKING:
    from textual.strip import Strip

    from stepchat.transcript.document import Document
    from stepchat.transcript.palette import Palette
    from stepchat.transcript.viewport import Viewport

_FOCUS: Final = Style(bold=True)


class Marks:
    """The marks of one document."""

    def __init__(self, document: Document) -> None:
        self.copy = CopyMarks(document)
        self.siblings = SiblingMarks(document)
        self.focus = Focus(document)
        self.selection = Selection(document)
        self.search = Search(self.selection.spots)
        self._focus: tuple[Palette | None, Style] = (None, _FOCUS)

    def add_to(self, viewport: Viewport, rows: list[Strip], palette: Palette) -> list[Strip]:
        """The rows of the screen with all marks. A row that looks as before is the same strip as before."""
        if self._focus[0] is not palette:
            self._focus = (palette, palette.accent + _FOCUS)
        rows = self.siblings.add_to(viewport, self.copy.add_to(viewport, rows))
        rows = self.focus.mark_rows(viewport, rows, self._focus[1])
        rows = self.search.mark_rows(viewport, rows, palette.hit, palette.current_hit)
        return self.selection.mark_rows(viewport, rows, palette.selection)

    def message_at(self, viewport: Viewport, x: int, y: int) -> tuple[int, int] | None:
        """The message that a click here is for, and how many siblings further on it wants to go."""
        found = self.siblings.at(viewport, x, y)
        place = self.focus.at(viewport, x, y) if found is None else None
        return (place, 0) if place is not None else found
