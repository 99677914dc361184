"""The lines of the inspector: any number of them; only those in sight are made, cleaned and painted."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from stepchat.chat.inspection import InspectorLine
from stepchat.text.sanitize import sanitize_for_display
from stepchat.text.widths import pad_for_rich, unpad

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events

    from stepchat.chat.inspection import InspectorLines

_WHEEL_ROWS = 3


class InspectorRows(Widget):
    """Scrolls by rows; with a cursor one row is marked and stays in sight."""

    ALLOW_SELECT: ClassVar[bool] = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "inspector-rows--text",
        "inspector-rows--dim",
        "inspector-rows--title",
        "inspector-rows--state",
        "inspector-rows--warning",
        "inspector-rows--error",
        "inspector-rows--chosen",
        "inspector-rows--thumb",
    }

    class Chosen(Message):
        """A row was clicked on."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: InspectorLines | Sequence[InspectorLine] = ()
        self.top = 0
        self.cursor: int | None = None

    def set_lines(
        self, lines: InspectorLines | Sequence[InspectorLine], *, cursor: int | None = None, top: int = 0
    ) -> None:
        """Show these, from `top` on."""
        self._lines = lines
        self.cursor = None if cursor is None else self._within(cursor)
        self.top = top
        self._settle()

    @property
    def width(self) -> int:
        """Cells that a line may have."""
        return max(20, self.size.width - 2)

    def move(self, by: int) -> None:
        """The cursor, or without one the view."""
        if self.cursor is None:
            self.top += by
        else:
            self.cursor = self._within(self.cursor + by)
        self._settle()

    def page(self, pages: int) -> None:
        self.move(pages * max(1, self.size.height - 1))

    def to_end(self, *, last: bool) -> None:
        self.move(len(self._lines) if last else -len(self._lines))

    def _within(self, place: int) -> int:
        return max(0, min(place, len(self._lines) - 1))

    def _settle(self) -> None:
        height = max(1, self.size.height)
        if self.cursor is not None:
            self.top = min(max(self.top, self.cursor - height + 1), self.cursor)
        self.top = max(0, min(self.top, len(self._lines) - height))
        self.refresh()

    def on_resize(self) -> None:
        self._settle()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._scroll(_WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._scroll(-_WHEEL_ROWS)

    def _scroll(self, by: int) -> None:
        """The view alone; the cursor comes along only when it would leave the screen."""
        self.top = max(0, min(self.top + by, len(self._lines) - max(1, self.size.height)))
        if self.cursor is not None:
            self.cursor = self._within(min(max(self.cursor, self.top), self.top + max(1, self.size.height) - 1))
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        if self.cursor is not None and self.top + event.y < len(self._lines):
            self.cursor = self.top + event.y
            self.refresh()
            self.post_message(self.Chosen())

    def render_line(self, y: int) -> Strip:
        place, width = self.top + y, self.size.width
        blank = self.get_component_rich_style("inspector-rows--text")
        line = self._lines[place] if place < len(self._lines) else InspectorLine("")
        role = "chosen" if place == self.cursor else line.role
        style = self.get_component_rich_style(f"inspector-rows--{role}")
        words = pad_for_rich(sanitize_for_display(unpad(line.text)))
        text = Strip([Segment(words, style)]).adjust_cell_length(width - 2, style)
        first, end = self._thumb()
        thumb = self.get_component_rich_style("inspector-rows--thumb") if first <= y < end else blank
        return Strip([*text, Segment(" ", blank), Segment("▐" if first <= y < end else " ", thumb)], width)

    def _thumb(self) -> tuple[int, int]:
        """The rows of the scrollbar's thumb."""
        height, count = self.size.height, len(self._lines)
        if count <= height:
            return 0, 0
        size = max(1, height * height // count)
        first = round((height - size) * self.top / (count - height))
        return first, first + size
