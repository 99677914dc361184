"""Tool calls that are running, so that one a killed process left behind gets a result that says so. Each function runs inside
a transaction and raises StoreError.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from stepchat.messages import StoredMessage, ToolMessage
from stepchat.sessions import records, writing

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from stepchat.messages import ToolCall

LEFT_BEHIND: Final = "No result: stepchat exited while the tool was running. It may have taken effect."


def start(connection: sqlite3.Connection, answer: str, call: ToolCall, owner: str, now: float) -> None:
    """Note that `owner` runs a call of an answer."""
    connection.execute(
        "INSERT OR REPLACE INTO running_call (answer, call, name, owner, started) VALUES (?, ?, ?, ?, ?)",
        (answer, records.text_to_stored(call.id), records.text_to_stored(call.name), owner, now),
    )


def finish(connection: sqlite3.Connection, answer: str, result: StoredMessage, call: str, now: float) -> None:
    """Save the result of a call, which becomes the leaf; whether or not the call was running."""
    connection.execute("DELETE FROM running_call WHERE answer = ? AND call = ?", (answer, records.text_to_stored(call)))
    writing.insert(connection, result, now)


def recover(connection: sqlite3.Connection, owner: str, now: float) -> None:
    """Save a result for each call that a dead process was running. The leaf moves only if the session is still there."""
    rows: list[tuple[str, str, str]] = connection.execute(
        "DELETE FROM running_call WHERE owner = ? RETURNING answer, call, name", (owner,)
    ).fetchall()
    for answer, call, name in rows:
        known = connection.execute("SELECT session FROM message WHERE id = ?", (answer,)).fetchone()
        if known is None:
            continue
        end = _end_of_results(connection, answer)
        message = ToolMessage(
            records.text_from_stored(call), records.text_from_stored(name), LEFT_BEHIND, is_error=True
        )
        stored = StoredMessage(records.new_id(records.MESSAGE_ID_LENGTH), known[0], end, message)
        (leaf,) = connection.execute("SELECT leaf FROM session WHERE id = ?", known).fetchone()
        writing.insert(connection, stored, now, moves_leaf=leaf == end)


def _end_of_results(connection: sqlite3.Connection, answer: str) -> str:
    """The last of the results that follow an answer, or the answer itself."""
    end = answer
    while row := connection.execute(
        "SELECT id FROM message WHERE parent = ? AND role = 'tool' ORDER BY number DESC LIMIT 1", (end,)
    ).fetchone():
        (end,) = row
    return end


def set_tools(connection: sqlite3.Connection, session_id: str, names: Sequence[str]) -> None:
    """Save which tools are on in a session."""
    changed = connection.execute(
        "UPDATE session SET tools = ? WHERE id = ?", (json.dumps(list(names)), session_id)
    ).rowcount
    if not changed:
        raise records.session_not_found(session_id)
