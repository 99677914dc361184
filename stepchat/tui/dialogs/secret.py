"""A line that is typed or pasted and not shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from stepchat.errors import StepchatError
from stepchat.tui.dialogs.key_line import KeyLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult


class Secret(ModalScreen[str | None]):
    """Returns what was given, None when nothing was. What `check` raises StepchatError for is told, and can be given anew:
    closed, what is pasted next would be seen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Close", show=False)]

    def __init__(self, title: str, words: str, check: Callable[[str], object] = str) -> None:
        super().__init__()
        self._heading = title
        self._words = words
        self._check = check
        self._refusal = Static(markup=False, classes="dialog-error")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._heading, classes="dialog-title", markup=False)
            yield Static(self._words, markup=False)
            yield Input(password=True, placeholder="Paste it here; it is not shown", compact=True)
            yield self._refusal
            yield KeyLine((("Enter", "take it"), ("Esc", "close")))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        given = event.value.strip()
        try:
            if given:
                self._check(given)
        except StepchatError as error:
            event.input.value = ""
            self._refusal.update(f"{error.message} {error.hint}")
            return
        self.dismiss(given or None)
