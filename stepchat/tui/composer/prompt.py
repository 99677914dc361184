"""The prompt: a text area with history, completion and folded pastes. It runs no commands itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import TextArea
from textual.widgets.text_area import Selection

from stepchat.attachments.paths import typed_path
from stepchat.chat.command_lines import command_name
from stepchat.first_frame.picture import PLACEHOLDER, prompt_width
from stepchat.text.sanitize import sanitize_paste
from stepchat.text.widths import grapheme_left
from stepchat.tui import line_editing
from stepchat.tui.composer.completion import Completion
from stepchat.tui.composer.paste import BLANK_FIRST_LINES, HUGE_CHARACTERS, HUGE_LINES, Pastes
from stepchat.tui.composer.wrap_width import wrap_width_correction
from stepchat.tui.keymap import PROMPT, build_keymap
from stepchat.tui.prompt_keys import PROMPT_ROWS
from stepchat.tui.vi import Vi, shared_ends

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rich.text import Text
    from textual import events
    from textual.app import App
    from textual.signal import Signal
    from textual.widgets.text_area import Edit, EditResult, Location

    from stepchat.tui.composer.completion import CompletionList
    from stepchat.tui.keymap import Keymap, KeyRow

_CONTINUES: Final = (" ", "=")
"""The end of completions after which the user continues to type."""


_ACTIONS: Final = {
    "cursor-up": "cursor_up",
    "cursor-down": "cursor_down",
    "line-start": "cursor_line_start",
    "line-end": "cursor_line_end",
    "char-left": "cursor_left",
    "char-right": "char_right",
    "select-left": "cursor_left(True)",
    "select-right": "cursor_right(True)",
    "select-up": "cursor_up(True)",
    "select-down": "cursor_down(True)",
    "select-word-left": "word_left(True)",
    "select-word-right": "word_right(True)",
    "select-line-start": "cursor_line_start(True)",
    "select-line-end": "cursor_line_end(True)",
}
"""The actions of `PROMPT_ROWS` whose names differ from their ids."""


_VI_KEYS: Final = {
    "ctrl+r": "redo",
    "ctrl+u": "app.command('half-up')",
    "ctrl+d": "app.command('half-down')",
    "ctrl+b": "app.command('page-up')",
    "ctrl+f": "app.command('page-down')",
    "backspace": "cursor_left",
}
"""What single keys do in vi's normal mode."""


_DEFAULTS: Final = build_keymap(PROMPT_ROWS, {})


def _action(row: KeyRow) -> str:
    return _ACTIONS.get(row.id, row.id.replace("-", "_"))


class Prompt(TextArea, inherit_bindings=False):
    """The text area of the composer. TextArea's own bindings have no ids, so all bindings are declared here."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(row.single_keys, _action(row), row.help, show=False, id=row.name) for row in PROMPT_ROWS
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"prompt--paste"}

    class Submitted(Message):
        """The user sent a text. Pastes are expanded and surrounding blank lines removed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class PathEntered(Message):
        """The text before the cursor, typed or pasted, may name files: `offer_files` offers to attach them instead."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class FilesChosen(Message):
        """The user attaches files that were offered; their paths are gone from the text."""

        def __init__(self, paths: Sequence[Path]) -> None:
            super().__init__()
            self.paths = paths

    class PickFile(Message):
        """The user wants to choose a file. `take_at_sign` removes the @ that said so."""

    class ModeChanged(Message):
        """Vi's mode is another one."""

    class FindAgain(Message):
        """The user repeats the last search in the conversation, forwards or backwards."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    class PasteTooLong(Message):
        """A folded paste is too long to be edited here."""

    class StartDeleted(Message):
        """Backspace was pressed at the start of the text, where there is nothing to delete."""

    def __init__(
        self,
        completion_list: CompletionList,
        complete: Callable[[str], Sequence[Completion]],
        take_queued: Callable[[], bool] = lambda: False,
    ) -> None:
        """`take_queued` puts the message that was queued last back into the prompt; False if there is none."""
        # TextArea's constructor already moves the cursor, which reads these.
        self._pastes = Pastes()
        self._past: list[str] = []
        self._earlier: Sequence[str] = ()
        """The prompts of all sessions, the newest first; cleaned when they are shown."""
        self._walk: list[str] = []
        self._at = 0
        self._list = completion_list
        self._complete = complete
        self._take_queued = take_queued
        self._offers: tuple[Completion, ...] = ()
        self._offered_files: tuple[str, Sequence[Path]] = ("", ())
        """The text that names files, and the files, while they are offered."""
        self._chosen: int | None = None
        self._closed_at: str | None = None
        self._narrower = 0
        self._refused = ""
        self._vi = Vi()
        self._kill_ring = line_editing.KillRing()
        self._after_kill: tuple[str, Location] | None = None
        """Text and cursor after the last kill. If they are unchanged at the next kill, the two are joined."""
        self._yanked: tuple[str, Location, Location] = ("", (0, 0), (0, 0))
        """The text after the last yank, and the start and end of what it inserted."""
        super().__init__(placeholder=Content(PLACEHOLDER), highlight_cursor_line=False, id="prompt")
        self.cursor_blink = False
        self.match_cursor_bracket = False

    def on_mount(self) -> None:
        changes = cast("Signal[object]", self.screen.screen_layout_refresh_signal)  # pyright: ignore[reportUnknownMemberType]
        changes.subscribe(self, self._place_terminal_cursor)

    @property
    def wrap_width(self) -> int:
        # The first paint precedes the first layout, without which a long text would be one row.
        whole = super().wrap_width or prompt_width(self.app.size.width)  # pyright: ignore[reportUnknownMemberType] - generic in Textual
        return whole - self._narrower

    # Called by the composer

    def set_history(self, prompts: Sequence[str]) -> None:
        """Set the earlier prompts, the oldest first. Texts sent from now on are added automatically."""
        self._past = [self._pastes.fold_known(sanitize_paste(prompt)) for prompt in prompts]
        self._walk = []

    def set_earlier(self, prompts: Sequence[str]) -> None:
        """The prompts of all sessions, the newest first. They come after those of this session."""
        self._earlier = prompts

    def prefill(self, text: str, cursor: int | None = None) -> None:
        """Replace the text. `cursor` is a character offset; None is the end."""
        clean = sanitize_paste(self._pastes.fold_marked(text))
        if cursor is None:
            clean = self._pastes.fold_known(clean)
        before = clean if cursor is None else sanitize_paste(text[: max(0, cursor)])
        self._show(clean, (before.count("\n"), len(before) - before.rfind("\n") - 1))

    def restore_command(self, line: str) -> None:
        """Restore a rejected command for editing; typing `/` replaces it."""
        self.prefill(line)
        self._refused = self.text

    def paste(self, text: str) -> None:
        """Insert pasted text at the cursor, cleaned, and folded if it is large. Never sends."""
        if not text:
            return
        self.history.checkpoint()
        clean = sanitize_paste(text)
        self.replace(self._pastes.fold(clean), *sorted(self.selection), maintain_selection_offset=False)
        self.history.checkpoint()
        if "/" in clean and self._text_before_cursor.endswith(clean):
            self.post_message(self.PathEntered(clean))

    @property
    def marked_text(self) -> str:
        """The text with expanded pastes between marks, with which `prefill` folds them again."""
        return self._pastes.mark(self.text)

    @property
    def unfolded_text(self) -> str:
        """The text as it would be sent: with expanded pastes, without surrounding blank lines."""
        return BLANK_FIRST_LINES.sub("", self._pastes.expand(self.text)).rstrip()

    def offer_files(self, text: str, paths: Sequence[Path]) -> None:
        """Offer to attach files instead of the text before the cursor, if it is still this text."""
        if self._text_before_cursor.endswith(text) and not self._offers:
            name = paths[0].name if len(paths) == 1 else f"{len(paths)} files"
            self._offer((Completion(f"Attach {name}", "instead of the path"),))
            self._offered_files = (text, paths)

    def take_at_sign(self) -> None:
        """Remove the @ before the cursor."""
        if self._text_before_cursor.endswith("@"):
            self._edit_as_one("", self._location(self._offset - 1), self.cursor_location)

    @property
    def _text_before_cursor(self) -> str:
        return self.text[: self._offset]

    def accept_completion(self, index: int) -> None:
        """Accept one of the completions shown."""
        text, paths = self._offered_files
        if paths:
            self._edit_as_one("", self._location(self._offset - len(text)), self.cursor_location)
            self.post_message(self.FilesChosen(paths))
            return
        offer = self._offers[index]
        if not offer.text.endswith(_CONTINUES):
            self._closed_at = offer.text
        self._show(offer.text)

    # Keys

    async def _on_key(self, event: events.Key) -> None:
        if self._keymap.is_vi and await self._vi_takes(event):
            event.stop()
            event.prevent_default()
            return
        match event.key:
            case "escape" if self._offers:
                self._close_offers()
            case "ctrl+c" if not self.selection.is_empty:
                self.action_copy()
            case "ctrl+c" if self.text:
                self._set_aside()
            case "slash" if self.text and self.text == self._refused:
                self._show("/")
            case key if await self._run_binding(key):
                pass
            case key if key in {"enter", "tab"} or key.startswith("alt+"):
                # TextArea would insert a newline, or the letter of Alt+letter.
                event.prevent_default()
                return
            case _:
                return
        event.stop()
        event.prevent_default()

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self.paste(event.text)

    def on_blur(self) -> None:
        self._close_offers()

    def action_cursor_up(self, select: bool = False) -> None:  # noqa: FBT001, FBT002 - TextArea's signature
        if not select and self._offers:
            self._choose(-1)
        elif not select and not self.text and self._take_queued():
            pass
        elif select or self._cursor_row() > 0 or not self._step_in_history(-1):
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:  # noqa: FBT001, FBT002 - TextArea's signature
        if not select and self._offers:
            self._choose(1)
        elif select or self._cursor_row() < self.wrapped_document.height - 1 or not self._step_in_history(1):
            super().action_cursor_down(select)

    def action_send(self) -> None:
        """Accept the marked completion, if any, then send the text."""
        if self._chosen is not None:
            offer = self._offers[self._chosen].text
            if offer.rstrip() != self.text.rstrip():
                self.accept_completion(self._chosen)
                if offer.endswith(_CONTINUES):
                    return
        text = self.unfolded_text
        if not text:
            return
        self.remember(self.text)
        self.load_text("")
        self._vi.begin_insert()
        self.post_message(self.ModeChanged())
        self.post_message(self.Submitted(text))

    def action_newline(self) -> None:
        self.replace("\n", *sorted(self.selection), maintain_selection_offset=False)

    def action_open_paste(self) -> None:
        """Open the folded paste before or after the cursor; a new line if there is none."""
        row, column = self.cursor_location
        span = next((span for span in self._pastes.spans(self.document.get_line(row)) if column in span), None)
        if span is None:
            self.action_newline()
        else:
            self._open_paste(row, span)

    def on_click(self, event: events.Click) -> None:
        row, column = self.get_target_document_location(event)
        for start, end in self._pastes.spans(self.document.get_line(row)):
            if start <= column < end:
                self._open_paste(row, (start, end))
                return

    def _open_paste(self, row: int, span: tuple[int, int]) -> None:
        text = self._pastes.text_of(self.document.get_line(row)[slice(*span)])
        if len(text) > HUGE_CHARACTERS or text.count("\n") > HUGE_LINES:
            self.post_message(self.PasteTooLong())
            return
        self._edit_as_one(text, (row, span[0]), (row, span[1]))
        self.move_cursor((row, span[0]))

    def action_complete(self) -> None:
        if self._offers:
            self.accept_completion(self._chosen or 0)

    def action_pick_file(self) -> None:
        """Insert an @; at the start of a word it also asks for a file."""
        before = self._text_before_cursor
        self.replace("@", *sorted(self.selection), maintain_selection_offset=False)
        if not before or before[-1].isspace():
            self.post_message(self.PickFile())

    def action_paste(self) -> None:
        self.paste(self._running_app.clipboard)

    # Editing, as in readline

    def action_char_right(self) -> None:
        self._unless_empty()
        self.action_cursor_right()

    def action_word_left(self, select: bool = False) -> None:  # noqa: FBT001, FBT002 - TextArea's signature
        self.move_cursor(self._location(line_editing.word_left(self.text, self._offset)), select=select)

    def action_word_right(self, select: bool = False) -> None:  # noqa: FBT001, FBT002 - TextArea's signature
        self.move_cursor(self._location(line_editing.word_right(self.text, self._offset)), select=select)

    def action_delete_left(self) -> None:
        if self.selection.is_empty and not self._offset:
            self.post_message(self.StartDeleted())
        elif self.selection.is_empty:
            at = self._offset
            self._delete_via_keyboard(self._location(grapheme_left(self.text, at)), self._location(at))
        else:
            super().action_delete_left()

    def action_delete_right(self) -> None:
        self._unless_empty()
        super().action_delete_right()

    def action_kill_word_left(self) -> None:
        if self.selection.is_empty:
            self._kill(line_editing.word_left(self.text, self._offset))
        else:
            self.action_cut()

    def action_kill_word_right(self) -> None:
        self._kill(line_editing.word_right(self.text, self._offset))

    def action_kill_line_right(self) -> None:
        self._kill(line_editing.line_end(self.text, self._offset))

    def action_kill_line_left(self) -> None:
        self._kill(line_editing.line_start(self.text, self._offset))

    def action_cut(self) -> None:
        """Cut the selection to the clipboard and the kill ring."""
        if text := self.selected_text:
            self._running_app.copy_to_clipboard(self._pastes.expand(text))
            self._kill_ring.kill(text, append=False, before=False)
            self._edit_as_one("", *sorted(self.selection))
            self._after_kill = (self.text, self.cursor_location)

    def action_copy(self) -> None:
        """Copy the selection."""
        self._running_app.copy_to_clipboard(self._pastes.expand(self.selected_text))
        self.move_cursor(self.cursor_location)

    def action_yank(self) -> None:
        self._yank(self._kill_ring.newest(), *sorted(self.selection))

    def action_yank_previous(self) -> None:
        """Replace the text of the last yank with the previous kill; only directly after the yank."""
        text, start, end = self._yanked
        if text == self.text and end == self.cursor_location:
            self._yank(self._kill_ring.previous(), start, end)

    def action_upcase_word(self) -> None:
        self._change(line_editing.change_word(self.text, self._offset, str.upper))

    def action_downcase_word(self) -> None:
        self._change(line_editing.change_word(self.text, self._offset, str.lower))

    def action_capitalize_word(self) -> None:
        self._change(line_editing.change_word(self.text, self._offset, line_editing.capitalized))

    def action_transpose_chars(self) -> None:
        self._change(line_editing.transposed(self.text, self._offset))

    def _unless_empty(self) -> None:
        """Run a command bound to an editing key if there is nothing to edit."""
        if not self.text:
            raise SkipAction

    async def _run_binding(self, key: str) -> bool:
        """Run the action bound to the key; False if there is none, or if it does not apply.

        Textual would run the binding in another queue, after characters that are typed later.
        """
        row = self._keymap.at(PROMPT, key)
        return row is not None and await self._running_app.run_action(_action(row), self)

    def _recompute_cursor_offset(self) -> None:
        # While TextArea undoes an edit, its cursor may still be below the last line.
        self._cursor_offset = self.wrapped_document.location_to_offset(self.clamp_visitable(self.cursor_location))

    @property
    def _keymap(self) -> Keymap:
        return getattr(self._running_app, "keymap", _DEFAULTS)

    # Vi

    @property
    def mode(self) -> str:
        """The mode of vi in words; "" without vi."""
        if not self._keymap.is_vi:
            return ""
        return "insert mode" if self._vi.is_inserting else "normal mode"

    async def _vi_takes(self, event: events.Key) -> bool:
        """What vi does with a key; False if it means what it does without vi."""
        vi, character = self._vi, event.character
        if event.key == "escape":
            return self._vi_escape()
        if vi.is_inserting:
            return False
        if (action := _VI_KEYS.get(event.key)) is not None:
            await self._running_app.run_action(action, self)
            return True
        if not character or not event.is_printable or event.key.startswith("alt+"):
            return False
        if vi.is_pending:
            self._vi_press(character)
        elif character in "/?":
            await self._running_app.run_action("app.command('find')", self)
        elif character in "nN":
            self.post_message(self.FindAgain(1 if character == "n" else -1))
        elif character == ":" and not self.text:
            # Such as :q
            vi.begin_insert()
            self.action_insert(character)
            self.post_message(self.ModeChanged())
        else:
            self._vi_press("l" if character == " " else character)
        return True

    def _vi_escape(self) -> bool:
        if self._vi.is_inserting:
            self._close_offers()
            self.history.checkpoint()
            self.move_cursor(self._location(self._vi.leave_insert(self.text, self._offset)))
            self.post_message(self.ModeChanged())
            return True
        was_pending = self._vi.is_pending
        self._vi.cancel()
        return was_pending

    def _vi_press(self, character: str) -> None:
        edited = self._vi.press(character, self.text, self._offset, self._kill_ring.newest())
        if edited.register:
            self._kill_ring.kill(edited.register, append=False, before=False)
        for _ in range(min(edited.count, 1000) if edited.action else 0):
            match edited.action:
                case "undo":
                    self.action_undo()
                case "up":
                    self.action_cursor_up()
                case _:
                    self.action_cursor_down()
        if not edited.action:
            self._replace_text(edited.text)
            self.move_cursor(self._location(edited.cursor))
        if self._vi.is_inserting:
            self.history.checkpoint()
            self.post_message(self.ModeChanged())

    def _replace_text(self, text: str) -> None:
        """Change the text to this one with a single edit of the part that differs."""
        before = self.text
        if text == before:
            return
        start, same = shared_ends(before, text)
        end = len(before) - same
        self._edit_as_one(text[start : len(text) - same], self._location(start), self._location(end))

    def action_insert(self, character: str) -> None:
        self.replace(character, *sorted(self.selection), maintain_selection_offset=False)

    @property
    def _offset(self) -> int:
        row, column = self.cursor_location
        return sum(len(line) + 1 for line in self.document.lines[:row]) + column

    def _location(self, offset: int) -> Location:
        before = self.text[:offset]
        return before.count("\n"), offset - before.rfind("\n") - 1

    def _kill(self, to: int) -> None:
        """Kill the text between the cursor and an offset."""
        at = self._offset
        start, end = self._location(min(at, to)), self._location(max(at, to))
        append = self._after_kill == (self.text, self.cursor_location)
        result = self._edit_as_one("", start, end)
        self._kill_ring.kill(result.replaced_text, append=append, before=to < at)
        self._after_kill = (self.text, self.cursor_location)

    def _yank(self, text: str, start: Location, end: Location) -> None:
        if text:
            result = self._edit_as_one(text, start, end)
            self._yanked = (self.text, min(start, end), result.end_location)

    def _change(self, changed: tuple[str, int]) -> None:
        text, cursor = changed
        if text != self.text:
            self._show(text)
        self.move_cursor(self._location(cursor))

    def _edit_as_one(self, text: str, start: Location, end: Location) -> EditResult:
        """Replace a range as one undo step."""
        self.history.checkpoint()
        result = self.replace(text, start, end, maintain_selection_offset=False)
        self.history.checkpoint()
        return result

    # History

    def remember(self, text: str) -> None:
        """Up brings this back. Placeholders stay folded: they unfold again when the text is sent again."""
        self._walk = []
        if not self._past or self._past[-1] != text:
            self._past.append(text)

    def _set_aside(self) -> None:
        self.remember(self.text)
        self.history.checkpoint()
        self.clear()
        self.history.checkpoint()

    def _step_in_history(self, step: int) -> bool:
        """Move through the history. Entries keep changes until something is sent; the last entry is the unsent text."""
        if not self._walk:
            own = set(self._past)
            self._walk = [*reversed([prompt for prompt in self._earlier if prompt not in own]), *self._past, self.text]
            self._at = len(self._walk) - 1
        target = self._at + step
        if not 0 <= target < len(self._walk):
            return False
        self._walk[self._at] = self.text
        self._at = target
        text = self._walk[target]
        if target < len(self._walk) - 1 - len(self._past):
            text = self._pastes.fold_known(sanitize_paste(text))
        self._closed_at = text
        # The first row when moving up, the last one when moving down, so that the next press moves on.
        first_line = text.partition("\n")[0]
        self._show(text, (0, len(first_line)) if step < 0 else None)
        if step < 0:
            while self._cursor_row() > 0:
                self.move_cursor(self.get_cursor_up_location())
        return True

    def _show(self, text: str, cursor: Location | None = None) -> None:
        self.history.checkpoint()
        self.replace(text, (0, 0), self.document.end, maintain_selection_offset=False)
        self.move_cursor(self.document.end if cursor is None else cursor)

    def _cursor_row(self) -> int:
        return self.wrapped_document.location_to_offset(self.cursor_location).y

    # Completion

    def update_suggestion(self) -> None:
        """Update the completions. TextArea calls this after every change of the text, also by undo."""
        if (less := wrap_width_correction(self.text, self.wrap_width + self._narrower)) != self._narrower:
            self._narrower = less
            self._rewrap_and_refresh_virtual_size()
        line = self.document.get_line(0)
        if line != self._closed_at:
            self._closed_at = None
        if self.document.line_count > 1 or not line.startswith("/") or line == self._closed_at:
            self._offer(())
        else:
            offers = tuple(self._complete(line))
            is_open = line.endswith(" ") or any(offer.is_free for offer in offers[:1])
            self._offer(offers, None if is_open else 0)
        row, column = self.cursor_location
        may_offer = not self._offers and line != self._closed_at and not command_name(line)
        if may_offer and (path := typed_path(self.document.get_line(row)[:column])):
            self.post_message(self.PathEntered(path))

    def _offer(self, offers: tuple[Completion, ...], chosen: int | None = None) -> None:
        self._offered_files = ("", ())
        self._offers = offers
        self._chosen = chosen if offers else None
        self._list.show(self._offers, self._chosen)

    def _choose(self, step: int) -> None:
        count = len(self._offers)
        start = self._chosen if self._chosen is not None else (-1 if step > 0 else count)
        self._offer(self._offers, (start + step) % count)

    def _close_offers(self) -> None:
        self._closed_at = self.text
        self._offer(())

    # Placeholders of pastes are atomic: the cursor cannot enter them, and an edit affects all of one.

    def edit(self, edit: Edit) -> EditResult:
        top, bottom = edit.top, edit.bottom
        if top == bottom:
            return super().edit(edit)
        return super().edit(replace(edit, from_location=self._out_of(top, 0), to_location=self._out_of(bottom, 1)))

    def validate_selection(self, selection: Selection) -> Selection:
        old = self.selection
        start, end = selection
        return Selection(self._out_of(start, int(start > old.start)), self._out_of(end, int(end > old.end)))

    def _out_of(self, location: Location, side: int) -> Location:
        """The location, or the edge (0 left, 1 right) of the placeholder that contains it."""
        row, column = location
        if row >= self.document.line_count:
            return location  # TextArea deletes up to the line after the last one
        for span in self._pastes.spans(self.document.get_line(row)):
            if span[0] < column < span[1]:
                return row, span[side]
        return location

    def get_line(self, line_index: int) -> Text:
        line = super().get_line(line_index)
        for start, end in self._pastes.spans(line.plain):
            line.stylize(self.get_component_rich_style("prompt--paste", partial=True), start, end)
        return line

    def _place_terminal_cursor(self, _: object) -> None:
        """Move the terminal's cursor, where input methods open their window. TextArea forgets it if only the layout changes."""
        if self.has_focus and self._running_app.cursor_position != self.cursor_screen_offset:
            self._running_app.cursor_position = self.cursor_screen_offset
            self.refresh()

    @property
    def _running_app(self) -> App[object]:
        return cast("App[object]", super().app)
