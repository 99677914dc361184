"""Migrates the database. Each step leads from one version to the next, and never changes once released."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from stepchat.errors import StoreError
from stepchat.sessions import spending
from stepchat.sessions.database import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Step: TypeAlias = "Callable[[sqlite3.Connection], None]"

APPLICATION_ID: Final = 0x73746570
"""Marks the file as ours in its header: "step"."""


def run_script(connection: sqlite3.Connection, script: str) -> None:
    """Run the statements, each ending at the end of a line, inside the open transaction.

    (`executescript` would commit it.)
    """
    for statement in _statements(script):
        connection.execute(statement)


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement


def _first_tables(connection: sqlite3.Connection) -> None:
    run_script(connection, Path(__file__).with_name("schema.sql").read_text(encoding="utf-8"))


def _search(connection: sqlite3.Connection) -> None:
    # The index itself is made by search_index.prepare at each start, because not every SQLite has FTS5.
    run_script(
        connection,
        """
        -- Finished messages that are not in the index yet.
        CREATE TABLE unindexed (number INTEGER PRIMARY KEY REFERENCES message (number) ON DELETE CASCADE);
        """,
    )


def _organizing(connection: sqlite3.Connection) -> None:
    run_script(
        connection,
        """
        ALTER TABLE session ADD COLUMN deleted REAL;      -- when, or -1 while it is being removed for good
        ALTER TABLE session ADD COLUMN forked_from TEXT;  -- the session whose beginning it copied, ...
        ALTER TABLE session ADD COLUMN forked_at TEXT;    -- ... and the last message copied; either may be gone

        CREATE INDEX message_first ON message (session) WHERE parent IS NULL;
        CREATE INDEX session_leaf ON session (leaf);
        CREATE INDEX session_deleted ON session (deleted) WHERE deleted IS NOT NULL;

        -- The child shown last, where that is not the newest. The parent of the first messages is ''.
        CREATE TABLE shown (
            session TEXT NOT NULL REFERENCES session (id) ON DELETE CASCADE,
            parent  TEXT NOT NULL,
            child   TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE,
            PRIMARY KEY (session, parent)
        ) WITHOUT ROWID;
        CREATE INDEX shown_child ON shown (child);
        """,
    )


def _exchanges(connection: sqlite3.Connection) -> None:
    run_script(
        connection,
        """
        -- A request made for an answer, and its response (exchanges.py). JSON and bytes are compressed with zlib.
        CREATE TABLE exchange (
            number  INTEGER PRIMARY KEY,
            session TEXT    NOT NULL REFERENCES session (id) ON DELETE CASCADE,
            message TEXT    NOT NULL REFERENCES message (id) ON DELETE CASCADE,
            line    INTEGER,                     -- the last line of the request
            started REAL    NOT NULL,
            about   BLOB    NOT NULL,            -- everything else, as JSON
            size    INTEGER NOT NULL,            -- bytes of events
            events  BLOB                         -- what arrived, with times; NULL if dropped
        );
        CREATE INDEX exchange_message ON exchange (message);
        CREATE INDEX exchange_session ON exchange (session, line);
        CREATE INDEX exchange_events ON exchange (number, size) WHERE events IS NOT NULL;

        -- A message of a request, after those before it. Requests share the lines they have in common.
        CREATE TABLE sent_line (
            number  INTEGER PRIMARY KEY,         -- larger than that of the line before
            session TEXT    NOT NULL REFERENCES session (id) ON DELETE CASCADE,
            before  INTEGER,
            digest  BLOB    NOT NULL,            -- of this line and all before
            text    INTEGER,                     -- its sent_text; NULL for a message that was not sent
            message TEXT,                        -- its source; may be gone
            verdict TEXT,                        -- JSON: what happened to its reasoning
            UNIQUE (session, digest)
        );

        CREATE TABLE sent_text (
            number  INTEGER PRIMARY KEY,
            session TEXT    NOT NULL REFERENCES session (id) ON DELETE CASCADE,
            digest  BLOB    NOT NULL,
            data    BLOB    NOT NULL,
            UNIQUE (session, digest)
        );
        """,
    )


def _parameters(connection: sqlite3.Connection) -> None:
    run_script(
        connection,
        """
        ALTER TABLE session ADD COLUMN parameters TEXT NOT NULL DEFAULT '{}'; -- JSON: dotted names and values
        ALTER TABLE session ADD COLUMN profile TEXT NOT NULL DEFAULT '';      -- of config.toml; may be gone
        ALTER TABLE session ADD COLUMN preset TEXT NOT NULL DEFAULT '';       -- among the settings; may be gone
        """,
    )


def _spending(connection: sqlite3.Connection) -> None:
    run_script(
        connection,
        """
        -- USD and tokens by day (local), model and server. The open_ columns count answers without a cost.
        CREATE TABLE spending (
            day             TEXT    NOT NULL,
            model           TEXT    NOT NULL,
            server          TEXT    NOT NULL,
            answers         INTEGER NOT NULL DEFAULT 0,
            prompt          INTEGER NOT NULL DEFAULT 0,
            cached          INTEGER NOT NULL DEFAULT 0,
            completion      INTEGER NOT NULL DEFAULT 0,
            reasoning       INTEGER NOT NULL DEFAULT 0,
            cost            TEXT    NOT NULL DEFAULT '0',
            open_answers    INTEGER NOT NULL DEFAULT 0,
            open_prompt     INTEGER NOT NULL DEFAULT 0,
            open_cached     INTEGER NOT NULL DEFAULT 0,
            open_completion INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (day, model, server)
        ) WITHOUT ROWID;

        -- Answers that ended without usage; the server may report it later.
        CREATE TABLE unpriced (
            message    TEXT PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
            generation TEXT NOT NULL,
            server     TEXT NOT NULL,
            since      REAL NOT NULL
        ) WITHOUT ROWID;
        """,
    )
    spending.count_existing(connection)


def _interrupted(connection: sqlite3.Connection) -> None:
    run_script(
        connection,
        """
        -- Answers that a killed process left behind (recovery.py).
        CREATE TABLE interrupted (
            message  TEXT PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
            found_at INTEGER NOT NULL             -- the number of the newest message when it was found
        ) WITHOUT ROWID;
        """,
    )


def _one_shot(connection: sqlite3.Connection) -> None:
    run_script(
        connection,
        """
        ALTER TABLE session ADD COLUMN one_shot INTEGER NOT NULL DEFAULT 0;  -- begun without the window
        """,
    )


def _attachments(connection: sqlite3.Connection) -> None:
    run_script(
        connection,
        """
        -- What is sent of attached files, each content once (attachments.py).
        CREATE TABLE attachment (
            number INTEGER PRIMARY KEY,
            digest TEXT NOT NULL UNIQUE,          -- SHA-256 of data, in hexadecimal
            data   BLOB NOT NULL,
            added  REAL NOT NULL                  -- when it was attached last
        );

        -- Which messages refer to it; message.data has the rest.
        CREATE TABLE attached (
            message TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE,
            digest  TEXT NOT NULL,
            PRIMARY KEY (message, digest)
        ) WITHOUT ROWID;
        CREATE INDEX attached_digest ON attached (digest);
        """,
    )


def _tools(connection: sqlite3.Connection) -> None:
    run_script(
        connection,
        """
        ALTER TABLE session ADD COLUMN tools TEXT; -- JSON: the names of the tools that are on; NULL if never chosen

        -- Tool calls that are running (tool_calls.py). Names and IDs come from a model: JSON strings.
        CREATE TABLE running_call (
            answer  TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE,
            call    TEXT NOT NULL,
            name    TEXT NOT NULL,
            owner   TEXT NOT NULL,
            started REAL NOT NULL,
            PRIMARY KEY (answer, call)
        ) WITHOUT ROWID;
        """,
    )


def _order_of_events(connection: sqlite3.Connection) -> None:
    run_script(
        connection,
        """
        -- Which session changed last: its time, but larger than that of any change before, whatever the clock said.
        ALTER TABLE session ADD COLUMN position REAL NOT NULL DEFAULT 0;
        UPDATE session SET position = updated;
        DROP INDEX session_updated;
        CREATE INDEX session_position ON session (position);

        ALTER TABLE message ADD COLUMN copy_of TEXT;  -- in a fork: the message that was copied; may be gone
        CREATE INDEX message_copy ON message (session, copy_of, id) WHERE copy_of IS NOT NULL;
        """,
    )


def _pages(connection: sqlite3.Connection) -> None:
    run_script(
        connection,
        """
        -- What the window showed last of a session (pages.py).
        CREATE TABLE page (
            number  INTEGER PRIMARY KEY,
            session TEXT NOT NULL UNIQUE REFERENCES session (id) ON DELETE CASCADE,
            leaf    TEXT NOT NULL,                -- its last message then
            key     TEXT NOT NULL,                -- what else it depends on: size, colours, terminal, version
            rows    TEXT NOT NULL                 -- the rows with their colours
        );
        """,
    )


STEPS: Final[tuple[Step, ...]] = (
    _first_tables, _search, _organizing, _exchanges, _parameters, _spending, _interrupted, _one_shot, _attachments,
    _tools, _order_of_events, _pages,
)  # fmt: skip
"""Step n leads to version n + 1."""


def version_of(connection: sqlite3.Connection, path: Path, *, newest: int = len(STEPS)) -> int:
    """The version of the database, 0 for an empty one. Raises StoreError if it is not ours, or newer than `newest`."""
    filled = connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is not None
    version = _pragma(connection, "user_version")
    # Read last: a process that is creating the tables meanwhile has marked them by now.
    owner = _pragma(connection, "application_id")
    if owner != APPLICATION_ID:
        if owner or version or filled:
            raise StoreError(
                f"{path} belongs to another program.",
                "It was left unchanged. Move it away, or set STEPCHAT_HOME to another directory.",
            )
        return 0
    version = _pragma(connection, "user_version")
    if version > newest:
        raise StoreError(
            f"{path} was written by a newer stepchat (database version {version}; this one supports {newest}).",
            "It was left unchanged. Update stepchat to open it.",
        )
    return version


def migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[Step] = STEPS) -> None:
    """Bring the database to the newest version, all in one transaction. Raises StoreError, and sqlite3.Error."""
    if version_of(connection, path, newest=len(steps)) == len(steps):
        return

    def climb(connection: sqlite3.Connection) -> None:
        # Read again inside the transaction: another process may have migrated it meanwhile.
        for step in steps[version_of(connection, path, newest=len(steps)) :]:
            step(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(steps)}")

    transaction(connection, climb)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
