"""The help: every key and every command, by group. Typing filters them."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from rich.cells import cell_len

from stepchat.tui.dialog_keys import bindings
from stepchat.tui.dialogs.filter_dialog import FilterDialog
from stepchat.tui.dialogs.list_view import VirtualList

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual.binding import BindingType
    from textual.geometry import Size

    from stepchat.tui.dialogs.list_view import Piece


class HelpRow(NamedTuple):
    """A command: its slash form, its key, what it does, its argument, and other words it is found by."""

    name: str
    key: str
    help: str
    argument: str = ""
    synonyms: tuple[str, ...] = ()


HINTS: Final = (("list.up list.down", "scroll"), ("list.page-down", "page"), ("list.close", "close"))
MOUSE: Final = HelpRow(
    "", "", "scroll with the wheel; drag to select and copy; click a header to fold it, a link to see its address"
)
_GAP: Final = 2
_ARGUMENTS_FROM: Final = 70
"""Columns from which arguments are shown."""


class HelpScreen(FilterDialog[None]):
    """Each group has a title and its rows."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("help", {"close": "close"})

    def __init__(self, groups: Sequence[tuple[str, Sequence[HelpRow]]]) -> None:
        super().__init__(VirtualList(lambda index, _, __: self._lines[index]), HINTS, title="Commands and keys")
        self._groups = groups
        self._lines: list[list[Piece]] = []
        self._list.has_cursor = False
        self._list.empty_text = "No matches."

    def fit(self, size: Size) -> None:
        super().fit(size)
        self.call_after_refresh(self._fill)

    def filter_changed(self, typed: str) -> None:  # noqa: ARG002 - read in `_fill`
        self._fill()

    def _fill(self) -> None:
        if self.is_attached:
            self._lines = help_lines(matching(self._groups, self._filter.value), self._list.line_width)
            self._list.show(len(self._lines))


def matching(groups: Sequence[tuple[str, Sequence[HelpRow]]], typed: str) -> list[tuple[str, Sequence[HelpRow]]]:
    """The rows that contain all the words, in their names, keys, synonyms, or the title of their group."""
    words = typed.casefold().split()

    def matches(title: str, row: HelpRow) -> bool:
        text = " ".join((title, row.name, row.key, row.help, *row.synonyms)).casefold()
        return all(word in text for word in words)

    found = [(title, [row for row in group if matches(title, row)]) for title, group in groups]
    return [(title, rows) for title, rows in found if rows]


def help_lines(groups: Sequence[tuple[str, Sequence[HelpRow]]], width: int) -> list[list[Piece]]:
    """The groups as lines of at most `width` columns."""
    every = [row for _, group in groups for row in group]
    keys = max((cell_len(row.key) for row in every), default=0) + _GAP
    widest = max((cell_len(row.name) for row in every), default=0) + _GAP
    lines: list[list[Piece]] = []
    for title, group in groups:
        names = widest if any(row.name for row in group) else 0
        if lines:
            lines.append([])
        lines.append([(title, "title")])
        for row in group:
            lines += _row(row, names, keys, width)
    return lines


def _row(row: HelpRow, names: int, keys: int, width: int) -> Iterator[list[Piece]]:
    argument = f"  {row.argument}" if row.argument and width >= _ARGUMENTS_FROM else ""
    words = wrap(row.help + argument, max(10, width - names - keys)) or [""]
    yield [(f"{row.name:<{names}}", "text"), (f"{row.key:<{keys}}", "sign"), (words[0], "dim")]
    for line in words[1:]:
        yield [(" " * (names + keys), "text"), (line, "dim")]
