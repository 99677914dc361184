"""The rows of the session screen as pieces of text: aligned columns, with the hit below the title while something is searched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size

from stepchat.text.sanitize import sanitize
from stepchat.text.widths import align, pad, pad_for_rich, pad_ranges_for_rich
from stepchat.transcript.labels import money, short_model

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from stepchat.sessions.records import SessionSummary
    from stepchat.sessions.search.search import Hit
    from stepchat.tui.dialogs.list_view import Piece, Role

PREFIX: Final = 2
"""Cells for the signs of a marked one, and of a pinned one or one that is being answered."""
_GAP: Final = 2
_ARCHIVED: Final = "archived · "
SPEAKERS: Final = {"prompt": "you", "answer": "answer", "reasoning": "thought", "tool": "tool"}


@dataclass(frozen=True, slots=True)
class ListedSession:
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
    Column("age", "updated", 6, 24, lambda row, now: age(row.updated, now)),
    Column("model", "", 18, 74, lambda row, _: short_model(row.model), left=True),
    Column("turns", "turns", 5, 46, lambda row, _: f"{row.turns:,}"),
    Column("cost", "cost", 9, 58, lambda row, _: "" if row.cost is None else money(row.cost)),
)


class SessionRows:
    """What is listed, which are marked, and how a row looks."""

    def __init__(self, now: Callable[[], float], answered: Collection[str] = ()) -> None:
        self.entries: list[ListedSession] = []
        self.marked: dict[str, SessionSummary] = {}
        self.order = "updated"
        self.searched = False
        """Each row has room for a hit."""
        self.mark_archived = False
        self._now = now
        self._answered = answered

    def row_of(self, wanted: Sequence[str], index: int) -> int:
        """The row of the first of these sessions that is there, else this row."""
        places = {entry.summary.id: row for row, entry in enumerate(self.entries)}
        return next((places[identity] for identity in wanted if identity in places), index)

    def nearest_remaining(self, index: int, leaving: Collection[str]) -> str:
        """The session nearest to a row, rather below it, that is none of these; "" for none."""
        near = [*self.entries[index:], *reversed(self.entries[:index])]
        return next((entry.summary.id for entry in near if entry.summary.id not in leaving), "")

    def title_width(self, width: int) -> int:
        return max(1, width - PREFIX - sum(each.width + _GAP for each in _columns(width)))

    def head(self, width: int) -> list[Piece]:
        """Above the columns; the one that sorts is marked."""

        def name(text: str, order: str) -> str:
            return f"{text} ▾" if order == self.order else text

        title = set_cell_size(" " * PREFIX + name("title", "title"), PREFIX + self.title_width(width))
        pieces: list[Piece] = [(title, "sign" if self.order == "title" else "dim")]
        for each in _columns(width):
            text = name(each.name, each.order) if each.order else each.name
            shown = " " * _GAP + align(text, each.width, left=each.left)
            pieces.append((shown, "sign" if each.order == self.order else "dim"))
        return pieces

    def line(self, index: int, part: int, width: int) -> list[Piece]:
        entry = self.entries[index]
        return _hit_line(entry, width) if part else self._row(entry, width)

    def _row(self, entry: ListedSession, width: int) -> list[Piece]:
        row = entry.summary
        kind = "…" if row.id in self._answered else "*" if row.pinned else " "
        pieces: list[Piece] = [(("●" if row.id in self.marked else " ") + kind, "sign")]
        title = next((hit.snippet for hit in entry.hits if hit.field == "title"), None)
        room = self.title_width(width)
        if self.mark_archived and row.archived:
            pieces.append((_ARCHIVED[:room], "dim"))
            room = max(1, room - len(_ARCHIVED))
        if title is not None:
            pieces += _marked(title.text, title.ranges, room, "text")
        else:
            pieces.append((pad(pad_for_rich(sanitize(row.title, keep_newlines=False)) or "untitled", room), "text"))
        now = self._now()
        for each in _columns(width):
            fact = sanitize(each.fact(row, now), keep_newlines=False)
            pieces.append((" " * _GAP + align(fact, each.width, left=each.left), "dim"))
        return pieces


def _columns(width: int) -> list[Column]:
    return [each for each in COLUMNS if width >= each.from_width]


def _hit_line(entry: ListedSession, width: int) -> list[Piece]:
    hit = next((hit for hit in entry.hits if hit.field != "title"), None)
    if hit is None:
        return []
    lead = " " * (PREFIX + 2) + f"{SPEAKERS[hit.field]}: "
    return [(lead, "dim"), *_marked(hit.snippet.text, hit.snippet.ranges, max(1, width - cell_len(lead)), "dim")]


def _marked(text: str, ranges: Sequence[tuple[int, int]], width: int, role: Role) -> list[Piece]:
    """The text, in so many cells, with the ranges marked."""
    text, ranges = _around_first(*pad_ranges_for_rich(text, ranges), width)
    shown = pad(text, width)
    pieces: list[Piece] = []
    at = 0
    for start, end in ranges:
        if end > len(text) or end > len(shown):
            break
        pieces.append((shown[at:start], role))
        pieces.append((shown[start:end], "hit"))
        at = end
    return [*pieces, (shown[at:], role)]


def _around_first(text: str, ranges: Sequence[tuple[int, int]], width: int) -> tuple[str, Sequence[tuple[int, int]]]:
    """Without so much of the beginning that the first hit would be out of sight."""
    if not ranges or cell_len(text[: ranges[0][1]]) < width:
        return text, ranges
    cut = max(0, ranges[0][0] - width // 3)
    return "…" + text[cut:], [(start - cut + 1, end - cut + 1) for start, end in ranges]


def age(then: float, now: float) -> str:
    """How long ago, in one unit."""
    seconds = max(0, now - then)
    for size, name in ((365 * 86400, "y"), (86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {name}"
    return "now"
