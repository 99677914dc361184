"""The rows of the session screen: aligned columns, with the hit below the title while something is searched.

Only what is in sight is drawn, so that ten thousand sessions cost as much as ten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.geometry import clamp
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from stepchat.transcript.clean import clean
from stepchat.transcript.facts import money, short_model
from stepchat.transcript.widths import spaced, spaced_ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from rich.style import Style
    from textual import events
    from textual.geometry import Region

    from stepchat.sessions.records import SessionSummary
    from stepchat.sessions.search import Hit

PREFIX: Final = 2
"""Cells for the signs of a marked one, and of a pinned one or one that is being answered."""
_GAP: Final = 2
_NEAR_THE_END: Final = 40
_ARCHIVED: Final = "archived · "
_WHEEL_ROWS: Final = 3
SPEAKERS: Final = {"prompt": "you", "answer": "answer", "reasoning": "thought", "tool": "tool"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A session, and where the words were found in it."""

    summary: SessionSummary
    hits: tuple[Hit, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A fact beside the title; `order` is the sorting it shows, `from_width` the narrowest list that has room for it."""

    name: str
    order: str
    width: int
    from_width: int
    fact: Callable[[SessionSummary, float], str]
    left: bool = False


COLUMNS: Final = (
    Column("age", "updated", 6, 0, lambda row, now: age(row.updated, now)),
    Column("model", "", 18, 76, lambda row, _: short_model(row.model), left=True),
    Column("turns", "turns", 5, 48, lambda row, _: f"{row.turns:,}"),
    Column("cost", "cost", 9, 60, lambda row, _: "" if row.cost is None else money(row.cost)),
)


class SessionRows(Widget):
    """A list with a cursor. Who holds it fills it, and fills it further when `MoreWanted` comes."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"session-rows--{role}" for role in ("text", "dim", "chosen", "sign", "hit", "head")
    }

    class Moved(Message):
        """The cursor is on another session now."""

    class Opened(Message):
        """The session at the cursor was clicked twice."""

    class MoreWanted(Message):
        """The end of what is there comes near."""

    def __init__(self, now: Callable[[], float], answered: Collection[str] = ()) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self.marked: dict[str, SessionSummary] = {}
        self.order = "updated"
        self.cursor = 0
        self.nothing = ""
        """What is said when nothing is there."""
        self._now = now
        self._answered = answered
        self._top = 0
        self._searched = self._tell_archived = False

    @property
    def current(self) -> SessionSummary | None:
        return self.entries[self.cursor].summary if self.entries else None

    def show(self, entries: Sequence[Entry], *, searched: bool, cursor: int = 0, tell_archived: bool = False) -> None:
        """Other rows; with `searched` each has room for a hit."""
        self._tell_archived = tell_archived
        self.entries = list(entries)
        self._searched = searched
        self._top = min(self._top, max(0, len(self.entries) - 1))
        self.move_to(cursor)

    def add(self, entries: Sequence[Entry]) -> None:
        """More rows below."""
        self.entries += entries
        self.refresh()

    def move_to(self, index: int) -> None:
        self.cursor = clamp(index, 0, max(0, len(self.entries) - 1))
        self._keep_in_sight()
        self.refresh()
        self.post_message(self.Moved())
        if self.cursor > len(self.entries) - _NEAR_THE_END:
            self.post_message(self.MoreWanted())

    @property
    def page(self) -> int:
        """How many sessions are in sight."""
        return max(1, (self.size.height - self._head) // self._each)

    def place_of_title(self) -> tuple[int, int, int]:
        """Column, row and width of the title at the cursor."""
        y = self._head + (self.cursor - self._top) * self._each
        return PREFIX, y, self._title_width()

    @property
    def _each(self) -> int:
        return 2 if self._searched else 1

    @property
    def _head(self) -> int:
        return 1 if self.size.height > 8 else 0

    def render_lines(self, crop: Region) -> list[Strip]:
        # How high it is, is known here first: the first frame comes before any event says so.
        self._keep_in_sight()
        return super().render_lines(crop)

    def _keep_in_sight(self) -> None:
        """With some rows around it, where there are any."""
        around = min(3, (self.page - 1) // 2)
        top = clamp(self._top, self.cursor - self.page + 1 + around, self.cursor - around)
        self._top = clamp(top, 0, max(0, len(self.entries) - self.page))

    # Mouse

    def on_click(self, event: events.Click) -> None:
        event.stop()
        index = self._top + (event.y - self._head) // self._each
        if event.y >= self._head and index < len(self.entries):
            self.move_to(index)
            if event.chain > 1:
                self.post_message(self.Opened())

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.move_to(self.cursor + _WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.move_to(self.cursor - _WHEEL_ROWS)

    # Drawing

    def render_line(self, y: int) -> Strip:
        width, ground = self.size.width, self._style("text")
        if y < self._head:
            return Strip(self._head_row()).adjust_cell_length(width, ground)
        at, part = divmod(y - self._head, self._each)
        index = self._top + at
        if index >= len(self.entries):
            words = self.nothing if y == self._head and not self.entries else ""
            return Strip([Segment(_fit(words, width), self._style("dim"))]).adjust_cell_length(width, ground)
        entry = self.entries[index]
        chosen = self._style("chosen") if index == self.cursor else None
        segments = self._hit_row(entry, width) if part else self._row(entry)
        if chosen is not None:
            # Marked words stay bold.
            segments = [Segment(each.text, _with_ground(each.style, chosen)) for each in segments]
        return Strip(segments).adjust_cell_length(width, chosen or ground)

    def _style(self, role: str) -> Style:
        return self.get_component_rich_style(f"session-rows--{role}")

    def _columns(self) -> list[Column]:
        return [column for column in COLUMNS if self.size.width >= column.from_width]

    def _title_width(self) -> int:
        return max(1, self.size.width - PREFIX - sum(column.width + _GAP for column in self._columns()))

    def _head_row(self) -> list[Segment]:
        def name(text: str, order: str) -> str:
            return f"{text} ▾" if order == self.order else text

        plain, sorted_by = self._style("head"), self._style("sign")
        title = set_cell_size(" " * PREFIX + name("title", "title"), PREFIX + self._title_width())
        segments = [Segment(title, sorted_by if self.order == "title" else plain)]
        for column in self._columns():
            text = name(column.name, column.order) if column.order else column.name
            shown = _column(text, column.width, left=column.left)
            segments.append(Segment(" " * _GAP + shown, sorted_by if column.order == self.order else plain))
        return segments

    def _row(self, entry: Entry) -> list[Segment]:
        row, text, dim, sign = entry.summary, self._style("text"), self._style("dim"), self._style("sign")
        kind = "…" if row.id in self._answered else "*" if row.pinned else " "
        signs = ("●" if row.id in self.marked else " ") + kind
        segments = [Segment(signs, sign)]
        title = next((hit.snippet for hit in entry.hits if hit.field == "title"), None)
        width = self._title_width()
        if self._tell_archived and row.archived:
            segments.append(Segment(_ARCHIVED[:width], dim))
            width = max(1, width - len(_ARCHIVED))
        if title is not None:
            segments += self._marked(title.text, title.ranges, width, text)
        else:
            title_text = spaced(clean(row.title, keep_newlines=False)) or "untitled"
            segments.append(Segment(_fit(title_text, width), text))
        now = self._now()
        for column in self._columns():
            fact = clean(column.fact(row, now), keep_newlines=False)
            segments.append(Segment(" " * _GAP + _column(fact, column.width, left=column.left), dim))
        return segments

    def _hit_row(self, entry: Entry, width: int) -> list[Segment]:
        hit = next((hit for hit in entry.hits if hit.field != "title"), None)
        dim = self._style("dim")
        if hit is None:
            return [Segment(" " * width, dim)]
        lead = " " * (PREFIX + 2) + f"{SPEAKERS[hit.field]}: "
        snippet = hit.snippet
        return [Segment(lead, dim), *self._marked(snippet.text, snippet.ranges, max(1, width - cell_len(lead)), dim)]

    def _marked(self, text: str, ranges: Sequence[tuple[int, int]], width: int, style: Style) -> list[Segment]:
        """The text, in so many cells, with the ranges marked."""
        text, ranges = _around_first(*spaced_ranges(text, ranges), width)
        shown = _fit(text, width)
        hit = self._style("hit")
        segments: list[Segment] = []
        at = 0
        for start, end in ranges:
            if end > len(text) or end > len(shown):
                break
            segments += [Segment(shown[at:start], style), Segment(shown[start:end], hit)]
            at = end
        return [*segments, Segment(shown[at:], style)]


def _around_first(text: str, ranges: Sequence[tuple[int, int]], width: int) -> tuple[str, Sequence[tuple[int, int]]]:
    """Without so much of the beginning that the first hit would be out of sight."""
    if not ranges or cell_len(text[: ranges[0][1]]) < width:
        return text, ranges
    cut = max(0, ranges[0][0] - width // 3)
    return "…" + text[cut:], [(start - cut + 1, end - cut + 1) for start, end in ranges]


def _with_ground(style: Style | None, chosen: Style) -> Style:
    return chosen if style is None or not style.bold else chosen + type(chosen)(bold=True, underline=style.underline)


def _column(text: str, width: int, *, left: bool) -> str:
    if cell_len(text) > width:
        return _fit(text, width)
    blank = " " * (width - cell_len(text))
    return text + blank if left else blank + text


def _fit(text: str, width: int) -> str:
    """In exactly so many cells; what is cut ends with a mark."""
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, max(0, width - 1)) + "…"


def age(then: float, now: float) -> str:
    """How long ago, in one unit."""
    seconds = max(0, now - then)
    for size, name in ((365 * 86400, "y"), (86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {name}"
    return "now"
