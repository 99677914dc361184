"""Choose one of many: a title, a filter line, aligned rows, keys at the bottom. Typing filters at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from stepchat.text.sanitize import sanitize
from stepchat.text.widths import align, pad, pad_for_rich, truncate
from stepchat.tui.dialogs.key_hints import KeyHints
from stepchat.tui.dialogs.list_view import LOW, MOVES, VirtualList, line_width, rows_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.geometry import Size

    from stepchat.tui.dialogs.list_view import Piece, Step

_GAP: Final = 2
_ABOUT: Final = 2
"""Lines below the list for what is cut in it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice. `columns` stand at the left in columns, `detail` at the right; typing searches `text` and `detail`."""

    id: str
    text: str
    columns: tuple[str, ...] = ()
    detail: str = ""
    disabled: bool = False
    """It is shown, but cannot be chosen; `detail` says why."""


class Picker(ModalScreen[str | None]):
    """Returns the id of the chosen row, None when none was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Close", show=False),
        *MOVES,
    ]

    def __init__(
        self,
        title: str,
        rows: Sequence[Choice],
        *,
        empty_text: str = "Nothing fits.",
    ) -> None:
        super().__init__()
        self._heading = title
        self._rows = rows
        self._found: Sequence[Choice] = ()
        self._list = VirtualList(
            lambda index, _, width: line_of(self._found[index], self._columns, width), wraps_around=True
        )
        self._list.empty_text = empty_text
        self._about = Static(markup=False, classes="dialog-about")
        # Where rows are cut the reason why one cannot be chosen is to be read, too.
        self._list.skip = lambda index: self._found[index].disabled and not self._about.display
        self._columns = columns_of(rows)

    def compose(self) -> ComposeResult:
        self._fit(self.app.size)  # pyright: ignore[reportUnknownMemberType] - generic in Textual
        with Vertical(classes="dialog"):
            yield Static(sanitize(self._heading, keep_newlines=False), classes="dialog-title", markup=False)
            yield Input(placeholder="Type to filter", compact=True)
            yield self._list
            yield self._about
            yield KeyHints((("Enter", "take it"), ("Esc", "close")))

    def on_mount(self) -> None:
        self._fill("")

    def on_resize(self, event: events.Resize) -> None:
        self._fit(event.size)

    def _fit(self, size: Size) -> None:
        """As high as all rows need, so that it stays while typing makes them fewer."""
        room, width = rows_for(size.height), line_width(size)
        self._about.display = any(needed(row, self._columns) > width for row in self._rows)
        if self._about.display:
            room -= _ABOUT if size.height < LOW else _ABOUT + 1
        self._list.styles.height = max(1, min(room, len(self._rows)))

    def set_rows(self, rows: Sequence[Choice]) -> None:
        """Other rows, as more is known; what was chosen stays chosen."""
        self._rows = rows
        self._columns = columns_of(rows)
        if self.is_attached:
            self._fit(self.app.size)  # pyright: ignore[reportUnknownMemberType] - generic in Textual
            self._fill(self.query_one(Input).value, keep=self._chosen)

    @property
    def _chosen(self) -> Choice | None:
        row = self._found[self._list.cursor] if self._found else None
        return None if row is None or row.disabled else row

    def on_input_changed(self, event: Input.Changed) -> None:
        self._fill(event.value)

    def on_input_submitted(self) -> None:
        self.on_virtual_list_opened()

    def on_virtual_list_moved(self) -> None:
        """Where rows are cut, the one at the cursor can be read in full."""
        row = self._found[self._list.cursor] if self._found else None
        words = "" if row is None else " · ".join(part for part in (_plain(row.text), _plain(row.detail)) if part)
        self._about.update(Content.styled(" ".join(words.split()), "$dim"))

    def on_virtual_list_opened(self) -> None:
        if self._chosen is not None:
            self.dismiss(self._chosen.id)

    def action_move(self, by: Step) -> None:
        self._list.step(by)

    def _fill(self, wanted: str, keep: Choice | None = None) -> None:
        words = wanted.casefold().split()
        self._found = [
            row for row in self._rows if all(word in f"{row.text} {row.detail}".casefold() for word in words)
        ]
        kept = (place for place, row in enumerate(self._found) if keep is not None and row.id == keep.id)
        first = next((place for place, row in enumerate(self._found) if not row.disabled), 0)
        self._list.show(len(self._found), next(kept, first))


class Columns(NamedTuple):
    """How wide each of the facts is, the widest text and the widest aside."""

    columns: Sequence[int]
    text: int
    detail: int


def columns_of(rows: Sequence[Choice]) -> Columns:
    count = max((len(row.columns) for row in rows), default=0)
    facts = [max(cell_len(row.columns[at]) for row in rows if len(row.columns) > at) for at in range(count)]
    text = max((cell_len(_plain(row.text)) for row in rows if row.detail), default=0)
    return Columns(facts, text, max((cell_len(_plain(row.detail)) for row in rows), default=0))


def line_of(row: Choice, columns: Columns, width: int) -> list[Piece]:
    """Facts, text and aside; what there is no room for goes from the end of the text and of the aside."""
    facts = "".join(
        f"{' ' * _GAP}{align(fact, size)}" for fact, size in zip(row.columns, columns.columns, strict=False)
    )
    facts += " " * _GAP if facts else ""
    rest = max(1, width - cell_len(facts))
    text, aside = _plain(row.text), _plain(row.detail)
    if not aside:
        return [(facts, "dim"), (truncate(text, rest), "dim" if row.disabled else "text")]
    # The aside gives way first, but not below two fifths.
    room = max(1, min(columns.text, rest - _GAP - min(columns.detail, rest * 2 // 5)))
    return [
        (facts, "dim"),
        (pad(text, room), "dim" if row.disabled else "text"),
        (" " * _GAP + truncate(aside, rest - room - _GAP), "dim"),
    ]


def needed(row: Choice, columns: Columns) -> int:
    """Cells of a row in which nothing is cut."""
    aside = columns.text + _GAP + cell_len(_plain(row.detail)) if row.detail else cell_len(_plain(row.text))
    facts = sum(size + _GAP for size in columns.columns[: len(row.columns)])
    return facts + (_GAP if row.columns else 0) + aside


def _plain(text: str) -> str:
    return pad_for_rich(sanitize(text, keep_newlines=False))
