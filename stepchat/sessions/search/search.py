"""Full-text search over sessions, newest first and not ranked, so that the first results appear immediately.

With FTS5 (index.py), the cost of a page does not grow with the store. Without it, and for symbols that are not part of
words, messages are read until the page is full.
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
    """Where to search, and how much to return."""

    fields: frozenset[Field] = USUAL_FIELDS
    archived: bool | None = None
    """Only archived sessions, only others, or (None) both."""
    deleted: bool = False
    """Deleted sessions that can be restored, instead of the others."""
    limit: int = 20
    """Sessions per page."""
    offset: int = 0
    hits: int = 3
    """Hits per session, at most."""


DEFAULT_OPTIONS: Final = SearchOptions()

_Finder: TypeAlias = TermFinder | SymbolFinder


@dataclass(frozen=True, slots=True)
class Hit:
    """One match. `message` is None for the title."""

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
    """Sessions, sorted by their newest hit. `more`: another page follows."""

    sessions: tuple[FoundSession, ...] = ()
    more: bool = False
    complete: bool = True
    """False if some messages were not searched, because they wait to be indexed, as after an update."""


@dataclass(slots=True)
class _Match:
    """A message, or with an empty ID a title, that contains the words.

    `number` is the order of events: that of the message, or of the newest one below the title.
    """

    number: int
    session: str
    message: str = ""


@dataclass(slots=True)
class _Group:
    summary: SessionSummary
    matches: list[_Match] = field(default_factory=list["_Match"])


def search(
    connection: sqlite3.Connection, typed: str, options: SearchOptions, stopped: Callable[[], bool] = lambda: False
) -> SearchPage:
    """Search for one page. Returns early with what it has once `stopped` returns True; `Connection.interrupt` raises."""
    terms, symbols = parse(typed), symbols_in(typed)
    if not symbols:
        return SearchPage()
    finder: _Finder = TermFinder(terms) if terms else SymbolFinder(symbols)
    # The index contains only words.
    indexed = bool(terms) and search_index.is_kept(connection) and search_index.has_fts5(connection)
    terms = terms or (Term((symbols,)),)
    titles, messages = (_titles, _messages) if indexed else (_scan_titles, _scan_messages)
    wanted = options.offset + options.limit + 1
    both = heapq.merge(
        titles(connection, terms, finder, wanted) if "title" in options.fields else (),
        messages(connection, terms, finder, options.fields) if options.fields - {"title"} else (),
        key=lambda match: -match.number,
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
    matches: Iterator[_Match],
    options: SearchOptions,
    wanted: int,
    stopped: Callable[[], bool],
) -> list[_Group]:
    groups: dict[str, _Group | None] = {}
    count = 0
    for match in matches:
        if stopped():
            break
        if match.session not in groups:
            groups[match.session] = group = _group(connection, match.session, options)
            count += group is not None
        group = groups[match.session]
        if group is not None and len(group.matches) < options.hits:
            group.matches.append(match)
        if count == wanted:
            break
    return [group for group in groups.values() if group is not None]


def _group(connection: sqlite3.Connection, session_id: str, options: SearchOptions) -> _Group | None:
    summary = reading.summary(connection, session_id, deleted=options.deleted)
    if summary is None or (options.archived is not None and summary.archived is not options.archived):
        return None
    return _Group(summary)


def _titles(connection: sqlite3.Connection, terms: tuple[Term, ...], _: _Finder, wanted: int) -> Iterator[_Match]:
    rows = connection.execute(
        "SELECT (SELECT coalesce(max(message.number), 0) FROM message WHERE message.session = session.id), id"
        " FROM title_index CROSS JOIN session ON number = title_index.rowid"
        " WHERE title_index MATCH ? ORDER BY 1 DESC, number DESC LIMIT ?",
        (expression(terms, ["title"]), wanted),
    )
    return (_Match(*row) for row in rows)


def _messages(
    connection: sqlite3.Connection, terms: tuple[Term, ...], _: _Finder, fields: frozenset[Field]
) -> Iterator[_Match]:
    columns = [column for column in search_index.COLUMNS if column in fields]
    rows = connection.execute(
        "SELECT number, session, id FROM message_index CROSS JOIN message ON number = message_index.rowid"
        " WHERE message_index MATCH ? ORDER BY message_index.rowid DESC",
        (expression(terms, columns),),
    )
    return (_Match(*row) for row in rows)


def _scan_titles(connection: sqlite3.Connection, terms: tuple[Term, ...], finder: _Finder, _: int) -> Iterator[_Match]:
    for newest, session_id, title in connection.execute(
        "SELECT (SELECT coalesce(max(message.number), 0) FROM message WHERE message.session = session.id), id, title"
        " FROM session ORDER BY 1 DESC, number DESC"
    ):
        if len(finder.terms_in(title)) == len(terms):
            yield _Match(newest, session_id)


def _scan_messages(
    connection: sqlite3.Connection, terms: tuple[Term, ...], finder: _Finder, fields: frozenset[Field]
) -> Iterator[_Match]:
    # LIKE finds too much (keys, model names) and does not ignore accents, so each hit is read.
    longest = max((word for term in terms for word in term.words), key=len)
    rows = connection.execute(
        "SELECT number, session, id, data FROM message"
        " WHERE owner IS NULL AND data LIKE ? ESCAPE '!' ORDER BY number DESC",
        (reading.like_pattern(longest),),
    )
    for *match, data in rows:
        texts = _wanted_texts(data, fields)
        if len(frozenset[int]().union(*map(finder.terms_in, texts.values()))) == len(terms):
            yield _Match(*match)


def _found(connection: sqlite3.Connection, group: _Group, finder: _Finder, options: SearchOptions) -> FoundSession:
    hits = (_hit(connection, group.summary, match, finder, options.fields) for match in group.matches)
    return FoundSession(group.summary, tuple(hits))


def _hit(
    connection: sqlite3.Connection, summary: SessionSummary, match: _Match, finder: _Finder, fields: frozenset[Field]
) -> Hit:
    if not match.message:
        return Hit(summary.id, None, "title", finder.whole(summary.title))
    (data,) = connection.execute("SELECT data FROM message WHERE number = ?", (match.number,)).fetchone()
    texts = _wanted_texts(data, fields)
    # Shows the first field with the most terms, even if the words are in two fields.
    name: Field = max(texts, key=lambda name: len(finder.terms_in(texts[name]))) if texts else "answer"
    return Hit(summary.id, match.message, name, finder.snippet(texts.get(name, "")))


def _wanted_texts(data: str, fields: frozenset[Field]) -> dict[Field, str]:
    """The texts to search, by field; empty for a message that cannot be read."""
    try:
        message = records.message_from_text("of a hit", data)
    except StoreError:
        return {}
    return {name: text for name, text in search_index.column_texts(message).items() if name in fields}


class LiveSearch:
    """Searches while the user types, in its own thread and on its own connection. Each query ends the one before."""

    def __init__(self, path: Path) -> None:
        self._worker = Worker("stepchat-search", path, database.connect_for_reading)
        self._asked = 0

    async def search(self, typed: str, options: SearchOptions) -> SearchPage | None:
        """Search; returns None if a newer query arrived meanwhile. Cancelling also ends the query. Raises StoreError."""
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
        """End the running query, if any."""
        self._asked += 1
        self._worker.interrupt()

    def close(self) -> None:
        """Wait for the thread. A second call does nothing."""
        self.stop()
        self._worker.close()
