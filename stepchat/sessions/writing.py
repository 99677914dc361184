"""All changes of sessions. Each function runs inside a transaction and raises StoreError."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stepchat import lossless_json
from stepchat.errors import AnswerNotOpenError, StoreError
from stepchat.messages import AssistantMessage, Json, Message, StoredMessage, UserMessage
from stepchat.sessions import attachments, reading, records, spending, tree
from stepchat.sessions.records import (
    MESSAGE_ID_LENGTH,
    NEW_SESSION_DRAFT,
    SESSION_ID_LENGTH,
    Session,
    session_not_found,
)
from stepchat.sessions.search import index as search_index
from stepchat.sessions.titles import clean_title, title_from

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

    from stepchat.events import Delta


_STEP: Final = 1e-6
"""Seconds between two changes at the same time."""


def create(
    connection: sqlite3.Connection, *, model: str, server: str, system: str | None, one_shot: bool, now: float
) -> Session:
    """Create a session without messages."""
    session = Session(
        id=records.new_id(SESSION_ID_LENGTH),
        title="",
        created=now,
        updated=now,
        leaf=None,
        model=records.encodable(model),
        server=records.encodable(server),
        system=system,
    )
    connection.execute(
        "INSERT INTO session (id, created, updated, position, model, server, system, one_shot)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            session.id,
            now,
            now,
            _next_position(connection, now),
            session.model,
            session.server,
            None if system is None else records.text_to_stored(system),
            one_shot,
        ),
    )
    return session


def fork(connection: sqlite3.Connection, session_id: str, message_id: str, now: float) -> Session:
    """Create a session with copies of the messages up to this one, to be indexed later. Raises StoreError."""
    source = reading.session(connection, session_id)
    path = reading.path(connection, session_id, message_id)
    new_id = records.new_id(SESSION_ID_LENGTH)
    connection.execute(
        "INSERT INTO session (id, title_edited, created, updated, position, model, server, system, parameters,"
        " profile, preset, tools, forked_from, forked_at) SELECT ?, title_edited, ?, ?, ?, model, server, system,"
        " parameters, profile, preset, tools, id, ? FROM session WHERE id = ?",
        (new_id, now, now, _next_position(connection, now), message_id, session_id),
    )
    retitle(connection, new_id, source.title)
    parent: str | None = None
    numbers: list[int] = []
    for stored in path:
        copy = records.new_id(MESSAGE_ID_LENGTH)
        added = connection.execute(
            "INSERT INTO message (id, session, parent, role, created, folded, data, copy_of)"
            " SELECT ?, ?, ?, role, created, folded, data, coalesce(copy_of, id) FROM message WHERE id = ?",
            (copy, new_id, parent, stored.id),
        )
        attachments.refer(connection, copy, stored.message)
        numbers.append(added.lastrowid or 0)
        parent = copy
    search_index.add_later(connection, numbers)
    connection.execute("UPDATE session SET leaf = ? WHERE id = ?", (parent, new_id))
    # What the copies cost was spent in the other session.
    add_totals(connection, new_id, [stored.message for stored in path], with_cost=False)
    return reading.session(connection, new_id)


def append(
    connection: sqlite3.Connection, session_id: str, parent: str | None, message: Message, now: float
) -> StoredMessage:
    """Save a finished message below `parent`; it becomes the leaf."""
    stored = StoredMessage(records.new_id(MESSAGE_ID_LENGTH), session_id, parent, message)
    insert(connection, stored, now)
    return stored


def insert(connection: sqlite3.Connection, stored: StoredMessage, now: float, *, moves_leaf: bool = True) -> None:
    """Save a finished message that already has an ID and a parent; it becomes the leaf unless the caller says otherwise."""
    number = _insert(connection, stored, owner=None, now=now)
    search_index.add(connection, number, stored.message)
    if isinstance(stored.message, UserMessage):
        _name_after(connection, stored.session, stored.message.text)
    add_totals(connection, stored.session, [stored.message])
    if moves_leaf:
        _move_leaf(connection, stored, now)


def begin_answer(
    connection: sqlite3.Connection, session_id: str, parent: str | None, blank: AssistantMessage, owner: str, now: float
) -> str:
    """Insert an open answer of `owner`, which is not part of the tree yet. Returns its ID."""
    answer = StoredMessage(records.new_id(MESSAGE_ID_LENGTH), session_id, parent, blank)
    _insert(connection, answer, owner=owner, now=now)
    _touch(connection, session_id, now)
    return answer.id


def add_part(connection: sqlite3.Connection, message_id: str, deltas: Sequence[Delta], owner: str | None) -> None:
    """Save what arrived of an open answer."""
    added = connection.execute(
        "INSERT INTO part (message, data) SELECT id, ? FROM message WHERE id = ? AND owner = ?",
        (records.deltas_to_text(deltas), message_id, owner),
    )
    if not added.rowcount:
        raise _not_open(message_id)


def finish_answer(
    connection: sqlite3.Connection,
    message_id: str,
    message: AssistantMessage,
    owner: str | None,
    now: float,
    *,
    cost_later: bool = True,
) -> StoredMessage:
    """Replace the parts of an answer by the finished message, which becomes the leaf."""
    stored = close_answer(connection, message_id, message, owner, cost_later=cost_later)
    _move_leaf(connection, stored, now)
    return stored


def close_answer(
    connection: sqlite3.Connection,
    message_id: str,
    message: AssistantMessage,
    owner: str | None,
    *,
    cost_later: bool = True,
) -> StoredMessage:
    """Replace the parts of an answer by the finished message."""
    row = connection.execute(
        "UPDATE message SET data = ?, owner = NULL WHERE id = ? AND owner = ?"
        " RETURNING number, session, parent, folded, created",
        (records.message_to_text(message), message_id, owner),
    ).fetchone()
    if row is None:
        raise _not_open(message_id)
    connection.execute("DELETE FROM part WHERE message = ?", (message_id,))
    number, session_id, parent, folded, created = row
    search_index.add(connection, number, message)
    add_totals(connection, session_id, [message])
    (server,) = connection.execute("SELECT server FROM session WHERE id = ?", (session_id,)).fetchone()
    spending.count_answer(connection, message_id, server, created, message, cost_later=cost_later)
    return StoredMessage(message_id, session_id, parent, message, None if folded is None else bool(folded))


def add_totals(
    connection: sqlite3.Connection, session_id: str, messages: Iterable[Message], *, with_cost: bool = True
) -> None:
    """Add new messages to the counts that lists show."""
    row = connection.execute("SELECT messages, turns, cost FROM session WHERE id = ?", (session_id,)).fetchone()
    count, turns, cost = row
    for message in messages:
        count += 1
        turns += isinstance(message, UserMessage)
        spent = message.usage.cost if with_cost and isinstance(message, AssistantMessage) else None
        if spent is not None and spent >= 0:
            cost = str((records.sum_from_text(cost) or 0) + spent)
    connection.execute(
        "UPDATE session SET messages = ?, turns = ?, cost = ? WHERE id = ?", (count, turns, cost, session_id)
    )


def set_leaf(connection: sqlite3.Connection, session_id: str, leaf: str | None) -> None:
    """Set the message that ends the branch shown."""
    _check_parent(connection, session_id, leaf)
    _changed(connection.execute("UPDATE session SET leaf = ? WHERE id = ?", (leaf, session_id)).rowcount, session_id)
    if leaf is not None:
        tree.remember_path(connection, session_id, leaf)


def set_title(connection: sqlite3.Connection, session_id: str, title: str) -> str:
    """Set and return the cleaned title. An empty one restores the automatic title."""
    edited = clean_title(title)
    retitle(connection, session_id, edited)
    connection.execute("UPDATE session SET title_edited = ? WHERE id = ?", (bool(edited), session_id))
    if edited:
        return edited
    questions = connection.execute(
        "SELECT id, data FROM message WHERE session = ? AND role = 'user' AND owner IS NULL ORDER BY number",
        (session_id,),
    )
    for message_id, data in questions:
        try:
            question = records.message_from_text(message_id, data)
        except StoreError:
            continue  # the title comes from the first readable question
        if isinstance(question, UserMessage) and (automatic := _name_after(connection, session_id, question.text)):
            return automatic
    return ""


def retitle(connection: sqlite3.Connection, session_id: str, title: str) -> None:
    """Set a title that is cleaned already."""
    row = connection.execute("SELECT number, title FROM session WHERE id = ?", (session_id,)).fetchone()
    if row is None:
        raise session_not_found(session_id)
    number, before = row
    connection.execute("UPDATE session SET title = ? WHERE id = ?", (title, session_id))
    search_index.retitle(connection, number, before, title)


def set_model(connection: sqlite3.Connection, session_id: str, model: str, server: str) -> None:
    """Set what the next request of this session uses."""
    changed = connection.execute(
        "UPDATE session SET model = ?, server = ? WHERE id = ?",
        (records.encodable(model), records.encodable(server), session_id),
    ).rowcount
    _changed(changed, session_id)


def update_parameters(
    connection: sqlite3.Connection,
    session_id: str,
    change: Callable[[Json], Json],
    profile: str | None,
    preset: str | None,
) -> None:
    """Replace the parameters with the result of `change`; None keeps the profile or preset."""
    parameters = change(reading.session(connection, session_id).parameters)
    names = [None if name is None else records.encodable(name) for name in (profile, preset)]
    connection.execute(
        "UPDATE session SET parameters = ?, profile = coalesce(?, profile), preset = coalesce(?, preset) WHERE id = ?",
        (lossless_json.dumps_for_storage(parameters), *names, session_id),
    )


def set_folded(connection: sqlite3.Connection, message_id: str, folded: bool | None) -> None:  # noqa: FBT001 - the value to save
    """Save whether the user folded the reasoning panel of an answer."""
    changed = connection.execute("UPDATE message SET folded = ? WHERE id = ?", (folded, message_id)).rowcount
    if not changed:
        raise StoreError(f"There is no message {message_id}.")


def set_draft(connection: sqlite3.Connection, session_id: str | None, text: str) -> None:
    """Save the prompt text of a session, or (None) of a new one."""
    if session_id is None:
        set_setting(connection, NEW_SESSION_DRAFT, text)
        return
    stored = records.text_to_stored(text)
    _changed(connection.execute("UPDATE session SET draft = ? WHERE id = ?", (stored, session_id)).rowcount, session_id)


def set_setting(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Save a small choice."""
    connection.execute(
        "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, records.text_to_stored(value)),
    )


def insert_settings(connection: sqlite3.Connection, settings: Iterable[tuple[str, str]]) -> None:
    """Copy choices as another database stores them."""
    connection.executemany("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", settings)


def update_setting(connection: sqlite3.Connection, name: str, change: Callable[[str | None], str]) -> None:
    """Replace a saved choice with the result of `change`; one that cannot be read stays."""
    set_setting(connection, name, change(reading.setting(connection, name)))


def _insert(connection: sqlite3.Connection, stored: StoredMessage, *, owner: str | None, now: float) -> int:
    """Insert a message; returns its number."""
    # Continuing a session that another window deleted restores it.
    revived = connection.execute(
        "UPDATE session SET deleted = NULL WHERE id = ? AND (deleted IS NULL OR deleted >= 0)", (stored.session,)
    )
    _changed(revived.rowcount, stored.session)
    _check_parent(connection, stored.session, stored.parent)
    data = records.message_to_text(stored.message)
    added = connection.execute(
        "INSERT INTO message (id, session, parent, role, created, owner, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (stored.id, stored.session, stored.parent, role_of(stored.message), now, owner, data),
    )
    attachments.refer(connection, stored.id, stored.message)
    return added.lastrowid or 0


def role_of(message: Message) -> str:
    """The value of the column message.role."""
    match message:
        case UserMessage():
            return "user"
        case AssistantMessage():
            return "assistant"
        case _:
            return "tool"


def _check_parent(connection: sqlite3.Connection, session_id: str, parent: str | None) -> None:
    if parent is None:
        return
    known = connection.execute(
        "SELECT 1 FROM message WHERE id = ? AND session = ? AND owner IS NULL", (parent, session_id)
    ).fetchone()
    if known is None:
        raise StoreError(f"There is no finished message {parent} in the session {session_id}.")


def _name_after(connection: sqlite3.Connection, session_id: str, question: str) -> str:
    """Give the session a title from the question if it has none. Returns the title."""
    (title,) = connection.execute("SELECT title FROM session WHERE id = ?", (session_id,)).fetchone()
    if not title:
        title = title_from(question)
        retitle(connection, session_id, title)
    return title


def _move_leaf(connection: sqlite3.Connection, stored: StoredMessage, now: float) -> None:
    (before,) = connection.execute("SELECT leaf FROM session WHERE id = ?", (stored.session,)).fetchone()
    connection.execute("UPDATE session SET leaf = ? WHERE id = ?", (stored.id, stored.session))
    _touch(connection, stored.session, now)
    if stored.parent == before:
        # The branch above is already the one shown last.
        tree.remember_shown(connection, stored.session, stored.parent, stored.id)
    else:
        tree.remember_path(connection, stored.session, stored.id)


def _touch(connection: sqlite3.Connection, session_id: str, now: float) -> None:
    """This session changed last."""
    connection.execute(
        "UPDATE session SET updated = max(updated, ?), position = ? WHERE id = ?",
        (now, _next_position(connection, now), session_id),
    )


def _next_position(connection: sqlite3.Connection, now: float) -> float:
    """The position of a session that changes now: after all others, even if the clock was set back."""
    # The condition leaves out what a damaged file may hold: text counts as larger than all numbers.
    (last,) = connection.execute("SELECT max(position) FROM session WHERE position < 1e18").fetchone()
    return now if last is None else max(now, last + _STEP)


def _changed(rows: int, session_id: str) -> None:
    if not rows:
        raise session_not_found(session_id)


def _not_open(message_id: str) -> AnswerNotOpenError:
    return AnswerNotOpenError(f"The answer {message_id} is not being written by this process; nothing was changed.")
