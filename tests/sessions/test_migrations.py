from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.errors import StoreError
from stepchat.messages import UserMessage
from stepchat.sessions.database import connect
from stepchat.sessions.migrations import STEPS, migrate, run_script, version_of
from stepchat.sessions.records import Session, message_to_text
from stepchat.sessions.store import SessionStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stepchat.config.paths import Paths


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    connection = connect(path)
    yield connection
    connection.close()


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def test_an_empty_file_gets_all_tables(connection: sqlite3.Connection, path: Path) -> None:
    assert version_of(connection, path) == 0
    migrate(connection, path)
    assert version_of(connection, path) == len(STEPS)
    assert {"session", "message", "part", "setting"} <= _tables(connection)
    # A second time nothing happens.
    migrate(connection, path)


def test_an_older_version_keeps_its_content(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path, STEPS[:1])
    connection.execute("INSERT INTO setting (name, value) VALUES ('theme', '\"night\"')")

    def add_notes(connection: sqlite3.Connection) -> None:
        run_script(
            connection,
            """CREATE TABLE note (text TEXT);
            -- a comment; with a semicolon
            CREATE TRIGGER keep AFTER INSERT ON note BEGIN UPDATE setting SET value = 'x;y'; END;
            INSERT INTO note VALUES ('a;b');""",
        )

    migrate(connection, path, [STEPS[0], add_notes])
    assert connection.execute("SELECT text, value FROM note, setting").fetchall() == [("a;b", "x;y")]
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_failing_step_changes_nothing(connection: sqlite3.Connection, path: Path) -> None:
    migrate(connection, path, STEPS[:1])

    def half(connection: sqlite3.Connection) -> None:
        run_script(connection, "CREATE TABLE note (text TEXT);\nDROP TABLE nothing_of_this_name")

    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, path, [STEPS[0], half])
    assert "note" not in _tables(connection)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)


async def test_a_newer_version_is_refused_and_left_alone(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    session = await store.create(model="m", server="s", system=None)
    await store.append(session.id, None, UserMessage("kept"))
    await store.close()
    newer = connect(paths.database)
    newer.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    newer.close()
    before = paths.database.read_bytes()
    with pytest.raises(StoreError, match=r"newer stepchat.*Update stepchat"):
        SessionStore.open(paths, accumulate=accumulate)
    assert paths.database.read_bytes() == before


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE bookmarks (url)", "PRAGMA application_id = 77", "PRAGMA user_version = 1"]
)
def test_the_database_of_another_program_is_refused_and_left_alone(paths: Paths, statement: str) -> None:
    paths.data.mkdir()
    other = sqlite3.connect(paths.database)
    other.execute(statement)
    other.commit()
    other.close()
    before = paths.database.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        SessionStore.open(paths, accumulate=accumulate)
    assert paths.database.read_bytes() == before


async def test_each_older_version_opens_with_all_it_held(paths: Paths) -> None:
    for version in range(1, len(STEPS)):
        paths.database.unlink(missing_ok=True)
        paths.data.mkdir(exist_ok=True)
        old = connect(paths.database)
        migrate(old, paths.database, STEPS[:version])
        old.execute(
            "INSERT INTO session (id, title, created, updated, messages, turns, model, server, leaf)"
            " VALUES ('a0old', 'Old', 1, 2, 1, 1, 'm', 's', NULL)"
        )
        old.execute(
            "INSERT INTO message (id, session, role, created, data) VALUES ('m0old', 'a0old', 'user', 1, ?)",
            (message_to_text(UserMessage("apple")),),
        )
        old.execute("UPDATE session SET leaf = 'm0old'")
        old.close()
        store = SessionStore.open(paths, accumulate=accumulate)
        assert await store.session("a0old") == Session("a0old", "Old", 1, 2, "m0old", "m", "s", None)
        assert [stored.message for stored in await store.path("a0old")] == [UserMessage("apple")]
        await store.finish_index()
        page = await store.search("apple")
        assert page is not None
        assert len(page.sessions) == 1
        await store.delete(["a0old"])
        await store.close()
