"""The list of completions: at most eight rows above the prompt, which cover the transcript and move nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.geometry import clamp
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from stepchat.text.sanitize import sanitize_line
from stepchat.text.widths import truncate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style
    from textual import events

MOST_ROWS = 8
MARGIN = 2
WIDEST_NAME = 32


@dataclass(frozen=True, slots=True)
class Completion:
    """One completion. `text` is the complete line; if it ends with a space, an argument may follow."""

    text: str
    help: str = ""
    is_free: bool = False
    """Another text is as good: Enter takes this only after the user has chosen it."""


class CompletionList(Widget):
    """Shows completions. The prompt decides which one is chosen."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "completion-list--name",
        "completion-list--help",
        "completion-list--chosen",
    }

    class Picked(Message):
        """A completion was clicked."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self) -> None:
        super().__init__()
        self.display = False
        self._offers: tuple[Completion, ...] = ()
        self._chosen: int | None = None
        self._top = 0
        self._name_width = 0

    def show(self, offers: Sequence[Completion], chosen: int | None) -> None:
        """Show these completions, with the chosen one visible; none hides the list."""
        offers = tuple(offers)
        if (offers, chosen) == (self._offers, self._chosen):
            return
        if offers != self._offers:
            self._top = 0
            self._name_width = max((cell_len(sanitize_line(offer.text)) for offer in offers), default=0)
        self._offers, self._chosen = offers, chosen
        rows = min(MOST_ROWS, len(offers))
        if chosen is not None:
            self._top = clamp(self._top, chosen - rows + 1, chosen)
        self.display = bool(offers)
        self.styles.height = rows
        self.styles.offset = (0, -rows)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        index = self._top + y
        width = self.size.width
        if index >= len(self._offers):
            return Strip.blank(width, self.rich_style)
        name_style = self.get_component_rich_style("completion-list--name")
        help_style = self.get_component_rich_style("completion-list--help")
        blank_style = self.rich_style
        if index == self._chosen:
            name_style = help_style = blank_style = self.get_component_rich_style("completion-list--chosen")
        segments = self._row(self._offers[index], width, name_style, help_style)
        row = Strip(segments).adjust_cell_length(width, blank_style)
        more = len(self._offers) - index - 1
        if not more or y < MOST_ROWS - 1:
            return row
        words = f"  … {more} more  "
        return Strip.join([row.crop(0, width - len(words)), Strip([Segment(words, help_style)], len(words))])

    def _row(self, offer: Completion, width: int, name_style: Style, help_style: Style) -> list[Segment]:
        name_width = max(1, min(self._name_width, WIDEST_NAME, width - 2 * MARGIN))
        name = set_cell_size(truncate(sanitize_line(offer.text), name_width), name_width)
        segments = [Segment(" " * MARGIN + name + " " * MARGIN, name_style)]
        rest = width - name_width - 3 * MARGIN
        if rest > MARGIN:
            segments.append(Segment(truncate(sanitize_line(offer.help), rest), help_style))
        return segments

    def on_click(self, event: events.Click) -> None:
        event.stop()
        index = self._top + event.y
        if index < len(self._offers):
            self.post_message(self.Picked(index))
