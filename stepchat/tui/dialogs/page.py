"""The base of every dialog without a field: a page of text that scrolls as in less, and in which `/` finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias, TypeVar, get_args

from textual.containers import Horizontal
from textual.widgets import Static

from stepchat.tui.dialog_keys import DEFAULTS, FIND, PAGE, bindings
from stepchat.tui.dialogs.dialog import Dialog
from stepchat.tui.dialogs.key_hints import KeyHints
from stepchat.tui.field import Field
from stepchat.tui.keymap import keymap_of

if TYPE_CHECKING:
    from textual import events
    from textual.binding import BindingType
    from textual.containers import VerticalScroll
    from textual.widgets import Input

    from stepchat.tui.dialogs.key_hints import Hints
    from stepchat.tui.transcript.view import TranscriptView

T = TypeVar("T")
PageStep: TypeAlias = Literal["up", "down", "page-up", "page-down", "half-up", "half-down", "first", "last"]
"""A move on a page, named like the key ids of `page`."""
FIND_HINTS: Final = (("find.accept", "find"), ("find.close", "cancel"))


class FindLine(Horizontal):
    """The line below a page in which the user types what to find."""


class PageDialog(Dialog[T | None]):
    """A page. Subclasses yield `find_line` above `hints`, scroll, and search."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(FIND, {"accept": "accept_find", "close": "close_find"}),
        *bindings(
            PAGE,
            {
                **{step: f"scroll({step!r})" for step in get_args(PageStep)},
                "find": "find",
                "match-next": "match(1)",
                "match-previous": "match(-1)",
                "close": "dismiss(None)",
            },
        ),
    ]

    def __init__(self, hints: Hints, *, hint_lines: int = 1) -> None:
        super().__init__()
        self.words = Field(placeholder="Find in this page")
        self._count = Static(markup=False)
        self.find_line = FindLine(self.words, self._count)
        self.hints = KeyHints(hints, lines=hint_lines)
        self._page_hints = hints

    # ---- for subclasses to override

    def scroll_by(self, step: PageStep) -> None:
        """Scroll."""

    def search(self, words: str) -> None:
        """Find the words; "" ends it."""

    def go_to_match(self, by: int) -> None:
        """Go to the next match, the one before, or (0) the first from here on."""

    def matches(self) -> tuple[int, int]:
        """The number of the match shown, and how many there are."""
        return 0, 0

    # ---- finding

    def set_hints(self, hints: Hints) -> None:
        """Show other hints while nothing is being typed."""
        self._page_hints = hints
        if not self.words.has_focus:
            self.hints.set_hints(hints)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:  # noqa: ARG002 - Textual's signature
        # While words are typed, the letters are those of the field.
        return action.endswith("_find") == self.words.has_focus

    def on_key(self, event: events.Key) -> None:
        """Where a page has an action of its own on the key, it replaces the binding above."""
        row = keymap_of(self, DEFAULTS).at(FIND, event.key)
        if self.words.has_focus and row is not None and row.id == "accept":
            event.stop()
            self.action_accept_find()

    def action_scroll(self, step: PageStep) -> None:
        self.scroll_by(step)

    def action_find(self) -> None:
        self.find_line.display = True
        self.words.value = ""
        self.words.focus()
        self.hints.set_hints(FIND_HINTS)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.search(event.value)
        self.show_count()

    def action_accept_find(self) -> None:
        # The last key may not have been searched for yet.
        self.search(self.words.value)
        self.end_typing()
        self.action_match(0)

    def action_close_find(self) -> None:
        self.search("")
        self.end_typing()

    def action_match(self, by: int) -> None:
        self.go_to_match(by)
        self.show_count()

    def end_typing(self) -> None:
        """Give the keys back to the page."""
        self.find_line.display = bool(self.matches()[1])
        self.set_focus(None)
        self.hints.set_hints(self._page_hints)

    def show_count(self) -> None:
        number, total = self.matches()
        self._count.update(f"{number}/{total}" if number else "no matches" if self.words.value else "")


def scroll_widget(widget: VerticalScroll, step: PageStep) -> None:
    """Scroll by a row, a page or half a page, or to an end."""
    match step:
        case "up":
            widget.scroll_up(animate=False)
        case "down":
            widget.scroll_down(animate=False)
        case "page-up":
            widget.scroll_page_up(animate=False)
        case "page-down":
            widget.scroll_page_down(animate=False)
        case "half-up":
            widget.scroll_relative(y=-widget.size.height // 2, animate=False)
        case "half-down":
            widget.scroll_relative(y=widget.size.height // 2, animate=False)
        case "first":
            widget.scroll_home(animate=False)
        case "last":
            widget.scroll_end(animate=False)


def scroll_view(view: TranscriptView, step: PageStep) -> None:
    """The same for a transcript."""
    match step:
        case "up" | "down":
            view.scroll_lines(1 if step == "down" else -1)
        case "page-up" | "page-down":
            view.scroll_page(1 if step == "page-down" else -1)
        case "half-up" | "half-down":
            view.scroll_page(0.5 if step == "half-down" else -0.5)
        case "first":
            view.scroll_home()
        case "last":
            view.scroll_to_end()


def search_view(view: TranscriptView, words: str) -> None:
    """Search a whole transcript; "" ends it."""
    if not words:
        view.find(lambda finder: finder.leave())
        return
    view.find(lambda finder: finder.search_for(words))
    while not view.finder.search.is_done:
        view.find(lambda finder: finder.continue_search(1))
