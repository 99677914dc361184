"""The rows of the transcript as the screen shows them, with marks and scrollbar, and how those that change get there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.geometry import Region

from stepchat.tui.transcript.direct_writer import DirectRowWriter
from stepchat.tui.transcript.row_diff import changed_rows
from stepchat.tui.transcript.scrollbar import Scrollbar

if TYPE_CHECKING:
    from textual.strip import Strip
    from textual.widget import Widget

    from stepchat.transcript.overlays.overlays import Overlays
    from stepchat.transcript.palette import Palette
    from stepchat.transcript.viewport import Viewport


class RowPainter:
    """What was made last; nothing is styled or laid out when the terminal or Textual asks for it."""

    def __init__(self, widget: Widget, viewport: Viewport, marks: Overlays, palette: Palette) -> None:
        self._widget = widget
        self._viewport = viewport
        self._marks = marks
        self._palette = palette
        self._scrollbar = Scrollbar(palette)
        self._straight = DirectRowWriter(widget)
        self._rows: list[Strip] = []

    def set_palette(self, palette: Palette) -> None:
        self._palette = palette
        self._scrollbar = Scrollbar(palette)

    def update(self) -> None:
        """Have those rows painted that are not what they were."""
        viewport = self._viewport
        if not viewport.height:
            return
        rows = self._marks.add_to(viewport, viewport.render(), self._palette)
        new = self._scrollbar.add_to(rows, viewport.scrollbar_thumb())
        old, self._rows = self._rows, new
        if len(old) != len(new) or not old or old[0].cell_length != new[0].cell_length:
            self._widget.refresh()
        elif (changed := changed_rows(old, new)) and not self._straight.write(old, new):
            width = self._widget.size.width
            self._widget.refresh(*(Region(0, first, width, end - first) for first, end in changed))

    def cut(self, crop: Region) -> list[Strip]:
        """A part of the rows, for the compositor."""
        rows, blank = self._rows, self._viewport.document.layout.builder.blank
        first, end = crop.column_span
        found: list[Strip] = []
        for y in crop.line_range:
            strip = rows[y] if y < len(rows) else blank
            whole = first == 0 and end == strip.cell_length
            found.append(strip if whole else strip.crop_extend(first, end, self._palette.text))
        return found
