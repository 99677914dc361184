"""Choose one of many: a title, a filter, aligned rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from stepchat.text.sanitize import sanitize
from stepchat.text.widths import align, pad, pad_for_rich, truncate
from stepchat.tui.dialog_keys import bindings
from stepchat.tui.dialogs.filter_dialog import FilterDialog
from stepchat.tui.dialogs.list_view import LOW, NARROW, VirtualList

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.geometry import Size

    from stepchat.tui.dialogs.list_view import Piece, Step

_GAP: Final = 2
_FULL_ROW: Final = 2
"""Lines below the list for a row that does not fit into it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A row: `columns` at the left, aligned; `detail` at the right. Typing searches `text` and `detail`."""

    id: str
    text: str
    columns: tuple[str, ...] = ()
    detail: str = ""
    disabled: bool = False
    """Listed, but not to be chosen; `detail` says why."""
    names: tuple[str, ...] = ()
    """Typing one of these, or its beginning, lists the row first."""


class Picker(FilterDialog[str]):
    """Returns the id of the chosen row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("menu", {"up": "menu_move('up')", "down": "menu_move('down')"}),
        *bindings("pick", {"next": "move('down')", "accept": "accept"}),
    ]

    def __init__(
        self,
        title: str,
        rows: Sequence[Choice],
        *,
        empty_text: str = "No matches.",
        typed: str = "",
        at: str = "",
        preview: Callable[[str], None] | None = None,
        is_menu: bool = False,
    ) -> None:
        """`at` is the id of the row at the cursor; `preview` is called with that of each row the cursor comes to.

        A menu has no filter: the letter in the first column of a row chooses it.
        """
        super().__init__(
            VirtualList(lambda index, _, width: line_of(self._found[index], self._columns, width), wraps_around=True),
            (("list.accept", "select"), ("list.close", "close")),
            title=title,
            typed=typed,
        )
        self._rows = rows
        self._at = at
        self._is_menu = is_menu
        self._preview = preview
        self._found: Sequence[Choice] = ()
        self._columns = columns_of(rows)
        self._full_row = Static(markup=False, classes="dialog-full-row")
        self._list.empty_text = empty_text
        # Where rows are truncated, the cursor may stand on a disabled one, so that its reason can be read.
        self._list.skip = lambda index: self._found[index].disabled and not self._full_row.display

    def body(self) -> ComposeResult:
        if self._is_menu:
            self._filter.display = self._filter.can_focus = False
        yield self._list
        yield self._full_row

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        # Also among the rows with vi's keys, which these two replace.
        if action == "menu_move":
            return self._is_menu or self._is_in_rows
        return super().check_action(action, parameters)

    def action_menu_move(self, by: Step) -> None:
        self.action_move(by)

    def on_key(self, event: events.Key) -> None:
        row = next((row for row in self._rows if row.columns[:1] == (event.character,)), None)
        if self._is_menu and row is not None:
            event.stop()
            self.dismiss(row.id)

    def on_mount(self) -> None:
        self._fill("", keep=next((row for row in self._rows if row.id == self._at), None))

    def fit(self, size: Size) -> None:
        """As high as all rows need, so that typing does not change the height."""
        super().fit(size)
        height, width = list_size(size)
        self._full_row.display = any(row_width(row, self._columns) > width for row in self._rows)
        if self._full_row.display:
            height -= _FULL_ROW if size.height < LOW else _FULL_ROW + 1
        self._list.styles.height = max(1, min(height, len(self._rows)))

    def set_rows(self, rows: Sequence[Choice]) -> None:
        """Replace the rows, keeping the cursor on the same one."""
        self._rows = rows
        self._columns = columns_of(rows)
        if self.is_attached:
            self.fit(self.window_size)
            self._fill(self._filter.value, keep=self._current)

    @property
    def _current(self) -> Choice | None:
        row = self._found[self._list.cursor] if self._found else None
        return None if row is None or row.disabled else row

    def filter_changed(self, typed: str) -> None:
        self._fill(typed)

    def cursor_moved(self) -> None:
        """Show in full what the list truncates."""
        row = self._found[self._list.cursor] if self._found else None
        if row is not None and row_width(row, self._columns) <= list_size(self.window_size)[1]:
            row = None
        text = "" if row is None else " · ".join(part for part in (_plain(row.text), _plain(row.detail)) if part)
        self._full_row.update(Content.styled(" ".join(text.split()), "$dim"))
        if self._preview is not None and self._current is not None and self._current.id != self._at:
            self._at = self._current.id
            self._preview(self._at)

    def accept(self) -> None:
        if self._current is not None:
            self.dismiss(self._current.id)

    def _fill(self, typed: str, keep: Choice | None = None) -> None:
        words = typed.casefold().split()
        self._found = [
            row
            for row in self._rows
            if all(word in " ".join((row.text, row.detail, *row.names)).casefold() for word in words)
        ]
        if words:
            self._found.sort(key=lambda row: _rank(row, " ".join(words)))
        kept = (index for index, row in enumerate(self._found) if keep is not None and row.id == keep.id)
        first = next((index for index, row in enumerate(self._found) if not row.disabled), 0)
        self._list.show(len(self._found), next(kept, first))


def _rank(row: Choice, typed: str) -> int:
    """Rows with the name that is typed come first, then those with a name that begins with it."""
    if typed in row.names:
        return 0
    return 1 if any(name.startswith(typed) for name in row.names) else 2


class Columns(NamedTuple):
    """The widths of the columns, of the widest text and of the widest detail."""

    columns: Sequence[int]
    text: int
    detail: int


def columns_of(rows: Sequence[Choice]) -> Columns:
    count = max((len(row.columns) for row in rows), default=0)
    columns = [max(cell_len(row.columns[at]) for row in rows if len(row.columns) > at) for at in range(count)]
    text = max((cell_len(_plain(row.text)) for row in rows if row.detail), default=0)
    return Columns(columns, text, max((cell_len(_plain(row.detail)) for row in rows), default=0))


def line_of(row: Choice, columns: Columns, width: int) -> list[Piece]:
    """Columns, text and detail; text and detail are truncated where they do not fit."""
    left = "".join(f"{' ' * _GAP}{align(cell, size)}" for cell, size in zip(row.columns, columns.columns, strict=False))
    left += " " * _GAP if left else ""
    rest = max(1, width - cell_len(left))
    text, detail = _plain(row.text), _plain(row.detail)
    if not detail:
        return [(left, "dim"), (truncate(text, rest), "dim" if row.disabled else "text")]
    # The detail gives way first, but keeps two fifths.
    text_width = max(1, min(columns.text, rest - _GAP - min(columns.detail, rest * 2 // 5)))
    return [
        (left, "dim"),
        (pad(text, text_width), "dim" if row.disabled else "text"),
        (" " * _GAP + truncate(detail, rest - text_width - _GAP), "dim"),
    ]


def row_width(row: Choice, columns: Columns) -> int:
    """Cells of a row in which nothing is truncated."""
    text = columns.text + _GAP + cell_len(_plain(row.detail)) if row.detail else cell_len(_plain(row.text))
    left = sum(size + _GAP for size in columns.columns[: len(row.columns)])
    return left + (_GAP if row.columns else 0) + text


def list_size(window: Size) -> tuple[int, int]:
    """Rows and cells of a picker's list in a window, as app.tcss lays the dialog out."""
    low = window.height < LOW
    whole = low or window.width < NARROW
    width = window.width if whole else min(90, window.width * 9 // 10)
    return max(1, window.height - 3 if low else int((window.height - 2) * 0.95) - 8), max(1, width - 6)


def _plain(text: str) -> str:
    return pad_for_rich(sanitize(text, keep_newlines=False))
