"""A page of text: a title, lines that scroll."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias, get_args

from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from stepchat.text.sanitize import sanitize
from stepchat.tui.dialog_keys import PAGE, bindings
from stepchat.tui.dialogs.key_hints import KeyHints

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.geometry import Size

    from stepchat.chat.spending import ReportLine

PageStep: TypeAlias = Literal["up", "down", "page-up", "page-down", "half-up", "half-down", "first", "last"]
"""A move on a page, named like the key ids of `page`."""
PAGE_ACTIONS: Final = {
    **{step: f"scroll({step!r})" for step in get_args(PageStep)},
    "close": "dismiss(None)",
}
"""The actions of a page without a field, by the ids of its keys."""
_MARGIN: Final = 5
"""Columns of a narrow window that the lines do not have: margins and the scrollbar."""
_STYLES: Final = {"head": "$accent", "plain": "$text", "dim": "$dim"}


class TextDialog(ModalScreen[None]):
    """`lines` makes the lines for a number of columns; it is called again when the window has another width."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(PAGE, PAGE_ACTIONS)

    def __init__(self, title: str, lines: Callable[[int], Sequence[ReportLine]]) -> None:
        super().__init__()
        self._heading = title
        self._lines = lines
        self._text = Static(markup=False)
        self._scroll = VerticalScroll(self._text, can_focus=True)

    def compose(self) -> ComposeResult:
        self._fill(self.app.size)  # pyright: ignore[reportUnknownMemberType] - generic in Textual
        with Vertical(classes="dialog wide"):
            yield Static(sanitize(self._heading, keep_newlines=False), classes="dialog-title", markup=False)
            yield self._scroll
            yield KeyHints((("page.up page.down", "scroll"), ("page.close", "close")))

    def on_resize(self, event: events.Resize) -> None:
        self._fill(event.size)

    def _fill(self, size: Size) -> None:
        lines = self._lines(max(1, size.width - _MARGIN))
        self._text.update(
            Content("\n").join(
                Content.styled(sanitize(line.text, keep_newlines=False), _STYLES[line.role]) for line in lines
            )
        )

    def action_scroll(self, by: PageStep) -> None:
        scroll_page(self._scroll, by)


def scroll_page(widget: VerticalScroll, by: PageStep) -> None:
    """Scroll by a row, a page or half a page, or to an end."""
    match by:
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
