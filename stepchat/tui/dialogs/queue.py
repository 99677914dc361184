"""The queue: the messages that wait for the end of the answer, to edit, remove or reorder."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from stepchat.text.widths import truncate
from stepchat.tui.dialog_keys import bindings
from stepchat.tui.dialogs.filter_dialog import FilterDialog
from stepchat.tui.dialogs.list_view import VirtualList

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.widget import Widget

    from stepchat.tui.dialogs.list_view import Piece

HINTS: Final = (
    ("queue.edit", "edit"), ("queue.remove", "remove"), ("queue.move-up queue.move-down", "move up, down"),
    ("list.close", "close"),
)  # fmt: skip


class QueueDialog(FilterDialog[int]):
    """Returns the index of the message to edit. There is no filter: letters are keys."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(
        "queue",
        {
            "up": "move('up')",
            "down": "move('down')",
            "edit": "accept",
            "remove": "delete",
            "move-up": "reorder(-1)",
            "move-down": "reorder(1)",
        },
    )

    def __init__(
        self,
        queue: Callable[[], Sequence[str]],
        lines: Widget,
        line: Callable[[str], str],
        *,
        remove: Callable[[int], None],
        move: Callable[[int, int], None],
    ) -> None:
        """`queue` returns what is queued now, `lines` is the widget that shows it and whose `queue` changes, `line` shows a message in one line; `remove` and `move` change the queue."""
        super().__init__(VirtualList(self._line), HINTS, title="Queued messages")
        self._queue = queue
        self._lines = lines
        self._show_line = line
        self._remove = remove
        self._move = move
        self._texts: tuple[str, ...] = ()
        self._list.empty_text = "Nothing is queued any more."

    def body(self) -> ComposeResult:
        self._filter.display = self._filter.can_focus = False
        yield self._list

    def on_mount(self) -> None:
        self.watch(self._lines, "queue", lambda _: self.update())

    def update(self, cursor: int | None = None) -> None:
        """List what is queued now: the end of an answer takes the queue."""
        self._texts = tuple(self._queue())
        self._list.show(len(self._texts), self._list.cursor if cursor is None else cursor)

    def _line(self, index: int, _part: int, width: int) -> list[Piece]:
        number = f"{index + 1:>2}  "
        return [(number, "dim"), (truncate(self._show_line(self._texts[index]), width - len(number)), "text")]

    @property
    def _current(self) -> int | None:
        """The index of the message at the cursor, if it is still queued there."""
        self.update()
        return self._list.cursor if self._texts else None

    def accept(self) -> None:
        index = self._current
        if index is not None:
            self.dismiss(index)

    def delete(self) -> None:
        index = self._current
        if index is not None:
            self._remove(index)
            self.update()

    def action_reorder(self, by: int) -> None:
        index = self._current
        if index is not None and 0 <= index + by < len(self._texts):
            self._move(index, by)
            self.update(index + by)
