"""The session store: every conversation, kept while it happens. The only writer of the database.

Writes go through one thread and are committed when they return; cancelling the task that waits for one does not undo it.
Every method raises StoreError, with what to do next.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from stepchat.config.paths import Paths, private_directory
from stepchat.sessions import database, exchanges, forks, migrations, organizing, reading, tree, writing
from stepchat.sessions.interrupted import InterruptedAnswers
from stepchat.sessions.other_processes import OtherProcesses
from stepchat.sessions.reading import SessionFilter
from stepchat.sessions.records import Conversation, Session, SessionSummary
from stepchat.sessions.recovery import Accumulate, Ownership, Recovered, recover
from stepchat.sessions.search import index as search_index
from stepchat.sessions.spending import Spending
from stepchat.sessions.traffic import ExchangeLog
from stepchat.sessions.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from stepchat.events import Delta
    from stepchat.messages import AssistantMessage, Json, Message, StoredMessage
    from stepchat.sessions.importing.importer import ImportResult
    from stepchat.sessions.importing.values import ImportedSession
    from stepchat.sessions.preview import Preview
    from stepchat.sessions.reading import Order
    from stepchat.sessions.search.live_search import LiveSearch
    from stepchat.sessions.search.search import SearchOptions, SearchPage

T = TypeVar("T")

__all__ = ["Conversation", "Session", "SessionStore", "SessionSummary"]


class SessionStore:
    """Sessions as trees of messages. Open one with `SessionStore.open`, and close it."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        owner: Ownership,
        recovered: Recovered,
        clock: Callable[[], float],
        keep_events: int,
        accumulate: Accumulate,
    ) -> None:
        self.file = path
        self.recovered: tuple[str, ...] = recovered.recovered
        """Ids of answers that a killed process had left and that are messages now."""
        self.unreadable: tuple[str, ...] = recovered.unreadable
        """Ids of answers that a killed process had left and that could not be read; they were left as they are."""
        self._owner = owner
        self._clock = clock
        self._writer = Worker("stepchat-writer", path, database.connect, opened=connection)
        self._reader = Worker("stepchat-reader", path, database.connect_for_reading)
        self._search: LiveSearch | None = None
        self.spending = Spending(self._read, self._write)
        self.exchanges = ExchangeLog(self._read, self._writer, keep_events)
        self.interrupted = InterruptedAnswers(self._read, self._write)
        self.other_processes = OtherProcesses(
            self._read, self._writer, owner, partial(recover, directory=owner.directory, accumulate=accumulate)
        )
        self._tidy(clock() - organizing.KEEP_DELETED)

    @classmethod
    def open(
        cls,
        paths: Paths,
        *,
        accumulate: Accumulate,
        clock: Callable[[], float] = time.time,
        max_pages: int | None = None,
        full_text: bool = True,
        keep_events: int = exchanges.KEEP_EVENTS,
    ) -> SessionStore:
        """Make or open the database, and recover what a killed process left.

        `accumulate` turns the deltas of an answer into a message marked as cut. `max_pages` limits the size of the file.
        Without `full_text`, as with an SQLite that has no FTS5, search reads every message. Of what came over the line
        `keep_events` bytes are kept.
        """
        running = private_directory(paths.data) / "running"
        path = paths.database
        database.create_private(path)
        try:
            connection = database.connect(path, max_pages=max_pages)
            try:
                migrations.version_of(connection, path)
                database.use_wal(connection)
                migrations.migrate(connection, path)
                search_index.prepare(connection, full_text=full_text)
                recovered = recover(connection, running, accumulate)
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise database.explain(error, path) from error
        return cls(connection, path, Ownership(running), recovered, clock, keep_events, accumulate)

    # Sessions

    async def create(self, *, model: str, server: str, system: str | None) -> Session:
        """A session without messages; lists leave it out until it has one."""
        now = self._clock()
        return await self._write(
            lambda connection: writing.create(connection, model=model, server=server, system=system, now=now)
        )

    async def session(self, session_id: str) -> Session:
        """Raises SessionNotFoundError."""
        return await self._read(lambda connection: reading.session(connection, session_id))

    async def latest(self) -> Session | None:
        """The session that changed last; one without messages does not count."""
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
    ) -> list[SessionSummary]:
        """Newest first unless `order` says otherwise; those without messages are left out.

        Archived ones are left out, or (True) shown alone, or (None) shown with the others; so are deleted ones.
        """
        which = SessionFilter(archived, deleted, pinned_first, order)
        return await self._read(lambda connection: reading.sessions(connection, limit, offset, which))

    async def count_sessions(self, *, archived: bool | None = False, deleted: bool = False) -> int:
        """How many `sessions` would give without a limit."""
        return await self._read(lambda connection: reading.count(connection, SessionFilter(archived, deleted)))

    async def preview(self, session_id: str) -> Preview:
        """The beginning and the end of what a session shows, each cut to a screenful."""
        # Only here, because starting is not to wait for it.
        from stepchat.sessions.preview import preview

        return await self._read(lambda connection: preview(connection, session_id))

    async def session_ids(self) -> list[str]:
        """Of all sessions with messages, archived ones too, newest first."""
        return await self._read(reading.session_ids)

    async def find(self, text: str, *, deleted: bool = False) -> Session:
        """By the beginning of its id, else the newest of this title, else the newest whose title, questions or answers
        contain the text. With `deleted` it is one that was deleted and can come back.

        Raises SessionNotFoundError, and StoreError when several ids begin so.
        """
        return await self._read(lambda connection: reading.find(connection, text, deleted=deleted))

    async def find_unique(self, text: str) -> Session:
        """The one that is meant, for what changes it: by the beginning of its id or by its title.

        Raises SessionNotFoundError, and StoreError when it may be several.
        """
        return await self._read(lambda connection: reading.find_unique(connection, text))

    async def search(self, typed: str, options: SearchOptions | None = None) -> SearchPage | None:
        """Sessions in which all words are found, those with the newest hit first.

        For every key press: a newer call ends this one, which then gives None; cancelling ends it as well. The last
        word may be the beginning of one, until a space follows it. Text in double quotes is a phrase.
        """
        # Only here, because starting is not to wait for it.
        from stepchat.sessions.search.live_search import LiveSearch
        from stepchat.sessions.search.search import USUAL

        if self._search is None:
            self._search = LiveSearch(self.file)
        return await self._search.search(typed, options or USUAL)

    async def finish_index(self) -> None:
        """Wait until search knows every message; only after an update of stepchat or an import this takes long."""
        while await self._write(search_index.add_waiting):
            pass

    async def import_file(self, path: Path) -> ImportResult:
        """Add the sessions of a file: all that is new in it, or nothing. Raises UsageError, which names the place."""
        from stepchat.sessions.importing import importer

        return await self.import_parsed(await asyncio.to_thread(importer.read_file, path))

    async def import_parsed(self, incoming: list[ImportedSession]) -> ImportResult:
        """The same of what was read already."""
        from stepchat.sessions.importing import importer

        imported = await self._write(lambda connection: importer.insert_sessions(connection, incoming))
        self._index_soon()
        return imported

    async def set_title(self, session_id: str, title: str) -> str:
        """The title as it was kept (cleaned). An empty one gives back the automatic title."""
        return await self._write(lambda connection: writing.set_title(connection, session_id, title))

    async def set_pinned(self, session_ids: Iterable[str], *, pinned: bool) -> None:
        """All of them or, when one is not there, none. Raises SessionNotFoundError."""
        chosen = tuple(session_ids)
        await self._write(lambda connection: organizing.set_pinned(connection, chosen, pinned=pinned))

    async def set_archived(self, session_ids: Iterable[str], *, archived: bool) -> None:
        """All of them or none. Raises SessionNotFoundError."""
        chosen = tuple(session_ids)
        await self._write(lambda connection: organizing.set_archived(connection, chosen, archived=archived))

    async def delete(self, session_ids: Iterable[str]) -> None:
        """All of them or none: gone from lists and searches, and after 30 days for good. Raises SessionNotFoundError."""
        chosen, now = tuple(session_ids), self._clock()
        await self._write(lambda connection: organizing.delete(connection, chosen, now))

    async def undelete(self, session_ids: Iterable[str]) -> None:
        """Undo `delete`. So does a new message. Raises SessionNotFoundError."""
        chosen = tuple(session_ids)
        await self._write(lambda connection: organizing.undelete(connection, chosen))

    async def set_model(self, session_id: str, model: str, server: str) -> None:
        """What the session uses from now on."""
        await self._write(lambda connection: writing.set_model(connection, session_id, model, server))

    async def update_parameters(
        self, session_id: str, change: Callable[[Json], Json], profile: str | None = None, preset: str | None = None
    ) -> None:
        """What the session asks with from now on, made of what is kept, and the names it uses; None leaves a name.

        `change` runs on another thread, and nobody writes meanwhile.
        """
        await self._write(lambda connection: writing.update_parameters(connection, session_id, change, profile, preset))

    # Messages

    async def append(self, session_id: str, parent: str | None, message: Message) -> StoredMessage:
        """Keep a finished message below `parent`; it becomes the leaf."""
        now = self._clock()
        return await self._write(lambda connection: writing.append(connection, session_id, parent, message, now))

    async def insert(self, stored: StoredMessage) -> None:
        """The same for a message that has its id and its place already."""
        now = self._clock()
        await self._write(lambda connection: writing.insert(connection, stored, now))

    async def begin_answer(
        self, session_id: str, parent: str | None, blank: AssistantMessage, *, asked: StoredMessage | None = None
    ) -> str:
        """The id of an answer that will stream. `blank` holds what is known before: model asked, server, start.

        Its question `asked`, when that is new, is kept in the same moment: nobody finds it without somebody who answers.
        """
        now = self._clock()

        def begin(connection: sqlite3.Connection, owner: str) -> str:
            if asked is not None:
                writing.insert(connection, asked, now)
            return writing.begin_answer(connection, session_id, parent, blank, owner, now)

        def with_lock(connection: sqlite3.Connection) -> str:
            # Taken before the transaction: nobody else may see an answer whose owner has no lock yet.
            owner = self._owner.token()
            return database.transaction(connection, lambda connection: begin(connection, owner))

        return await self._writer.run(with_lock)

    async def add_part(self, message_id: str, deltas: Sequence[Delta]) -> None:
        """Keep what arrived. Costs the same however long the answer is."""
        if not deltas:
            return
        kept = tuple(deltas)
        await self._write(lambda connection: writing.add_part(connection, message_id, kept, self._owner.token()))

    async def finish_answer(
        self, message_id: str, message: AssistantMessage, *, cost_later: bool = True
    ) -> StoredMessage:
        """The finished message replaces its parts and becomes the leaf. Whether the server tells its cost later on."""
        now = self._clock()
        return await self._write(
            lambda connection: writing.finish_answer(
                connection, message_id, message, self._owner.token(), now, cost_later=cost_later
            )
        )

    async def path(self, session_id: str, leaf: str | None = None) -> list[StoredMessage]:
        """The messages from the root to `leaf`, or to the leaf of the session."""
        return await self._read(lambda connection: reading.path(connection, session_id, leaf))

    async def messages(self, session_id: str) -> list[StoredMessage]:
        """The whole tree in the order of creation, without answers that are still being written."""
        return await self._read(lambda connection: reading.messages(connection, session_id))

    # The tree

    async def children(self, message_id: str) -> list[StoredMessage]:
        """The messages below this one, oldest first."""
        return await self._read(lambda connection: tree.children(connection, message_id))

    async def siblings(self, message_id: str) -> list[StoredMessage]:
        """This message and the others in its place, oldest first."""
        return await self._read(lambda connection: tree.siblings(connection, message_id))

    async def sibling_positions(self, session_id: str, leaf: str) -> dict[str, tuple[int, int]]:
        """Of the messages on the way to `leaf` that have siblings: the number of each, and how many there are with it."""
        return await self._read(lambda connection: tree.sibling_positions(connection, session_id, leaf))

    async def deepest_leaf(self, message_id: str) -> str:
        """The end of the branch that was shown last below this message."""
        return await self._read(lambda connection: tree.deepest_leaf(connection, message_id))

    async def set_leaf(self, session_id: str, leaf: str | None) -> None:
        """The message that ends the conversation shown."""
        await self._write(lambda connection: writing.set_leaf(connection, session_id, leaf))

    async def exchange_after(self, session_id: str, leaf: str | None) -> str | None:
        """The end of the exchange that follows `leaf`, or begins the session, and was shown last; None when there is none."""
        return await self._read(lambda connection: tree.exchange_after(connection, session_id, leaf))

    async def fork(self, session_id: str, message_id: str) -> Session:
        """A new session that begins with a copy of the messages to this one."""
        now = self._clock()
        forked = await self._write(lambda connection: forks.fork(connection, session_id, message_id, now))
        self._index_soon()
        return forked

    async def conversation(self, session_id: str, leaf: str | None = None, *, whole_tree: bool = False) -> Conversation:
        """A session with its whole tree, or with the branch to `leaf`, or to its own leaf, as of one moment."""
        return await self._read(
            lambda connection: reading.conversation(connection, session_id, leaf, whole_tree=whole_tree)
        )

    async def set_folded(self, message_id: str, folded: bool | None) -> None:  # noqa: FBT001 - a value to keep
        """The reader's choice for the reasoning panel of one answer."""
        await self._write(lambda connection: writing.set_folded(connection, message_id, folded))

    # Small things

    async def draft(self, session_id: str | None) -> str:
        """The text left in the prompt of a session, or of none; "" when there is none."""
        return await self._read(lambda connection: reading.draft(connection, session_id))

    async def set_draft(self, session_id: str | None, text: str) -> None:
        """Keep the text of the prompt."""
        await self._write(lambda connection: writing.set_draft(connection, session_id, text))

    async def setting(self, name: str) -> str | None:
        """A remembered choice, or None."""
        return await self._read(lambda connection: reading.setting(connection, name))

    async def set_setting(self, name: str, value: str) -> None:
        """Remember a small choice, such as the theme."""
        await self._write(lambda connection: writing.set_setting(connection, name, value))

    async def update_setting(self, name: str, change: Callable[[str | None], str]) -> None:
        """Remember what `change` makes of what is kept. It runs on another thread, and nobody writes meanwhile."""
        await self._write(lambda connection: writing.update_setting(connection, name, change))

    def _tidy(self, long_ago: float) -> None:
        """In the background, in small steps: remove what was deleted before, and index what waits for it."""
        self._writer.repeat(lambda connection: organizing.purge(connection, long_ago))
        self._index_soon()

    def _index_soon(self) -> None:
        self._writer.repeat(
            lambda connection: (
                search_index.is_waiting(connection) and database.transaction(connection, search_index.add_waiting)
            )
        )

    async def close(self) -> None:
        """Finish the writes that were asked for, then close. A second call does nothing."""
        await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """`close` for places without an event loop. May take as long as the last write."""
        if self._search is not None:
            self._search.close()
        self._reader.close()
        self._writer.close()
        self._owner.release()

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._reader.run(lambda connection: database.snapshot(connection, work))

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._writer.run(lambda connection: database.transaction(connection, work))
