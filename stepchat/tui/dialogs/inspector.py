"""The inspector: what went over the line for an answer, with times, and what became of every thought."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeAlias, get_args

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from stepchat import lossless_json
from stepchat.chat import inspection
from stepchat.chat.inspection import EventLines, Events, InspectorLine
from stepchat.messages import AssistantMessage
from stepchat.text.sanitize import sanitize_for_display
from stepchat.text.widths import pad_for_rich
from stepchat.transcript.labels import short_model
from stepchat.tui import workers
from stepchat.tui.dialogs.inspector_rows import InspectorRows
from stepchat.tui.dialogs.key_hints import KeyHints

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from textual.app import ComposeResult

    from stepchat.errors import StepchatError
    from stepchat.messages import StoredMessage
    from stepchat.reasoning.ledger import ReasoningAccount
    from stepchat.sessions.exchanges import Exchange

Section: TypeAlias = Literal["Request", "Events", "Usage", "Ledger", "Upstream"]
SECTIONS: Final[tuple[Section, ...]] = get_args(Section)
_NONE: Final = InspectorLine(
    "Nothing is kept of this answer: it was made before, elsewhere, or in the session it was forked from.", "dim"
)
_KEYS: Final = (
    ("Tab", "section"), ("Alt+↑↓", "answer"), ("^T", "try"), ("Enter", "event"),
    ("^L", "copy curl"), ("^R", "copy request"), ("^E", "copy events"), ("Esc", "close"),
)  # fmt: skip
_MANY: Final = 2000
"""Events that may be looked through with every key."""
_PAUSE: Final = 0.1


class InspectorScreen(ModalScreen[None]):
    """`load` and `account` read what is kept; `curl` makes a command; `copy` takes a text and says so."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close", show=False, priority=True),
        *(
            Binding(key, action, show=False, priority=True)
            for key, action in (
                ("tab", "section(1)"),
                ("shift+tab", "section(-1)"),
                ("alt+up", "answer(-1)"),
                ("alt+down", "answer(1)"),
                ("ctrl+t", "try"),
                ("up", "move(-1)"),
                ("down", "move(1)"),
                ("pageup", "page(-1)"),
                ("pagedown", "page(1)"),
                ("ctrl+home", "end(False)"),
                ("ctrl+end", "end(True)"),
                ("ctrl+l", "copy('curl')"),
                ("ctrl+r", "copy('request')"),
                ("ctrl+e", "copy('events')"),
            )
        ),
    ]

    def __init__(
        self,
        answers: Sequence[StoredMessage],
        at: int,
        load: Callable[[str], Awaitable[Sequence[Exchange]]],
        account: Callable[[str], Awaitable[ReasoningAccount | None]],
        curl: Callable[[Exchange], str],
        copy: Callable[[str], str],
    ) -> None:
        super().__init__()
        self._answers = answers
        self._at = at
        self._load = load
        self._read_account = account
        self._curl = curl
        self._copy = copy
        self._exchanges: Sequence[Exchange] = ()
        self._try = 0
        self._failure = ""
        self._section: Section = "Request"
        self._events: Events | None = None
        self._opened: dict[int, list[InspectorLine]] = {}
        self._account: ReasoningAccount | None = None
        self._rows = InspectorRows()
        self._heading = Static(classes="dialog-title", markup=False)
        self._tabs = Static(id="inspector-tabs", markup=False)
        self._filter = Input(placeholder="Type to filter", compact=True)
        self._keys = KeyHints(_KEYS, lines=2)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="inspector"):
            yield self._heading
            yield self._tabs
            yield self._filter
            yield self._rows
            yield self._keys

    def on_mount(self) -> None:
        self._filter.focus()
        self._read()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    # ---- what is looked at

    @property
    def _answer(self) -> StoredMessage:
        return self._answers[self._at]

    @property
    def _exchange(self) -> Exchange | None:
        return self._exchanges[self._try] if self._exchanges else None

    def _read(self) -> None:
        workers.run_task(self, partial(self._read_now, self._answer.id), self._refuse, group="read", exclusive=True)

    async def _read_now(self, answer: str) -> None:
        self._exchanges = await self._load(answer)
        self._try = max(0, len(self._exchanges) - 1)
        await self._begin()
        self._account = await self._read_account(answer)
        if self._section == "Ledger":
            self._show()

    def _refuse(self, error: StepchatError) -> None:
        self._failure = str(error)
        self._show()

    async def _begin(self) -> None:
        exchange = self._exchange
        self._events = None
        self._opened.clear()
        # In a thread: there may be many megabytes.
        events = None if exchange is None else await asyncio.to_thread(Events, exchange)
        if exchange is self._exchange:
            self._events = events
            self._show()

    def _show(self, *, cursor: int | None = None, top: int = 0) -> None:
        self._heading.update(Content(self._title()))
        self._tabs.update(
            Content("  ").join(
                Content.styled(name, "$accent bold" if name == self._section else "$dim") for name in SECTIONS
            )
        )
        exchange = self._exchange
        if self._section == "Events" and exchange is not None:
            lines = self._event_lines(exchange)
            first = next((place for place in range(len(lines)) if lines.number(place) is not None), 0)
            self._rows.set_lines(lines, cursor=first if cursor is None else cursor, top=top)
            return
        found = inspection.filter_lines(self._lines(exchange), self._filter.value)
        clean = [InspectorLine(pad_for_rich(sanitize_for_display(line.text)), line.role) for line in found]
        self._rows.set_lines(inspection.wrap_lines(clean, self._rows.width))

    def _title(self) -> str:
        message = self._answer.message
        model = short_model(message.model or message.model_asked) if isinstance(message, AssistantMessage) else ""
        parts = [f"Answer {self._at + 1} of {len(self._answers)}", model]
        exchange = self._exchange
        if exchange is not None:
            if len(self._exchanges) > 1:
                parts.append(f"try {self._try + 1} of {len(self._exchanges)}")
            waiting = "failed" if exchange.error else "not answered yet"
            parts.append(waiting if exchange.status is None else f"answered {exchange.status}")
        return sanitize_for_display(" · ".join(part for part in parts if part))

    def _lines(self, exchange: Exchange | None) -> list[InspectorLine]:
        message = self._answer.message
        if self._section == "Usage" and isinstance(message, AssistantMessage):
            return inspection.usage_lines(message)
        if exchange is None and self._failure:
            return [
                InspectorLine("What was kept of this answer cannot be read.", "error"),
                InspectorLine(self._failure),
            ]
        if exchange is None:
            return [_NONE]
        match self._section:
            case "Ledger":
                messages = {
                    stored.id: stored.message
                    for stored in self._answers
                    if isinstance(stored.message, AssistantMessage)
                }
                return inspection.ledger_lines(exchange, messages, self._account)
            case "Upstream":
                return self._read_events(exchange).upstream_lines()
            case _:
                return inspection.request_lines(exchange)

    def _read_events(self, exchange: Exchange) -> Events:
        if self._events is None:
            self._events = Events(exchange)
        return self._events

    def _event_lines(self, exchange: Exchange) -> EventLines:
        found = self._read_events(exchange)
        return EventLines(found, found.matching(self._filter.value), self._opened)

    # ---- what the person does

    def action_leave(self) -> None:
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

    def action_try(self) -> None:
        if len(self._exchanges) > 1:
            self._try = (self._try + 1) % len(self._exchanges)
            workers.run_task(self, self._begin, group="try", exclusive=True)

    def action_move(self, by: int) -> None:
        self._rows.move(by)

    def action_page(self, pages: int) -> None:
        self._rows.page(pages)

    def action_end(self, last: bool) -> None:  # noqa: FBT001 - one of two ends
        self._rows.to_end(last=last)

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
                text = self._read_events(exchange).text
        self._keys.show_message(self._copy(text) if text else "There is nothing to copy.")
        self.set_timer(3, partial(self._keys.set_keys, _KEYS))

    def on_input_changed(self) -> None:
        found = self._events
        if self._section == "Events" and found is not None and len(found) > _MANY:
            workers.run_task(self, partial(self._filter_soon, found), group="filter", exclusive=True)
        else:
            self._show()

    async def _filter_soon(self, found: Events) -> None:
        """When nothing more is typed, and not on the loop."""
        await asyncio.sleep(_PAUSE)
        typed = self._filter.value
        await asyncio.to_thread(found.matching, typed)
        if self._events is found and self._section == "Events":
            self._show()

    def on_input_submitted(self) -> None:
        self._open_event()

    def on_inspector_screen_rows_chosen(self) -> None:
        self._open_event()

    def _open_event(self) -> None:
        """Lay the event at the cursor open, or close it again."""
        exchange, cursor, top = self._exchange, self._rows.cursor, self._rows.top
        if self._section != "Events" or exchange is None or cursor is None:
            return
        number = self._event_lines(exchange).number(cursor)
        if number is None:
            return
        if number in self._opened:
            del self._opened[number]
        else:
            detail = [
                InspectorLine(pad_for_rich(sanitize_for_display(line.text)), line.role)
                for line in self._read_events(exchange).detail(number)
            ]
            self._opened[number] = inspection.wrap_lines(detail, self._rows.width)
        self._show(cursor=cursor, top=top)
