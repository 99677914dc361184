"""The session screen: search, preview, organize and open sessions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from time import time
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias

from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from stepchat.tui import workers
from stepchat.tui.dialog_keys import bindings
from stepchat.tui.dialogs.filter_dialog import FilterDialog
from stepchat.tui.dialogs.list_view import VirtualList
from stepchat.tui.dialogs.session_changes import Changes
from stepchat.tui.dialogs.session_list import (
    LISTED,
    ORDERS,
    PAGE,
    PREFIX,
    RESTORE_LIMIT,
    Listed,
    SessionListOptions,
    SessionLoader,
    SessionRows,
)
from stepchat.tui.dialogs.session_preview import session_preview

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.geometry import Size

    from stepchat.errors import StepchatError
    from stepchat.sessions.records import SessionSummary
    from stepchat.sessions.store import SessionStore
    from stepchat.tui.dialogs.key_hints import Hints
    from stepchat.tui.dialogs.list_view import Step
    from stepchat.tui.dialogs.session_list import ListedSession

Mode: TypeAlias = Listed | Literal["rename"]
NAMES: Final[dict[Listed, str]] = {
    "current": "Sessions",
    "archived": "Archived sessions",
    "deleted": "Deleted sessions, kept for 30 days",
}
EMPTY: Final[dict[Listed, str]] = {
    "current": "No sessions yet.",
    "archived": "No archived sessions.",
    "deleted": "No deleted sessions.",
}
PLACEHOLDERS: Final = {
    False: "Type to search titles, questions and answers",
    True: "Type to search titles, questions, answers and reasoning",
}


def _hints(archive: str, show: str) -> Hints:
    return (
        ("list.accept", "open"), ("sessions.mark", "mark"), ("sessions.search-reasoning", "reasoning"),
        ("list.close", "close"), ("sessions.rename", "rename"), ("sessions.pin", "pin"),
        ("sessions.archive", archive), ("sessions.delete", "delete"), ("sessions.undo", "undo"),
        ("sessions.sort", "sort"), ("sessions.show-archived", show),
    )  # fmt: skip


HINTS: Final[dict[Mode, Hints]] = {
    "current": _hints("archive", "archived"),
    "archived": _hints("unarchive", "deleted"),
    "deleted": (
        ("list.accept", "restore"), ("sessions.mark", "mark"), ("sessions.search-reasoning", "reasoning"),
        ("list.close", "close"), ("sessions.undo", "undo"), ("sessions.sort", "sort"),
        ("sessions.show-archived", "current"),
    ),
    "rename": (("list.accept", "save"), ("list.close", "cancel")),
}  # fmt: skip
_PREVIEW_DELAY: Final = 0.04
"""Seconds that the cursor must rest before the preview is read."""


class SessionScreen(FilterDialog[str]):
    """Returns the id of the session to open. `options` is the state of the list, also after closing."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(
        "sessions",
        {
            "mark": "mark(1)",
            "mark-up": "mark(-1)",
            "search-reasoning": "search_reasoning",
            "sort": "sort",
            "show-archived": "show_archived",
            "rename": "rename",
            "pin": "change('pin')",
            "archive": "change('archive')",
            "delete": "change('delete')",
            "undo": "change('undo')",
        },
    )

    def __init__(
        self,
        store: SessionStore,
        options: SessionListOptions,
        answering: Collection[str] = (),
        now: Callable[[], float] = time,
        *,
        typed: str = "",
        found: Sequence[str] = (),
    ) -> None:
        """`answering` are the sessions in which an answer is being written. `found` are those listed for `typed` at first."""
        self._rows = SessionRows(now, answering)
        super().__init__(
            VirtualList(self._rows.line, self._rows.head, clicks_to_open=2),
            HINTS["current"],
            placeholder=PLACEHOLDERS[options.search_reasoning],
            typed=typed,
            hint_lines=2,
        )
        self.options = options
        self.opened: ListedSession | None = None
        self._store = store
        self._loader = SessionLoader(store)
        self._preview = Static(markup=False, id="session-preview")
        self._pane = Container(self._preview, id="session-pane")
        self._renaming: SessionSummary | None = None
        self._listed: Listed = "current"
        self._first: Sequence[ListedSession] = ()
        self._found, self._found_for = found, typed if found else None
        self._total = 0
        self._message = ""
        self._changes = Changes(store)
        self._undone: Sequence[str] = ()
        """Sessions that an undo restores with the next list."""

    def body(self) -> ComposeResult:
        with Container(id="session-body"):
            yield self._list
            yield self._pane

    async def read(self) -> None:
        """Read the first rows before the screen is shown, so that its first frame has them. Raises StoreError."""
        if self._found:
            self._first = await self._loader.these(self.options, self._found, self.typed)
        else:
            self._first = await self._loader.first(self.options)

    def on_mount(self) -> None:
        self._filter.focus()
        self._fill(self._first, () if self._found else (self.options.at,), 0)
        self._run(self._read_total)

    def fit(self, size: Size) -> None:
        super().fit(size)
        # The preview may have been hidden, or has another height.
        self.call_after_refresh(self._update_preview)

    # ---- reading

    @property
    def typed(self) -> str:
        return self._filter.value if self._filter.value.strip() else ""

    def _load(self, *, at: Sequence[str] = (), index: int = 0) -> None:
        """Read the list again, with the cursor on the first of these sessions that is listed, else on this row."""
        self._run(partial(self._read, at, index), exclusive=True)

    def _run(self, read: Callable[[], Awaitable[None]], *, exclusive: bool = False) -> None:
        workers.run_task(self, read, self._show_error, group="list", exclusive=exclusive)

    async def _read(self, at: Sequence[str], index: int) -> None:
        entries = await self._page(0, max(PAGE, index + 1, RESTORE_LIMIT if any(at) else 0))
        if entries is not None:
            self._fill(entries, at, index)
            await self._read_total()

    def _fill(self, entries: Sequence[ListedSession], at: Sequence[str], index: int) -> None:
        rows = self._rows
        rows.entries = list(entries)
        rows.order = "updated" if self.typed else self.options.order
        rows.searched = bool(self.typed)
        rows.show_archived = self._listed == "current"
        if len(self._undone) > 1:
            rows.marked = {entry.summary.id: entry.summary for entry in entries if entry.summary.id in self._undone}
        self._undone = ()
        self._list.empty_text = self._empty_text()
        self._list.row_height = 2 if rows.searched else 1
        self._list.show(len(entries), rows.row_of(at, index))

    def on_virtual_list_more_wanted(self) -> None:
        if self._loader.more:
            self._loader.more = False
            self._run(self._read_more)

    async def _read_more(self) -> None:
        self._append(await self._page(len(self._rows.entries), PAGE))

    def _append(self, entries: Sequence[ListedSession] | None) -> bool:
        """Returns whether there were any."""
        if entries:
            self._rows.entries += entries
            self._list.add(len(entries))
        return bool(entries)

    async def _page(self, offset: int, limit: int) -> Sequence[ListedSession] | None:
        return await self._loader.page(self.options, self._listed, self.typed, offset, limit)

    async def _read_total(self) -> None:
        self._total = await self._loader.count(self._listed)
        self._update_title()

    @property
    def current(self) -> SessionSummary | None:
        """The session at the cursor."""
        entries = self._rows.entries
        return entries[self._list.cursor].summary if self._list.cursor < len(entries) else None

    def cursor_moved(self) -> None:
        self._update_title()
        self._update_preview()

    def _update_preview(self) -> None:
        workers.run_task(self, self._read_preview, self._show_preview_error, group="preview", exclusive=True)

    async def _read_preview(self) -> None:
        entry = self._rows.entries[self._list.cursor] if self._rows.entries else None
        if entry is None or not self._preview.is_on_screen:
            self._preview.update("", layout=False)
            return
        await asyncio.sleep(_PREVIEW_DELAY)
        found = await self._store.preview(entry.summary.id)
        self._preview.update(session_preview(entry, found, self._pane.size.height), layout=False)

    def _show_preview_error(self, error: StepchatError) -> None:
        self._preview.update(Content.styled(error.message, "$error"), layout=False)

    # ---- the first line

    def _show_error(self, error: StepchatError) -> None:
        self._message = error.message
        self._update_title()

    def _update_title(self) -> None:
        """Show what just happened, otherwise what is listed."""
        if self._message:
            self._title.update(self._message, layout=False)
            return
        if self.typed:
            count = f"{len(self._rows.entries)}{'+' if self._loader.more else ''} found"
        else:
            count = f"{self._total:,}" if self._total else ""
        facts = [
            NAMES[self._listed],
            count,
            f"{len(self._rows.marked)} marked" if self._rows.marked else "",
            "reasoning included" if self.options.search_reasoning else "",
            "" if self.typed or self.options.order == "updated" else f"by {self.options.order}",
        ]
        self._title.update(" · ".join(fact for fact in facts if fact), layout=False)

    def _empty_text(self) -> str:
        if not self.typed:
            return EMPTY[self._listed]
        hint = self.keymap.fill(" {key:sessions.search-reasoning} searches the reasoning as well.")
        return "No matches." + ("" if self.options.search_reasoning else hint)

    # ---- typing, moving, opening

    def filter_changed(self, typed: str) -> None:
        if typed == self._found_for:
            return  # they are listed already
        self._found_for = None
        self._message = ""
        self._load()

    def delete(self) -> None:
        self.action_change("delete")

    def accept(self) -> None:
        row = self.current
        if row is None:
            return
        self.options = replace(self.options, at=row.id)
        if self._listed == "deleted":
            self.action_change("delete")
            return
        self.opened = self._rows.entries[self._list.cursor]
        self.dismiss(row.id)

    def close(self) -> None:
        row = self.current
        self.options = replace(self.options, at=row.id if row else "")
        self.dismiss(None)

    def action_move(self, by: Step) -> None:
        self._message = ""
        if by == "last" and self._loader.more:
            self._run(self._move_to_end)
        else:
            self._list.step(by)

    async def _move_to_end(self) -> None:
        while self._loader.more:
            if not self._append(await self._page(len(self._rows.entries), PAGE if self.typed else self._total)):
                break
        self._list.step("last")

    def action_mark(self, by: int) -> None:
        row = self.current
        if row is not None:
            if self._rows.marked.pop(row.id, None) is None:
                self._rows.marked[row.id] = row
            self._message = ""
            self._list.move_to(self._list.cursor + by)

    # ---- what is listed

    def action_search_reasoning(self) -> None:
        self.options = replace(self.options, search_reasoning=not self.options.search_reasoning)
        self._filter.placeholder = PLACEHOLDERS[self.options.search_reasoning]
        self._reload()

    def action_sort(self) -> None:
        following = ORDERS[(ORDERS.index(self.options.order) + 1) % len(ORDERS)]
        self.options = replace(self.options, order=following)
        self._reload()

    def action_show_archived(self) -> None:
        self._listed = LISTED[(LISTED.index(self._listed) + 1) % len(LISTED)]
        self._rows.marked.clear()
        self._hints.set_hints(HINTS[self._listed])
        self._reload()

    def _reload(self) -> None:
        self._message = ""
        row = self.current
        self._load(at=(row.id,) if row else ())

    # ---- changes

    def _selected(self) -> list[SessionSummary]:
        """The marked sessions, or the one at the cursor."""
        row = self.current
        return list(self._rows.marked.values()) or ([row] if row else [])

    def _start(self, change: Callable[[], Awaitable[str]], leaving: Sequence[SessionSummary] = ()) -> None:
        """Make a change, report it, and list the result. The cursor stays on its session, or next to it."""
        row = self.current
        neighbour = self._rows.nearest_remaining(self._list.cursor, {each.id for each in leaving})

        async def report() -> None:
            self._message = await change()
            self._rows.marked.clear()

        async def run() -> None:
            await workers.run_reporting(report, self._show_error)
            at = (*self._undone, row.id if row else "", neighbour)
            self._load(at=at, index=self._list.cursor)

        workers.run_task(self, run, group="change")

    async def _changed(self, change: Awaitable[str]) -> str:
        return await change + self.keymap.fill(" · {key:sessions.undo} to undo")

    async def _undo(self) -> str:
        """Undo the last change; sessions that were changed together are marked again."""
        change = await self._changes.undo()
        if change is None:
            return "Nothing to undo."
        self._undone = [row.id for row in change.rows]
        return change.undone

    def action_change(self, how: Literal["pin", "archive", "delete", "undo"]) -> None:
        rows, changes = self._selected(), self._changes
        if how == "undo":
            self._start(self._undo)
        elif how == "pin" and rows:
            self._start(lambda: self._changed(changes.pin(rows)))
        elif how == "archive" and rows:
            self._start(lambda: self._changed(changes.archive(rows)), rows)
        elif rows:
            delete = changes.undelete if self._listed == "deleted" else changes.delete
            self._start(lambda: self._changed(delete(rows)), rows)

    # ---- renaming, in the row itself

    def action_rename(self) -> None:
        row = self.current
        if row is not None:
            self._renaming = row
            self.edit_in_row(row.title)
            self._hints.set_hints(HINTS["rename"])

    def editor_span(self, width: int) -> tuple[int, int]:
        return PREFIX, self._rows.title_width(width)

    def editor_accepted(self, text: str) -> None:
        row = self._renaming
        self.stop_editing()
        if row is not None and text != row.title:
            self._start(lambda: self._changed(self._changes.rename(row, text)))

    def stop_editing(self) -> None:
        super().stop_editing()
        self._renaming = None
        self._hints.set_hints(HINTS[self._listed])
