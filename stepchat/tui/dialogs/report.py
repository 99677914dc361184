"""Lines to read: a title, text that scrolls, keys at the bottom."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from stepchat.text.sanitize import sanitize
from stepchat.tui.dialogs.key_hints import KeyHints

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.geometry import Size

    from stepchat.chat.spending import ReportLine

_AROUND = 5
"""Columns of a narrow screen that are not the lines': margins and the scrollbar."""
_STYLES = {"head": "$accent", "plain": "$text", "dim": "$dim"}


class TextDialog(ModalScreen[None]):
    """Nothing to choose. `lines` gets the columns there are, anew whenever the window has another width."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "dismiss", "Close", show=False)]

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
            yield KeyHints((("↑↓", "scroll"), ("Esc", "close")))

    def on_resize(self, event: events.Resize) -> None:
        self._fill(event.size)

    def _fill(self, size: Size) -> None:
        lines = self._lines(max(1, size.width - _AROUND))
        self._text.update(
            Content("\n").join(
                Content.styled(sanitize(line.text, keep_newlines=False), _STYLES[line.role]) for line in lines
            )
        )
