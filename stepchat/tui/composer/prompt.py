"""The prompt: several lines, history, completion, folded pastes. It knows no command and starts nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final, cast

from rich.segment import Segment
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.actions import SkipAction
from textual.containers import Horizontal
from textual.content import Content
from textual.keys import Keys
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static, TextArea
from textual.widgets.text_area import Selection

from stepchat.first_frame.picture import PLACEHOLDER, SIGN, prompt_width
from stepchat.text.sanitize import sanitize_paste
from stepchat.tui.composer.completion import Completion, CompletionList
from stepchat.tui.composer.paste import BLANK_FIRST_LINES, Pastes
from stepchat.tui.composer.wrap_width import wrap_width_correction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.text import Text
    from textual import events
    from textual.app import App, ComposeResult
    from textual.signal import Signal
    from textual.widgets.text_area import Edit, EditResult, Location

_GOES_ON: Final = (" ", "=")
"""How an offer ends behind which something is to be typed."""


def understand_alt_enter() -> None:
    """Textual drops the Alt of Alt+Enter on terminals without the kitty protocol, so that it would send. Idempotent."""
    cast("dict[str, object]", ANSI_SEQUENCES_KEYS)["\x1b\r"] = (Keys.ControlJ,)


def _breaks_the_line(key: str) -> bool:
    """Any modified Enter. Under xterm's modifyOtherKeys Textual calls it by a raw carriage return."""
    return key == "ctrl+j" or key.endswith(("+enter", "\r"))


class Prompt(TextArea):
    """The text being written; sits in a PromptBar."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"prompt--paste"}

    class Submitted(Message):
        """Enter was pressed on some text. Pastes are unfolded, blank lines around it are gone."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, completion_list: CompletionList, complete: Callable[[str], Sequence[Completion]]) -> None:
        # TextArea's own constructor already moves the cursor, which asks for these.
        self._pastes = Pastes()
        self._past: list[str] = []
        self._walk: list[str] = []
        self._at = 0
        self._list = completion_list
        self._complete = complete
        self._offers: tuple[Completion, ...] = ()
        self._chosen: int | None = None
        self._closed_at: str | None = None
        self._narrower = 0
        self._refused = ""
        super().__init__(placeholder=Content(PLACEHOLDER), highlight_cursor_line=False, id="prompt")
        self.cursor_blink = False
        self.match_cursor_bracket = False
        understand_alt_enter()

    def on_mount(self) -> None:
        changes = cast("Signal[object]", self.screen.screen_layout_refresh_signal)  # pyright: ignore[reportUnknownMemberType]
        changes.subscribe(self, self._place_terminal_cursor)

    @property
    def wrap_width(self) -> int:
        # The first paint comes before the first layout tells a width: a long text would be one row then.
        whole = super().wrap_width or prompt_width(self.app.size.width)  # pyright: ignore[reportUnknownMemberType] - generic in Textual
        return whole - self._narrower

    # What the owner does

    def set_history(self, prompts: Sequence[str]) -> None:
        """Earlier prompts, the oldest first. What is sent from now on is added by itself."""
        self._past = [self._pastes.fold_known(sanitize_paste(prompt)) for prompt in prompts]
        self._walk = []

    def prefill(self, text: str, cursor: int | None = None) -> None:
        """Put this in the place of what is there; `cursor` counts characters, None is the end."""
        clean = sanitize_paste(self._pastes.fold_marked(text))
        if cursor is None:
            clean = self._pastes.fold_known(clean)
        before = clean if cursor is None else sanitize_paste(text[: max(0, cursor)])
        self._show(clean, (before.count("\n"), len(before) - before.rfind("\n") - 1))

    def restore_command(self, line: str) -> None:
        """A command that was refused: it can be mended, and another one begun with `/` takes its place."""
        self.prefill(line)
        self._refused = self.text

    def paste(self, text: str) -> None:
        """Insert pasted text at the cursor, cleaned and perhaps folded. Never sends."""
        if not text:
            return
        self.history.checkpoint()
        self.replace(self._pastes.fold(sanitize_paste(text)), *sorted(self.selection), maintain_selection_offset=False)
        self.history.checkpoint()

    @property
    def marked_text(self) -> str:
        """Everything that is there, the pastes whole, with marks by which `prefill` folds them again."""
        return self._pastes.mark(self.text)

    @property
    def unfolded_text(self) -> str:
        """The text as it would be sent: pastes unfolded, blank lines around it gone."""
        return BLANK_FIRST_LINES.sub("", self._pastes.expand(self.text)).rstrip()

    def accept_completion(self, index: int) -> None:
        """Take one of the completions on show."""
        offer = self._offers[index]
        if not offer.text.endswith(_GOES_ON):
            self._closed_at = offer.text
        self._show(offer.text)

    # Keys

    async def _on_key(self, event: events.Key) -> None:
        match event.key:
            case "enter":
                self._enter()
            case key if _breaks_the_line(key):
                self.replace("\n", *sorted(self.selection), maintain_selection_offset=False)
            case "tab":
                if self._offers:
                    self.accept_completion(self._chosen or 0)
            case "escape" if self._offers:
                self._close_offers()
            case "ctrl+c" if self.text and self.selection.is_empty:
                self._set_aside()
            case "slash" if self.text and self.text == self._refused:
                self._show("/")
            case key if key.startswith("alt+"):
                # A binding of the screen may want it; its letter is nothing to write.
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
        elif select or self._cursor_row() > 0 or not self._step_in_history(-1):
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:  # noqa: FBT001, FBT002 - TextArea's signature
        if not select and self._offers:
            self._choose(1)
        elif select or self._cursor_row() < self.wrapped_document.height - 1 or not self._step_in_history(1):
            super().action_cursor_down(select)

    def action_cursor_page_up(self) -> None:
        """Pages belong to the transcript."""
        raise SkipAction

    def action_cursor_page_down(self) -> None:
        """Pages belong to the transcript."""
        raise SkipAction

    def action_paste(self) -> None:
        self.paste(self._running_app.clipboard)

    def _enter(self) -> None:
        if self._chosen is not None:
            offer = self._offers[self._chosen].text
            if offer.rstrip() != self.text.rstrip():
                self.accept_completion(self._chosen)
                if offer.endswith(_GOES_ON):
                    return
        text = self.unfolded_text
        if not text:
            return
        self._remember(self.text)
        self.load_text("")
        self.post_message(self.Submitted(text))

    # History

    def _remember(self, text: str) -> None:
        """Keeps placeholders folded: they unfold again when the text is sent again."""
        self._walk = []
        if not self._past or self._past[-1] != text:
            self._past.append(text)

    def _set_aside(self) -> None:
        self._remember(self.text)
        self.history.checkpoint()
        self.clear()
        self.history.checkpoint()

    def _step_in_history(self, step: int) -> bool:
        """Each entry keeps what was changed in it until something is sent; the last is the unsent text."""
        if not self._walk:
            self._walk = [*self._past, self.text]
            self._at = len(self._walk) - 1
        target = self._at + step
        if not 0 <= target < len(self._walk):
            return False
        self._walk[self._at] = self.text
        self._at = target
        text = self._walk[target]
        self._closed_at = text
        # The first row going up, the last going down, so that the next press goes on walking.
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
        """TextArea calls this after every change of the text, also by undo."""
        if (less := wrap_width_correction(self.text, self.wrap_width + self._narrower)) != self._narrower:
            self._narrower = less
            self._rewrap_and_refresh_virtual_size()
        line = self.document.get_line(0)
        if line != self._closed_at:
            self._closed_at = None
        if self.document.line_count > 1 or not line.startswith("/") or line == self._closed_at:
            self._offer(())
        else:
            self._offer(tuple(self._complete(line)), 0 if not line.endswith(" ") else None)

    def _offer(self, offers: tuple[Completion, ...], chosen: int | None = None) -> None:
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

    # Placeholders of pastes are one piece: the cursor cannot enter them and an edit takes them whole.

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
        """The location itself, or the edge (0 left, 1 right) of the placeholder it is in."""
        row, column = location
        if row >= self.document.line_count:
            return location  # TextArea deletes up to the line behind the last one
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
        """Input methods open their window at the terminal's cursor; TextArea forgets it when only the layout changes."""
        if self.has_focus and self._running_app.cursor_position != self.cursor_screen_offset:
            self._running_app.cursor_position = self.cursor_screen_offset
            self.refresh()

    @property
    def _running_app(self) -> App[object]:
        return cast("App[object]", super().app)


class PromptRule(Widget):
    """A thin line over the whole width."""

    ALLOW_SELECT = False

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        return Strip([Segment("─" * width, self.rich_style)], width) if y == 0 else Strip.blank(width)


class PromptBar(Widget):
    """Rule, mark and prompt; the completions open above it. `complete` gets the whole line, which starts with `/`."""

    def __init__(self, complete: Callable[[str], Sequence[Completion]], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._completion_list = CompletionList()
        self.prompt = Prompt(self._completion_list, complete)

    def compose(self) -> ComposeResult:
        yield self._completion_list
        yield PromptRule()
        with Horizontal(id="prompt-row"):
            yield Static(SIGN, id="prompt-mark", markup=False)
            yield self.prompt

    def on_completion_list_picked(self, event: CompletionList.Picked) -> None:
        event.stop()
        self.prompt.accept_completion(event.index)
        self.prompt.focus()
