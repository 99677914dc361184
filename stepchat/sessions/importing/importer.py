"""Imports sessions from stepchat's JSON, ChatGPT's export and the log database of `llm`, all of a file or nothing."""

from __future__ import annotations

import asyncio
import json
import re
import stat
import tempfile
import time
import zipfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from stepchat import lossless_json
from stepchat.errors import StoreError, UsageError
from stepchat.messages import AssistantMessage, Message, UserMessage, valid_time
from stepchat.sessions import attachments, records, tree, writing
from stepchat.sessions.export.formats import without_message_reasoning
from stepchat.sessions.importing import chatgpt, llm, stepchat_json
from stepchat.sessions.importing.values import ImportedSession, InvalidImportError, invalid_if_it_fails, is_object
from stepchat.sessions.search import index as search_index

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Generator, Iterable, Iterator

    from stepchat.messages import Json, StoredMessage
    from stepchat.sessions.records import Session, Writer

_LARGEST: Final = 300_000_000
"""Bytes of one JSON document, and of everything in an archive: a small archive can expand to gigabytes."""

_TOO_LARGE: Final = f"It is larger than {_LARGEST // 1_000_000} MB"
_DATABASE, _ARCHIVE = b"SQLite format 3\0", b"PK\x03\x04"
_BY_NAME: Final = (_DATABASE, _ARCHIVE)
"""The first bytes of files that need random access, and so cannot come from stdin."""
_BEGINNING: Final = 16
_PIECE: Final = 1 << 20
_MARK: Final = re.compile(r'"(?:[^"\\]|\\.)*"|NaN|Infinity|[][{}]')
"""Brackets, constants that are not JSON, and strings, to skip them."""

_KINDS: Final = (
    "Supported: stepchat's JSON, ChatGPT's export (conversations.json, its .zip or its folder), and llm's logs.db."
)
_JSON_LINES: Final = (
    "These are JSON Lines: requests for the API, which cannot be imported. Export sessions as .json to import them"
)


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import added. `known` sessions existed before; only their new messages count.

    `completed` messages existed without their reasoning.
    """

    sessions: tuple[str, ...] = ()
    messages: int = 0
    known: int = 0
    completed: int = 0

    def as_json(self) -> Json:
        """The result as JSON."""
        return {**asdict(self), "sessions": list(self.sessions)}

    def describe(self) -> str:
        """The result as a sentence."""
        if self.known and not (self.sessions or self.messages or self.completed):
            return f"Nothing new: {_counted(self.known, 'session')} already here"
        added = f"Added {_counted(len(self.sessions), 'session')}, {_counted(self.messages, 'message')}"
        if self.completed:
            added += f"; added missing reasoning to {_counted(self.completed, 'message')}"
        return added + (f"; {_counted(self.known, 'session')} already here" if self.known else "")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


async def import_file(store: Writer, *paths: Path) -> ImportResult:
    """Import files or folders: everything new in them, or nothing. Raises UsageError, which names the file and position."""
    return await add_sessions(store, await asyncio.to_thread(read_files, paths))


async def add_sessions(store: Writer, incoming: list[ImportedSession]) -> ImportResult:
    """Add sessions: everything that is new, or nothing. Raises UsageError and StoreError."""
    return await store.add(lambda connection: insert_sessions(connection, incoming))


def read_files(paths: Iterable[Path]) -> list[ImportedSession]:
    """Reads the sessions of several files or folders."""
    return [session for path in paths for session in read_file(path)]


def read_file(path: Path, limit: int = _LARGEST) -> list[ImportedSession]:
    """Reads and checks the sessions of a file or folder; `limit` is in bytes. Raises UsageError with the position."""
    with _named(str(path)):
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return _read_folder(path)
        if not stat.S_ISREG(mode):
            # A pipe would block, and a device may be endless.
            raise InvalidImportError("", "It is not a regular file")
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
            if beginning.startswith(_BY_NAME):
                return _read_by_name(path, beginning, limit)
            return list(_read_json(_limited(file, limit, "", beginning)))


def read_stream(stream: IO[bytes], name: str, limit: int = _LARGEST) -> list[ImportedSession]:
    """Reads the sessions of a stream, such as stdin; `limit` is in bytes."""
    with _named(name):
        beginning = stream.read(_BEGINNING)
        if not beginning.startswith(_BY_NAME):
            return list(_read_json(_limited(stream, limit, "", beginning)))
        with tempfile.TemporaryDirectory(prefix="stepchat-") as directory:
            path = Path(directory) / "import"
            with path.open("xb") as file:
                file.write(beginning)
                while piece := stream.read(_PIECE):
                    file.write(piece)
                    if file.tell() > limit:
                        raise InvalidImportError("", _TOO_LARGE)
            return _read_by_name(path, beginning, limit)


def _read_folder(path: Path) -> list[ImportedSession]:
    """Reads a ChatGPT export that was unpacked into this folder or a folder in it."""
    for pattern in ("*", "*/*"):
        files = sorted(file for file in path.glob(pattern) if file.is_file() and _is_conversations(file.name))
        if files:
            return read_files(files)
    raise InvalidImportError("", "There is no conversations.json in this folder; name the files to import")


def _read_by_name(path: Path, beginning: bytes, limit: int) -> list[ImportedSession]:
    if beginning.startswith(_DATABASE):
        return list(llm.read(path))
    with path.open("rb") as file:
        return [session for name, content in _documents(file, "", limit) for session in _read_json(content, name)]


@contextmanager
def _named(name: str) -> Generator[None]:
    """Add the name of the file to errors."""
    try:
        with invalid_if_it_fails(""):
            yield
    except UsageError:
        raise
    except InvalidImportError as error:
        raise UsageError(f"{name} cannot be imported. {error}".rstrip(".") + ".", "Nothing was imported.") from error
    except OSError as error:
        raise UsageError(f"Cannot read {name}: {error.strerror or error}.", "Nothing was imported.") from error


def _read_json(content: bytes, where: str = "") -> Iterator[ImportedSession]:
    try:
        # Some shells write UTF-16.
        text = content.decode(json.detect_encoding(content))
    except UnicodeDecodeError as error:
        raise InvalidImportError(where, str(error)) from error
    try:
        data = lossless_json.loads(text, any_depth=True)
    except json.JSONDecodeError as error:
        if _is_json_lines(text):
            raise InvalidImportError(where, _JSON_LINES) from error
        place = f"line {error.lineno}, column {error.colno}"
        if not text[: error.pos].strip():
            raise InvalidImportError(where, f"{place}: This is not JSON. {_KINDS}") from error
        raise InvalidImportError(where, f"{place}: {error.msg}") from error
    except ValueError as error:
        raise InvalidImportError(where, f"{_no_json_at(text)}: {error}") from error
    if stepchat_json.is_stepchat(data):
        return stepchat_json.read(data)
    if chatgpt.is_chatgpt(data):
        return chatgpt.read(data, where)
    if _is_request(data):
        raise InvalidImportError(where, _JSON_LINES)
    raise InvalidImportError(where, f"The format is unknown. {_KINDS}")


def _is_json_lines(text: str) -> bool:
    try:
        return _is_request(lossless_json.loads(text.lstrip().partition("\n")[0]))
    except ValueError:
        return False


def _is_request(data: Any) -> bool:
    return is_object(data) and isinstance(data.get("messages"), list) and "format" not in data


def _no_json_at(text: str) -> str:
    """The position of an error that the parser reports without one: NaN and the like, or excessive nesting."""
    depth = at = 0
    for mark in _MARK.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(mark[0], 0)
        at = mark.start()
        if depth > lossless_json.DEPTH or mark[0][0] in "NI":
            break
    return f"line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at)}"


def _documents(file: IO[bytes], where: str, limit: int) -> Iterator[tuple[str, bytes]]:
    """Yields name and content of the conversations in an archive and in archives within it; `limit` is in bytes."""
    with zipfile.ZipFile(file) as archive:
        # Large exports are split into conversations-000.json and so on.
        names = sorted(name for name in archive.namelist() if _is_conversations(name.rpartition("/")[2]))
        left = limit
        for name in names:
            with invalid_if_it_fails(where + name), archive.open(name) as member:
                content = _limited(member, left, where + name, b"")
            left -= len(content)
            yield where + name, content
        inner = [] if names or where else [name for name in archive.namelist() if name.lower().endswith(".zip")]
        if not names and not inner:
            raise InvalidImportError(where.removesuffix("/"), "There is no conversations.json in it")
        for name in inner:
            with invalid_if_it_fails(name), archive.open(name) as member:
                nested = BytesIO(_limited(member, left, name, b""))
            for found, content in _documents(nested, f"{name}/", left):
                left -= len(content)
                yield found, content


def _limited(file: IO[bytes], limit: int, where: str, beginning: bytes) -> bytes:
    """The complete content of a file whose beginning was read already."""
    content = beginning + file.read(limit + 1 - len(beginning))
    if len(content) > limit:
        raise InvalidImportError(where, _TOO_LARGE)
    return content


def _is_conversations(name: str) -> bool:
    return name.startswith("conversations") and name.endswith(".json")


def insert_sessions(connection: sqlite3.Connection, incoming: list[ImportedSession]) -> ImportResult:
    """Add what is new, inside a transaction. If it raises UsageError or StoreError, the transaction must be rolled back.

    Imported messages count as older than all others: they get lower numbers, by which searches are sorted. A session whose time is in
    the future does not stay at the top of lists.
    """
    (lowest,) = connection.execute("SELECT min(number) FROM message").fetchone()
    (latest,) = connection.execute("SELECT max(coalesce(max(position), 0), ?) FROM session", (time.time(),)).fetchone()
    count = sum(len(entry.content.messages) for entry in incoming)
    number = 1 if lowest is None else lowest - count
    added: list[str] = []
    total = known = completed = 0
    for entry in sorted(incoming, key=lambda entry: entry.content.session.updated):
        session = entry.content.session
        if _is_known(connection, session):
            known += 1
            completed += sum(_complete(connection, stored) for stored in entry.content.messages)
            new = _insert(connection, entry, None)
        else:
            _insert_session(connection, session, latest)
            new = _insert(connection, entry, number)
            number += len(new)
            added.append(session.id)
        _finish(connection, session, new, latest)
        total += len(new)
    return ImportResult(tuple(added), total, known, completed)


def _is_known(connection: sqlite3.Connection, session: Session) -> bool:
    row = connection.execute("SELECT deleted FROM session WHERE id = ?", (session.id,)).fetchone()
    if row is None:
        return False
    if row[0] is not None and row[0] < 0:
        raise StoreError(f"The session {session.id} was deleted and is being removed.", "Try again in a minute.")
    # Importing a deleted session restores it.
    connection.execute("UPDATE session SET deleted = NULL WHERE id = ?", (session.id,))
    return True


def _insert_session(connection: sqlite3.Connection, session: Session, latest: float) -> None:
    connection.execute(
        "INSERT INTO session (id, title_edited, created, updated, position, model, server, system, pinned, archived,"
        " forked_from, forked_at, parameters, profile, preset) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            session.id,
            session.title_edited,
            session.created,
            session.updated,
            min(session.updated, latest),
            session.model,
            session.server,
            None if session.system is None else records.text_to_stored(session.system),
            session.pinned,
            session.archived,
            session.forked_from,
            session.forked_at,
            lossless_json.dumps_for_storage(session.parameters),
            session.profile,
            session.preset,
        ),
    )
    writing.retitle(connection, session.id, session.title)


def _insert(
    connection: sqlite3.Connection, entry: ImportedSession, number: int | None
) -> list[tuple[int, StoredMessage]]:
    """Insert the messages that are new. Their numbers start with `number`, or are the highest."""
    new: list[tuple[int, StoredMessage]] = []
    for stored in entry.content.messages:
        row = connection.execute("SELECT session FROM message WHERE id = ?", (stored.id,)).fetchone()
        if row is not None:
            if row[0] != stored.session:
                raise UsageError(
                    f"{entry.place}: the message {stored.id} belongs to another session, {row[0]}.",
                    "Nothing was imported.",
                )
            continue
        added = connection.execute(
            "INSERT INTO message (number, id, session, parent, role, created, folded, data)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                None if number is None else number + len(new),
                stored.id,
                stored.session,
                stored.parent,
                writing.role_of(stored.message),
                _time(stored.message) or entry.content.session.created,
                stored.folded,
                records.message_to_text(stored.message),
            ),
        )
        attachments.refer(connection, stored.id, stored.message)
        new.append((added.lastrowid or 0, stored))
    attachments.restore(connection, entry.content.files, time.time())
    return new


def _complete(connection: sqlite3.Connection, stored: StoredMessage) -> bool:
    """Add the reasoning to an answer that was imported without it and is otherwise equal."""
    message = stored.message
    if not isinstance(message, AssistantMessage) or (short := without_message_reasoning(message)) == message:
        return False
    row = connection.execute(
        "SELECT number, data FROM message WHERE id = ? AND session = ? AND data = ? AND owner IS NULL",
        (stored.id, stored.session, records.message_to_text(short)),
    ).fetchone()
    if row is None:
        return False
    # The index computes the entry to remove from the stored message, so this comes first.
    search_index.remove(connection, *row)
    connection.execute("UPDATE message SET data = ? WHERE number = ?", (records.message_to_text(message), row[0]))
    search_index.add_later(connection, [row[0]])
    return True


def _finish(
    connection: sqlite3.Connection, session: Session, new: list[tuple[int, StoredMessage]], latest: float
) -> None:
    if not new:
        return
    search_index.add_later(connection, [number for number, _ in new])
    writing.add_totals(connection, session.id, [stored.message for _, stored in new])
    (leaf,) = connection.execute("SELECT leaf FROM session WHERE id = ?", (session.id,)).fetchone()
    end = session.leaf
    if end is not None and (_continues(connection, leaf, end) or _completes(connection, leaf, end)):
        connection.execute(
            "UPDATE session SET leaf = ?, updated = max(updated, ?), position = max(position, ?) WHERE id = ?",
            (end, session.updated, min(session.updated, latest), session.id),
        )
        tree.remember_path(connection, session.id, end)
    elif leaf is not None:
        # The branch shown stays the same, although another one is the newest now.
        tree.remember_path(connection, session.id, leaf)


def _continues(connection: sqlite3.Connection, leaf: str | None, new_leaf: str) -> bool:
    at: str | None = new_leaf
    while at is not None and at != leaf:
        (at,) = connection.execute("SELECT parent FROM message WHERE id = ?", (at,)).fetchone()
    return at == leaf


def _completes(connection: sqlite3.Connection, leaf: str | None, new_leaf: str) -> bool:
    """Whether the new leaf is the complete version of the incomplete answer shown, as in a rescue file."""
    row = connection.execute(
        "SELECT cut.id, cut.data, whole.id, whole.data FROM message AS cut JOIN message AS whole"
        " ON whole.session = cut.session AND whole.parent IS cut.parent WHERE cut.id = ? AND whole.id = ?",
        (leaf, new_leaf),
    ).fetchone()
    if row is None:
        return False
    cut, whole = records.message_from_text(*row[:2]), records.message_from_text(*row[2:])
    return isinstance(cut, AssistantMessage) and isinstance(whole, AssistantMessage) and cut.stop == "cut" != whole.stop


def _time(message: Message) -> float:
    match message:
        case UserMessage():
            return valid_time(message.time) or 0.0
        case AssistantMessage():
            return valid_time(message.timing.started) or 0.0
        case _:
            return 0.0
