"""All queries of sessions. Each function reads one state of the database and raises StoreError."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

from stepchat import lossless_json
from stepchat.errors import AmbiguousSessionError, StoreError
from stepchat.messages import UserMessage
from stepchat.sessions import attachments, records
from stepchat.sessions.records import NEW_SESSION_DRAFT, Session, SessionContent, SessionSummary, session_not_found
from stepchat.sessions.search.query import WordFinder

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from stepchat.messages import Json, StoredMessage

_SESSION: Final = (
    "SELECT id, title, created, updated, leaf, model, server, deleted, forked_from, forked_at,"
    " tools, parameters, profile, preset, system, title_edited, pinned, archived FROM session"
)
_SUMMARY: Final = (
    "SELECT id, title, created, updated, messages, turns, model, pinned, archived, cost, one_shot AND turns < 2,"
    " forked_from FROM session WHERE messages > 0"
)
_WHICH: Final = "(deleted IS NOT NULL) = ?1 AND (?2 IS NULL OR archived = ?2) AND (?3 OR NOT one_shot OR turns > 1)"
_COUNT: Final = "SELECT count(*) FROM session WHERE messages > 0"
_NEWEST_FIRST: Final = "ORDER BY position DESC, number DESC"
Order: TypeAlias = Literal["updated", "created", "title", "turns", "cost"]
ORDERS: Final[dict[Order, str]] = {
    "updated": "position DESC",
    "created": "created DESC",
    "title": "title = '', title COLLATE NOCASE",
    "turns": "turns DESC",
    "cost": "CAST(cost AS REAL) DESC",
}
_ID_PREFIX: Final = re.compile(f"[0-9a-z]{{{records.SHORTEST_PREFIX},}}")
_LIKE_LIMIT: Final = 1000


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """The sessions in a list, and their order."""

    archived: bool | None = False
    """Only archived sessions, only others, or (None) both."""
    deleted: bool = False
    """Deleted sessions that can be restored, instead of the others."""
    pinned_first: bool = False
    order: Order = "updated"
    one_shot: bool = True
    """Whether to include sessions of one-shot mode that were not continued."""


def session(connection: sqlite3.Connection, session_id: str) -> Session:
    """The session with exactly this ID."""
    row = connection.execute(f"{_SESSION} WHERE id = ?", (session_id,)).fetchone()
    if row is None:
        raise session_not_found(session_id)
    return _session(row)


def latest(connection: sqlite3.Connection) -> Session | None:
    """The session with the newest message, by order of writing and not by the clock."""
    row = connection.execute(
        "SELECT session FROM message JOIN session ON session.id = message.session"
        " WHERE messages > 0 AND deleted IS NULL ORDER BY message.number DESC LIMIT 1"
    ).fetchone()
    return None if row is None else session(connection, row[0])


def sessions(connection: sqlite3.Connection, limit: int, offset: int, which: SessionFilter) -> list[SessionSummary]:
    """A page of the list; sessions without messages are omitted."""
    if not which.pinned_first:
        return _sorted(connection, "TRUE", limit, offset, which)
    # Two queries, because no index sorts by both; few sessions are pinned.
    pinned = _sorted(connection, "pinned <> 0", -1, 0, which)
    shown = pinned[offset : offset + limit]
    return shown + _sorted(connection, "pinned = 0", limit - len(shown), max(0, offset - len(pinned)), which)


def _sorted(
    connection: sqlite3.Connection, condition: str, limit: int, offset: int, which: SessionFilter
) -> list[SessionSummary]:
    rows = connection.execute(
        f"{_SUMMARY} AND {condition} AND {_WHICH} ORDER BY {ORDERS[which.order]}, number DESC LIMIT ?4 OFFSET ?5",
        (which.deleted, which.archived, which.one_shot, limit, offset),
    )
    return [_summary(row) for row in rows]


def count(connection: sqlite3.Connection, which: SessionFilter) -> int:
    """The number of sessions in the list."""
    (found,) = connection.execute(f"{_COUNT} AND {_WHICH}", (which.deleted, which.archived, which.one_shot)).fetchone()
    return int(found)


def summary(connection: sqlite3.Connection, session_id: str, *, deleted: bool = False) -> SessionSummary | None:
    """The row of a session in lists; None if lists omit it."""
    row = connection.execute(f"{_SUMMARY} AND id = ? AND (deleted IS NOT NULL) = ?", (session_id, deleted)).fetchone()
    return None if row is None else _summary(row)


def summaries(connection: sqlite3.Connection, session_ids: Sequence[str]) -> list[SessionSummary]:
    """The rows of these sessions in a list, in this order; those that lists omit are missing."""
    found = (summary(connection, session_id) for session_id in session_ids)
    return [row for row in found if row is not None]


def find(connection: sqlite3.Connection, wanted: str, *, deleted: bool = False) -> Session:
    """The session with this beginning of an ID (at least four characters), otherwise the best match: titles before messages,
    whole words before parts of words. Raises SessionNotFoundError, and AmbiguousSessionError if several match equally well.
    """
    text = wanted.strip()
    if text and (found := _by_prefix(connection, text.lower(), deleted=deleted)):
        return found
    matches = (
        (_best_titles(connection, text, deleted=deleted) or _containing(connection, text, deleted=deleted))
        if text
        else []
    )
    return _only(connection, wanted, matches, deleted=deleted)


def find_unique(connection: sqlite3.Connection, wanted: str) -> Session:
    """The one session with this beginning of an ID or with this title; its messages do not count. For changes.

    Raises SessionNotFoundError, and AmbiguousSessionError if several match equally well.
    """
    text = wanted.strip()
    if text and (found := _by_prefix(connection, text.lower(), deleted=False)):
        return found
    needle = text.casefold()
    titled = [one for one in _titled(connection, deleted=False) if needle in one[1].casefold()] if text else []
    return _only(connection, wanted, [one for one in titled if one[1].casefold() == needle] or titled)


def _only(
    connection: sqlite3.Connection, wanted: str, matches: Sequence[tuple[str, str]], *, deleted: bool = False
) -> Session:
    if not matches:
        raise session_not_found(wanted, deleted=deleted)
    if len(matches) > 1:
        raise AmbiguousSessionError(wanted, matches)
    return session(connection, matches[0][0])


def _by_prefix(connection: sqlite3.Connection, prefix: str, *, deleted: bool) -> Session | None:
    if not _ID_PREFIX.fullmatch(prefix):
        return None
    # "~" sorts after every character of an ID.
    rows = connection.execute(
        f"{_SESSION} WHERE id >= ? AND id < ? AND (deleted IS NOT NULL) = ? {_NEWEST_FIRST}",
        (prefix, prefix + "~", deleted),
    ).fetchall()
    if len(rows) > 1:
        raise AmbiguousSessionError(prefix, [row[:2] for row in rows])
    return _session(rows[0]) if rows else None


def _titled(connection: sqlite3.Connection, *, deleted: bool) -> Iterator[tuple[str, str]]:
    """ID and title of all sessions, newest first."""
    yield from connection.execute(
        # -1 marks a session that is being removed for good.
        "SELECT id, title FROM session WHERE CASE WHEN ? THEN deleted >= 0 ELSE deleted IS NULL END"
        " ORDER BY position DESC, number DESC",
        (deleted,),
    )


def _best_titles(connection: sqlite3.Connection, text: str, *, deleted: bool) -> list[tuple[str, str]]:
    """The sessions with this title or, if there are none, with its words in the title, otherwise with parts of words."""
    needle, words = text.casefold(), WordFinder(text)
    titled = list(_titled(connection, deleted=deleted))
    ranks: tuple[Callable[[str], bool], ...] = (
        lambda title: title.casefold() == needle,
        words.is_in,
        lambda title: needle in title.casefold(),
    )
    for matches in ranks:
        if found := [one for one in titled if matches(one[1])]:
            return found
    return []


def _containing(connection: sqlite3.Connection, text: str, *, deleted: bool) -> list[tuple[str, str]]:
    """The sessions whose questions or answers contain the words or, if there are none, parts of words; newest first."""
    # LIKE on the JSON is fast but finds too much (keys, reasoning, model names), so each hit is read.
    rows = connection.execute(
        "SELECT session.id, title, message.id, message.data"
        " FROM session CROSS JOIN message ON message.session = session.id"
        " WHERE CASE WHEN ?3 THEN session.deleted >= 0 ELSE session.deleted IS NULL END"
        " AND message.owner IS NULL"
        r" AND (message.data LIKE ?1 ESCAPE '!' OR (?2 <> ?1 AND message.data LIKE ?2 ESCAPE '!'))"
        " ORDER BY session.position DESC, session.number DESC",
        (like_pattern(text), like_pattern(text, ascii_only=True), deleted),
    )
    needle, words = text.casefold(), WordFinder(text)
    whole: dict[str, str] = {}
    partly: dict[str, str] = {}
    for session_id, title, message_id, data in rows:
        if session_id in whole:
            continue
        try:
            content = records.message_from_text(message_id, data).text
        except StoreError:
            continue  # a damaged message must not hide the others
        if words.is_in(content):
            whole[session_id] = title
        elif needle in content.casefold():
            partly[session_id] = title
    return list((whole or partly).items())


def like_pattern(text: str, *, ascii_only: bool = False) -> str:
    """A pattern for JSON that contains `text`, in either of the two spellings of `lossless_json.dumps_for_storage`."""
    pattern = ""
    for char in text[:_LIKE_LIMIT]:
        if char in "%_!":
            pattern += "!" + char
        elif not char.isascii() and (char.lower() != char or char.upper() != char or not char.isprintable()):
            # LIKE ignores the case of ASCII letters only.
            pattern += "%"
        else:
            pattern += lossless_json.dumps(char, ascii_only=ascii_only)[1:-1]
    return f"%{pattern}%"


def prompts(connection: sqlite3.Connection, limit: int) -> list[str]:
    """The user's questions in all sessions that are not deleted, newest first, without duplicates."""
    rows = connection.execute(
        "SELECT id, data FROM message WHERE role = 'user'"
        " AND session IN (SELECT id FROM session WHERE deleted IS NULL) ORDER BY number DESC LIMIT ?",
        (limit,),
    )
    found: dict[str, None] = {}
    for message_id, data in rows:
        with suppress(StoreError):  # only the damaged message is missing from the history
            message = records.message_from_text(message_id, data)
            if isinstance(message, UserMessage) and message.text.strip():
                found.setdefault(message.text)
    return list(found)


def path(connection: sqlite3.Connection, session_id: str, leaf: str | None) -> list[StoredMessage]:
    """The messages from the root to `leaf`, or to the leaf of the session."""
    end = leaf if leaf is not None else session(connection, session_id).leaf
    if end is None:
        return []
    # A parent's number is smaller than its child's; checking that keeps a damaged file from causing an endless loop.
    rows = connection.execute(
        "WITH RECURSIVE line (number, parent) AS ("
        "  SELECT number, parent FROM message WHERE id = ? AND session = ? AND owner IS NULL"
        "  UNION ALL"
        "  SELECT above.number, above.parent FROM line JOIN message AS above ON above.id = line.parent"
        "  WHERE above.number < line.number)"
        " SELECT message.id, session, message.parent, folded, data, role"
        " FROM line JOIN message ON message.number = line.number ORDER BY message.number",
        (end, session_id),
    )
    found = [records.readable_message(row) for row in rows]
    if not found:
        raise StoreError(f"There is no finished message {end} in the session {session_id}.")
    return found


def messages(connection: sqlite3.Connection, session_id: str) -> list[StoredMessage]:
    """All messages of the tree in order of creation, without answers that are still streaming."""
    return [records.readable_message(row) for row in _whole_tree(connection, session_id)]


def _whole_tree(connection: sqlite3.Connection, session_id: str) -> sqlite3.Cursor:
    session(connection, session_id)
    return connection.execute(
        "SELECT id, session, parent, folded, data, role FROM message WHERE session = ? AND owner IS NULL ORDER BY number",
        (session_id,),
    )


def content(connection: sqlite3.Connection, session_id: str, leaf: str | None, *, whole_tree: bool) -> SessionContent:
    """A session with its whole tree, or with the branch to `leaf`, or to its own leaf."""
    found = session(connection, session_id)
    if whole_tree and leaf is None:
        # A lossless copy must not hide a damaged message.
        rows = _whole_tree(connection, session_id)
        messages = tuple(records.stored_message(row[:5]) for row in rows)
        return SessionContent(found, messages, files=_files(connection, messages))
    branch = path(connection, session_id, leaf)
    (count,) = connection.execute("SELECT messages FROM session WHERE id = ?", (session_id,)).fetchone()
    files = _files(connection, branch)
    return SessionContent(replace(found, leaf=leaf or found.leaf), tuple(branch), count - len(branch), files)


def _files(connection: sqlite3.Connection, stored: Iterable[StoredMessage]) -> dict[str, bytes]:
    questions = (row.message for row in stored if isinstance(row.message, UserMessage))
    return attachments.read(connection, [one.digest for question in questions for one in question.attachments])


def session_ids(connection: sqlite3.Connection) -> list[str]:
    """The IDs of all sessions with messages, newest first, including archived but not deleted ones."""
    rows = connection.execute(
        "SELECT id FROM session WHERE messages > 0 AND deleted IS NULL ORDER BY position DESC, number DESC"
    )
    return [session_id for (session_id,) in rows]


def draft(connection: sqlite3.Connection, session_id: str | None) -> str:
    """The saved prompt text, or ""."""
    if session_id is None:
        return setting(connection, NEW_SESSION_DRAFT) or ""
    row = connection.execute("SELECT draft FROM session WHERE id = ?", (session_id,)).fetchone()
    if row is None:
        raise session_not_found(session_id)
    return _text(row[0], f"The draft of the session {session_id}")


def settings(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """All saved choices, as they are stored."""
    rows: list[tuple[str, str]] = connection.execute("SELECT name, value FROM setting").fetchall()
    return rows


def setting(connection: sqlite3.Connection, name: str) -> str | None:
    """A saved choice, or None."""
    row = connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    return None if row is None else _text(row[0], f"The setting {name!r}")


def _summary(row: tuple[Any, ...]) -> SessionSummary:
    session_id, title, created, updated, messages, turns, model, pinned, archived, cost, one_shot, forked = row
    return SessionSummary(
        id=session_id,
        title=title,
        created=_time(created),
        updated=_time(updated),
        messages=messages,
        turns=turns,
        cost=records.sum_from_text(cost),
        model=model,
        pinned=bool(pinned),
        archived=bool(archived),
        one_shot=bool(one_shot),
        forked_from=forked,
    )


def _session(row: tuple[Any, ...]) -> Session:
    *plain, tools, parameters, profile, preset, system, edited, pinned, archived = row
    session_id, title, created, updated, leaf, model, server, deleted, forked_from, forked_at = plain
    return Session(
        id=session_id,
        title=title,
        created=_time(created),
        updated=_time(updated),
        leaf=leaf,
        model=model,
        server=server,
        system=None if system is None else _text(system, f"The system prompt of the session {session_id}"),
        title_edited=bool(edited),
        pinned=bool(pinned),
        archived=bool(archived),
        deleted=deleted,
        forked_from=forked_from,
        forked_at=forked_at,
        parameters=_object(parameters, f"The parameters of the session {session_id}"),
        profile=profile,
        preset=preset,
        tools=records.names_from_stored(tools),
    )


def _time(stored: Any) -> float:
    """Reads a time; 0 if it is damaged, so that nothing else fails because of it."""
    return stored if isinstance(stored, int | float) else 0.0


def _object(stored: str, name: str) -> Json:
    try:
        value = lossless_json.loads(stored)
    except ValueError as error:
        raise StoreError(f"{name} cannot be read: {error}.", "They were left unchanged.") from error
    if not isinstance(value, dict):
        raise StoreError(f"{name} cannot be read: it is not a JSON object.", "They were left unchanged.")
    return cast("Json", value)


def _text(stored: str, name: str) -> str:
    try:
        return records.text_from_stored(stored)
    except ValueError as error:
        raise StoreError(f"{name} cannot be read: {error}.", "It was left unchanged.") from error
