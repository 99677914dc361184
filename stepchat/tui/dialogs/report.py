"""Lines to read: a title, text that scrolls, keys at the bottom."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from stepchat.tui.dialogs.key_line import KeyLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from stepchat.money import Line

AROUND = 6
"""Columns of a narrow screen that are not the lines': margins and the scrollbar."""
_STYLES = {"head": "$accent", "plain": "", "dim": "$dim"}


class Report(ModalScreen[None]):
    """Nothing to choose."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "dismiss", "Close", show=False)]

    def __init__(self, title: str, lines: Sequence[Line]) -> None:
        super().__init__()
        self._heading = title
        self._lines = lines

    def compose(self) -> ComposeResult:
        text = Content("\n").join(
            Content.styled(line.text, _STYLES[line.role]) if _STYLES[line.role] else Content(line.text)
            for line in self._lines
        )
        with Vertical(classes="dialog wide"):
            yield Static(self._heading, classes="dialog-title", markup=False)
            with VerticalScroll(can_focus=True):
                yield Static(text, markup=False)
            yield KeyLine((("↑↓", "scroll"), ("Esc", "close")))
