"""The help screen: every command with its key and its slash form, by group."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from rich.cells import cell_len
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from stepchat.tui.dialog_keys import PAGE, bindings
from stepchat.tui.dialogs.key_hints import KeyHints
from stepchat.tui.dialogs.report import PAGE_ACTIONS, scroll_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from stepchat.tui.dialogs.report import PageStep


class HelpRow(NamedTuple):
    """A command: its slash form, its key, what it does, and its argument."""

    name: str
    key: str
    help: str
    argument: str = ""


MOUSE: Final = HelpRow(
    "", "", "scroll with the wheel; drag to select and copy; click a header to fold it, a link to see its address"
)
_GAP: Final = 2
_ARGUMENTS_FROM: Final = 70
"""Columns from which arguments are shown."""


class HelpScreen(ModalScreen[None]):
    """Each group has a title and its rows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("help", {"close": "dismiss(None)"}),
        *bindings(PAGE, PAGE_ACTIONS),
    ]

    def __init__(self, groups: Sequence[tuple[str, Sequence[HelpRow]]]) -> None:
        super().__init__()
        self._groups = groups

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Commands and keys", classes="dialog-title", markup=False)
            with VerticalScroll(can_focus=True):
                yield Static(markup=False)
            yield KeyHints((("page.up page.down", "scroll"), ("page.page-down", "page"), ("page.close", "close")))

    def action_scroll(self, by: PageStep) -> None:
        scroll_page(self.query_one(VerticalScroll), by)

    def on_resize(self, _event: events.Resize) -> None:
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        if not self.is_attached:
            return  # closed before the first refresh
        table = self.query_one(VerticalScroll)
        table.query_one(Static).update(
            Content("\n").join(help_lines(self._groups, table.scrollable_content_region.width))
        )


def help_lines(groups: Sequence[tuple[str, Sequence[HelpRow]]], width: int) -> list[Content]:
    """The groups as lines of at most `width` columns."""
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
