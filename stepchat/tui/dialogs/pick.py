"""Choose one of many: a title, a filter line, aligned rows, keys at the bottom. Typing filters at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from stepchat.transcript.clean import clean
from stepchat.tui.dialogs.key_line import KeyLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult


@dataclass(frozen=True, slots=True)
class Row:
    """One choice. `facts` stand at the left in columns, `aside` at the right; typing searches `text` and `aside`."""

    id: str
    text: str
    facts: tuple[str, ...] = ()
    aside: str = ""
    disabled: bool = False
    """It is shown, but cannot be chosen; `aside` says why."""


class Pick(ModalScreen[str | None]):
    """Returns the id of the chosen row, None when none was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Close", show=False),
        Binding("down", "move('cursor_down')", show=False, priority=True),
        Binding("up", "move('cursor_up')", show=False, priority=True),
        Binding("pagedown", "move('page_down')", show=False, priority=True),
        Binding("pageup", "move('page_up')", show=False, priority=True),
    ]

    def __init__(
        self,
        title: str,
        rows: Sequence[Row],
        *,
        nothing: str = "Nothing fits.",
    ) -> None:
        super().__init__()
        self._heading = title
        self._rows = rows
        self._nothing = nothing
        self._measure()

    def _measure(self) -> None:
        rows = self._rows
        columns = max((len(row.facts) for row in rows), default=0)
        self._widths = [
            max(cell_len(row.facts[at]) for row in rows if len(row.facts) > at) + 2 for at in range(columns)
        ]
        self._text_width = max((cell_len(row.text) for row in rows), default=0)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._heading, classes="dialog-title", markup=False)
            yield Input(placeholder="Type to filter", compact=True)
            yield OptionList(markup=False, compact=True)
            yield KeyLine((("Enter", "take it"), ("Esc", "close")))

    def on_mount(self) -> None:
        self._fill("")

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Other rows, as more is known; what was chosen stays chosen."""
        self._rows = rows
        self._measure()
        if self.is_attached:
            choices = self.query_one(OptionList)
            at = choices.highlighted
            chosen = None if at is None else choices.get_option_at_index(at).id
            self._fill(self.query_one(Input).value)
            places = [place for place, option in enumerate(choices.options) if option.id == chosen]
            choices.highlighted = places[0] if places else choices.highlighted

    def on_input_changed(self, event: Input.Changed) -> None:
        self._fill(event.value)

    def on_input_submitted(self) -> None:
        choices = self.query_one(OptionList)
        if choices.highlighted is not None:
            self.dismiss(choices.get_option_at_index(choices.highlighted).id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_move(self, how: str) -> None:
        getattr(self.query_one(OptionList), f"action_{how}")()

    def _fill(self, wanted: str) -> None:
        words = wanted.casefold().split()
        self._show([row for row in self._rows if all(word in f"{row.text} {row.aside}".casefold() for word in words)])

    def _show(self, found: Sequence[Row]) -> None:
        choices = self.query_one(OptionList)
        choices.clear_options()
        if not found:
            choices.add_option(Option(Content.styled(self._nothing, "$dim"), disabled=True))
            return
        choices.add_options([Option(self._line(row), id=row.id, disabled=row.disabled) for row in found])
        choices.highlighted = 0

    def _line(self, row: Row) -> Content:
        facts = "".join(f"{fact:>{width}}" for fact, width in zip(row.facts, self._widths, strict=False))
        text = clean(row.text, keep_newlines=False)
        if row.aside:
            text += " " * max(0, self._text_width - cell_len(text))
        return Content.assemble(
            (f"{facts}  " if facts else "", "$dim"),
            text,
            (f"  {clean(row.aside, keep_newlines=False)}" if row.aside else "", "$dim"),
        )
