"""Full-text search over sessions: newest first, never ranked, so that the first results come at once.

With FTS5 (index.py) a page costs the same however much is stored. Without it, and for signs that are in no word,
messages are read until the page is full.
"""

from __future__ import annotations

import asyncio
import heapq
import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from stepchat.errors import StoreError
from stepchat.sessions import database, reading, records
from stepchat.sessions.search import index as search_index
from stepchat.sessions.search.query import Snippet, SymbolFinder, Term, TermFinder, expression, parse, symbols_in
from stepchat.sessions.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stepchat.sessions.records import SessionSummary

Field: TypeAlias = Literal["title", "prompt", "answer", "reasoning", "tool"]

ALL_FIELDS: Final[frozenset[Field]] = frozenset(get_args(Field))
USUAL_FIELDS: Final[frozenset[Field]] = frozenset({"title", "prompt", "answer"})


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """Where to look, and how much to give."""

    fields: frozenset[Field] = USUAL_FIELDS
    archived: bool | None = None
    """Only archived sessions, only others, or (None) both."""
    deleted: bool = False
    """Those that were deleted and can be brought back, instead of those that are there."""
    limit: int = 20
    """Sessions a page."""
    offset: int = 0
    hits: int = 3
    """At most so many for each session."""


DEFAULT_OPTIONS: Final = SearchOptions()

_Finder: TypeAlias = TermFinder | SymbolFinder


@dataclass(frozen=True, slots=True)
class Hit:
    """One place. `message` is None for the title."""

    session: str
    message: str | None
    field: Field
    snippet: Snippet


@dataclass(frozen=True, slots=True)
class FoundSession:
    """A session with its newest hits."""

    summary: SessionSummary
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Sessions, those with the newest hit first. `more` says that another page follows."""

    sessions: tuple[FoundSession, ...] = ()
    more: bool = False
    complete: bool = True
    """False while messages wait to be indexed, as after an update: they were not searched."""


@dataclass(slots=True)
class _Place:
    """A message or, with an empty id, a title that holds the words."""

    time: float
    session: str
    number: int = 0
    message: str = ""


@dataclass(slots=True)
class _Group:
    summary: SessionSummary
    places: list[_Place] = field(default_factory=list["_Place"])


def search(
    connection: sqlite3.Connection, typed: str, options: SearchOptions, stopped: Callable[[], bool] = lambda: False
) -> SearchPage:
    """One page. It ends early, with what it has, once `stopped` says so; `Connection.interrupt` raises instead."""
    terms, signs = parse(typed), symbols_in(typed)
    if not signs:
        return SearchPage()
    finder: _Finder = TermFinder(terms) if terms else SymbolFinder(signs)
    # The index knows words only.
    indexed = bool(terms) and search_index.is_kept(connection) and search_index.has_fts5(connection)
    terms = terms or (Term((signs,)),)
    titles, places = (_titles, _messages) if indexed else (_titles_slowly, _messages_slowly)
    wanted = options.offset + options.limit + 1
    both = heapq.merge(
        titles(connection, terms, finder, wanted) if "title" in options.fields else (),
        places(connection, terms, finder, options.fields) if options.fields - {"title"} else (),
        key=lambda place: -place.time,
    )
    groups = _grouped(connection, both, options, wanted, stopped)
    page = groups[options.offset : options.offset + options.limit]
    return SearchPage(
        tuple(_found(connection, group, finder, options) for group in page if not stopped()),
        more=len(groups) == wanted,
        complete=not (indexed and search_index.is_waiting(connection)),
    )


def _grouped(
    connection: sqlite3.Connection,
    places: Iterator[_Place],
    options: SearchOptions,
    wanted: int,
    stopped: Callable[[], bool],
) -> list[_Group]:
    groups: dict[str, _Group | None] = {}
    count = 0
    for place in places:
        if stopped():
            break
        if place.session not in groups:
            groups[place.session] = group = _group(connection, place.session, options)
            count += group is not None
        group = groups[place.session]
        if group is not None and len(group.places) < options.hits:
            group.places.append(place)
        if count == wanted:
            break
    return [group for group in groups.values() if group is not None]


def _group(connection: sqlite3.Connection, session_id: str, options: SearchOptions) -> _Group | None:
    summary = reading.summary(connection, session_id, deleted=options.deleted)
    if summary is None or (options.archived is not None and summary.archived is not options.archived):
        return None
    return _Group(summary)


def _titles(connection: sqlite3.Connection, terms: tuple[Term, ...], _: _Finder, wanted: int) -> Iterator[_Place]:
    rows = connection.execute(
        "SELECT updated, id FROM title_index CROSS JOIN session ON number = title_index.rowid"
        " WHERE title_index MATCH ? ORDER BY updated DESC, number DESC LIMIT ?",
        (expression(terms, ["title"]), wanted),
    )
    return (_Place(*row) for row in rows)


def _messages(
    connection: sqlite3.Connection, terms: tuple[Term, ...], _: _Finder, fields: frozenset[Field]
) -> Iterator[_Place]:
    columns = [column for column in search_index.COLUMNS if column in fields]
    rows = connection.execute(
        "SELECT created, session, number, id FROM message_index CROSS JOIN message ON number = message_index.rowid"
        " WHERE message_index MATCH ? ORDER BY message_index.rowid DESC",
        (expression(terms, columns),),
    )
    return (_Place(*row) for row in rows)


def _titles_slowly(
    connection: sqlite3.Connection, terms: tuple[Term, ...], finder: _Finder, _: int
) -> Iterator[_Place]:
    for updated, session_id, title in connection.execute(
        "SELECT updated, id, title FROM session ORDER BY updated DESC, number DESC"
    ):
        if len(finder.terms_in(title)) == len(terms):
            yield _Place(updated, session_id)


def _messages_slowly(
    connection: sqlite3.Connection, terms: tuple[Term, ...], finder: _Finder, fields: frozenset[Field]
) -> Iterator[_Place]:
    # LIKE finds too much (keys, names of models), so each hit is read; accents it does not fold.
    longest = max((word for term in terms for word in term.words), key=len)
    rows = connection.execute(
        "SELECT created, session, number, id, data FROM message"
        " WHERE owner IS NULL AND data LIKE ? ESCAPE '!' ORDER BY number DESC",
        (reading.like_pattern(longest),),
    )
    for *place, data in rows:
        texts = _wanted_texts(data, fields)
        if len(frozenset[int]().union(*map(finder.terms_in, texts.values()))) == len(terms):
            yield _Place(*place)


def _found(connection: sqlite3.Connection, group: _Group, finder: _Finder, options: SearchOptions) -> FoundSession:
    hits = (_hit(connection, group.summary, place, finder, options.fields) for place in group.places)
    return FoundSession(group.summary, tuple(hits))


def _hit(
    connection: sqlite3.Connection, summary: SessionSummary, place: _Place, finder: _Finder, fields: frozenset[Field]
) -> Hit:
    if not place.message:
        return Hit(summary.id, None, "title", finder.whole(summary.title))
    (data,) = connection.execute("SELECT data FROM message WHERE number = ?", (place.number,)).fetchone()
    texts = _wanted_texts(data, fields)
    # The first of those that hold the most terms; with the words spread over two, one is shown.
    name: Field = max(texts, key=lambda name: len(finder.terms_in(texts[name]))) if texts else "answer"
    return Hit(summary.id, place.message, name, finder.snippet(texts.get(name, "")))


def _wanted_texts(data: str, fields: frozenset[Field]) -> dict[Field, str]:
    """Empty for a message that cannot be read."""
    try:
        message = records.message_from_text("of a hit", data)
    except StoreError:
        return {}
    return {name: text for name, text in search_index.column_texts(message).items() if name in fields}


class LiveSearch:
    """One query at a time. Opens its connection with the first."""

    def __init__(self, path: Path) -> None:
        self._worker = Worker("stepchat-search", path, database.connect_for_reading)
        self._asked = 0

    async def search(self, typed: str, options: SearchOptions) -> SearchPage | None:
        """None when another query came meanwhile. Cancelling ends the query, too. Raises StoreError."""
        self.stop()
        number = self._asked

        def stopped() -> bool:
            return number != self._asked

        def work(connection: sqlite3.Connection) -> SearchPage | None:
            if stopped():
                return None
            try:
                page = database.snapshot(connection, lambda connection: search(connection, typed, options, stopped))
            except sqlite3.OperationalError:
                if stopped():
                    return None
                raise
            return None if stopped() else page

        try:
            return await self._worker.run(work)
        except asyncio.CancelledError:
            if not stopped():
                self.stop()
            raise

    def stop(self) -> None:
        """End the query that runs, if any."""
        self._asked += 1
        self._worker.interrupt()

    def close(self) -> None:
        """Wait for the thread. A second call does nothing."""
        self.stop()
        self._worker.close()
