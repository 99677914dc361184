"""The cost of answers: sums by day, model and server, updated with every answer, and answers whose cost is unknown yet.

Deleting a session does not change the sums. Imported and copied messages do not count.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from stepchat import lossless_json
from stepchat.messages import AssistantMessage, Usage
from stepchat.sessions import records

if TYPE_CHECKING:
    import sqlite3

    from stepchat.messages import Json, StoredMessage

DAY = 86_400.0
"""Seconds for which stepchat tries to fetch the cost of an answer."""


@dataclass(frozen=True, slots=True)
class Spent:
    """One day with one model on one server. The `open_` counts are those of answers without a cost."""

    day: str
    model: str
    server: str
    answers: int = 0
    prompt: int = 0
    cached: int = 0
    completion: int = 0
    reasoning: int = 0
    cost: Decimal = Decimal()
    open_answers: int = 0
    open_prompt: int = 0
    open_cached: int = 0
    open_completion: int = 0


@dataclass(frozen=True, slots=True)
class Unpriced:
    """An answer without usage, whose generation ID allows fetching it. `server` is its base URL, `since` a Unix time."""

    message: str
    generation: str
    server: str
    since: float


_COUNTS = ("answers", "prompt", "cached", "completion", "reasoning")
_OPEN = ("open_answers", "open_prompt", "open_cached", "open_completion")


def count_answer(
    connection: sqlite3.Connection,
    message_id: str,
    server: str,
    created: float,
    message: AssistantMessage,
    *,
    cost_later: bool,
) -> None:
    """Count a finished answer. `server` is the session's, which may differ by now from the one that answered."""
    asked = records.encodable(message.server) if message.server and "://" in server else server
    _add(connection, _of(message, asked, created))
    if cost_later and message.generation_id and not message.usage.raw:
        # Servers no longer report the cost of older ones.
        connection.execute("DELETE FROM unpriced WHERE since < ?", (created - DAY,))
        connection.execute(
            "INSERT OR REPLACE INTO unpriced (message, generation, server, since) VALUES (?, ?, ?, ?)",
            (message_id, records.encodable(message.generation_id), records.encodable(message.server), created),
        )


def _of(message: AssistantMessage, server: str, created: float) -> Spent:
    usage = message.usage
    counts: dict[str, Any] = {
        "prompt": _natural(usage.prompt_tokens),
        "cached": _natural(usage.cached_tokens),
        "completion": _natural(usage.completion_tokens),
    }
    known = usage.cost is not None and usage.cost >= 0
    return Spent(
        day=day_of(created),
        model=records.encodable(message.model or message.model_asked),
        server=server,
        answers=1,
        reasoning=_natural(usage.reasoning_tokens),
        cost=(usage.cost or Decimal()) if known else Decimal(),
        open_answers=int(not known),
        **counts,
        **({} if known else {f"open_{name}": count for name, count in counts.items()}),
    )


def _natural(count: int | None) -> int:
    return max(0, count or 0)


def _add(connection: sqlite3.Connection, spent: Spent) -> None:
    key = (spent.day, spent.model, spent.server)
    row = connection.execute("SELECT cost FROM spending WHERE day = ? AND model = ? AND server = ?", key).fetchone()
    if row is None:
        connection.execute("INSERT INTO spending (day, model, server) VALUES (?, ?, ?)", key)
    cost = (records.sum_from_text(row[0]) or 0 if row else 0) + spent.cost
    sums = ", ".join(f"{name} = {name} + ?" for name in (*_COUNTS, *_OPEN))
    connection.execute(
        f"UPDATE spending SET cost = ?, {sums} WHERE day = ? AND model = ? AND server = ?",  # noqa: S608 - our own names
        (str(cost), *(getattr(spent, name) for name in (*_COUNTS, *_OPEN)), *key),
    )


def read(connection: sqlite3.Connection, since: str = "") -> list[Spent]:
    """The sums from that local date on, newest day first."""
    names = ("day", "model", "server", *_COUNTS, "cost", *_OPEN)
    rows = connection.execute(
        f"SELECT {', '.join(names)} FROM spending WHERE day >= ? ORDER BY day DESC, model",  # noqa: S608 - the same
        (since,),
    )
    return [replace(Spent(*row), cost=records.sum_from_text(row[8]) or Decimal()) for row in rows]


def of_session(connection: sqlite3.Connection, session_id: str) -> Decimal:
    """The cost of all branches of a session, as far as servers reported it."""
    row = connection.execute("SELECT cost FROM session WHERE id = ?", (session_id,)).fetchone()
    return (records.sum_from_text(row[0]) if row is not None else None) or Decimal()


def unpriced(connection: sqlite3.Connection, since: float) -> list[Unpriced]:
    """Answers since then whose cost is still unknown, newest first."""
    rows = connection.execute(
        "SELECT message, generation, server, since FROM unpriced WHERE since >= ? ORDER BY since DESC",
        (since,),
    )
    return [Unpriced(*row) for row in rows]


def set_usage(connection: sqlite3.Connection, message_id: str, usage: Json) -> StoredMessage | None:
    """Set the usage of an answer and change nothing else. Returns None if it does not exist or has a usage already."""
    connection.execute("DELETE FROM unpriced WHERE message = ?", (message_id,))
    row = connection.execute(
        "SELECT id, session, parent, folded, data, created FROM message WHERE id = ? AND owner IS NULL", (message_id,)
    ).fetchone()
    if row is None:
        return None
    stored = records.stored_message(row[:5])
    message = stored.message
    if not isinstance(message, AssistantMessage) or message.usage.raw:
        return None
    filled = replace(message, usage=Usage(usage))
    connection.execute("UPDATE message SET data = ? WHERE id = ?", (records.message_to_text(filled), message_id))
    server, cost = connection.execute("SELECT server, cost FROM session WHERE id = ?", (stored.session,)).fetchone()
    spent = _of(filled, server, row[5])
    spent = replace(spent, server=_counted_under(connection, spent, filled))
    # The answer was counted when it ended, without a cost.
    _add(connection, replace(spent, answers=0, open_answers=spent.open_answers - 1))
    if spent.cost:
        total = str((records.sum_from_text(cost) or 0) + spent.cost)
        connection.execute("UPDATE session SET cost = ? WHERE id = ?", (total, stored.session))
    return replace(stored, message=filled)


def _counted_under(connection: sqlite3.Connection, spent: Spent, message: AssistantMessage) -> str:
    """The server under which the answer was counted. The session may have changed servers since; the demo has only a name."""
    rows = connection.execute(
        "SELECT server FROM spending WHERE day = ? AND model = ? AND open_answers > 0", (spent.day, spent.model)
    )
    found = [server for (server,) in rows]
    asked = records.encodable(message.server)
    names = [server for server in found if "://" not in server]
    return next((server for server in (asked, *names, spent.server) if server in found), spent.server)


def forget_unpriced(connection: sqlite3.Connection, message_id: str) -> None:
    """Stop fetching the cost of this answer."""
    connection.execute("DELETE FROM unpriced WHERE message = ?", (message_id,))


def count_existing(connection: sqlite3.Connection) -> None:
    """Count the answers of a database that had no sums. Copies of an answer count once."""
    # As bytes: json_extract turns an escaped lone surrogate into invalid text.
    fields = ", ".join(
        f"CAST(json_extract(data, '$.{name}') AS BLOB)" for name in ("model", "model_asked", "generation_id", "usage")
    )
    rows = connection.execute(
        f"SELECT message.created, session.server, {fields}"  # noqa: S608 - our own names
        " FROM message JOIN session ON session.id = message.session"
        " WHERE role = 'assistant' AND owner IS NULL AND json_valid(data)"
    )
    seen: set[str] = set()
    sums: dict[tuple[str, str, str], list[Spent]] = {}
    for created, server, *found in rows:
        model, asked, generation, usage = ((value or b"").decode("utf-8", "replace") for value in found)
        if generation in seen:
            continue
        if generation:
            seen.add(generation)
        try:
            raw: Any = lossless_json.loads(usage) if usage else None
            used = Usage(cast("Json", raw) if isinstance(raw, dict) else {})
            spent = _of(AssistantMessage(model=model, model_asked=asked, usage=used), server, created)
        except (ValueError, TypeError, ArithmeticError, OSError):
            # Unreadable answers are not counted.
            continue
        sums.setdefault((spent.day, spent.model, spent.server), []).append(spent)
    for counted in sums.values():
        _add(connection, _sum(counted))


def _sum(found: list[Spent]) -> Spent:
    totals = {name: sum(getattr(spent, name) for spent in found) for name in (*_COUNTS, *_OPEN)}
    return replace(found[0], cost=sum((spent.cost for spent in found), Decimal()), **totals)


def day_of(moment: float) -> str:
    """The local date of a Unix time."""
    return datetime.fromtimestamp(moment).strftime("%Y-%m-%d")  # noqa: DTZ006 - local is what is meant
