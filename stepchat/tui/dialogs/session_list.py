"""The list of the session screen: its options, its pages, and the layout of its rows."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from rich.cells import cell_len, set_cell_size

from stepchat.sessions import reading
from stepchat.sessions.records import SHORTEST_PREFIX
from stepchat.text.format import money, short_model
from stepchat.text.sanitize import sanitize
from stepchat.text.widths import align, pad, pad_for_rich, pad_ranges_for_rich

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from stepchat.sessions.reading import Order
    from stepchat.sessions.records import SessionSummary
    from stepchat.sessions.search.search import Hit
    from stepchat.sessions.store import SessionStore
    from stepchat.tui.dialogs.list_view import Piece, Role

Listed: TypeAlias = Literal["current", "archived", "deleted"]
LISTED: Final[tuple[Listed, ...]] = get_args(Listed)
ORDERS: Final[tuple[Order, ...]] = tuple(reading.ORDERS)


@dataclass(frozen=True, slots=True)
class SessionListOptions:
    """The state of the list, saved for the next time."""

    order: Order = "updated"
    search_reasoning: bool = False
    at: str = ""
    """The id of the session at the cursor."""


def read_options(stored: str | None) -> SessionListOptions:
    """Reads what `write_options` wrote; the defaults for anything else."""
    try:
        data: Any = json.loads(stored or "{}")
        order, reasoning, at = data.get("order"), data.get("thoughts"), data.get("at")
    except (AttributeError, ValueError):
        return SessionListOptions()
    return SessionListOptions(
        order if order in ORDERS else "updated", reasoning is True, at if isinstance(at, str) else ""
    )


def write_options(options: SessionListOptions) -> str:
    return json.dumps({"order": options.order, "thoughts": options.search_reasoning, "at": options.at})


# ---- reading

PAGE: Final = 100
SEARCH_PAGE: Final = 40
"""Search results per page; fewer, because their snippets are read as well."""
RESTORE_LIMIT: Final = 500
"""The most rows in which to look for the session at the last cursor position."""


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session, and where it matches the search."""

    summary: SessionSummary
    hits: tuple[Hit, ...] = ()


class SessionLoader:
    """Reads the list a page at a time. Each method raises StoreError."""

    def __init__(self, store: SessionStore) -> None:
        self.more = False
        """The store has sessions below those that were read."""
        self._store = store

    async def first(self, options: SessionListOptions) -> Sequence[ListedSession]:
        """The first page of the current sessions, or more if the last cursor was further down, but not too far."""
        entries = await self.page(options, "current", "", 0, PAGE) or ()
        if options.at and self.more and all(entry.summary.id != options.at for entry in entries):
            entries = await self.page(options, "current", "", 0, RESTORE_LIMIT) or ()
        return entries

    async def these(self, options: SessionListOptions, wanted: Sequence[str], typed: str) -> Sequence[ListedSession]:
        """These sessions, with where they match the search."""
        matching = await self.page(options, "current", f"{typed} ", 0, len(wanted)) or ()
        hits = {entry.summary.id: entry.hits for entry in matching}
        self.more = False
        return [ListedSession(row, hits.get(row.id, ())) for row in await self._store.summaries(wanted)]

    async def page(
        self, options: SessionListOptions, listed: Listed, typed: str, offset: int, limit: int
    ) -> Sequence[ListedSession] | None:
        """A part of the list; None if a newer search has begun."""
        deleted = listed == "deleted"
        archived = None if deleted else listed == "archived"
        if not typed:
            rows = await self._store.sessions(
                limit, offset, archived=archived, deleted=deleted, pinned_first=True, order=options.order
            )
            self.more = len(rows) == limit
            return [ListedSession(row) for row in rows]
        from stepchat.sessions.search.search import ALL_FIELDS, USUAL_FIELDS, SearchOptions

        fields = ALL_FIELDS if options.search_reasoning else USUAL_FIELDS
        if listed == "current":
            archived = None  # a search finds archived sessions as well
        wanted = SearchOptions(fields, archived, deleted=deleted, limit=min(limit, SEARCH_PAGE), offset=offset)
        page = await self._store.search(typed, wanted)
        if page is None:
            return None
        self.more = page.more
        return [ListedSession(found.summary, found.hits) for found in page.sessions]

    async def count(self, listed: Listed) -> int:
        """How many sessions there are."""
        archived = None if listed == "deleted" else listed == "archived"
        return await self._store.count_sessions(archived=archived, deleted=listed == "deleted")


# ---- rows

PREFIX: Final = 2
"""Cells for two signs: marked, and pinned or being answered."""
_GAP: Final = 2
_ARCHIVED: Final = "archived · "
_ONE_SHOT: Final = "one-shot · "
_FORK: Final = "fork · "
SPEAKERS: Final = {"prompt": "you", "answer": "answer", "reasoning": "reasoning", "tool": "tool"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column right of the title; `order` is the sort order it shows, `from_width` the narrowest list that has it."""

    name: str
    order: str
    width: int
    from_width: int
    cell: Callable[[SessionSummary, float], str]
    left: bool = False


COLUMNS: Final = (
    Column("age", "updated", 6, 24, lambda row, now: age(row.updated, now)),
    Column("model", "", 18, 74, lambda row, _: short_model(row.model), left=True),
    Column("turns", "turns", 5, 46, lambda row, _: f"{row.turns:,}"),
    Column("cost", "cost", 9, 58, lambda row, _: "" if row.cost is None else money(row.cost)),
)


class SessionRows:
    """The sessions that are listed, which of them are marked, and how a row is drawn."""

    def __init__(self, now: Callable[[], float], answering: Collection[str] = ()) -> None:
        self.entries: list[ListedSession] = []
        self.marked: dict[str, SessionSummary] = {}
        self.order = "updated"
        self.searched = False
        """Each row has a second line for a match."""
        self.show_archived = False
        self._now = now
        self._counted = (0, 0)
        self._titles: Counter[str] = Counter()
        """How often each title is listed."""
        self._answering = answering

    def row_of(self, wanted: Sequence[str], default: int) -> int:
        """The row of the first of these sessions that is listed."""
        rows = {entry.summary.id: row for row, entry in enumerate(self.entries)}
        return next((rows[identity] for identity in wanted if identity in rows), default)

    def nearest_remaining(self, index: int, leaving: Collection[str]) -> str:
        """The id of the nearest session, preferably below, that is not about to leave the list; "" if there is none."""
        near = [*self.entries[index:], *reversed(self.entries[:index])]
        return next((entry.summary.id for entry in near if entry.summary.id not in leaving), "")

    def title_width(self, width: int) -> int:
        return max(1, width - PREFIX - sum(each.width + _GAP for each in _columns(width)))

    def head(self, width: int) -> list[Piece]:
        """The names of the columns; the one that sorts is marked."""

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

    def _is_shared(self, title: str) -> bool:
        """Whether several of the sessions have this title: the beginnings of their IDs tell them apart."""
        counted = (id(self.entries), len(self.entries))
        if self._counted != counted:
            self._counted = counted
            self._titles = Counter(entry.summary.title for entry in self.entries)
        return self._titles[title] > 1

    def _row(self, entry: ListedSession, width: int) -> list[Piece]:
        row = entry.summary
        state = "…" if row.id in self._answering else "*" if row.pinned else " "
        pieces: list[Piece] = [(("●" if row.id in self.marked else " ") + state, "sign")]
        title = next((hit.snippet for hit in entry.hits if hit.field == "title"), None)
        title_width = self.title_width(width)
        for mark in (
            _ARCHIVED * (self.show_archived and row.archived),
            _ONE_SHOT * row.one_shot,
            _FORK * bool(row.forked_from),
        ):
            if mark and title_width > len(mark):
                pieces.append((mark, "dim"))
                title_width -= len(mark)
        suffix = f" · {row.id[:SHORTEST_PREFIX]}" if self._is_shared(row.title) else ""
        suffix = suffix if title_width > 2 * len(suffix) else ""
        title_width -= len(suffix)
        if title is not None:
            pieces += _highlighted(title.text, title.ranges, title_width, "text")
        else:
            plain = pad_for_rich(sanitize(row.title, keep_newlines=False)) or "untitled"
            pieces.append((pad(plain, title_width), "text"))
        if suffix:
            pieces.append((suffix, "dim"))
        now = self._now()
        for each in _columns(width):
            cell = sanitize(each.cell(row, now), keep_newlines=False)
            pieces.append((" " * _GAP + align(cell, each.width, left=each.left), "dim"))
        return pieces


def _columns(width: int) -> list[Column]:
    return [each for each in COLUMNS if width >= each.from_width]


def _hit_line(entry: ListedSession, width: int) -> list[Piece]:
    hit = next((hit for hit in entry.hits if hit.field != "title"), None)
    if hit is None:
        return []
    lead = " " * (PREFIX + 2) + f"{SPEAKERS[hit.field]}: "
    return [(lead, "dim"), *_highlighted(hit.snippet.text, hit.snippet.ranges, max(1, width - cell_len(lead)), "dim")]


def _highlighted(text: str, ranges: Sequence[tuple[int, int]], width: int, role: Role) -> list[Piece]:
    """The text in exactly `width` cells, with the ranges highlighted."""
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
    """The text without its beginning if the first range would otherwise be out of sight."""
    if not ranges or cell_len(text[: ranges[0][1]]) < width:
        return text, ranges
    cut = max(0, ranges[0][0] - width // 3)
    return "…" + text[cut:], [(start - cut + 1, end - cut + 1) for start, end in ranges]


def age(then: float, now: float) -> str:
    """The age in one unit."""
    seconds = max(0, now - then)
    for size, name in ((365 * 86400, "y"), (86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {name}"
    return "now"
