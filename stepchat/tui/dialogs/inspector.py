"""The inspector: the requests and responses behind an answer with their times, and what became of each piece of reasoning."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias, get_args

from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from stepchat import lossless_json
from stepchat.chat import inspection
from stepchat.chat.inspection import EventLines, Events, InspectorLine
from stepchat.messages import AssistantMessage
from stepchat.text.format import short_model
from stepchat.text.sanitize import sanitize_for_display
from stepchat.text.widths import pad_for_rich, truncate, unpad
from stepchat.tui import workers
from stepchat.tui.dialog_keys import bindings
from stepchat.tui.dialogs.filter_dialog import FilterDialog
from stepchat.tui.dialogs.list_view import VirtualList

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.geometry import Size

    from stepchat.chat.inspection import InspectorLines
    from stepchat.errors import StepchatError
    from stepchat.messages import StoredMessage
    from stepchat.reasoning.ledger import ReasoningAccount
    from stepchat.sessions.exchanges import Exchange
    from stepchat.tui.dialogs.list_view import Piece, Role

Section: TypeAlias = Literal["Request", "Events", "Usage", "Ledger", "Upstream"]
SECTIONS: Final[tuple[Section, ...]] = get_args(Section)
_NO_RECORDING: Final = InspectorLine(
    "No recording for this answer: it is older than the inspector, imported, or copied from a session that is gone.",
    "dim",
)
HINTS: Final = (
    ("inspector.section-next", "section"), ("inspector.answer-previous inspector.answer-next", "answer"),
    ("inspector.attempt", "attempt"), ("list.accept", "event"), ("list.close", "close"),
    ("inspector.copy-curl", "copy curl"), ("inspector.copy-request", "copy request"),
    ("inspector.copy-events", "copy events"),
)  # fmt: skip
_ROLES: Final[dict[str, Role]] = {
    "text": "text", "dim": "dim", "title": "bold", "state": "sign", "warning": "warning", "error": "error",
}  # fmt: skip
"""The roles of the list, by those of the lines."""
_MANY: Final = 2000
"""Events that are filtered on each key; more are filtered once typing pauses."""
_PAUSE: Final = 0.1
_MIN_WIDTH: Final = 20


class InspectorScreen(FilterDialog[None]):
    """`load` and `account` read recordings; `curl` makes a command of one; `copy` copies a text and returns what it did."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(
        "inspector",
        {
            "section-next": "section(1)",
            "section-previous": "section(-1)",
            "answer-previous": "answer(-1)",
            "answer-next": "answer(1)",
            "attempt": "attempt",
            "copy-curl": "copy('curl')",
            "copy-request": "copy('request')",
            "copy-events": "copy('events')",
        },
    )

    def __init__(
        self,
        answers: Sequence[StoredMessage],
        at: int,
        load: Callable[[str], Awaitable[Sequence[Exchange]]],
        account: Callable[[str], Awaitable[ReasoningAccount | None]],
        curl: Callable[[Exchange], str],
        copy: Callable[[str], str],
    ) -> None:
        super().__init__(VirtualList(self._line), HINTS, hint_lines=2)
        self._answers = answers
        self._at = at
        self._load = load
        self._read_account = account
        self._curl = curl
        self._copy = copy
        self._exchanges: Sequence[Exchange] = ()
        self._attempt = 0
        self._failure = ""
        self._section: Section = "Request"
        self._events: Events | None = None
        self._opened: dict[int, list[InspectorLine]] = {}
        """The lines of events that were opened, by number."""
        self._account: ReasoningAccount | None = None
        self._lines: InspectorLines | Sequence[InspectorLine] = ()
        self._tabs = Static(id="inspector-tabs", markup=False)

    def compose(self) -> ComposeResult:
        self.fit(self.window_size)
        with Vertical(classes="dialog"):
            yield self._title
            yield self._tabs
            yield self._filter
            yield self._list
            yield self._hints

    def on_mount(self) -> None:
        self._filter.focus()
        self._read()

    def fit(self, size: Size) -> None:
        super().fit(size)
        self.call_after_refresh(self._show)

    # ---- reading

    @property
    def _answer(self) -> StoredMessage:
        return self._answers[self._at]

    @property
    def _exchange(self) -> Exchange | None:
        return self._exchanges[self._attempt] if self._exchanges else None

    def _read(self) -> None:
        workers.run_task(
            self, partial(self._read_answer, self._answer.id), self._show_error, group="read", exclusive=True
        )

    async def _read_answer(self, answer: str) -> None:
        self._exchanges = await self._load(answer)
        self._attempt = max(0, len(self._exchanges) - 1)
        await self._read_events()
        self._account = await self._read_account(answer)
        if self._section == "Ledger":
            self._show()

    def _show_error(self, error: StepchatError) -> None:
        self._failure = str(error)
        self._show()

    async def _read_events(self) -> None:
        exchange = self._exchange
        self._events = None
        self._opened.clear()
        # In a thread: there may be many megabytes.
        events = None if exchange is None else await asyncio.to_thread(Events, exchange)
        if exchange is self._exchange:
            self._events = events
            self._show()

    # ---- what is shown

    def _show(self, cursor: int | None = None) -> None:
        """Show the section from its top, or with the cursor on a line where it is already in sight."""
        self._title.update(Content(self._title_text()))
        self._tabs.update(
            Content("  ").join(
                Content.styled(name, "$accent bold" if name == self._section else "$dim") for name in SECTIONS
            )
        )
        exchange = self._exchange
        self._list.has_cursor = self._section == "Events" and exchange is not None
        if self._section == "Events" and exchange is not None:
            lines = self._event_lines(exchange)
            self._lines = lines
            first = next((row for row in range(len(lines)) if lines.number(row) is not None), 0)
            self._list.show(len(lines), first if cursor is None else cursor)
            return
        found = inspection.filter_lines(self._section_lines(exchange), self._filter.value)
        self._lines = self._wrapped(found)
        self._list.show(len(self._lines))

    def _wrapped(self, lines: Sequence[InspectorLine]) -> list[InspectorLine]:
        clean = [InspectorLine(pad_for_rich(sanitize_for_display(line.text)), line.role) for line in lines]
        return inspection.wrap_lines(clean, max(_MIN_WIDTH, self._list.line_width))

    def _line(self, index: int, _part: int, width: int) -> list[Piece]:
        line = self._lines[index]
        return [(truncate(pad_for_rich(sanitize_for_display(unpad(line.text))), width), _ROLES[line.role])]

    def _title_text(self) -> str:
        message = self._answer.message
        model = short_model(message.model or message.model_asked) if isinstance(message, AssistantMessage) else ""
        parts = [f"Answer {self._at + 1} of {len(self._answers)}", model]
        exchange = self._exchange
        if exchange is not None:
            if len(self._exchanges) > 1:
                parts.append(f"attempt {self._attempt + 1} of {len(self._exchanges)}")
            waiting = "failed" if exchange.error else "no response yet"
            parts.append(waiting if exchange.status is None else f"status {exchange.status}")
        return sanitize_for_display(" · ".join(part for part in parts if part))

    def _section_lines(self, exchange: Exchange | None) -> list[InspectorLine]:
        message = self._answer.message
        if self._section == "Usage" and isinstance(message, AssistantMessage):
            return inspection.usage_lines(message)
        if exchange is None and self._failure:
            return [
                InspectorLine("The recording of this answer cannot be read.", "error"),
                InspectorLine(self._failure),
            ]
        if exchange is None:
            return [_NO_RECORDING]
        match self._section:
            case "Ledger":
                messages = {
                    stored.id: stored.message
                    for stored in self._answers
                    if isinstance(stored.message, AssistantMessage)
                }
                return inspection.ledger_lines(exchange, messages, self._account)
            case "Upstream":
                return self._events_of(exchange).upstream_lines()
            case _:
                return inspection.request_lines(exchange)

    def _events_of(self, exchange: Exchange) -> Events:
        if self._events is None:
            self._events = Events(exchange)
        return self._events

    def _event_lines(self, exchange: Exchange) -> EventLines:
        found = self._events_of(exchange)
        return EventLines(found, found.matching(self._filter.value), self._opened)

    # ---- actions

    def close(self) -> None:
        """The first Esc clears the filter."""
        if self._filter.value:
            self._filter.value = ""
        else:
            self.dismiss()

    def action_section(self, by: int) -> None:
        self._section = SECTIONS[(SECTIONS.index(self._section) + by) % len(SECTIONS)]
        self._show()

    def action_answer(self, by: int) -> None:
        at = min(max(0, self._at + by), len(self._answers) - 1)
        if at != self._at:
            self._at = at
            self._exchanges, self._account, self._failure = (), None, ""
            self._read()

    def action_attempt(self) -> None:
        if len(self._exchanges) > 1:
            self._attempt = (self._attempt + 1) % len(self._exchanges)
            workers.run_task(self, self._read_events, group="attempt", exclusive=True)

    def action_copy(self, what: str) -> None:
        exchange = self._exchange
        if exchange is None:
            return
        match what:
            case "curl":
                text = self._curl(exchange)
            case "request":
                text = lossless_json.dumps(exchange.body)
            case _:
                text = self._events_of(exchange).text
        self._hints.show_message(self._copy(text) if text else "Nothing to copy.")

    def filter_changed(self, typed: str) -> None:  # noqa: ARG002 - read in `_event_lines`
        found = self._events
        if self._section == "Events" and found is not None and len(found) > _MANY:
            workers.run_task(self, partial(self._filter_soon, found), group="filter", exclusive=True)
        else:
            self._show()

    async def _filter_soon(self, found: Events) -> None:
        """Filter in a thread, once typing pauses."""
        await asyncio.sleep(_PAUSE)
        typed = self._filter.value
        await asyncio.to_thread(found.matching, typed)
        if self._events is found and self._section == "Events":
            self._show()

    def accept(self) -> None:
        """Open the event at the cursor, or close it again."""
        exchange = self._exchange
        if self._section != "Events" or exchange is None:
            return
        cursor = self._list.cursor
        number = self._event_lines(exchange).number(cursor)
        if number is None:
            return
        if number in self._opened:
            del self._opened[number]
        else:
            self._opened[number] = self._wrapped(self._events_of(exchange).detail(number))
        self._show(cursor)
