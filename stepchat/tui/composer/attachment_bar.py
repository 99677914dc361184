"""The lines above the prompt for the files that go with the next question."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from stepchat.attachments.detection import describe
from stepchat.text.format import short_count
from stepchat.text.sanitize import sanitize_line
from stepchat.text.widths import truncate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stepchat.messages import Attachment

SIGN = "@ "
MOST_ROWS = 4


class AttachmentBar(Widget):
    """One file in each row: name, type, dimensions, size, and about how many tokens. Takes no space without files."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"attachment-bar--name", "attachment-bar--facts"}

    def __init__(self) -> None:
        super().__init__()
        self.display = False
        self._attachments: tuple[Attachment, ...] = ()
        self._is_reading = False

    def show(self, attachments: Sequence[Attachment], *, reading: bool = False) -> None:
        """Show these, and whether more are being read."""
        if (tuple(attachments), reading) == (self._attachments, self._is_reading):
            return
        self._attachments, self._is_reading = tuple(attachments), reading
        self.display = bool(attachments) or reading
        self.styles.height = min(MOST_ROWS, len(attachments)) + reading
        self.refresh(layout=True)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= min(MOST_ROWS, len(self._attachments)):
            reading = "reading …" if self._is_reading else ""
            style = self.get_component_rich_style("attachment-bar--facts")
            return Strip([Segment(SIGN + reading, style)]).adjust_cell_length(width, self.rich_style)
        rest = len(self._attachments) - MOST_ROWS
        if y == MOST_ROWS - 1 and rest > 0:
            hidden = self._attachments[y:]
            tokens = short_count(sum(one.tokens for one in hidden))
            name, facts = f"{len(hidden)} more files", f" · ~{tokens} tokens"
        else:
            shown = self._attachments[y]
            name, facts = sanitize_line(shown.name), f" · {describe(shown)} · ~{short_count(shown.tokens)} tokens"
        name = truncate(SIGN + name, max(1, width))
        segments = [
            Segment(name, self.get_component_rich_style("attachment-bar--name")),
            Segment(facts, self.get_component_rich_style("attachment-bar--facts")),
        ]
        return Strip(segments).crop(0, width).adjust_cell_length(width, self.rich_style)
