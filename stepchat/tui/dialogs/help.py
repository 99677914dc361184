"""The help screen: every command with its slash form and its key, as they are bound now."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

WRITING = (
    ("Enter", "send"),
    ("Shift+Enter, Ctrl+J, Alt+Enter", "new line"),
    ("Up, Down", "earlier prompts"),
    ("Ctrl+C", "clear the prompt; Up brings it back"),
    ("Tab", "complete a command"),
    ("Mouse", "wheel scrolls; drag selects and copies; click a reasoning header to fold it"),
)


class Help(ModalScreen[None]):
    """Rows are (slash form, key, what it does)."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q,enter", "dismiss", "Close", show=False)]

    def __init__(self, rows: Sequence[tuple[str, str, str]]) -> None:
        super().__init__()
        self._rows = rows

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Commands and keys", classes="dialog-title", markup=False)
            with VerticalScroll(can_focus=True):
                yield Static(self._table(), markup=False)
            yield Static("Esc closes", classes="dialog-keys", markup=False)

    def _table(self) -> Content:
        slash = max(cell_len(row[0]) for row in self._rows) + 2
        keys = max(cell_len(key_name(row[1])) for row in self._rows) + 2
        lines = [
            Content.assemble(f"{name:<{slash}}", (f"{key_name(key):<{keys}}", "$accent"), (words, "$dim"))
            for name, key, words in self._rows
        ]
        lines.append(Content(""))
        width = max(len(key) for key, _ in WRITING) + 2
        lines.extend(Content.assemble((f"{key:<{width}}", "$accent"), (words, "$dim")) for key, words in WRITING)
        return Content("\n").join(lines)


def key_name(key: str) -> str:
    """Textual's name of a key as people write it: `ctrl+t` is `Ctrl+T`."""
    names = {"pageup": "PageUp", "pagedown": "PageDown", "escape": "Esc"}
    return "+".join(names.get(part, part.capitalize()) for part in key.split("+")) if key else ""
