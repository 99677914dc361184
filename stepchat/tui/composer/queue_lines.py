"""The messages that wait for the end of the answer: a dim line each, above the prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.segment import Segment
from textual.reactive import var
from textual.strip import Strip
from textual.widget import Widget

from stepchat.attachments.marks import split_marks
from stepchat.text.sanitize import sanitize_line
from stepchat.text.widths import pad, truncate
from stepchat.tui.keymap import keymap_of

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_LINES: Final = 4
_MARGIN: Final = 2
_LABEL: Final = "queued  "


class QueueLines(Widget):
    """As high as there are messages, at most four lines."""

    ALLOW_SELECT = False
    queue: var[tuple[str, ...]] = var((), init=False)

    def watch_queue(self) -> None:
        self.display = bool(self.queue)
        self.styles.height = min(MOST_LINES, len(self.queue))
        self.refresh()

    def on_mount(self) -> None:
        self.watch_queue()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        lines = queue_lines(self.queue, width, keymap_of(self).label("prompt.cursor-up"))
        return Strip([Segment(pad(lines[y] if y < len(lines) else "", width), self.rich_style)], width)


def one_line(text: str) -> str:
    """A queued message in one line, and how much of it that leaves out."""
    text, attachments = split_marks(text)
    first, _, rest = text.strip().partition("\n")
    more = [f"{rest.count(chr(10)) + 1} more lines" if rest.count("\n") else "1 more line"] if rest else []
    more += [f"{len(attachments)} attached"] if attachments else []
    return sanitize_line(first) + (f" … {', '.join(more)}" if more else "")


def queue_lines(queue: Sequence[str], width: int, key: str) -> list[str]:
    """The lines; the last one names the key that takes the last message back, or says how many more there are."""
    shown = list(queue if len(queue) <= MOST_LINES else queue[: MOST_LINES - 1])
    lines = [_LABEL + one_line(text) for text in shown]
    hint = f"{key} edits the last one" if key else ""
    if len(shown) < len(queue):
        lines.append(f"{_LABEL}… {len(queue) - len(shown)} more")
    space = width - 2 * _MARGIN
    whole = [truncate(line, space) for line in lines]
    rest = space - cell_len(hint) - 2
    if lines and hint and cell_len(lines[-1]) <= rest:
        whole[-1] = pad(lines[-1], rest) + f"  {hint}"
    return [" " * _MARGIN + line for line in whole]
