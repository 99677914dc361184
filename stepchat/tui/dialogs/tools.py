"""The tools: where each comes from, whether it is on, whether it asks, and how often it was called here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from stepchat.tui import workers
from stepchat.tui.dialog_keys import bindings
from stepchat.tui.dialogs.filter_dialog import FilterDialog
from stepchat.tui.dialogs.list_view import VirtualList
from stepchat.tui.dialogs.pick import Choice, columns_of, line_of, list_size

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from textual.binding import BindingType
    from textual.geometry import Size

    from stepchat.errors import StepchatError

HINTS: Final = (
    ("list.accept", "on/off"),
    ("list.close", "close"),
    ("tools.view", "view"),
    ("tools.ask-again", "ask again"),
)


@dataclass(frozen=True, slots=True)
class ToolRow:
    """A row of the dialog."""

    name: str
    is_on: bool
    source: str
    approval: str
    """Whether the user is asked: `asks`, `trusted`, `always`, `this session`."""
    calls: int
    """In this session."""

    def choice(self) -> Choice:
        """The row as the list shows it."""
        calls = [f"{self.calls} call{'' if self.calls == 1 else 's'}"] if self.calls else []
        return Choice(
            self.name, self.name, ("on" if self.is_on else "off",), " · ".join([self.source, self.approval, *calls])
        )


class ToolsDialog(FilterDialog[None]):
    """Switches tools on and off, and stays open."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("tools", {"view": "view", "ask-again": "ask_again"})

    def __init__(
        self,
        rows: Sequence[ToolRow],
        toggle: Callable[[str], Awaitable[Sequence[ToolRow]]],
        ask_again: Callable[[str], Awaitable[Sequence[ToolRow]]],
        view: Callable[[str], None],
    ) -> None:
        super().__init__(
            VirtualList(lambda index, _, width: line_of(self._found[index], self._columns, width), wraps_around=True),
            HINTS,
            title="Tools",
        )
        self._list.empty_text = "No matching tool."
        self._rows = [row.choice() for row in rows]
        self._columns = columns_of(self._rows)
        self._found: Sequence[Choice] = ()
        self._toggle = toggle
        self._forget = ask_again
        self._view = view

    def on_mount(self) -> None:
        self._fill()

    def fit(self, size: Size) -> None:
        """As high as all rows need, so that typing does not change the height."""
        super().fit(size)
        self._list.styles.height = max(1, min(list_size(size)[0], len(self._rows)))

    def filter_changed(self, typed: str) -> None:  # noqa: ARG002 - read in `_fill`
        self._fill()

    def _fill(self, keep: str = "") -> None:
        words = self._filter.value.casefold().split()
        self._found = [
            row for row in self._rows if all(word in f"{row.text} {row.detail}".casefold() for word in words)
        ]
        kept = (index for index, row in enumerate(self._found) if row.id == keep)
        self._list.show(len(self._found), next(kept, 0))

    @property
    def _current(self) -> Choice | None:
        return self._found[self._list.cursor] if self._found else None

    def accept(self) -> None:
        if self._current is not None:
            self._change(self._toggle, self._current.id)

    def action_view(self) -> None:
        if self._current is not None:
            self._view(self._current.id)

    def action_ask_again(self) -> None:
        if self._current is not None:
            self._change(self._forget, self._current.id)

    def _change(self, change: Callable[[str], Awaitable[Sequence[ToolRow]]], name: str) -> None:
        async def run() -> None:
            self._rows = [row.choice() for row in await change(name)]
            self._columns = columns_of(self._rows)
            self._fill(name)

        workers.run_task(self, run, partial(self._report), group="tools")

    def _report(self, error: StepchatError) -> None:
        self._hints.show_message(str(error))
