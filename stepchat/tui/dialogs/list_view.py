"""A list with a cursor. Only what is in sight is drawn, so that ten thousand rows cost as much as ten."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias, get_args

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding
from textual.geometry import clamp
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from stepchat.text.widths import truncate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.geometry import Region, Size

Role: TypeAlias = Literal["text", "dim", "sign", "strong", "hit", "found", "title", "warning"]
Piece: TypeAlias = tuple[str, Role]
"""A part of a line, from left to right."""

Step: TypeAlias = Literal["-1", "1", "-page", "page", "first", "last"]
MOVES: Final = tuple(
    Binding(key, f"move({by!r})", show=False, priority=True)
    for key, by in (
        ("up", "-1"),
        ("down", "1"),
        ("pageup", "-page"),
        ("pagedown", "page"),
        ("ctrl+home", "first"),
        ("ctrl+end", "last"),
    )
)
"""The keys of a list below a line that is typed in; `action_move` hands what they say to `VirtualList.step`."""
LOW: Final = 22
"""Rows of a window below which its dialogs have no space around them."""
_WHEEL_ROWS: Final = 3
_NEAR_THE_END: Final = 40
_ROOM_FOR_HEAD: Final = 5
_BAR: Final = 1
"""Cells at the right edge for the scrollbar, which are kept free also while there is none."""
_THUMB: Final = "▐"


class VirtualList(Widget):
    """Who holds it gives the lines of a row, the number of rows, and more of them when `MoreWanted` comes."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"row-list--{role}" for role in (*get_args(Role), "chosen", "thumb")}

    class Moved(Message):
        """The cursor is on another row now, or there are other rows."""

    class Opened(Message):
        """The row at the cursor was clicked."""

    class MoreWanted(Message):
        """The end of what is there comes near."""

    def __init__(
        self,
        draw: Callable[[int, int, int], Sequence[Piece]],
        head: Callable[[int], Sequence[Piece]] | None = None,
        *,
        clicks_to_open: int = 1,
        wraps_around: bool = False,
    ) -> None:
        """`draw` gets a row, which of its lines, and the width; a click opens it, or the second one.

        When it `wraps_around`, the row above the first one is the last one.
        """
        super().__init__()
        self.count = 0
        self.cursor = 0
        self.row_height = 1
        """Lines of each row."""
        self.empty_text = ""
        """What is said when nothing is there."""
        self.skip: Callable[[int], bool] = lambda _: False
        """The rows at which the cursor does not stand."""
        self._draw = draw
        self._draw_head = head
        self._opens_after = clicks_to_open
        self._round = wraps_around
        self._top = 0

    def show(self, count: int, cursor: int = 0) -> None:
        """Other rows."""
        self.count = count
        self._top = min(self._top, max(0, count - 1))
        self.move_to(cursor)

    def add(self, count: int) -> None:
        """More rows below."""
        self.count += count
        self.refresh()

    def move_to(self, index: int) -> None:
        """The cursor to this row; when it is to be skipped, further on or, at the end, back."""
        index = clamp(index, 0, max(0, self.count - 1))
        below, above = range(index, self.count), range(min(index, self.count - 1), -1, -1)
        ways = chain(below, above) if index >= self.cursor else chain(above, below)
        self.cursor = next((place for place in ways if not self.skip(place)), index)
        self._keep_in_sight()
        self._moved()

    def step(self, by: str) -> None:
        """What one of `MOVES` says."""
        page = max(1, self.page - 1)
        steps = {"-page": -page, "page": page, "first": -self.count, "last": self.count}
        if by in steps:
            self.move_to(self.cursor + steps[by])
        elif self.count:
            there = self.cursor + int(by)
            self.move_to(there % self.count if self._round else there)

    def _moved(self) -> None:
        self.refresh()
        self.post_message(self.Moved())
        if self.cursor > self.count - _NEAR_THE_END:
            self.post_message(self.MoreWanted())

    @property
    def page(self) -> int:
        """How many rows are in sight."""
        return max(1, (self.size.height - self._head) // self.row_height)

    @property
    def line_width(self) -> int:
        """Cells of a line."""
        return max(1, self.size.width - 2 * _BAR)

    @property
    def cursor_line(self) -> int:
        """Which of the lines in sight is the first one of the row at the cursor."""
        return self._head + (self.cursor - self._top) * self.row_height

    @property
    def _head(self) -> int:
        return 1 if self._draw_head is not None and self.size.height > _ROOM_FOR_HEAD else 0

    def render_lines(self, crop: Region) -> list[Strip]:
        # How high it is, is known here first: the first frame comes before any event says so.
        self._keep_in_sight()
        return super().render_lines(crop)

    def _keep_in_sight(self) -> None:
        """With some rows around it, where there are any."""
        around = min(3, (self.page - 1) // 2)
        top = clamp(self._top, self.cursor - self.page + 1 + around, self.cursor - around)
        self._top = clamp(top, 0, max(0, self.count - self.page))

    # Mouse

    def on_click(self, event: events.Click) -> None:
        event.stop()
        y = event.y - self._head
        if event.x >= self.size.width - _BAR and self.count > self.page:
            self.move_to(round(self.count * max(0, y) / max(1, self.size.height - self._head - 1)))
            return
        index = self._top + y // self.row_height
        if y >= 0 and index < self.count:
            self.move_to(index)
            if self.cursor == index and event.chain >= self._opens_after:
                self.post_message(self.Opened())

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._scroll(_WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._scroll(-_WHEEL_ROWS)

    def _scroll(self, by: int) -> None:
        """What is in sight; the cursor comes along when it would be out of sight."""
        around = min(3, (self.page - 1) // 2)
        top = clamp(self._top + by, 0, max(0, self.count - self.page))
        if top == self._top:
            self.move_to(self.cursor + by)
            return
        self._top = top
        self.cursor = clamp(self.cursor, top + around, max(top + around, top + self.page - 1 - around))
        self._moved()

    # Drawing

    def render_line(self, y: int) -> Strip:
        width, ground, head = self.line_width, self._style("text"), self._head
        if y < head and self._draw_head is not None:
            return self._strip(self._draw_head(width), ground, y)
        at, part = divmod(y - head, self.row_height)
        index = self._top + at
        if index >= self.count:
            words = truncate(self.empty_text, width) if y == head and not self.count else ""
            return self._strip([(words, "dim")], ground, y)
        chosen = self._style("chosen") if index == self.cursor else None
        return self._strip(self._draw(index, part, width), ground, y, chosen)

    def _strip(self, pieces: Sequence[Piece], ground: Style, y: int, chosen: Style | None = None) -> Strip:
        def style(role: Role) -> Style:
            own = self._style(role)
            # Where the cursor is nothing is quiet; what is marked stays so.
            return own if chosen is None else chosen + Style(bold=own.bold or None, underline=own.underline or None)

        line = Strip([Segment(text, style(role)) for text, role in pieces if text])
        line = line.adjust_cell_length(self.size.width - _BAR, chosen or ground)
        first, end = self._thumb()
        bar = Segment(_THUMB, self._style("thumb")) if first <= y - self._head < end else Segment(" ", ground)
        return Strip([*line, bar], self.size.width)

    def _thumb(self) -> tuple[int, int]:
        """The lines of the scrollbar's thumb."""
        height = self.size.height - self._head
        if self.count <= self.page:
            return 0, 0
        size = max(1, height * self.page // self.count)
        first = round((height - size) * self._top / (self.count - self.page))
        return first, first + size

    def _style(self, role: str) -> Style:
        return self.get_component_rich_style(f"row-list--{role}")


def rows_for(height: int) -> int:
    """How many rows a list can have between title, line and keys, in a window of this height."""
    return max(1, height - 3 if height < LOW else int((height - 2) * 0.95) - 8)


def line_width(size: Size) -> int:
    """Cells of a line of such a list; app.tcss says how wide a dialog is."""
    whole = size.width < 100 or size.height < LOW
    return max(1, (size.width if whole else min(90, size.width * 9 // 10)) - 4 - 2 * _BAR)
