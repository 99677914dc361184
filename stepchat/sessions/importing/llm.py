"""Sessions from the log database of the program `llm`.

Older versions have a row for each question with its answer (`responses`). Newer ones keep trees of messages, which
threads share (llm_threads.py). Where a thread has the id of an old conversation, it holds all of that, too.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from stepchat.messages import AssistantMessage, StoredMessage, ToolCall, ToolMessage, UserMessage
from stepchat.sessions.importing import llm_tables, llm_threads
from stepchat.sessions.importing.llm_tables import ATTACHMENT, Row, add, message_id, rows, seconds, text
from stepchat.sessions.importing.values import ImportedSession, InvalidImportError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path


def read(path: Path) -> Iterator[ImportedSession]:
    """Raises InvalidImportError and sqlite3.Error."""
    with closing(llm_tables.open_log(path)) as connection:
        known = llm_tables.tables(connection)
        old = {"conversations", "responses"} <= known
        new = {"threads", "turns", "messages", "parts"} <= known
        if not old and not new:
            raise InvalidImportError("", "It is a database, but not the log of llm")
        left = dict(_conversations(connection, known)) if old else {}
        if new:
            for origin, thread in llm_threads.read(connection, left):
                left.pop(origin, None)
                yield thread
        yield from left.values()


def _conversations(connection: sqlite3.Connection, known: set[str]) -> Iterator[tuple[str, ImportedSession]]:
    names = {
        row["id"]: text(row["name"], f"conversations[{row['id']}].name")
        for row in rows(connection, "conversations", "id name")
    }
    found: dict[str, list[Row]] = {}
    columns = "id model resolved_model prompt system response reasoning conversation_id duration_ms datetime_utc"
    for row in rows(connection, "responses", f"{columns} input_tokens output_tokens", "ORDER BY id"):
        # Without a conversation it is one of its own.
        found.setdefault(row["conversation_id"] or row["id"], []).append(row)
    for origin, responses in found.items():
        yield origin, _conversation(connection, known, origin, names.get(origin, ""), responses)


def _conversation(
    connection: sqlite3.Connection, known: set[str], origin: str, name: str, responses: list[Row]
) -> ImportedSession:
    said: list[StoredMessage] = []
    leaf: str | None = None
    system = ""
    for row in responses:
        place = f"responses[{row['id']}]"
        said_before = text(row["system"], f"{place}.system")
        system = system or "\n".join([*_fragments(connection, known, "system_fragments", row), said_before]).strip()
        leaf = _exchange(connection, known, origin, row, leaf, said, place)
    times = [seconds(row["datetime_utc"]) for row in responses]
    return llm_tables.incoming(origin, name, system, said, leaf, times, f"conversations[{origin}]")


def _exchange(
    connection: sqlite3.Connection,
    known: set[str],
    origin: str,
    row: Row,
    parent: str | None,
    said: list[StoredMessage],
    place: str,
) -> str:
    """A question, or results of tools, and the answer."""
    ours = ("WHERE response_id = ? ORDER BY id", row["id"])
    if "tool_results" in known:
        for result in rows(connection, "tool_results", "id name output tool_call_id exception", *ours):
            output = text(result["output"], f"{place}.tool_results")
            message = ToolMessage(
                text(result["tool_call_id"], place), text(result["name"], place), output, bool(result["exception"])
            )
            parent = add(said, message_id(origin, row["id"], "result", str(result["id"])), origin, parent, message)
    asked_with = [*_fragments(connection, known, "prompt_fragments", row), text(row["prompt"], f"{place}.prompt")]
    typed = "\n".join(part for part in asked_with if part)
    question = "\n\n".join(part for part in (typed, *_attachments(connection, known, row)) if part)
    if question:
        message = UserMessage(question, seconds(row["datetime_utc"]))
        parent = add(said, message_id(origin, row["id"], "prompt"), origin, parent, message)
    calls: tuple[ToolCall, ...] = ()
    if "tool_calls" in known:
        calls = tuple(
            ToolCall(
                text(call["tool_call_id"], place), text(call["name"], place), text(call["arguments"], place) or "{}"
            )
            for call in rows(connection, "tool_calls", "name arguments tool_call_id", *ours)
        )
    asked = text(row["model"], f"{place}.model")
    answer = AssistantMessage(
        text=text(row["response"], f"{place}.response"),
        reasoning=text(row["reasoning"], f"{place}.reasoning"),
        tool_calls=calls,
        stop="tool_calls" if calls else "stop",
        model_asked=asked,
        model=text(row["resolved_model"], f"{place}.resolved_model") or asked,
        usage=llm_tables.usage(row),
        timing=llm_tables.timing(row),
    )
    return add(said, message_id(origin, row["id"], "response"), origin, parent, answer)


def _fragments(connection: sqlite3.Connection, known: set[str], table: str, row: Row) -> list[str]:
    if table not in known:
        return []
    place = f"responses[{row['id']}].{table}"
    used = list(rows(connection, table, "fragment_id", 'WHERE response_id = ? ORDER BY "order"', row["id"]))
    found = [next(rows(connection, "fragments", "content", "WHERE id = ?", use["fragment_id"]), None) for use in used]
    return [text(fragment["content"], place) for fragment in found if fragment]


def _attachments(connection: sqlite3.Connection, known: set[str], row: Row) -> list[str]:
    if "prompt_attachments" not in known:
        return []
    found = connection.execute("SELECT 1 FROM prompt_attachments WHERE response_id = ?", (row["id"],))
    return [ATTACHMENT for _ in found]
