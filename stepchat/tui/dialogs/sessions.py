"""Choose a session: newest first; typing filters by title."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from stepchat.transcript.clean import clean
from stepchat.tui.meter import money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from stepchat.sessions.store import SessionSummary


class PickSession(ModalScreen[str | None]):
    """Returns the id of the chosen session, None when none was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Close", show=False),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("up", "move(-1)", show=False, priority=True),
    ]

    def __init__(self, sessions: Sequence[SessionSummary], now: datetime | None = None) -> None:
        super().__init__()
        self._sessions = sessions
        self._now = now or datetime.now().astimezone()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Sessions", classes="dialog-title", markup=False)
            yield Input(placeholder="Type to filter", id="filter")
            yield OptionList(id="choices", markup=False)
            yield Static("Enter opens · Esc closes", classes="dialog-keys", markup=False)

    def on_mount(self) -> None:
        self._fill("")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._fill(event.value)

    def on_input_submitted(self) -> None:
        choices = self.query_one(OptionList)
        if choices.highlighted is not None:
            self.dismiss(choices.get_option_at_index(choices.highlighted).id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_move(self, step: int) -> None:
        choices = self.query_one(OptionList)
        if step > 0:
            choices.action_cursor_down()
        else:
            choices.action_cursor_up()

    def _fill(self, wanted: str) -> None:
        words = wanted.casefold().split()
        found = [row for row in self._sessions if all(word in row.title.casefold() for word in words)]
        choices = self.query_one(OptionList)
        choices.clear_options()
        if not found:
            nothing = "No session has these words in its title." if words else "No sessions yet."
            choices.add_option(Option(Content.styled(nothing, "$dim"), disabled=True))
            return
        choices.add_options([Option(self._row(row), id=row.id) for row in found])
        choices.highlighted = 0

    def _row(self, row: SessionSummary) -> Content:
        cost = "" if row.cost is None else money(row.cost)
        turns = f"{row.turns} turn" + ("" if row.turns == 1 else "s")
        facts = f"{age(row.updated, self._now.timestamp()):>8}  {turns:>9}  {cost:>9}  "
        return Content.assemble((facts, "$dim"), clean(row.title, keep_newlines=False) or "untitled")


def age(then: float, now: float) -> str:
    """How long ago, in one unit."""
    seconds = max(0, now - then)
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {name}"
    return "now"
