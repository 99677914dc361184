"""Recorded exchanges: for each answer the requests as sent, and the bytes received, with their times.

A request repeats all earlier messages, so these are stored as a chain: a line points to the one before it, and the next
request of the session adds only what is new. Exports contain none of this; deleting a session deletes it.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from stepchat import lossless_json
from stepchat.reasoning.ledger import ReasoningSent, SentMessage
from stepchat.sessions.database import transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Sequence

    from stepchat.messages import Json

RECORDING_LIMIT: Final = 200_000_000
"""Bytes on disk for recorded responses; the oldest are deleted first."""
_PIECE: Final = struct.Struct("<dI")
_LEVEL: Final = 3


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its response, without secrets."""

    answer: str
    """The ID of the answer it was made for."""
    lines: tuple[SentMessage, ...]
    rest: Json
    """The body of the request except its `messages`, which are in `lines`."""
    url: str
    headers: Json
    started: float
    """Unix time."""
    status: int | None = None
    answered: Json | None = None
    """The headers of the response."""
    pieces: Collection[tuple[float, bytes]] | None = ()
    """The bytes received, with seconds since the start; None if they were dropped to save space."""
    cut: bool = False
    """Whether part of the response was not recorded."""
    error: str = ""
    number: int = 0

    @property
    def body(self) -> Json:
        """The request as it was sent."""
        return {**self.rest, "messages": [line.wire for line in self.lines if line.wire is not None]}


@dataclass(frozen=True, slots=True)
class ReasoningOutcome:
    """What the requests of a session did with the reasoning of one answer: the newest verdict, and how many sent it."""

    newest: Json
    sent: int


def put(connection: sqlite3.Connection, session: str, exchange: Exchange, limit: int) -> int:
    """Save an exchange in its own transaction; returns its number. `limit` is the total size of responses in bytes."""
    # Packed before the transaction, because it takes time.
    events = pack(exchange.pieces or ())
    return transaction(connection, lambda connection: keep(connection, session, exchange, events, limit))


def keep(connection: sqlite3.Connection, session: str, exchange: Exchange, events: bytes, limit: int) -> int:
    """Save an exchange whose pieces are packed as `events`; returns its number. Runs inside a transaction.

    One with a number is on disk already; only its response is new.
    """
    about = {
        "url": exchange.url,
        "headers": exchange.headers,
        "rest": {**exchange.rest, "messages": None},
        "status": exchange.status,
        "answered": exchange.answered,
        "cut": exchange.cut,
        "error": exchange.error,
    }
    packed = _pack(lossless_json.dumps(about).encode())
    number = exchange.number
    if number:
        connection.execute(
            "UPDATE exchange SET about = ?, size = ?, events = ? WHERE number = ?",
            (packed, len(events), events, number),
        )
    else:
        line = _keep_lines(connection, session, exchange.lines)
        added = connection.execute(
            "INSERT INTO exchange (session, message, line, started, about, size, events) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (session, exchange.answer, line, exchange.started, packed, len(events), events),
        )
        number = added.lastrowid or 0
    _drop_oldest(connection, limit)
    return number


def _keep_lines(connection: sqlite3.Connection, session: str, lines: Sequence[SentMessage]) -> int | None:
    """Save the lines that are new; returns the number of the last one."""
    texts = [None if line.wire is None else lossless_json.dumps(line.wire).encode() for line in lines]
    verdicts = [None if line.verdict is None else lossless_json.dumps(line.verdict) for line in lines]
    digests: list[bytes] = []
    digest = b""
    for line, text, verdict in zip(lines, texts, verdicts, strict=True):
        origin = f"\0{line.message or ''}\0{verdict or ''}".encode()
        digest = _digest(digest + (b"-" if text is None else _digest(text)) + origin)
        digests.append(digest)
    last, known = _longest_known(connection, session, digests)
    for place in range(known, len(lines)):
        text = texts[place]
        added = connection.execute(
            "INSERT INTO sent_line (session, before, digest, text, message, verdict) VALUES (?, ?, ?, ?, ?, ?)",
            (
                session, last, digests[place], None if text is None else _keep_text(connection, session, text),
                lines[place].message, verdicts[place],
            ),
        )  # fmt: skip
        last = added.lastrowid
    return last


def _longest_known(connection: sqlite3.Connection, session: str, digests: Sequence[bytes]) -> tuple[int | None, int]:
    """The last line of the longest common beginning with an earlier request, and its length."""
    for place in range(len(digests), 0, -1):
        row = connection.execute(
            "SELECT number FROM sent_line WHERE session = ? AND digest = ?", (session, digests[place - 1])
        ).fetchone()
        if row is not None:
            return row[0], place
    return None, 0


def _keep_text(connection: sqlite3.Connection, session: str, text: bytes) -> int | None:
    digest = _digest(text)
    row = connection.execute(
        "SELECT number FROM sent_text WHERE session = ? AND digest = ?", (session, digest)
    ).fetchone()
    if row is not None:
        return row[0]
    return connection.execute(
        "INSERT INTO sent_text (session, digest, data) VALUES (?, ?, ?)", (session, digest, _pack(text))
    ).lastrowid


def _drop_oldest(connection: sqlite3.Connection, limit: int) -> None:
    (size,) = connection.execute("SELECT coalesce(sum(size), 0) FROM exchange WHERE events IS NOT NULL").fetchone()
    while size > limit:
        number, dropped = connection.execute(
            "SELECT number, size FROM exchange WHERE events IS NOT NULL ORDER BY number LIMIT 1"
        ).fetchone()
        connection.execute("UPDATE exchange SET events = NULL WHERE number = ?", (number,))
        size -= dropped


def of_answer(connection: sqlite3.Connection, message: str) -> list[Exchange]:
    """The requests made for an answer, or for the one that it is a copy of, in order."""
    rows = connection.execute(
        "SELECT number, line, started, about, events FROM exchange"
        " WHERE message = coalesce((SELECT copy_of FROM message WHERE id = ?1), ?1) ORDER BY number",
        (message,),
    ).fetchall()
    return [
        _exchange(message, number, started, about, events, _lines(connection, line))
        for number, line, started, about, events in rows
    ]


def newest_answer(connection: sqlite3.Connection, session: str) -> str | None:
    """The ID of the answer that the last request of a session was made for."""
    row = connection.execute(
        "SELECT message FROM exchange WHERE session = ? ORDER BY number DESC LIMIT 1", (session,)
    ).fetchone()
    return None if row is None else row[0]


def reasoning_sent(
    connection: sqlite3.Connection, session: str, message: str | None = None
) -> dict[str, list[ReasoningSent]]:
    """By ID of the answer: what each request of the session did with its reasoning. Of one answer only, if given.

    The requests that a fork copied the answers of are its own, too.
    """
    own = _reasoning_sent(connection, session, message)
    found: dict[str, list[ReasoningSent]] = {}
    for source, copies in _copied(connection, session).items():
        original = next((origin for origin, copy in copies.items() if copy == message), None)
        if message is None or original is not None:
            for origin, sendings in _reasoning_sent(connection, source, original).items():
                sent = [replace(one, answer=copies[one.answer]) for one in sendings if one.answer in copies]
                if sent and origin in copies:
                    found.setdefault(copies[origin], []).extend(sent)
    for answer, sendings in own.items():
        found.setdefault(answer, []).extend(sendings)
    return found


def _copied(connection: sqlite3.Connection, session: str) -> dict[str, dict[str, str]]:
    """For a fork: by session that it was copied from, the ID of each copy by the ID of its original."""
    found: dict[str, dict[str, str]] = {}
    for source, original, copy in connection.execute(
        "SELECT original.session, original.id, copy.id FROM message AS copy INDEXED BY message_copy"
        " JOIN message AS original ON original.id = copy.copy_of WHERE copy.session = ? AND copy.copy_of IS NOT NULL",
        (session,),
    ):
        found.setdefault(source, {})[original] = copy
    return found


def _reasoning_sent(
    connection: sqlite3.Connection, session: str, message: str | None
) -> dict[str, list[ReasoningSent]]:
    # A line points to the nearest one above it with a verdict, so that no request walks through the whole chain.
    nearest: dict[int | None, int | None] = {None: None}
    kept: dict[int, tuple[int | None, str, SentMessage]] = {}
    # A line's number is larger than that of the line before it.
    for number, before, origin, verdict, data in connection.execute(
        "SELECT sent_line.number, before, message, verdict, sent_text.data FROM sent_line"
        " LEFT JOIN sent_text ON sent_text.number = sent_line.text AND verdict IS NOT NULL AND (message = ? OR ?)"
        " WHERE sent_line.session = ? ORDER BY 1",
        (message, message is None, session),
    ):
        above = nearest.get(before)
        nearest[number] = above
        if verdict is not None and origin is not None and message in {None, origin}:
            kept[number] = (above, origin, _line(data, origin, verdict))
            nearest[number] = number
    found: dict[str, list[ReasoningSent]] = {}
    for number, answer, started, line in connection.execute(
        "SELECT number, message, started, line FROM exchange WHERE session = ? ORDER BY number", (session,)
    ):
        at = nearest.get(line)
        while at is not None:
            at, origin, sent = kept[at]
            found.setdefault(origin, []).append(ReasoningSent(number, answer, started, sent))
    return found


def _exchange(
    message: str, number: int, started: float, about: bytes, events: bytes | None, lines: tuple[SentMessage, ...]
) -> Exchange:
    data: Json = lossless_json.loads(zlib.decompress(about).decode())
    return Exchange(
        answer=message,
        lines=lines,
        rest=data["rest"],
        url=data["url"],
        headers=data["headers"],
        started=started,
        status=data["status"],
        answered=data["answered"],
        pieces=None if events is None else unpack(events),
        cut=data["cut"],
        error=data["error"],
        number=number,
    )


def _lines(connection: sqlite3.Connection, last: int | None) -> tuple[SentMessage, ...]:
    rows = connection.execute(
        "WITH RECURSIVE line (number, before) AS ("
        "  SELECT number, before FROM sent_line WHERE number = ?"
        "  UNION ALL"
        "  SELECT above.number, above.before FROM line JOIN sent_line AS above ON above.number = line.before"
        "  WHERE above.number < line.number)"
        " SELECT sent_text.data, message, verdict FROM line JOIN sent_line USING (number)"
        " LEFT JOIN sent_text ON sent_text.number = sent_line.text ORDER BY sent_line.number",
        (last,),
    )
    return tuple(_line(*row) for row in rows)


def _line(data: bytes | None, message: str | None, verdict: str | None) -> SentMessage:
    return SentMessage(
        None if data is None else lossless_json.loads(zlib.decompress(data).decode()),
        message,
        None if verdict is None else lossless_json.loads(verdict),
    )


def reasoning_outcomes(connection: sqlite3.Connection, session: str) -> dict[str, ReasoningOutcome]:
    """The outcome for each answer, by its ID, whose reasoning a later request could send back; for copies in a fork, too."""
    found = _outcomes(connection, session, session)
    for source, copies in _copied(connection, session).items():
        for original, outcome in _outcomes(connection, source, session).items():
            if original in copies:
                own = found.get(copies[original])
                found[copies[original]] = (
                    outcome if own is None else ReasoningOutcome(own.newest, own.sent + outcome.sent)
                )
    return found


def _outcomes(connection: sqlite3.Connection, session: str, fork: str) -> dict[str, ReasoningOutcome]:
    """The outcomes of the requests of `session`; if `fork` is another session, only for the answers that it copied."""
    requests: dict[int, int] = {}
    newest: dict[int, int] = {}
    for line, count, number in connection.execute(
        "SELECT line, count(*), max(number) FROM exchange WHERE session = ?1 AND line IS NOT NULL AND (?1 = ?2"
        " OR message IN (SELECT copy_of FROM message WHERE session = ?2 AND copy_of IS NOT NULL)) GROUP BY line",
        (session, fork),
    ):
        requests[line], newest[line] = count, number
    found: dict[str, tuple[int, Any, int]] = {}
    # A line's number is smaller than those of the lines after it, so its sums are complete when its turn comes.
    for number, before, message, verdict in connection.execute(
        "SELECT number, before, message, verdict FROM sent_line WHERE session = ? ORDER BY number DESC", (session,)
    ):
        count, last = requests.get(number, 0), newest.get(number, 0)
        if before is not None:
            requests[before] = requests.get(before, 0) + count
            newest[before] = max(newest.get(before, 0), last)
        if count and message is not None and verdict is not None:
            at, kept, sent = found.get(message, (-1, None, 0))
            sent += count if '"left out"' not in verdict else 0
            found[message] = (last, verdict, sent) if last > at else (at, kept, sent)
    return {message: ReasoningOutcome(lossless_json.loads(kept), sent) for message, (_, kept, sent) in found.items()}


def pack(pieces: Collection[tuple[float, bytes]]) -> bytes:
    """Packs times and lengths, then the bytes, compressed. Iterates twice instead of holding a copy of all bytes."""
    packer = zlib.compressobj(_LEVEL)
    head = b"".join(_PIECE.pack(seconds, len(data)) for seconds, data in pieces)
    packed = [packer.compress(struct.pack("<I", len(pieces)) + head)]
    packed += filter(None, (packer.compress(data) for _, data in pieces))
    return b"".join([*packed, packer.flush()])


def unpack(events: bytes) -> tuple[tuple[float, bytes], ...]:
    """Reverses `pack`."""
    whole = zlib.decompress(events)
    (count,) = struct.unpack_from("<I", whole)
    at = 4 + count * _PIECE.size
    pieces: list[tuple[float, bytes]] = []
    for number in range(count):
        seconds, length = _PIECE.unpack_from(whole, 4 + number * _PIECE.size)
        pieces.append((seconds, whole[at : at + length]))
        at += length
    return tuple(pieces)


def _pack(data: bytes) -> bytes:
    return zlib.compress(data, _LEVEL)


def _digest(data: bytes) -> bytes:
    # Imported late to keep the start fast.
    import hashlib

    return hashlib.sha256(data).digest()[:16]
