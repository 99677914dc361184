"""Threads of `llm` since 0.36: each is a branch of a tree of messages, with a turn for each call of a model.

The messages of all turns of a thread make one session, so what was tried on the way is there as branches.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stepchat import lossless_json
from stepchat.messages import AssistantMessage, Message, StoredMessage, ToolCall, ToolMessage, UserMessage
from stepchat.sessions.importing import llm_tables
from stepchat.sessions.importing.llm_tables import ATTACHMENT, Row, add, message_id, parsed, rows, seconds, text
from stepchat.sessions.importing.values import (
    ImportedSession,
    InvalidImportError,
    expect_list,
    expect_object,
    expect_text,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from stepchat.messages import Json
    from stepchat.sessions.records import Conversation


@dataclass(frozen=True, slots=True)
class _Kept:
    """A message of the log: who says what above which other."""

    hash: str
    parent: str | None
    role: str
    parts: tuple[Json, ...]


def read(connection: sqlite3.Connection, old: Mapping[str, ImportedSession]) -> Iterator[tuple[str, ImportedSession]]:
    """The ids of the threads, with what they hold. `old` are conversations, by the same ids, that may go on in threads.

    Raises InvalidImportError and sqlite3.Error.
    """
    turns: dict[str, list[Row]] = {}
    columns = "id thread_id parent_message_hash tip_message_hash model resolved_model duration_ms datetime_utc"
    for turn in rows(connection, "turns", f"{columns} input_tokens output_tokens", "ORDER BY id"):
        turns.setdefault(str(turn["thread_id"]), []).append(turn)
    threads = list(rows(connection, "threads", "id name tip_message_hash datetime_utc", "ORDER BY id"))
    for number, thread in enumerate(threads):
        origin = text(thread["id"], f"threads[{number}].id")
        if not origin:
            raise InvalidImportError(f"threads[{number}].id", "nothing instead of a text")
        before = old[origin].conversation if origin in old else None
        yield origin, _thread(connection, thread, turns.get(origin, []), before, f"threads[{origin}]")


def _thread(
    connection: sqlite3.Connection, thread: Row, turns: list[Row], before: Conversation | None, place: str
) -> ImportedSession:
    origin = thread["id"]
    kept: dict[str, _Kept] = {}
    for tip in [*(turn["tip_message_hash"] for turn in turns), thread["tip_message_hash"]]:
        kept.update(_line(connection, tip, kept, place))
    facts = {turn["parent_message_hash"]: turn for turn in turns}
    facts |= {message: turn for turn in turns for message in _of_turn(turn, kept)}
    said: list[StoredMessage] = []
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
                # The old row has the same id whenever it is imported, and knows more.
                parent = add(said, known.id, origin, parent, known.message)
                del after[known.parent]
            else:
                parent = add(said, message_id(origin, message.hash, str(number)), origin, parent, part)
        ends[message.hash] = parent
    leaf = ends.get(thread["tip_message_hash"]) or (said[-1].id if said else None)
    times = [seconds(turn["datetime_utc"]) for turn in turns] or [seconds(thread["datetime_utc"])]
    times += [before.session.created] if before else []
    name = (before.session.title if before else "") or text(thread["name"], f"{place}.name")
    return llm_tables.incoming(origin, name, system, said, leaf, times, place)


def _line(connection: sqlite3.Connection, tip: Any, known: dict[str, _Kept], place: str) -> dict[str, _Kept]:
    """The messages from the first that is not known yet to `tip`, in this order."""
    line: list[_Kept] = []
    seen: set[str] = set()
    at = tip
    while at is not None and at not in known:
        row = connection.execute("SELECT parent_hash, role FROM messages WHERE hash = ?", (at,)).fetchone()
        if row is None or at in seen:
            raise InvalidImportError(place, f"the message {at} is missing or below itself")
        seen.add(at)
        line.append(_Kept(at, row[0], text(row[1], place), _parts(connection, at, place)))
        at = row[0]
    return {message.hash: message for message in reversed(line)}


def _parts(connection: sqlite3.Connection, message: str, place: str) -> tuple[Json, ...]:
    found: list[Json] = []
    for row in rows(connection, "parts", "type text payload", "WHERE message_hash = ? ORDER BY position", message):
        part = parsed(row["payload"], f"{place}.parts[{message}].payload")
        part["type"] = text(row["type"], f"{place}.parts[{message}].type")
        if row["text"] is not None:
            part["text"] = text(row["text"], f"{place}.parts[{message}].text")
        elif "text_ref" in part:
            pieces = expect_list(part["text_ref"], f"{place}.parts[{message}].text_ref")
            part["text"] = "".join(_piece(connection, expect_object(piece, place), place) for piece in pieces)
        found.append(part)
    return tuple(found)


def _piece(connection: sqlite3.Connection, piece: Json, place: str) -> str:
    """Long text that several messages hold is kept once."""
    if "literal" in piece:
        return expect_text(piece["literal"], place)
    row = connection.execute("SELECT content FROM fragments WHERE id = ?", (piece.get("fragment"),)).fetchone()
    return text(row[0], place) if row else ""


def _of_turn(turn: Row, kept: dict[str, _Kept]) -> Iterator[str]:
    at = turn["tip_message_hash"]
    while at is not None and at != turn["parent_message_hash"]:
        yield at
        at = kept[at].parent


def _messages(kept: _Kept, turn: Row | None, place: str) -> Iterator[Message]:
    results = [part for part in kept.parts if part["type"] == "tool_result"]
    for part in results:
        output = part.get("output")
        yield ToolMessage(
            _string(part, "tool_call_id"),
            _string(part, "name"),
            output if isinstance(output, str) else lossless_json.dumps_for_storage(output),
            bool(part.get("exception")),
        )
    said = _text_of(kept)
    match kept.role:
        case "user":
            if said:
                yield UserMessage(said, seconds(turn["datetime_utc"]) if turn else 0.0)
        case "assistant":
            answer = _answer(kept, said)
            yield answer if turn is None else _with_facts(answer, turn, place)
        case "system":
            return
        case "tool":
            if said and not results:
                yield ToolMessage("", "", said)
        case role:
            raise InvalidImportError(place, f"the role {role!r} is not known")


def _answer(kept: _Kept, said: str) -> AssistantMessage:
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
    return AssistantMessage(text=said, reasoning=reasoning, tool_calls=calls, stop="tool_calls" if calls else "stop")


def _with_facts(answer: AssistantMessage, turn: Row, place: str) -> AssistantMessage:
    asked = text(turn["model"], f"{place}.model")
    return replace(
        answer,
        model_asked=asked,
        model=text(turn["resolved_model"], f"{place}.resolved_model") or asked,
        usage=llm_tables.usage(turn),
        timing=llm_tables.timing(turn),
    )


def _text_of(kept: _Kept) -> str:
    said = "".join(_string(part, "text") for part in kept.parts if part["type"] == "text")
    attached = [ATTACHMENT for part in kept.parts if part["type"] == "attachment"]
    return "\n\n".join(part for part in (said, *attached) if part)


def _string(part: Json, name: str) -> str:
    value = part.get(name)
    return value if isinstance(value, str) else ""
