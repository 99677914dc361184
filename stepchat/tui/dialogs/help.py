"""The help screen: every command with its slash form and its key, as they are bound now, by subject."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from stepchat.tui.dialogs.key_hints import KeyHints

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual import events
    from textual.app import ComposeResult


class HelpRow(NamedTuple):
    """What is typed, what is pressed, what it does, and the argument that may be typed after it."""

    name: str
    key: str
    help: str
    argument: str = ""


WRITING: Final = (
    HelpRow("", "Enter", "send"),
    HelpRow("", "Ctrl+J", "new line; so do Shift+Enter and Alt+Enter"),
    HelpRow("", "Up, Down", "earlier prompts"),
    HelpRow("", "Ctrl+C", "clear the prompt; Up brings it back"),
    HelpRow("", "Tab", "complete a command"),
    HelpRow(
        "", "Mouse", "wheel scrolls; drag selects and copies; click a header to fold it, a link to see where it leads"
    ),
)
_GAP: Final = 2
_ARGUMENTS_FROM: Final = 70
"""Columns that there must be for the arguments to be shown."""


class HelpScreen(ModalScreen[None]):
    """Each group has a title and its rows."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q,enter", "dismiss", "Close", show=False)]

    def __init__(self, groups: Sequence[tuple[str, Sequence[HelpRow]]]) -> None:
        super().__init__()
        self._groups = (*groups, ("Writing", WRITING))

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Commands and keys", classes="dialog-title", markup=False)
            with VerticalScroll(can_focus=True):
                yield Static(markup=False)
            yield KeyHints((("↑↓ PageDown", "scroll"), ("Esc", "close")))

    def on_resize(self, _event: events.Resize) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        table = self.query_one(VerticalScroll)
        table.query_one(Static).update(
            Content("\n").join(help_lines(self._groups, table.scrollable_content_region.width))
        )


def help_lines(groups: Sequence[tuple[str, Sequence[HelpRow]]], width: int) -> list[Content]:
    """The table in lines of at most `width` columns."""
    rows = [row for _, group in groups for row in group]
    names = max(cell_len(row.name) for row in rows) + _GAP
    keys = max(cell_len(row.key) for row in rows) + _GAP
    lines: list[Content] = []
    for title, group in groups:
        lines += [Content(""), Content.styled(title, "bold")] if lines else [Content.styled(title, "bold")]
        for row in group:
            lines += _row(row, names, keys, width)
    return lines


def _row(row: HelpRow, names: int, keys: int, width: int) -> Iterator[Content]:
    argument = f"  {row.argument}" if row.argument and width >= _ARGUMENTS_FROM else ""
    words = wrap(row.help + argument, max(10, width - names - keys)) or [""]
    yield Content.assemble(f"{row.name:<{names}}", (f"{row.key:<{keys}}", "$accent"), (words[0], "$dim"))
    for line in words[1:]:
        yield Content.assemble(" " * (names + keys), (line, "$dim"))


def key_name(key: str) -> str:
    """Textual's name of a key as people write it: `ctrl+t` is `Ctrl+T`."""
    names = {"pageup": "PageUp", "pagedown": "PageDown", "escape": "Esc"}
    return "+".join(names.get(part, part.capitalize()) for part in key.split("+")) if key else ""
