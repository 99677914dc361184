"""The open sessions: which ones there are, and the row at the top that shows them once there are two."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip
from textual.widget import Widget

from stepchat.text.sanitize import sanitize_line
from stepchat.text.widths import truncate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events

MOST_TABS: Final = 9
"""As many as there are digits to reach them. The one that was not shown for longest makes way for another."""
_WIDEST: Final = 28
"""Cells of a title."""
NEW_SESSION: Final = "new session"


class OpenSessions:
    """The ids of the open sessions in the order of their tabs; None is a session without messages."""

    def __init__(self, session: str | None) -> None:
        self.ids: list[str | None] = [session]
        self.current = session
        self.unread: set[str] = set()
        self._shown_last: list[str | None] = [session]

    def visit(self, session: str | None, answering: frozenset[str] = frozenset()) -> None:
        """This session is on screen now. An empty session that was left is gone; one that got a message keeps its tab."""
        if session not in self.ids:
            if self.current is None and None in self.ids and session is not None:
                self.ids[self.ids.index(None)] = session
            else:
                at = self.ids.index(self.current) + 1 if self.current in self.ids else len(self.ids)
                self.ids.insert(at, session)
        elif self.current is None and session is not None and None in self.ids:
            self.ids.remove(None)
        self.current = session
        self.unread.discard(session or "")
        self._shown_last = [session, *(kept for kept in self._shown_last if kept != session and kept in self.ids)]
        idle = [kept for kept in reversed(self._shown_last) if kept != session and kept not in answering]
        for dropped in idle[: max(0, len(self.ids) - MOST_TABS)]:
            self.ids.remove(dropped)

    def close(self, session: str | None) -> str | None:
        """Forget a session. Returns the one that was shown before it; None for an empty one."""
        if session in self.ids:
            self.ids.remove(session)
        self.unread.discard(session or "")
        self._shown_last = [kept for kept in self._shown_last if kept != session]
        return next((kept for kept in self._shown_last if kept in self.ids), None)

    def at(self, number: int) -> str | None:
        """The session of a tab, counted from 1. Raises IndexError."""
        if not 1 <= number <= len(self.ids):
            raise IndexError(number)
        return self.ids[number - 1]

    def beside(self, by: int) -> str | None:
        """The session of the next tab (1) or the one before (-1), around the ends."""
        return self.ids[(self.ids.index(self.current) + by) % len(self.ids)]

    def number(self, session: str) -> int:
        """The number of its tab; 0 if it has none."""
        return self.ids.index(session) + 1 if session in self.ids else 0


class Tab(NamedTuple):
    """One open session as it is shown."""

    title: str
    is_current: bool = False
    is_answering: bool = False
    is_unread: bool = False


class Cell(NamedTuple):
    """A piece of the row; `number` is that of its tab, 0 between tabs."""

    text: str
    role: str
    number: int


def arrange(tabs: Sequence[Tab], width: int) -> list[Cell]:
    """The row: each tab with its number, a mark (`…` answering, `●` not read yet) and as much of its title as fits."""
    marks = ["… " if tab.is_answering else "● " if tab.is_unread else "" for tab in tabs]
    fixed = sum(len(f" {number} ") + cell_len(mark) + 1 for number, mark in enumerate(marks, 1))
    widest = max(0, min(_WIDEST, (width - fixed) // max(1, len(tabs))))
    cells: list[Cell] = []
    used = 0
    for number, (tab, mark) in enumerate(zip(tabs, marks, strict=True), 1):
        title = truncate(sanitize_line(tab.title), widest) if widest > 1 else ""
        text = f" {number} {mark}{title}{' ' if title else ''}"
        if used + cell_len(text) > width:
            break
        role = "current" if tab.is_current else "unread" if tab.is_unread else "other"
        cells.append(Cell(text, role, number))
        used += cell_len(text)
    return cells


class TabBar(Widget):
    """One row with the open sessions. Hidden while there is only one."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"tab-bar--current", "tab-bar--other", "tab-bar--unread"}

    class Chosen(Message):
        """The user clicked this tab, counted from 1."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    tabs: var[tuple[Tab, ...]] = var(())

    def watch_tabs(self, tabs: tuple[Tab, ...]) -> None:
        self.display = len(tabs) > 1
        self.refresh()

    def on_mount(self) -> None:
        self.display = False

    def on_click(self, event: events.Click) -> None:
        at = 0
        for cell in arrange(self.tabs, self.size.width):
            at += cell_len(cell.text)
            if event.x < at:
                self.post_message(self.Chosen(cell.number))
                return

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        rest = self.get_component_rich_style("tab-bar--other")
        cells = arrange(self.tabs, width) if y == 0 else []
        segments = [Segment(cell.text, self.get_component_rich_style(f"tab-bar--{cell.role}")) for cell in cells]
        used = sum(cell_len(cell.text) for cell in cells)
        return Strip([*segments, Segment(set_cell_size("", width - used), rest)], width)
