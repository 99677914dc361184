"""A line that is typed or pasted and not shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from stepchat.tui.dialogs.key_line import KeyLine

if TYPE_CHECKING:
    from textual.app import ComposeResult


class Secret(ModalScreen[str | None]):
    """Returns what was given, None when nothing was."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Close", show=False)]

    def __init__(self, title: str, words: str) -> None:
        super().__init__()
        self._heading = title
        self._words = words

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._heading, classes="dialog-title", markup=False)
            yield Static(self._words, markup=False)
            yield Input(password=True, placeholder="Paste it here; it is not shown", compact=True)
            yield KeyLine((("Enter", "take it"), ("Esc", "close")))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)
