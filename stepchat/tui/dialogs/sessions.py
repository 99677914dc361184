"""The session screen: every session in one list, found by typing, looked at, put in order, opened."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from time import time
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from stepchat.tui import workers
from stepchat.tui.dialogs.key_hints import KeyHints
from stepchat.tui.dialogs.list_view import LOW, MOVES, VirtualList
from stepchat.tui.dialogs.session_changes import Changes
from stepchat.tui.dialogs.session_list import PAGE, PROBABLY, SessionLoader
from stepchat.tui.dialogs.session_options import (
    EMPTY,
    KEYS,
    LISTED,
    NAMES,
    ORDERS,
    PLACEHOLDERS,
    Listed,
    SessionListOptions,
)
from stepchat.tui.dialogs.session_preview import preview_of
from stepchat.tui.dialogs.session_rows import PREFIX, SessionRows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.geometry import Size

    from stepchat.errors import StepchatError
    from stepchat.sessions.records import SessionSummary
    from stepchat.sessions.store import SessionStore
    from stepchat.tui.dialogs.list_view import Step
    from stepchat.tui.dialogs.session_rows import ListedSession

_LOOK_AFTER: Final = 0.04
"""Seconds that the cursor rests before the preview is read."""
_ROOMY: Final = 100
_WIDE: Final = 120


class SessionScreen(ModalScreen[str | None]):
    """Returns the id of the session to open, None for none. `view` is how it was left, afterwards too."""

    HORIZONTAL_BREAKPOINTS = []  # noqa: RUF012 - Textual declares it so; _fit sets its own
    VERTICAL_BREAKPOINTS = []  # noqa: RUF012 - as these
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close", show=False, priority=True),
        *MOVES,
        Binding("tab", "mark(1)", show=False, priority=True),
        Binding("shift+tab", "mark(-1)", show=False, priority=True),
        *(
            Binding(f"ctrl+{letter}", action, show=False, priority=True)
            for letter, action in (
                ("t", "thoughts"),
                ("s", "sort"),
                ("l", "list"),
                ("r", "rename"),
                ("p", "change('pin')"),
                ("a", "change('archive')"),
                ("d", "change('delete')"),
                ("z", "change('undo')"),
            )
        ),
    ]

    def __init__(
        self,
        store: SessionStore,
        view: SessionListOptions,
        answered: Collection[str] = (),
        now: Callable[[], float] = time,
    ) -> None:
        """`answered` are the sessions of which an answer is being written."""
        super().__init__()
        self.view = view
        self._store = store
        self._listing = SessionLoader(store)
        self._rows = SessionRows(now, answered)
        self._list = VirtualList(self._rows.line, self._rows.head, clicks_to_open=2)
        self._filter = Input(placeholder=PLACEHOLDERS[view.thoughts], compact=True)
        self._title = Input(compact=True, select_on_focus=False, id="session-title")
        self._heading = Static(classes="dialog-title", markup=False)
        self._look = Static(markup=False, id="session-look")
        self._pane = Container(self._look, id="session-pane")
        self._keys = KeyHints(KEYS["current"], lines=2)
        self._renaming: SessionSummary | None = None
        self._shown: Listed = "current"
        self.opened: ListedSession | None = None
        self._first: Sequence[ListedSession] = ()
        self._total = 0
        self._said = ""
        self._changes = Changes(store)
        self._undone: Sequence[str] = ()
        """Sessions that come back with the next list."""

    def compose(self) -> ComposeResult:
        # While nothing is in it yet: a class that is set later styles everything once more.
        self._fit(self.app.size)  # pyright: ignore[reportUnknownMemberType] - generic in Textual
        with Vertical(classes="dialog", id="session-screen"):
            yield self._heading
            yield self._filter
            with Container(id="session-body"):
                yield self._list
                yield self._pane
            yield self._keys

    async def read(self) -> None:
        """The first rows, before it is shown, so that they are in its first frame. Raises StoreError."""
        self._first = await self._listing.first(self.view)

    def on_mount(self) -> None:
        self._filter.focus()
        self._fill(self._first, (self.view.at,), 0)
        self._begin(self._number)

    def on_resize(self, event: events.Resize) -> None:
        self._fit(event.size)
        # The pane may have been hidden, or has another height now.
        self.call_after_refresh(self._look_again)
        if self._renaming is not None:
            self.call_after_refresh(self._place_title)

    def _fit(self, size: Size) -> None:
        self.set_class(size.width < _ROOMY, "-narrow")
        self.set_class(size.width >= _WIDE, "-wide")
        self.set_class(size.height < LOW, "-low")

    # Reading

    @property
    def typed(self) -> str:
        return self._filter.value if self._filter.value.strip() else ""

    def _load(self, *, at: Sequence[str] = (), index: int = 0) -> None:
        """The list anew, with the cursor on the first of these sessions that is there, else on this row."""
        self._begin(partial(self._read, at, index), exclusive=True)

    def _begin(self, reading: Callable[[], Awaitable[None]], *, exclusive: bool = False) -> None:
        """Read beside everything else; what fails is said."""
        workers.run_task(self, reading, self._refuse, group="list", exclusive=exclusive)

    async def _read(self, at: Sequence[str], index: int) -> None:
        entries = await self._some(0, max(PAGE, index + 1, PROBABLY if any(at) else 0))
        if entries is not None:
            self._fill(entries, at, index)
            await self._number()

    def _fill(self, entries: Sequence[ListedSession], at: Sequence[str], index: int) -> None:
        rows = self._rows
        rows.entries = list(entries)
        rows.order = "updated" if self.typed else self.view.order
        rows.searched = bool(self.typed)
        rows.mark_archived = self._shown == "current"
        if len(self._undone) > 1:
            rows.marked = {entry.summary.id: entry.summary for entry in entries if entry.summary.id in self._undone}
        self._undone = ()
        self._list.empty_text = self._nothing()
        self._list.row_height = 2 if rows.searched else 1
        self._list.show(len(entries), rows.row_of(at, index))

    def on_virtual_list_more_wanted(self) -> None:
        if self._listing.more:
            self._listing.more = False
            self._begin(self._read_on)

    async def _read_on(self) -> None:
        self._add(await self._some(len(self._rows.entries), PAGE))

    def _add(self, entries: Sequence[ListedSession] | None) -> bool:
        """More below; returns whether there were any."""
        if entries:
            self._rows.entries += entries
            self._list.add(len(entries))
        return bool(entries)

    async def _some(self, offset: int, limit: int) -> Sequence[ListedSession] | None:
        return await self._listing.page(self.view, self._shown, self.typed, offset, limit)

    async def _number(self) -> None:
        """How many there are; raises StoreError."""
        self._total = await self._listing.count(self._shown)
        self._head()

    @property
    def current(self) -> SessionSummary | None:
        """The session at the cursor."""
        entries = self._rows.entries
        return entries[self._list.cursor].summary if self._list.cursor < len(entries) else None

    def on_virtual_list_moved(self) -> None:
        self._head()
        self._look_again()

    def _look_again(self) -> None:
        workers.run_task(self, self._look_at, self._cannot_look, group="look", exclusive=True)

    async def _look_at(self) -> None:
        entry = self._rows.entries[self._list.cursor] if self._rows.entries else None
        if entry is None or not self._look.is_on_screen:
            self._look.update("", layout=False)
            return
        await asyncio.sleep(_LOOK_AFTER)
        found = await self._store.preview(entry.summary.id)
        self._look.update(preview_of(entry, found, self._pane.size.height), layout=False)

    def _cannot_look(self, error: StepchatError) -> None:
        self._look.update(Content.styled(error.message, "$error"), layout=False)

    # What is said

    def _say(self, words: str) -> None:
        self._said = words
        self._head()

    def _refuse(self, error: StepchatError) -> None:
        self._say(error.message)

    def _head(self) -> None:
        """The first line: what happened just now, or what is listed."""
        if self._said:
            self._heading.update(self._said, layout=False)
            return
        number = (
            f"{len(self._rows.entries)}{'+' if self._listing.more else ''} found"
            if self.typed
            else f"{self._total:,}"
            if self._total
            else ""
        )
        facts = [
            NAMES[self._shown],
            number,
            f"{len(self._rows.marked)} marked" if self._rows.marked else "",
            "thoughts too" if self.view.thoughts else "",
            "" if self.typed or self.view.order == "updated" else f"by {self.view.order}",
        ]
        self._heading.update(" · ".join(fact for fact in facts if fact), layout=False)

    def _nothing(self) -> str:
        if self.typed:
            more = "" if self.view.thoughts else " ^T looks into the thoughts, too."
            return f"Nothing has these words.{more}"
        return EMPTY[self._shown]

    # Typing and moving

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input is self._filter:
            self._said = ""
            self._load()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input is self._title:
            row, title = self._renaming, event.value
            self._end_renaming()
            if row is not None and title != row.title:
                self._start(partial(self._changes.rename, row, title))
        else:
            self.on_virtual_list_opened()

    def on_virtual_list_opened(self) -> None:
        row = self.current
        if row is None:
            return
        self.view = replace(self.view, at=row.id)
        if self._shown == "deleted":
            self.action_change("delete")
            return
        self.opened = self._rows.entries[self._list.cursor]
        self.dismiss(row.id)

    def action_leave(self) -> None:
        if self._renaming is not None:
            self._end_renaming()
            return
        row = self.current
        self.view = replace(self.view, at=row.id if row else "")
        self.dismiss(None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:  # noqa: ARG002 - Textual's signature
        # While a title is edited the keys are those of a text field.
        return self._renaming is None or action == "leave"

    def action_move(self, by: Step) -> None:
        self._said = ""
        if by == "last" and self._listing.more:
            self._begin(self._to_the_end)
        else:
            self._list.step(by)

    async def _to_the_end(self) -> None:
        while self._listing.more:
            if not self._add(await self._some(len(self._rows.entries), PAGE if self.typed else self._total)):
                break
        self._list.step("last")

    def action_mark(self, by: int) -> None:
        row = self.current
        if row is not None:
            if self._rows.marked.pop(row.id, None) is None:
                self._rows.marked[row.id] = row
            self._said = ""
            self._list.move_to(self._list.cursor + by)

    # What is listed

    def action_thoughts(self) -> None:
        self.view = replace(self.view, thoughts=not self.view.thoughts)
        self._filter.placeholder = PLACEHOLDERS[self.view.thoughts]
        self._list_anew()

    def action_sort(self) -> None:
        following = ORDERS[(ORDERS.index(self.view.order) + 1) % len(ORDERS)]
        self.view = replace(self.view, order=following)
        self._list_anew()

    def action_list(self) -> None:
        self._shown = LISTED[(LISTED.index(self._shown) + 1) % len(LISTED)]
        self._rows.marked.clear()
        self._keys.set_keys(KEYS[self._shown])
        self._list_anew()

    def _list_anew(self) -> None:
        self._said = ""
        row = self.current
        self._load(at=(row.id,) if row else ())

    # Changing

    def _chosen(self) -> list[SessionSummary]:
        row = self.current
        return list(self._rows.marked.values()) or ([row] if row else [])

    def _start(self, change: Callable[[], Awaitable[str]], leaving: Sequence[SessionSummary] = ()) -> None:
        """Do it, say what was done, and show the list as it is then. The cursor stays on its session, or beside it."""
        row = self.current
        beside = self._rows.nearest_remaining(self._list.cursor, {each.id for each in leaving})

        async def say() -> None:
            self._said = await change()
            self._rows.marked.clear()

        async def run() -> None:
            await workers.run_reporting(say, self._refuse)
            at = (*self._undone, row.id if row else "", beside)
            self._load(at=at, index=self._list.cursor)

        workers.run_task(self, run, group="change")

    async def _undo(self) -> str:
        """What was changed together is marked again."""
        change = await self._changes.undo()
        if change is None:
            return "There is nothing to undo."
        self._undone = [row.id for row in change.rows]
        return f"Undone: {change.words}"

    def action_change(self, how: Literal["pin", "archive", "delete", "undo"]) -> None:
        rows, changes = self._chosen(), self._changes
        match how:
            case "undo":
                self._start(self._undo)
            case _ if not rows:
                return
            case "pin":
                self._start(partial(changes.pin, rows))
            case "archive":
                self._start(partial(changes.archive, rows), rows)
            case "delete":
                self._start(partial(changes.undelete if self._shown == "deleted" else changes.delete, rows), rows)

    # A new title, written in the row itself

    def action_rename(self) -> None:
        row = self.current
        if row is None:
            return
        self._renaming = row
        self._place_title()
        self._title.value = row.title
        self._title.cursor_position = len(row.title)
        if not self._title.is_attached:
            self._list.mount(self._title)
        self._title.display = True
        self._title.focus()
        self._keys.set_keys(KEYS["rename"])

    def _place_title(self) -> None:
        """Over the title at the cursor."""
        self._title.styles.offset = (PREFIX, self._list.cursor_line)
        self._title.styles.width = self._rows.title_width(self._list.line_width)

    def _end_renaming(self) -> None:
        self._renaming = None
        self._title.display = False
        self._filter.focus()
        self._keys.set_keys(KEYS[self._shown])
