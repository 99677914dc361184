"""A text field of one line with the editing keys of the prompt, under the same ids."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Final

from textual.widgets import Input

from stepchat.text.widths import grapheme_left
from stepchat.tui import line_editing
from stepchat.tui.keymap import PROMPT, Keymap, bindings, keymap_of
from stepchat.tui.prompt_keys import PROMPT_ROWS

if TYPE_CHECKING:
    from collections.abc import Generator

    from textual import events
    from textual.binding import BindingType

_ACTIONS: Final = {
    "line-start": "home",
    "line-end": "end",
    "char-left": "cursor_left",
    "char-right": "cursor_right",
    "word-left": "word_left",
    "word-right": "word_right",
    "delete-left": "delete_left",
    "delete-right": "delete_right",
    "kill-word-left": "kill_word_left",
    "kill-word-right": "kill_word_right",
    "kill-line-right": "kill_line_right",
    "kill-line-left": "kill_line_left",
    "yank": "yank",
    "yank-previous": "yank_previous",
    "upcase-word": "upcase_word",
    "downcase-word": "downcase_word",
    "capitalize-word": "capitalize_word",
    "transpose-chars": "transpose_chars",
    "undo": "undo",
    "redo": "redo",
    "cut": "cut",
    "copy": "copy",
    "paste": "paste",
    "select-left": "cursor_left(True)",
    "select-right": "cursor_right(True)",
    "select-word-left": "word_left(True)",
    "select-word-right": "word_right(True)",
    "select-line-start": "home(True)",
    "select-line-end": "end(True)",
    "select-all": "select_all",
}
"""What the field does of what the prompt does. Keys of the dialog around it come first."""
_DEFAULTS: Final = Keymap(PROMPT_ROWS)


class Field(Input, inherit_bindings=False):
    """Input's own bindings have no ids, so all are declared here."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(PROMPT_ROWS, PROMPT, _ACTIONS)

    def __init__(
        self, value: str = "", *, placeholder: str = "", password: bool = False, select_on_focus: bool = True
    ) -> None:
        super().__init__(
            value, placeholder=placeholder, password=password, compact=True, select_on_focus=select_on_focus
        )
        self._kill_ring = line_editing.KillRing()
        self._after_kill: tuple[str, int] | None = None
        """Text and cursor after the last kill. If they are unchanged at the next kill, the two are joined."""
        self._yanked: tuple[str, int, int] = ("", 0, 0)
        """The text after the last yank, and the start and end of what it inserted."""
        self._past: list[tuple[str, int]] = []
        self._future: list[tuple[str, int]] = []
        self._typing_at: tuple[str, int] | None = None
        """Text and cursor after the last typed character. The next one continues the same undo step."""

    @property
    def is_at_end(self) -> bool:
        """Whether the cursor is at the end, without a selection."""
        return self.cursor_position >= len(self.value) and self.selection.is_empty

    async def _on_key(self, event: events.Key) -> None:
        """Run the action bound to the key. Textual would run it in another queue, after characters that are typed later."""
        row = keymap_of(self, _DEFAULTS).at(PROMPT, event.key)
        if row is not None and row.id in _ACTIONS:
            await self.app.run_action(_ACTIONS[row.id], self)  # pyright: ignore[reportUnknownMemberType] - generic in Textual
            event.stop()
            event.prevent_default()
        elif event.key.startswith("alt+"):
            event.prevent_default()  # Input would type the letter of Alt+letter
        elif event.is_printable and event.character is not None:
            if self._typing_at != (self.value, self.cursor_position):
                self._remember()
            self._typing_at = (
                self.value[: self.cursor_position] + event.character + self.value[self.cursor_position :],
                self.cursor_position + len(event.character),
            )

    def _on_paste(self, event: events.Paste) -> None:
        with self._one_step():
            super()._on_paste(event)
        event.prevent_default()

    # ---- undo

    def _remember(self) -> None:
        self._past.append((self.value, self.cursor_position))
        self._future.clear()

    @contextmanager
    def _one_step(self) -> Generator[None]:
        """Make all changes inside one undo step."""
        before = (self.value, self.cursor_position)
        yield
        if self.value != before[0]:
            self._past.append(before)
            self._future.clear()
            self._typing_at = None

    def _exchange(self, source: list[tuple[str, int]], target: list[tuple[str, int]]) -> None:
        if source:
            target.append((self.value, self.cursor_position))
            self.value, self.cursor_position = source.pop()
            self._typing_at = None

    def action_undo(self) -> None:
        self._exchange(self._past, self._future)

    def action_redo(self) -> None:
        self._exchange(self._future, self._past)

    # ---- editing, as in the prompt

    def action_word_left(self, select: bool = False) -> None:  # noqa: FBT001, FBT002 - an action
        self._move(line_editing.word_left(self.value, self.cursor_position), select=select)

    def action_word_right(self, select: bool = False) -> None:  # noqa: FBT001, FBT002 - an action
        self._move(line_editing.word_right(self.value, self.cursor_position), select=select)

    def _move(self, to: int, *, select: bool) -> None:
        if select:
            self.selection = type(self.selection)(self.selection.start, to)
        else:
            self.cursor_position = to

    def action_delete_left(self) -> None:
        """Delete a grapheme cluster: an emoji with its joiners, a letter with its accents."""
        with self._one_step():
            if self.selection.is_empty:
                self.delete(grapheme_left(self.value, self.cursor_position), self.cursor_position)
            else:
                super().action_delete_left()

    def action_delete_right(self) -> None:
        with self._one_step():
            super().action_delete_right()

    def action_kill_word_left(self) -> None:
        if self.selection.is_empty:
            self._kill(line_editing.word_left(self.value, self.cursor_position))
        else:
            self.action_cut()

    def action_kill_word_right(self) -> None:
        self._kill(line_editing.word_right(self.value, self.cursor_position))

    def action_kill_line_right(self) -> None:
        self._kill(len(self.value))

    def action_kill_line_left(self) -> None:
        self._kill(0)

    def _kill(self, to: int) -> None:
        at = self.cursor_position
        append = self._after_kill == (self.value, at)
        self._kill_ring.kill(self.value[min(at, to) : max(at, to)], append=append, before=to < at)
        with self._one_step():
            self.delete(min(at, to), max(at, to))
        self._after_kill = (self.value, self.cursor_position)

    def action_cut(self) -> None:
        if text := self.selected_text:
            self._kill_ring.kill(text, append=False, before=False)
        with self._one_step():
            super().action_cut()

    def action_paste(self) -> None:
        with self._one_step():
            super().action_paste()

    def action_yank(self) -> None:
        self._yank(self._kill_ring.newest(), *sorted(self.selection))

    def action_yank_previous(self) -> None:
        """Replace the text of the last yank with the previous kill; only directly after the yank."""
        text, start, end = self._yanked
        if text == self.value and end == self.cursor_position:
            self._yank(self._kill_ring.previous(), start, end)

    def _yank(self, text: str, start: int, end: int) -> None:
        if text:
            with self._one_step():
                self.replace(text, start, end)
            self._yanked = (self.value, start, self.cursor_position)

    def action_upcase_word(self) -> None:
        self._change(line_editing.change_word(self.value, self.cursor_position, str.upper))

    def action_downcase_word(self) -> None:
        self._change(line_editing.change_word(self.value, self.cursor_position, str.lower))

    def action_capitalize_word(self) -> None:
        self._change(line_editing.change_word(self.value, self.cursor_position, line_editing.capitalized))

    def action_transpose_chars(self) -> None:
        self._change(line_editing.transposed(self.value, self.cursor_position))

    def _change(self, changed: tuple[str, int]) -> None:
        with self._one_step():
            self.value, self.cursor_position = changed
