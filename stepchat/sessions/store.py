"""The session store, which saves every conversation as it happens, and is the only writer of the database.

All writes run in one thread and are committed when they return. Cancelling a task that waits for a write does not undo
the write. Every method raises StoreError. A method has the name and arguments of the function that it runs, where the
details are documented.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from stepchat.config.paths import Paths, path_exists, private_directory
from stepchat.errors import StoreError
from stepchat.sessions import (
    attachments,
    database,
    exchanges,
    migrations,
    organizing,
    other_processes,
    pages,
    reading,
    recovery,
    spending,
    tool_calls,
    tree,
    writing,
)
from stepchat.sessions.reading import SessionFilter
from stepchat.sessions.records import MESSAGE_ID_LENGTH, new_id
from stepchat.sessions.recovery import Accumulate, Ownership, Recovered
from stepchat.sessions.search import index as search_index
from stepchat.sessions.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from decimal import Decimal
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from stepchat.events import Delta
    from stepchat.messages import AssistantMessage, Json, Message, StoredMessage, ToolCall
    from stepchat.sessions.exchanges import Exchange, ReasoningOutcome, ReasoningSent
    from stepchat.sessions.preview import Preview
    from stepchat.sessions.reading import Order
    from stepchat.sessions.records import Session, SessionContent, SessionSummary
    from stepchat.sessions.recovery import InterruptedAnswer
    from stepchat.sessions.search.search import LiveSearch, SearchOptions, SearchPage
    from stepchat.sessions.spending import Spent, Unpriced

T = TypeVar("T")
P = ParamSpec("P")


class SessionStore:
    """Sessions as trees of messages. Open one with `SessionStore.open`, and close it."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        owner: Ownership,
        recovered: Recovered,
        clock: Callable[[], float],
        recording_limit: int,
        accumulate: Accumulate,
        temporary: TemporaryDirectory[str] | None,
    ) -> None:
        self.file = path
        self.recovered: tuple[str, ...] = recovered.recovered
        """IDs of answers that a killed process left behind and that are messages now."""
        self.unreadable: tuple[str, ...] = recovered.unreadable
        """IDs of answers that a killed process left behind and that cannot be read. They are left as they are."""
        self._owner = owner
        self._clock = clock
        self._recording_limit = recording_limit
        self._accumulate = accumulate
        self._writer = Worker("stepchat-writer", path, database.connect, opened=connection)
        self._reader = Worker("stepchat-reader", path, database.connect_for_reading)
        self._search: LiveSearch | None = None
        self._temporary = temporary
        self.not_saved = ""
        """Why nothing in it is saved; "" for the user's own sessions."""
        self._writer.repeat(lambda connection: organizing.purge(connection, clock() - organizing.KEEP_DELETED))
        self._collect_attachments()
        self._index_soon()

    @classmethod
    def open(
        cls,
        paths: Paths,
        *,
        accumulate: Accumulate,
        clock: Callable[[], float] = time.time,
        max_pages: int | None = None,
        full_text: bool = True,
        recording_limit: int = exchanges.RECORDING_LIMIT,
        temporary: TemporaryDirectory[str] | None = None,
    ) -> SessionStore:
        """Open or create the database, and recover the answers that a killed process left behind.

        `accumulate` turns the deltas of an answer into a message marked as cut. `max_pages` limits the size of the file.
        Without `full_text`, as with an SQLite that lacks FTS5, search reads every message. Recorded responses take up to
        `recording_limit` bytes. Closing the store removes the directory `temporary`.
        """
        running = private_directory(paths.data) / "running"
        path = paths.database
        database.create_private(path)
        try:
            connection = database.connect(path, max_pages=max_pages)
            try:
                wal = database.can_share_wal(connection, path)
                migrations.version_of(connection, path)
                database.use_journal(connection, wal=wal)
                migrations.migrate(connection, path)
                search_index.prepare(connection, full_text=full_text)
                recovered = recovery.recover(connection, running, accumulate)
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise database.explain(error, path) from error
        return cls(connection, path, Ownership(running), recovered, clock, recording_limit, accumulate, temporary)

    @classmethod
    def open_temporary(cls, *, accumulate: Accumulate, copy_of: Path | None = None) -> SessionStore:
        """A store that `close` removes: empty, or a copy of a database that cannot be written. Raises StoreError."""
        # Imported late to keep the start fast.
        from pathlib import Path
        from tempfile import TemporaryDirectory

        directory = TemporaryDirectory(prefix="stepchat-", ignore_cleanup_errors=True)
        home = Path(directory.name)
        try:
            if copy_of is not None:
                database.copy_to(copy_of, home)
            return cls.open(Paths(home, home, home), accumulate=accumulate, temporary=directory)
        except BaseException:
            directory.cleanup()
            raise

    @classmethod
    def open_in_memory(cls, paths: Paths, *, accumulate: Accumulate) -> SessionStore:
        """An empty store that never touches the disk, with a copy of the user's choices. Raises StoreError."""
        path = database.in_memory(new_id(MESSAGE_ID_LENGTH))
        try:
            connection = database.connect(path)
            try:
                migrations.migrate(connection, path)
                search_index.prepare(connection, full_text=True)
                writing.insert_settings(connection, _choices(paths.database))
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise StoreError(
                f"This SQLite ({sqlite3.sqlite_version}) has no databases in memory: {error}.",
                "It takes 3.36 or newer.",
            ) from error
        clock, limit = time.time, exchanges.RECORDING_LIMIT
        return cls(connection, path, Ownership(None), Recovered(), clock, limit, accumulate, None)

    @classmethod
    def open_for_reading(cls, paths: Paths, *, accumulate: Accumulate) -> SessionStore:
        """Open the database, or a temporary copy if it cannot be written or locked, for what only reads. Raises StoreError."""
        try:
            return cls.open(paths, accumulate=accumulate)
        except StoreError:
            if not database.is_only_readable(paths.database):
                raise
        return cls.open_temporary(accumulate=accumulate, copy_of=paths.database)

    # Sessions

    async def create(self, *, model: str, server: str, system: str | None, one_shot: bool = False) -> Session:
        """Create a session, which lists omit until it has messages. `one_shot` marks sessions of one-shot mode."""
        return await self._write(
            writing.create, model=model, server=server, system=system, one_shot=one_shot, now=self._clock()
        )

    async def session(self, session_id: str) -> Session:
        """Raises SessionNotFoundError."""
        return await self._read(reading.session, session_id)

    async def latest(self) -> Session | None:
        """The session that changed last; sessions without messages do not count."""
        return await self._read(reading.latest)

    async def sessions(
        self,
        limit: int = 50,
        offset: int = 0,
        *,
        archived: bool | None = False,
        deleted: bool = False,
        pinned_first: bool = False,
        order: Order = "updated",
        one_shot: bool = True,
    ) -> list[SessionSummary]:
        """A page of the list of sessions, newest first unless `order` says otherwise; sessions without messages are omitted.

        `archived`, `deleted` and `one_shot` are those of SessionFilter.
        """
        which = SessionFilter(archived, deleted, pinned_first, order, one_shot)
        return await self._read(reading.sessions, limit, offset, which)

    async def summaries(self, session_ids: Iterable[str]) -> list[SessionSummary]:
        """The rows of these sessions, in this order; those that lists omit are missing."""
        return await self._read(reading.summaries, tuple(session_ids))

    async def count_sessions(self, *, archived: bool | None = False, deleted: bool = False) -> int:
        """How many sessions `sessions` returns without a limit."""
        return await self._read(reading.count, SessionFilter(archived, deleted))

    async def preview(self, session_id: str) -> Preview:
        """The beginning and the end of a session, each limited to a screenful."""
        # Imported late to keep the start fast.
        from stepchat.sessions.preview import preview

        return await self._read(preview, session_id)

    async def session_ids(self) -> list[str]:
        """The IDs of all sessions with messages, archived ones included, newest first."""
        return await self._read(reading.session_ids)

    async def find(self, text: str, *, deleted: bool = False) -> Session:
        """The best match. Raises SessionNotFoundError, and AmbiguousSessionError if several match equally well."""
        return await self._read(reading.find, text, deleted=deleted)

    async def find_unique(self, text: str) -> Session:
        """By ID or title. Raises SessionNotFoundError, and AmbiguousSessionError if several match equally well."""
        return await self._read(reading.find_unique, text)

    async def search(self, typed: str, options: SearchOptions | None = None) -> SearchPage | None:
        """Sessions that contain all words, those with the newest hit first.

        Made to be called on every key press: a newer call ends this one, which then returns None; so does cancelling. The
        last word may be the beginning of one until a space follows it. Text in double quotes is a phrase.
        """
        # Imported late to keep the start fast.
        from stepchat.sessions.search.search import DEFAULT_OPTIONS, LiveSearch

        if self._search is None:
            self._search = LiveSearch(self.file)
        return await self._search.search(typed, options or DEFAULT_OPTIONS)

    async def finish_index(self) -> None:
        """Wait until search covers every message. Slow only after an update of stepchat or an import."""
        while await self._write(search_index.add_waiting):
            pass

    async def set_title(self, session_id: str, title: str) -> str:
        """Set and return the cleaned title. An empty one restores the automatic title."""
        return await self._write(writing.set_title, session_id, title)

    async def set_pinned(self, session_ids: Iterable[str], *, pinned: bool) -> None:
        """All of them or, if one does not exist, none. Raises SessionNotFoundError."""
        await self._write(organizing.set_pinned, tuple(session_ids), pinned=pinned)

    async def set_archived(self, session_ids: Iterable[str], *, archived: bool) -> None:
        """All of them or none. Raises SessionNotFoundError."""
        await self._write(organizing.set_archived, tuple(session_ids), archived=archived)

    async def delete(self, session_ids: Iterable[str]) -> None:
        """Hide these sessions; after 30 days they are removed. Raises SessionNotFoundError."""
        await self._write(organizing.delete, tuple(session_ids), self._clock())

    async def undelete(self, session_ids: Iterable[str]) -> None:
        """Undo `delete`. So does a new message. Raises SessionNotFoundError."""
        await self._write(organizing.undelete, tuple(session_ids))

    async def set_model(self, session_id: str, model: str, server: str) -> None:
        """Set what the next request of the session uses."""
        await self._write(writing.set_model, session_id, model, server)

    async def update_parameters(
        self, session_id: str, change: Callable[[Json], Json], profile: str | None = None, preset: str | None = None
    ) -> None:
        """Replace the parameters of the session with the result of `change`, and its profile and preset unless None.

        `change` runs on another thread, and nothing else is written meanwhile.
        """
        await self._write(writing.update_parameters, session_id, change, profile, preset)

    # Messages

    async def append(self, session_id: str, parent: str | None, message: Message) -> StoredMessage:
        """Save a finished message below `parent`; it becomes the leaf."""
        return await self._write(writing.append, session_id, parent, message, self._clock())

    async def insert(self, stored: StoredMessage) -> None:
        """Save a finished message that already has an ID and a parent; it becomes the leaf."""
        await self._write(writing.insert, stored, self._clock())

    async def begin_answer(
        self, session_id: str, parent: str | None, blank: AssistantMessage, *, asked: StoredMessage | None = None
    ) -> str:
        """Begin an answer and return its ID. `blank` has what is known already: model, server, start.

        `asked`, its question if that is new, is saved in the same transaction: no process finds it without its answer.
        """
        now = self._clock()

        def begin(connection: sqlite3.Connection, owner: str) -> str:
            if asked is not None:
                writing.insert(connection, asked, now)
            return writing.begin_answer(connection, session_id, parent, blank, owner, now)

        def with_lock(connection: sqlite3.Connection) -> str:
            # Locked before the transaction: no process may see an answer whose owner has no lock yet.
            owner = self._owner.token()
            return database.transaction(connection, lambda connection: begin(connection, owner))

        return await self._writer.run(with_lock)

    async def add_part(self, message_id: str, deltas: Sequence[Delta]) -> None:
        """Save what arrived of an answer. The cost does not grow with its length."""
        if deltas:
            await self._write(writing.add_part, message_id, tuple(deltas), self._owner.held)

    async def finish_answer(
        self, message_id: str, message: AssistantMessage, *, cost_later: bool = True
    ) -> StoredMessage:
        """Replace the parts of an answer with the finished message, which becomes the leaf.

        `cost_later`: the server can report its cost later.
        """
        return await self._write(
            writing.finish_answer, message_id, message, self._owner.held, self._clock(), cost_later=cost_later
        )

    async def start_call(self, answer: str, call: ToolCall) -> None:
        """Note that a call of this answer is about to run. If this process is killed, the call gets a result that says so."""
        now = self._clock()

        def with_lock(connection: sqlite3.Connection) -> None:
            # Taken before the transaction, as in `begin_answer`.
            owner = self._owner.token()
            database.transaction(connection, lambda connection: tool_calls.start(connection, answer, call, owner, now))

        await self._writer.run(with_lock)

    async def finish_call(self, answer: str, result: StoredMessage, call: str) -> None:
        """Save the result of a call of this answer, which becomes the leaf."""
        await self._write(tool_calls.finish, answer, result, call, self._clock())

    async def set_tools(self, session_id: str, names: Sequence[str]) -> None:
        """Save which tools are on in a session. Raises SessionNotFoundError."""
        await self._write(tool_calls.set_tools, session_id, tuple(names))

    async def path(self, session_id: str, leaf: str | None = None) -> list[StoredMessage]:
        """The messages from the root to `leaf`, or to the leaf of the session."""
        return await self._read(reading.path, session_id, leaf)

    async def prompts(self, limit: int = 5_000) -> list[str]:
        """The user's questions in all sessions, newest first, without duplicates."""
        return await self._read(reading.prompts, limit)

    async def messages(self, session_id: str) -> list[StoredMessage]:
        """The whole tree in order of creation, without answers that are still streaming."""
        return await self._read(reading.messages, session_id)

    async def content(self, session_id: str, leaf: str | None = None, *, whole_tree: bool = False) -> SessionContent:
        """A session with its whole tree, or with the branch to `leaf`, or to its own leaf, as of one moment."""
        return await self._read(reading.content, session_id, leaf, whole_tree=whole_tree)

    async def set_folded(self, message_id: str, folded: bool | None) -> None:  # noqa: FBT001 - the value to save
        """Save whether the user folded the reasoning panel of an answer."""
        await self._write(writing.set_folded, message_id, folded)

    # The tree

    async def children(self, message_id: str) -> list[StoredMessage]:
        """The messages below this one, oldest first."""
        return await self._read(tree.children, message_id)

    async def siblings(self, message_id: str) -> list[StoredMessage]:
        """This message and the others with its parent, oldest first."""
        return await self._read(tree.siblings, message_id)

    async def sibling_positions(self, session_id: str, leaf: str) -> dict[str, tuple[int, int]]:
        """Position and number of siblings of each message on the path to `leaf` that has siblings."""
        return await self._read(tree.sibling_positions, session_id, leaf)

    async def deepest_leaf(self, message_id: str) -> str:
        """The end of the branch that was shown last below this message."""
        return await self._read(tree.deepest_leaf, message_id)

    async def set_leaf(self, session_id: str, leaf: str | None) -> None:
        """Set the message that ends the branch shown."""
        await self._write(writing.set_leaf, session_id, leaf)

    async def exchange_after(self, session_id: str, leaf: str | None) -> str | None:
        """The last message of the exchange below `leaf`, or at the root, that was shown last; None if there is none."""
        return await self._read(tree.exchange_after, session_id, leaf)

    async def fork(self, session_id: str, message_id: str) -> Session:
        """A new session that begins with a copy of the messages up to this one."""
        forked = await self._write(writing.fork, session_id, message_id, self._clock())
        self._index_soon()
        return forked

    # Other processes

    async def last_complete_message(self, session_id: str, leaf: str | None = None) -> str | None:
        """The message that a new question follows: `leaf`, or the leaf of the session, above a question that another process
        is having answered.
        """
        if await self._read(other_processes.is_answering, session_id, self._owner.held):
            # It may be dead.
            await self._writer.run(
                lambda connection: recovery.recover(connection, self._owner.directory, self._accumulate)
            )
        return await self._read(other_processes.last_complete_message, session_id, leaf, self._owner.held)

    async def complete_path(self, session_id: str) -> list[StoredMessage]:
        """The messages from the root to `last_complete_message`."""
        leaf = await self.last_complete_message(session_id)
        return [] if leaf is None else await self.path(session_id, leaf)

    async def has_concurrent_question(self, question: StoredMessage) -> bool:
        """Whether another process is having a sibling of this question answered, or has added one since."""
        return await self._read(other_processes.has_concurrent_question, question, self._owner.held)

    async def interrupted_answers(self) -> list[InterruptedAnswer]:
        """Answers that a kill interrupted and that the user has not dealt with, newest first."""
        return await self._read(recovery.interrupted_answers)

    async def dismiss_interrupted(self, answers: Collection[str]) -> None:
        """Keep these answers as they are, and stop listing them."""
        await self._write(recovery.dismiss_interrupted, tuple(answers))

    # Attachments

    async def add_attachment(self, content: bytes) -> str:
        """Store content unless it is stored already; returns its digest. A day later it needs a message or a draft."""
        return await self._write(attachments.add, content, self._clock())

    async def attachments(self, digests: Collection[str]) -> dict[str, bytes]:
        """The stored content by digest, without what is missing."""
        return await self._read(attachments.read, digests)

    async def save_page(self, session_id: str, leaf: str, key: str, rows: Sequence[str]) -> None:
        """Keep the rows that the window showed last of a session, for the next first frame (first_frame/page.py)."""
        await self._write(pages.save_page, session_id, leaf, key, "\n".join(rows))

    def _collect_attachments(self) -> None:
        """Remove content that nothing refers to any more, in the background and in small steps."""
        before, last = self._clock() - attachments.KEEP_UNUSED, 0

        def step(connection: sqlite3.Connection) -> bool:
            nonlocal last
            found = attachments.collect(connection, before, last)
            last = found or last
            return found is not None

        self._writer.repeat(step)

    # Recorded requests and responses

    @property
    def recording_limit(self) -> int:
        """Bytes that recorded responses may take on disk."""
        return self._recording_limit

    def limit_recordings(self, size: int) -> None:
        """Change `recording_limit`; the next recording applies it."""
        self._recording_limit = size

    def record_exchange(self, session_id: str, make: Callable[[], Exchange], numbered: Callable[[int], None]) -> None:
        """Save an exchange soon, after the writes that wait already. Nothing waits for it, and a failure does no harm.

        The writer thread calls `make`, and `numbered` with the number of the exchange.
        """
        self._writer.post(
            lambda connection: numbered(exchanges.put(connection, session_id, make(), self._recording_limit))
        )

    async def exchanges(self, message_id: str) -> list[Exchange]:
        """The requests made for an answer, in order."""
        await self._recorded()
        return await self._read(exchanges.of_answer, message_id)

    async def last_requested_answer(self, session_id: str) -> str | None:
        """The ID of the answer that the last request of a session was made for."""
        await self._recorded()
        return await self._read(exchanges.newest_answer, session_id)

    async def reasoning_sent(self, session_id: str, message_id: str | None = None) -> dict[str, list[ReasoningSent]]:
        """By ID of the answer: what each request did with its reasoning. Of one answer only, if given."""
        await self._recorded()
        return await self._read(exchanges.reasoning_sent, session_id, message_id)

    async def reasoning_outcomes(self, session_id: str) -> dict[str, ReasoningOutcome]:
        """By ID of the answer: what the requests of the session did with its reasoning."""
        await self._recorded()
        return await self._read(exchanges.reasoning_outcomes, session_id)

    async def _recorded(self) -> None:
        """Wait for the exchanges that are waiting to be saved."""
        await self._writer.run(lambda _connection: None)

    # Spending

    async def spending(self, since: str = "") -> list[Spent]:
        """Sums by day, model and server from that local date on, newest day first."""
        return await self._read(spending.read, since)

    async def session_cost(self, session_id: str) -> Decimal:
        """The cost of all branches of a session, in USD, as far as servers reported it."""
        return await self._read(spending.of_session, session_id)

    async def unpriced(self, since: float) -> list[Unpriced]:
        """Answers since then (Unix time) that ended without usage, newest first."""
        return await self._read(spending.unpriced, since)

    async def set_usage(self, message_id: str, usage: Json) -> StoredMessage | None:
        """Set the usage of an answer; None if it does not exist or has a usage already."""
        return await self._write(spending.set_usage, message_id, usage)

    async def forget_unpriced(self, message_id: str) -> None:
        """Stop asking for the cost of this answer."""
        await self._write(spending.forget_unpriced, message_id)

    # Drafts and settings

    async def draft(self, session_id: str | None) -> str:
        """The prompt text saved for a session, or for a new one; "" if there is none."""
        return await self._read(reading.draft, session_id)

    async def set_draft(self, session_id: str | None, text: str) -> None:
        """Save the prompt text of a session, or of a new one."""
        await self._write(writing.set_draft, session_id, text)

    async def setting(self, name: str) -> str | None:
        """A saved choice, or None."""
        return await self._read(reading.setting, name)

    async def set_setting(self, name: str, value: str) -> None:
        """Save a small choice, such as the theme."""
        await self._write(writing.set_setting, name, value)

    async def update_setting(self, name: str, change: Callable[[str | None], str]) -> None:
        """Replace a saved choice with the result of `change`, which runs in the writer thread."""
        await self._write(writing.update_setting, name, change)

    # Everything else

    async def add(self, insert: Callable[[sqlite3.Connection], T]) -> T:
        """Run `insert` in a transaction, as an import does, and index what it added."""
        added = await self._write(insert)
        self._index_soon()
        return added

    def _index_soon(self) -> None:
        """Index the messages that wait for it, in the background and in small steps."""
        self._writer.repeat(
            lambda connection: (
                search_index.is_waiting(connection) and database.transaction(connection, search_index.add_waiting)
            )
        )

    async def close(self) -> None:
        """Finish the writes that wait, then close. A second call does nothing."""
        await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """`close` without an event loop. May take as long as the last write."""
        if self._search is not None:
            self._search.close()
        self._reader.close()
        self._writer.close()
        self._owner.release()
        if self._temporary is not None:
            self._temporary.cleanup()

    async def _read(
        self, work: Callable[Concatenate[sqlite3.Connection, P], T], *arguments: P.args, **named: P.kwargs
    ) -> T:
        return await self._reader.run(
            lambda connection: database.snapshot(connection, lambda connection: work(connection, *arguments, **named))
        )

    async def _write(
        self, work: Callable[Concatenate[sqlite3.Connection, P], T], *arguments: P.args, **named: P.kwargs
    ) -> T:
        return await self._writer.run(
            lambda connection: database.transaction(
                connection, lambda connection: work(connection, *arguments, **named)
            )
        )


def _choices(path: Path) -> list[tuple[str, str]]:
    """The names and stored values of the user's choices; none if they cannot be read."""
    if not path_exists(path):
        return []
    with suppress(sqlite3.Error), closing(database.connect_for_reading(path)) as connection:
        return reading.settings(connection)
    return []
