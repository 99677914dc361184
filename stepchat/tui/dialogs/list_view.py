"""A list of rows with a cursor. Only visible rows are drawn, so ten thousand rows cost as much as ten."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias, get_args

from rich.segment import Segment
from rich.style import Style
from textual.geometry import clamp
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from stepchat.text.widths import truncate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.geometry import Region

Role: TypeAlias = Literal["text", "dim", "sign", "strong", "bold", "hit", "found", "title", "warning", "error"]
Piece: TypeAlias = tuple[str, Role]
"""A part of a line, from left to right."""
Step: TypeAlias = Literal["up", "down", "page-up", "page-down", "first", "last"]
"""A move of the cursor, named like the key ids of `list`."""

LOW: Final = 22
"""Windows with fewer rows show dialogs without space around them."""
NARROW: Final = 120
"""Windows with fewer columns show dialogs in their full width."""
_WHEEL_ROWS: Final = 3
_NEAR_THE_END: Final = 40
_MIN_HEIGHT_FOR_HEAD: Final = 6
_BAR: Final = 1
"""Cells at the right edge for the scrollbar, reserved even when there is none."""
_THUMB: Final = "▐"


class VirtualList(Widget):
    """Its owner supplies the number of rows, draws each line, and adds rows on `MoreWanted`."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"virtual-list--{role}" for role in (*get_args(Role), "chosen", "thumb")}

    class Moved(Message):
        """The cursor is on another row, or the rows changed."""

    class Opened(Message):
        """The row at the cursor was clicked."""

    class MoreWanted(Message):
        """The cursor is close to the last row."""

    def __init__(
        self,
        draw: Callable[[int, int, int], Sequence[Piece]],
        head: Callable[[int], Sequence[Piece]] | None = None,
        *,
        clicks_to_open: int = 1,
        wraps_around: bool = False,
    ) -> None:
        """`draw` receives the row, the line within the row, and the width; `head` draws the line above the rows."""
        super().__init__()
        self.count = 0
        self.cursor = 0
        """The row at the cursor; without a cursor the first visible one."""
        self.has_cursor = True
        """Without a cursor, moving scrolls."""
        self.shows_cursor = True
        """A list without the keys may hide its cursor; a click still opens a row."""
        self.row_height = 1
        """Lines of each row."""
        self.empty_text = ""
        """Shown when there are no rows."""
        self.skip: Callable[[int], bool] = lambda _: False
        """Rows the cursor jumps over."""
        self._draw = draw
        self._draw_head = head
        self._clicks_to_open = clicks_to_open
        self._wraps_around = wraps_around
        self._top = 0

    def show(self, count: int, cursor: int = 0) -> None:
        """Replace the rows."""
        self.count = count
        self._top = min(self._top, max(0, count - 1))
        self.move_to(cursor)

    def add(self, count: int) -> None:
        """Append rows."""
        self.count += count
        self.refresh()

    def move_to(self, index: int) -> None:
        """Move the cursor to a row, or past skipped rows to the next one it may stand on."""
        index = clamp(index, 0, max(0, self.count - 1))
        below, above = range(index, self.count), range(min(index, self.count - 1), -1, -1)
        candidates = chain(below, above) if index >= self.cursor else chain(above, below)
        self.cursor = next((row for row in candidates if not self.skip(row)), index)
        self._keep_visible()
        self._moved()

    def step(self, by: Step) -> None:
        """Move the cursor by a row or a page, or to an end."""
        page = max(1, self.page - 1)
        rows = {"up": -1, "down": 1, "page-up": -page, "page-down": page, "first": -self.count, "last": self.count}
        target = self.cursor + rows[by]
        if self._wraps_around and self.has_cursor and self.count and by in {"up", "down"}:
            target %= self.count
        self.move_to(target)

    def _moved(self) -> None:
        self.refresh()
        self.post_message(self.Moved())
        if self.cursor > self.count - _NEAR_THE_END:
            self.post_message(self.MoreWanted())

    @property
    def page(self) -> int:
        """How many rows are visible."""
        return max(1, (self.size.height - self._head) // self.row_height)

    @property
    def line_width(self) -> int:
        """Cells of a line."""
        return max(1, self.size.width - 2 * _BAR)

    @property
    def cursor_line(self) -> int:
        """The line of the widget in which the row at the cursor begins."""
        return self._head + (self.cursor - self._top) * self.row_height

    @property
    def _head(self) -> int:
        return 1 if self._draw_head is not None and self.size.height >= _MIN_HEIGHT_FOR_HEAD else 0

    def render_lines(self, crop: Region) -> list[Strip]:
        # The height is first known here: the first frame precedes any resize event.
        self._keep_visible()
        return super().render_lines(crop)

    def _keep_visible(self) -> None:
        """Scroll so that the cursor is visible, with some rows around it."""
        last = max(0, self.count - self.page)
        if not self.has_cursor:
            self._top = self.cursor = clamp(self.cursor, 0, last)
            return
        around = self._rows_around
        self._top = clamp(clamp(self._top, self.cursor - self.page + 1 + around, self.cursor - around), 0, last)

    @property
    def _rows_around(self) -> int:
        return min(3, (self.page - 1) // 2)

    # ---- mouse

    def on_click(self, event: events.Click) -> None:
        event.stop()
        y = event.y - self._head
        if event.x >= self.size.width - _BAR and self.count > self.page:
            self.move_to(round(self.count * max(0, y) / max(1, self.size.height - self._head - 1)))
            return
        index = self._top + y // self.row_height
        if self.has_cursor and y >= 0 and index < self.count:
            self.move_to(index)
            if self.cursor == index and event.chain >= self._clicks_to_open:
                self.post_message(self.Opened())

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._scroll(_WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._scroll(-_WHEEL_ROWS)

    def _scroll(self, by: int) -> None:
        """Scroll the rows; the cursor follows only when it would leave the screen."""
        top = clamp(self._top + by, 0, max(0, self.count - self.page))
        if top == self._top or not self.has_cursor:
            self.move_to(self.cursor + by)
            return
        around = self._rows_around
        self._top = top
        self.cursor = clamp(self.cursor, top + around, max(top + around, top + self.page - 1 - around))
        self._moved()

    # ---- drawing

    def render_line(self, y: int) -> Strip:
        width, ground, head = self.line_width, self._style("text"), self._head
        if y < head and self._draw_head is not None:
            return self._strip(self._draw_head(width), ground, y)
        offset, part = divmod(y - head, self.row_height)
        index = self._top + offset
        if index >= self.count:
            text = truncate(self.empty_text, width) if y == head and not self.count else ""
            return self._strip([(text, "dim")], ground, y)
        chosen = self._style("chosen") if self.has_cursor and self.shows_cursor and index == self.cursor else None
        return self._strip(self._draw(index, part, width), ground, y, chosen)

    def _strip(self, pieces: Sequence[Piece], ground: Style, y: int, chosen: Style | None = None) -> Strip:
        def style(role: Role) -> Style:
            own = self._style(role)
            # The row at the cursor has one colour; what is emphasized keeps its weight.
            return own if chosen is None else chosen + Style(bold=own.bold or None, underline=own.underline or None)

        line = Strip([Segment(text, style(role)) for text, role in pieces if text])
        line = line.adjust_cell_length(self.size.width - _BAR, chosen or ground)
        first, end = self._thumb()
        bar = Segment(_THUMB, self._style("thumb")) if first <= y - self._head < end else Segment(" ", ground)
        return Strip([*line, bar], self.size.width)

    def _thumb(self) -> tuple[int, int]:
        """The lines of the scrollbar's thumb: the first, and one past the last."""
        height = self.size.height - self._head
        if self.count <= self.page:
            return 0, 0
        size = max(1, height * self.page // self.count)
        first = round((height - size) * self._top / (self.count - self.page))
        return first, first + size

    def _style(self, role: str) -> Style:
        return self.get_component_rich_style(f"virtual-list--{role}")
