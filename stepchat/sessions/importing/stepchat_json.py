"""Imports stepchat's JSON (sessions/export/formats.py)."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from stepchat import lossless_json, messages
from stepchat.messages import LATEST, AssistantMessage, Json, Message, StoredMessage, ToolMessage, UserMessage
from stepchat.sessions import records
from stepchat.sessions.export.formats import FORMAT, FORMAT_OF_MANY, VERSION
from stepchat.sessions.importing.values import (
    ImportedSession,
    InvalidImportError,
    expect,
    expect_list,
    expect_object,
    expect_optional_text,
    expect_text,
    expect_time,
    invalid_if_it_fails,
    is_object,
)
from stepchat.sessions.records import Session, SessionContent
from stepchat.sessions.titles import clean_title

if TYPE_CHECKING:
    from collections.abc import Iterator

_ID: Final = re.compile(r"[0-9a-z]{1,64}")


def is_stepchat(data: Any) -> TypeGuard[Json]:
    """Whether the data claims to be stepchat's JSON."""
    return is_object(data) and isinstance(name := data.get("format"), str) and name.startswith("stepchat")


def read(data: Json) -> Iterator[ImportedSession]:
    """Raises InvalidImportError."""
    version: Any = data.get("version")
    if isinstance(version, bool) or version != VERSION:
        raise InvalidImportError("version", f"{version!r} is unknown; update stepchat to read this file")
    match data["format"]:
        case name if name == FORMAT:
            with invalid_if_it_fails("session"):
                session = _session(data, "")
            yield session
        case name if name == FORMAT_OF_MANY:
            for number, entry in enumerate(expect_list(data.get("sessions"), "sessions")):
                with invalid_if_it_fails(f"sessions[{number}]"):
                    session = _session(expect_object(entry, f"sessions[{number}]"), f"sessions[{number}].")
                yield session
        case name:
            raise InvalidImportError("format", f"{name!r} is unknown")


def _session(data: Json, prefix: str) -> ImportedSession:
    place = f"{prefix}session"
    session = _header(expect_object(data.get("session"), place), place)
    found: list[StoredMessage] = []
    known: set[str] = set()
    for number, entry in enumerate(expect_list(data.get("messages"), f"{prefix}messages")):
        stored = _message(entry, session.id, f"{prefix}messages[{number}]")
        if stored.id in known:
            raise InvalidImportError(f"{prefix}messages[{number}].id", f"{stored.id} occurs twice")
        if stored.parent is not None and stored.parent not in known:
            raise InvalidImportError(
                f"{prefix}messages[{number}].parent", f"there is no message {stored.parent} before it"
            )
        known.add(stored.id)
        found.append(stored)
    if session.leaf is not None and session.leaf not in known:
        raise InvalidImportError(f"{place}.leaf", f"there is no message {session.leaf}")
    files = _files(expect_object(data.get("files", {}), f"{prefix}files"), f"{prefix}files")
    return ImportedSession(SessionContent(session, tuple(found), files=files), place)


def _files(data: Json, place: str) -> dict[str, bytes]:
    """The content of attachments by digest, decoded."""
    files: dict[str, bytes] = {}
    for digest, encoded in data.items():
        try:
            content = b64decode(expect_text(encoded, f"{place}.{digest}"), validate=True)
        except ValueError as error:
            raise InvalidImportError(f"{place}.{digest}", "not base64") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise InvalidImportError(f"{place}.{digest}", "its content has another digest")
        files[digest] = content
    return files


def _header(data: Json, place: str) -> Session:
    leaf = data.get("leaf")
    return Session(
        id=_id(data.get("id"), f"{place}.id"),
        title=clean_title(expect_text(data.get("title"), f"{place}.title")),
        created=_date(data.get("created"), f"{place}.created"),
        updated=_date(data.get("updated"), f"{place}.updated"),
        leaf=None if leaf is None else _id(leaf, f"{place}.leaf"),
        model=records.encodable(expect_text(data.get("model"), f"{place}.model")),
        server=records.encodable(expect_text(data.get("server"), f"{place}.server")),
        system=expect_optional_text(data.get("system"), f"{place}.system"),
        title_edited=expect(bool, data.get("title_edited"), f"{place}.title_edited"),
        pinned=expect(bool, data.get("pinned"), f"{place}.pinned"),
        archived=expect(bool, data.get("archived"), f"{place}.archived"),
        forked_from=_id_or_nothing(data.get("forked_from"), f"{place}.forked_from"),
        forked_at=_id_or_nothing(data.get("forked_at"), f"{place}.forked_at"),
        parameters=_shallow(expect_object(data.get("parameters", {}), f"{place}.parameters"), f"{place}.parameters"),
        profile=records.encodable(expect_text(data.get("profile", ""), f"{place}.profile")),
        preset=records.encodable(expect_text(data.get("preset", ""), f"{place}.preset")),
    )


def _message(entry: Any, session_id: str, place: str) -> StoredMessage:
    data = expect_object(entry, place)
    folded = data.get("folded")
    try:
        kept = _shallow(expect_object(data.get("message"), f"{place}.message"), f"{place}.message")
        message = messages.from_json(kept)
    except InvalidImportError:
        raise
    except ValueError as error:
        raise InvalidImportError(f"{place}.message", str(error)) from error
    _check_times(message, f"{place}.message")
    return StoredMessage(
        _id(data.get("id"), f"{place}.id"),
        session_id,
        _id_or_nothing(data.get("parent"), f"{place}.parent"),
        message,
        None if folded is None else expect(bool, folded, f"{place}.folded"),
    )


def _shallow(value: Json, place: str) -> Json:
    if lossless_json.is_deep(value):
        raise InvalidImportError(place, f"nested more than {lossless_json.DEPTH} levels deep")
    return value


def _check_times(message: Message, place: str) -> None:
    match message:
        case UserMessage():
            _date(message.time, f"{place}.time")
        case AssistantMessage():
            _date(message.timing.started, f"{place}.timing.started")
            for name in ("first_reasoning", "first_text", "ended"):
                if (value := getattr(message.timing, name)) is not None:
                    expect_time(value, f"{place}.timing.{name}")
        case ToolMessage():
            pass


def _date(value: Any, place: str) -> float:
    """Reads a time. An earlier version exported ChatGPT's times in milliseconds."""
    if isinstance(value, int | float) and LATEST < value <= LATEST * 1000:
        return float(value)
    return expect_time(value, place)


def _id_or_nothing(value: Any, place: str) -> str | None:
    return None if value is None else _id(value, place)


def _id(value: Any, place: str) -> str:
    text = expect_text(value, place)
    if not _ID.fullmatch(text):
        raise InvalidImportError(place, "not an ID")
    return text
