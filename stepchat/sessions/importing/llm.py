"""Imports the log database of the program `llm`.

Older versions have a row for each question with its answer (`responses`). Since 0.36 it has trees of messages: a thread is a
branch of one, with a turn for each request to a model. The messages of all turns of a thread make one session, so earlier
attempts become branches. A thread with the ID of an old conversation contains that as well.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote

from stepchat import lossless_json
from stepchat.messages import (
    AssistantMessage,
    Json,
    Message,
    StoredMessage,
    Timing,
    ToolCall,
    ToolMessage,
    Usage,
    UserMessage,
)
from stepchat.sessions import records
from stepchat.sessions.importing.values import (
    ImportedSession,
    InvalidImportError,
    expect_list,
    expect_object,
    expect_text,
    is_object,
)
from stepchat.sessions.records import MESSAGE_ID_LENGTH, SESSION_ID_LENGTH, Session, SessionContent
from stepchat.sessions.titles import clean_title, title_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_Row: TypeAlias = dict[str, Any]

_ATTACHMENT: Final = "[an attachment that was not imported]"


def read(path: Path) -> Iterator[ImportedSession]:
    """Reads the sessions of a log. Raises InvalidImportError and sqlite3.Error."""
    with closing(_open_log(path)) as connection:
        known = _tables(connection)
        old = {"conversations", "responses"} <= known
        new = {"threads", "turns", "messages", "parts"} <= known
        if not old and not new:
            raise InvalidImportError("", "It is a database, but not the log of llm")
        left = dict(_conversations(connection, known)) if old else {}
        if new:
            for origin, thread in _threads(connection, left):
                left.pop(origin, None)
                yield thread
        yield from left.values()


def _conversations(connection: sqlite3.Connection, known: set[str]) -> Iterator[tuple[str, ImportedSession]]:
    names = {
        row["id"]: _text(row["name"], f"conversations[{row['id']}].name")
        for row in _rows(connection, "conversations", "id name")
    }
    found: dict[str, list[_Row]] = {}
    columns = "id model resolved_model prompt system response reasoning conversation_id duration_ms datetime_utc"
    for row in _rows(connection, "responses", f"{columns} input_tokens output_tokens", "ORDER BY id"):
        # A row without a conversation is a conversation of its own.
        found.setdefault(row["conversation_id"] or row["id"], []).append(row)
    for origin, responses in found.items():
        yield origin, _conversation(connection, known, origin, names.get(origin, ""), responses)


def _conversation(
    connection: sqlite3.Connection, known: set[str], origin: str, name: str, responses: list[_Row]
) -> ImportedSession:
    messages: list[StoredMessage] = []
    leaf: str | None = None
    system = ""
    for row in responses:
        place = f"responses[{row['id']}]"
        said_before = _text(row["system"], f"{place}.system")
        system = system or "\n".join([*_fragments(connection, known, "system_fragments", row), said_before]).strip()
        leaf = _read_exchange(connection, known, origin, row, leaf, messages, place)
    times = [_seconds(row["datetime_utc"]) for row in responses]
    return _session_from(origin, name, system, messages, leaf, times, f"conversations[{origin}]")


def _read_exchange(
    connection: sqlite3.Connection,
    known: set[str],
    origin: str,
    row: _Row,
    parent: str | None,
    messages: list[StoredMessage],
    place: str,
) -> str:
    """Reads a question, or results of tools, and the answer."""
    ours = ("WHERE response_id = ? ORDER BY id", row["id"])
    if "tool_results" in known:
        for result in _rows(connection, "tool_results", "id name output tool_call_id exception", *ours):
            output = _text(result["output"], f"{place}.tool_results")
            message = ToolMessage(
                _text(result["tool_call_id"], place), _text(result["name"], place), output, bool(result["exception"])
            )
            parent = _add(
                messages, _message_id(origin, row["id"], "result", str(result["id"])), origin, parent, message
            )
    asked_with = [*_fragments(connection, known, "prompt_fragments", row), _text(row["prompt"], f"{place}.prompt")]
    typed = "\n".join(part for part in asked_with if part)
    question = "\n\n".join(part for part in (typed, *_attachments(connection, known, row)) if part)
    if question:
        message = UserMessage(question, _seconds(row["datetime_utc"]))
        parent = _add(messages, _message_id(origin, row["id"], "prompt"), origin, parent, message)
    calls: tuple[ToolCall, ...] = ()
    if "tool_calls" in known:
        calls = tuple(
            ToolCall(
                _text(call["tool_call_id"], place), _text(call["name"], place), _text(call["arguments"], place) or "{}"
            )
            for call in _rows(connection, "tool_calls", "name arguments tool_call_id", *ours)
        )
    asked = _text(row["model"], f"{place}.model")
    answer = AssistantMessage(
        text=_text(row["response"], f"{place}.response"),
        reasoning=_text(row["reasoning"], f"{place}.reasoning"),
        tool_calls=calls,
        stop="tool_calls" if calls else "stop",
        model_asked=asked,
        model=_text(row["resolved_model"], f"{place}.resolved_model") or asked,
        usage=_usage(row),
        timing=_timing(row),
    )
    return _add(messages, _message_id(origin, row["id"], "response"), origin, parent, answer)


def _fragments(connection: sqlite3.Connection, known: set[str], table: str, row: _Row) -> list[str]:
    if table not in known:
        return []
    place = f"responses[{row['id']}].{table}"
    used = list(_rows(connection, table, "fragment_id", 'WHERE response_id = ? ORDER BY "order"', row["id"]))
    found = [next(_rows(connection, "fragments", "content", "WHERE id = ?", use["fragment_id"]), None) for use in used]
    return [_text(fragment["content"], place) for fragment in found if fragment]


def _attachments(connection: sqlite3.Connection, known: set[str], row: _Row) -> list[str]:
    if "prompt_attachments" not in known:
        return []
    found = connection.execute("SELECT 1 FROM prompt_attachments WHERE response_id = ?", (row["id"],))
    return [_ATTACHMENT for _ in found]


@dataclass(frozen=True, slots=True)
class _LoggedMessage:
    """A message of the log: who says what above which other."""

    hash: str
    parent: str | None
    role: str
    parts: tuple[Json, ...]


def _threads(
    connection: sqlite3.Connection, old: Mapping[str, ImportedSession]
) -> Iterator[tuple[str, ImportedSession]]:
    """Reads the threads by id. `old` are older conversations by id, which may continue in threads.

    Raises InvalidImportError and sqlite3.Error.
    """
    turns: dict[str, list[_Row]] = {}
    columns = "id thread_id parent_message_hash tip_message_hash model resolved_model duration_ms datetime_utc"
    for turn in _rows(connection, "turns", f"{columns} input_tokens output_tokens", "ORDER BY id"):
        turns.setdefault(str(turn["thread_id"]), []).append(turn)
    threads = list(_rows(connection, "threads", "id name tip_message_hash datetime_utc", "ORDER BY id"))
    for number, thread in enumerate(threads):
        origin = _text(thread["id"], f"threads[{number}].id")
        if not origin:
            raise InvalidImportError(f"threads[{number}].id", "nothing instead of a text")
        before = old[origin].content if origin in old else None
        yield origin, _thread(connection, thread, turns.get(origin, []), before, f"threads[{origin}]")


def _thread(
    connection: sqlite3.Connection, thread: _Row, turns: list[_Row], before: SessionContent | None, place: str
) -> ImportedSession:
    origin = thread["id"]
    kept: dict[str, _LoggedMessage] = {}
    for tip in [*(turn["tip_message_hash"] for turn in turns), thread["tip_message_hash"]]:
        kept.update(_new_messages(connection, tip, kept, place))
    facts = {turn["parent_message_hash"]: turn for turn in turns}
    facts |= {message: turn for turn in turns for message in _of_turn(turn, kept)}
    messages: list[StoredMessage] = []
    after = {stored.parent: stored for stored in before.messages} if before else {}
    ends: dict[str | None, str | None] = {None: None}
    system = (before.session.system or "") if before else ""
    for message in kept.values():
        parent = ends[message.parent]
        if message.role == "system" and parent is None:
            system = system or _text_of(message)
        for number, part in enumerate(_messages(message, facts.get(message.hash), place)):
            known = after.get(parent)
            if known is not None and type(known.message) is type(part) and known.message.text == part.text:
                # The old row always gets the same id, and contains more.
                parent = _add(messages, known.id, origin, parent, known.message)
                del after[known.parent]
            else:
                parent = _add(messages, _message_id(origin, message.hash, str(number)), origin, parent, part)
        ends[message.hash] = parent
    leaf = ends.get(thread["tip_message_hash"]) or (messages[-1].id if messages else None)
    times = [_seconds(turn["datetime_utc"]) for turn in turns] or [_seconds(thread["datetime_utc"])]
    times += [before.session.created] if before else []
    name = (before.session.title if before else "") or _text(thread["name"], f"{place}.name")
    return _session_from(origin, name, system, messages, leaf, times, place)


def _new_messages(
    connection: sqlite3.Connection, tip: Any, known: dict[str, _LoggedMessage], place: str
) -> dict[str, _LoggedMessage]:
    """The messages from the first unknown one to `tip`, in order."""
    line: list[_LoggedMessage] = []
    seen: set[str] = set()
    at = tip
    while at is not None and at not in known:
        row = connection.execute("SELECT parent_hash, role FROM messages WHERE hash = ?", (at,)).fetchone()
        if row is None or at in seen:
            raise InvalidImportError(place, f"the message {at} is missing or below itself")
        seen.add(at)
        line.append(_LoggedMessage(at, row[0], _text(row[1], place), _parts(connection, at, place)))
        at = row[0]
    return {message.hash: message for message in reversed(line)}


def _parts(connection: sqlite3.Connection, message: str, place: str) -> tuple[Json, ...]:
    found: list[Json] = []
    for row in _rows(connection, "parts", "type text payload", "WHERE message_hash = ? ORDER BY position", message):
        part = _parsed(row["payload"], f"{place}.parts[{message}].payload")
        part["type"] = _text(row["type"], f"{place}.parts[{message}].type")
        if row["text"] is not None:
            part["text"] = _text(row["text"], f"{place}.parts[{message}].text")
        elif "text_ref" in part:
            pieces = expect_list(part["text_ref"], f"{place}.parts[{message}].text_ref")
            part["text"] = "".join(_part_text(connection, expect_object(piece, place), place) for piece in pieces)
        found.append(part)
    return tuple(found)


def _part_text(connection: sqlite3.Connection, piece: Json, place: str) -> str:
    """The text of a part. Long text that several messages share is stored once."""
    if "literal" in piece:
        return expect_text(piece["literal"], place)
    row = connection.execute("SELECT content FROM fragments WHERE id = ?", (piece.get("fragment"),)).fetchone()
    return _text(row[0], place) if row else ""


def _of_turn(turn: _Row, kept: dict[str, _LoggedMessage]) -> Iterator[str]:
    at = turn["tip_message_hash"]
    while at is not None and at != turn["parent_message_hash"]:
        yield at
        at = kept[at].parent


def _messages(kept: _LoggedMessage, turn: _Row | None, place: str) -> Iterator[Message]:
    results = [part for part in kept.parts if part["type"] == "tool_result"]
    for part in results:
        output = part.get("output")
        yield ToolMessage(
            _string(part, "tool_call_id"),
            _string(part, "name"),
            output if isinstance(output, str) else lossless_json.dumps_for_storage(output),
            bool(part.get("exception")),
        )
    text = _text_of(kept)
    match kept.role:
        case "user":
            if text:
                yield UserMessage(text, _seconds(turn["datetime_utc"]) if turn else 0.0)
        case "assistant":
            answer = _answer(kept, text)
            yield answer if turn is None else _with_facts(answer, turn, place)
        case "system":
            return
        case "tool":
            if text and not results:
                yield ToolMessage("", "", text)
        case role:
            raise InvalidImportError(place, f"the role {role!r} is not known")


def _answer(kept: _LoggedMessage, text: str) -> AssistantMessage:
    calls = tuple(
        ToolCall(
            _string(part, "tool_call_id"),
            _string(part, "name"),
            lossless_json.dumps_for_storage(part.get("arguments") or {}),
        )
        for part in kept.parts
        if part["type"] == "tool_call"
    )
    reasoning = "\n\n".join(_string(part, "text") for part in kept.parts if part["type"] == "reasoning")
    return AssistantMessage(text=text, reasoning=reasoning, tool_calls=calls, stop="tool_calls" if calls else "stop")


def _with_facts(answer: AssistantMessage, turn: _Row, place: str) -> AssistantMessage:
    asked = _text(turn["model"], f"{place}.model")
    return replace(
        answer,
        model_asked=asked,
        model=_text(turn["resolved_model"], f"{place}.resolved_model") or asked,
        usage=_usage(turn),
        timing=_timing(turn),
    )


def _text_of(kept: _LoggedMessage) -> str:
    text = "".join(_string(part, "text") for part in kept.parts if part["type"] == "text")
    attached = [_ATTACHMENT for part in kept.parts if part["type"] == "attachment"]
    return "\n\n".join(part for part in (text, *attached) if part)


def _string(part: Json, name: str) -> str:
    value = part.get(name)
    return value if isinstance(value, str) else ""


def _open_log(path: Path) -> sqlite3.Connection:
    """Opens the database read-only. Raises sqlite3.Error."""
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def _rows(
    connection: sqlite3.Connection, table: str, columns: str, condition: str = "", *values: Any
) -> Iterator[_Row]:
    """Queries a table. `columns` are names separated by spaces; `condition` follows FROM. Neither is user input."""
    names = columns.split()
    there = {row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')}
    selected = ", ".join(f'"{name}"' if name in there else "NULL" for name in names)
    statement = f'SELECT {selected} FROM "{table}" {condition}'  # noqa: S608 - all of it is written in this package
    for row in connection.execute(statement, values):
        yield dict(zip(names, row, strict=True))


def _text(value: Any, place: str) -> str:
    """Reads a text column; "" for NULL. Raises InvalidImportError."""
    if value is not None and not isinstance(value, str):
        raise InvalidImportError(place, "not a text")
    return value or ""


def _parsed(value: Any, place: str) -> Json:
    """Reads a column with a JSON object; empty for NULL. Raises InvalidImportError."""
    if not value:
        return {}
    try:
        data = lossless_json.loads(_text(value, place))
    except ValueError as error:
        raise InvalidImportError(place, str(error)) from error
    if not is_object(data):
        raise InvalidImportError(place, "not an object")
    return data


def _seconds(value: Any) -> float:
    """Turns a time as text into Unix time; 0 if it cannot be read."""
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError:
        return 0.0
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _usage(row: _Row) -> Usage:
    """The usage from input_tokens and output_tokens."""
    names = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}
    return Usage({ours: row[theirs] for ours, theirs in names.items() if isinstance(row[theirs], int)})


def _timing(row: _Row) -> Timing:
    """The timing from datetime_utc and duration_ms."""
    took = row["duration_ms"]
    return Timing(_seconds(row["datetime_utc"]), ended=took / 1000 if isinstance(took, int) else None)


def _message_id(origin: str, *parts: str) -> str:
    return records.derived_id(MESSAGE_ID_LENGTH, "llm", origin, *parts)


def _session_id(origin: str) -> str:
    return records.derived_id(SESSION_ID_LENGTH, "llm", origin)


def _session_from(
    origin: str, name: str, system: str, messages: list[StoredMessage], leaf: str | None, times: list[float], place: str
) -> ImportedSession:
    """Makes a session; `times` are those of its turns."""
    question = next((stored.message.text for stored in messages if isinstance(stored.message, UserMessage)), "")
    known = [time for time in times if time]
    session = Session(
        id=_session_id(origin),
        title=clean_title(name) or title_from(question),
        created=min(known, default=0.0),
        updated=max(known, default=0.0),
        leaf=leaf,
        # Continuing it uses the model and the server configured here.
        model="",
        server="",
        system=system or None,
    )
    return ImportedSession(SessionContent(session, tuple(messages)), place)


def _add(messages: list[StoredMessage], identity: str, origin: str, parent: str | None, message: Message) -> str:
    """Append a message and return its id."""
    messages.append(StoredMessage(identity, _session_id(origin), parent, message))
    return identity
