"""The base of every dialog in which typing filters a list: pick, sessions, models, settings, tree, inspector.

A new dialog is one file: a `VirtualList` that draws its rows, key hints, and the methods below that it overrides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from textual.actions import SkipAction
from textual.containers import Vertical
from textual.widgets import Static

from stepchat.text.sanitize import sanitize
from stepchat.tui.dialog_keys import DEFAULTS, LIST, ROWS, bindings
from stepchat.tui.dialogs.dialog import Dialog
from stepchat.tui.dialogs.key_hints import KeyHints
from stepchat.tui.dialogs.list_view import LOW, NARROW
from stepchat.tui.field import Field
from stepchat.tui.keymap import keymap_of

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.geometry import Size
    from textual.widgets import Input

    from stepchat.tui.dialogs.key_hints import Hints
    from stepchat.tui.dialogs.list_view import Step, VirtualList
    from stepchat.tui.keymap import Keymap

T = TypeVar("T")
_ROW_STEPS: Final[dict[str, Step]] = {
    "up": "up", "down": "down", "first": "first", "last": "last", "half-up": "up", "half-down": "down",
    "match-next": "down", "match-previous": "up",
}  # fmt: skip
"""How vi's keys move among the rows. Every row that is listed is a match."""


class FilterDialog(Dialog[T | None]):
    """Title, filter, list and key hints. Returns what `accept` dismisses it with, None when it is closed."""

    # `fit` sets the classes of a size before the first frame; a class that is added later styles everything again.
    HORIZONTAL_BREAKPOINTS = []  # noqa: RUF012 - declared so by Textual
    VERTICAL_BREAKPOINTS = []  # noqa: RUF012 - declared so by Textual
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(ROWS, {id_: f"row({id_!r})" for id_ in _ROW_STEPS} | {"filter": "row_filter", "close": "row_close"}),
        *bindings(
            LIST,
            {
                **{step: f"move({step!r})" for step in ("up", "down", "page-up", "page-down", "first", "last")},
                "accept": "accept",
                "delete": "delete",
                "close": "close",
            },
        ),
    ]

    def __init__(
        self,
        rows: VirtualList,
        hints: Hints,
        *,
        title: str = "",
        placeholder: str = "Type to filter",
        typed: str = "",
        hint_lines: int = 1,
    ) -> None:
        super().__init__()
        self._list = rows
        self._title = Static(sanitize(title, keep_newlines=False), classes="dialog-title", markup=False)
        self._filter = Field(typed, placeholder=placeholder, select_on_focus=False)
        self._hints = KeyHints(hints, lines=hint_lines)
        self._is_in_rows = False
        """With vi's keys: the filter was left, and letters move among the rows."""
        self._editor = Field(select_on_focus=False)
        """Edits something in the row at the cursor. Mounted when it is first needed."""
        self._editor.add_class("row-editor")

    # ---- for subclasses to override

    def body(self) -> ComposeResult:
        """The widgets between the filter and the key hints."""
        yield self._list

    def filter_changed(self, typed: str) -> None:
        """List what matches."""

    def cursor_moved(self) -> None:
        """Show details of the row at the cursor."""

    def accept(self) -> None:
        """Enter, or a click on a row."""

    def delete(self) -> None:
        """Delete, pressed where it has no character to delete."""

    def close(self) -> None:
        """Esc."""
        self.dismiss(None)

    def editor_changed(self, text: str) -> None:
        """Check a value that is being edited in its row."""

    def editor_accepted(self, text: str) -> None:
        """Take a value that was edited in its row."""

    def fit(self, size: Size) -> None:
        """Adapt to the size of the window. Called before the first frame, and on every resize."""
        self.set_class(size.width < NARROW, "-narrow")
        self.set_class(size.width >= NARROW, "-wide")
        self.set_class(size.height < LOW, "-low")

    # ---- widgets and events

    def compose(self) -> ComposeResult:
        self.fit(self.window_size)
        with Vertical(classes="dialog"):
            yield self._title
            yield self._filter
            yield from self.body()
            yield self._hints

    @property
    def window_size(self) -> Size:
        return self.app.size  # pyright: ignore[reportUnknownMemberType] - generic in Textual

    @property
    def keymap(self) -> Keymap:
        """The keys in force, for labels in sentences."""
        return keymap_of(self, DEFAULTS)

    def on_resize(self, event: events.Resize) -> None:
        self.fit(event.size)
        if self.is_editing:
            self.call_after_refresh(self._place_editor)

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input is self._filter:
            self.filter_changed(event.value)
        elif self.is_editing:
            self.editor_changed(event.value)

    def on_virtual_list_moved(self) -> None:
        self.cursor_moved()

    def on_virtual_list_opened(self) -> None:
        self.accept()

    # ---- actions

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:  # noqa: ARG002 - Textual's signature
        # While a value is edited in its row, the other keys are those of a text field.
        if self.is_editing:
            return action in {"accept", "close"}
        return self._is_in_rows or not action.startswith("row")

    def action_row(self, key: str) -> None:
        for _ in range(max(1, self._list.page // 2) if key.startswith("half") else 1):
            self.action_move(_ROW_STEPS[key])

    def action_row_filter(self) -> None:
        self._is_in_rows = False
        self._filter.focus()

    def action_row_close(self) -> None:
        self.close()

    def action_move(self, by: Step) -> None:
        self._list.step(by)

    def action_accept(self) -> None:
        if self.is_editing:
            self.editor_accepted(self._editor.value)
        else:
            self.accept()

    def action_delete(self) -> None:
        """Delete in the list if the filter's cursor is at the end; otherwise the key deletes text."""
        if not self._filter.is_at_end:
            raise SkipAction
        self.delete()

    def action_close(self) -> None:
        if self.is_editing:
            self.stop_editing()
        elif self.keymap.is_vi and self._filter.has_focus:
            # As in vi, the first Esc leaves the text.
            self._is_in_rows = True
            self.set_focus(None)
        else:
            self.close()

    # ---- a value edited in its row

    @property
    def is_editing(self) -> bool:
        return self._editor.is_attached and self._editor.display

    def edit_in_row(self, text: str) -> None:
        """Let the user edit a text in the row at the cursor, where `editor_span` says."""
        self._editor.value = text
        self._editor.cursor_position = len(text)
        if not self._editor.is_attached:
            self._list.mount(self._editor)
        self._editor.display = True
        self._place_editor()
        self._editor.focus()

    def stop_editing(self) -> None:
        self._editor.display = False
        self._filter.focus()

    def editor_span(self, width: int) -> tuple[int, int]:
        """The first column of the editor in a row of this width, and how many it has."""
        return 0, width

    def _place_editor(self) -> None:
        column, width = self.editor_span(self._list.line_width)
        self._editor.styles.offset = (column, self._list.cursor_line)
        self._editor.styles.width = width
