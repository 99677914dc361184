"""The rows of the tree screen. Only what is in sight is drawn, so that two thousand messages cost as much as twenty."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.geometry import clamp
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from stepchat.messages import UserMessage
from stepchat.transcript.widths import spaced
from stepchat.tui.dialogs.session_rows import age

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.style import Style
    from textual import events

    from stepchat.tui.dialogs.tree_lines import TreeLine

_SHOWN: Final = "▌"
_WHEEL_ROWS: Final = 3
_MODEL: Final = 18
_AGE: Final = 6
_WITH_MODEL: Final = 66
"""The narrowest list that has room for the models."""


class TreeRows(Widget):
    """A list with a cursor."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"tree-rows--{role}" for role in ("text", "dim", "chosen", "question", "shown")
    }

    class Moved(Message):
        """The cursor is on another message now."""

    class Opened(Message):
        """The message at the cursor was clicked twice."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self.lines: Sequence[TreeLine] = ()
        self.cursor = 0
        self._now = now
        self._top = 0

    @property
    def current(self) -> TreeLine | None:
        return self.lines[self.cursor] if self.lines else None

    def show(self, lines: Sequence[TreeLine], at: str | None) -> None:
        """Other lines, with the cursor on this message if it is among them, else on the first."""
        self.lines = lines
        self.move_to(next((row for row, line in enumerate(lines) if line.stored.id == at), 0))

    def move_to(self, index: int) -> None:
        self.cursor = clamp(index, 0, max(0, len(self.lines) - 1))
        self._keep_in_sight()
        self.refresh()
        self.post_message(self.Moved())

    def move_to_sibling(self, by: int) -> None:
        """To another message in the same place, if it is in the list."""
        line = self.current
        if line is None:
            return
        at = line.siblings.index(line.stored.id) + by
        if 0 <= at < len(line.siblings):
            places = {other.stored.id: row for row, other in enumerate(self.lines)}
            self.move_to(places.get(line.siblings[at], self.cursor))

    @property
    def page(self) -> int:
        return max(1, self.size.height)

    def on_resize(self) -> None:
        self._keep_in_sight()
        self.refresh()

    def _keep_in_sight(self) -> None:
        """With some rows around it, where there are any."""
        around = min(3, (self.page - 1) // 2)
        top = clamp(self._top, self.cursor - self.page + 1 + around, self.cursor - around)
        self._top = clamp(top, 0, max(0, len(self.lines) - self.page))

    def on_click(self, event: events.Click) -> None:
        event.stop()
        index = self._top + event.y
        if index < len(self.lines):
            self.move_to(index)
            if event.chain > 1:
                self.post_message(self.Opened())

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.move_to(self.cursor + _WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.move_to(self.cursor - _WHEEL_ROWS)

    def render_line(self, y: int) -> Strip:
        width, ground = self.size.width, self._style("text")
        index = self._top + y
        if index >= len(self.lines):
            words = "No message has these words." if not y and not self.lines else ""
            return Strip([Segment(words, self._style("dim"))]).adjust_cell_length(width, ground)
        segments = self._row(self.lines[index], width)
        if index == self.cursor:
            chosen = self._style("chosen")
            segments = [Segment(each.text, chosen) for each in segments]
            ground = chosen
        return Strip(segments).adjust_cell_length(width, ground)

    def _row(self, line: TreeLine, width: int) -> list[Segment]:
        asks = isinstance(line.stored.message, UserMessage)
        text = self._style("text" if line.shown else "dim")
        mark = self._style("question" if asks and line.shown else "shown" if line.shown else "dim")
        facts = f"{age(line.when, self._now()) if line.when else '':>{_AGE}}"
        if width >= _WITH_MODEL:
            facts = f"  {_fit(line.model, _MODEL)}{facts}"
        lead = f"{_SHOWN if line.shown else ' '} "
        head = f"{line.mark} "
        room = max(1, width - cell_len(lead + line.guide + head + facts) - 1)
        return [
            Segment(lead, self._style("shown")),
            Segment(line.guide, self._style("dim")),
            Segment(head, mark),
            Segment(_fit(spaced(line.words), room), text),
            Segment(f"{facts} ", self._style("dim")),
        ]

    def _style(self, role: str) -> Style:
        return self.get_component_rich_style(f"tree-rows--{role}")


def _fit(text: str, width: int) -> str:
    """In exactly so many cells; what is cut ends with a mark."""
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, max(0, width - 1)) + "…"
