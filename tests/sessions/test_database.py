from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from stepchat.chat.accumulator import accumulate
from stepchat.config.paths import Paths
from stepchat.errors import StoreError
from stepchat.events import Delta
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.sessions import database
from stepchat.sessions.store import SessionStore
from tests.sessions.children import ROOT, run_child


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_every_file_is_private_whatever_the_umask(paths: Paths) -> None:
    before = os.umask(0)
    try:
        store = SessionStore.open(paths, accumulate=accumulate)
        session = await store.create(model="m", server="s", system=None)
        asked = await store.append(session.id, None, UserMessage("q"))
        await store.begin_answer(session.id, asked.id, AssistantMessage())
        files = [path for path in paths.data.rglob("*") if path.is_file()]
        assert {path.name for path in files} >= {"sessions.db", "sessions.db-wal", "sessions.db-shm"}
        assert {path.name: _mode(path) for path in files} == {path.name: 0o600 for path in files}
        assert [_mode(paths.data), _mode(paths.data / "running")] == [0o700, 0o700]
        await store.close()
    finally:
        os.umask(before)


async def test_a_full_disk_is_said_and_nothing_is_lost(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate, max_pages=60)
    session = await store.create(model="m", server="s", system=None)
    kept = await store.append(session.id, None, UserMessage("kept"))
    answer = await store.begin_answer(session.id, kept.id, AssistantMessage())
    await store.add_part(answer, [Delta(text="part")])
    with pytest.raises(StoreError, match=r"disk is full: .*sessions\.db.*Free some space"):
        await store.append(session.id, kept.id, UserMessage("x" * 1_000_000))
    with pytest.raises(StoreError, match="disk is full"):
        await store.add_part(answer, [Delta(text="x" * 1_000_000)])
    # Reading and small writes go on.
    assert await store.path(session.id) == [kept]
    await store.add_part(answer, [Delta(text=" two")])
    finished = await store.finish_answer(answer, AssistantMessage(text="part two"))
    assert await store.path(session.id) == [kept, finished]
    await store.close()


def test_a_disk_that_refuses_to_write_is_said_and_nothing_is_lost(paths: Paths) -> None:
    said = run_child("limited", paths.data)
    assert "disk refused" in said[-1]
    assert "Everything saved before is safe." in said[-1]
    store = SessionStore.open(paths, accumulate=accumulate)
    store.close_now()
    connection = sqlite3.connect(paths.database)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    kept = [text for (text,) in connection.execute("SELECT data ->> 'content' FROM message ORDER BY number")]
    connection.close()
    assert kept == [line.removeprefix("kept ") for line in said[:-1]]
    assert kept


@pytest.mark.parametrize("content", [b"this is a text file, not a database at all\n" * 50, b"\0" * 5000])
def test_a_file_that_is_no_database_is_named_and_left_alone(paths: Paths, content: bytes) -> None:
    paths.data.mkdir()
    paths.database.write_bytes(content)
    with pytest.raises(StoreError, match=r"sessions\.db is not a session database\. .*Move it away"):
        SessionStore.open(paths, accumulate=accumulate)
    assert paths.database.read_bytes() == content
    assert [path.name for path in paths.data.iterdir()] == ["sessions.db"]


async def test_a_damaged_database_is_named_and_not_overwritten(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    session = await store.create(model="m", server="s", system=None)
    for number in range(50):
        await store.append(session.id, None, UserMessage(f"{number}" * 2000))
    await store.close()
    damaged = bytearray(paths.database.read_bytes())
    damaged[4096:] = b"\xff" * (len(damaged) - 4096)
    paths.database.write_bytes(damaged)
    with pytest.raises(StoreError, match=r"sessions\.db is damaged.*Move it away"):
        broken = SessionStore.open(paths, accumulate=accumulate)
        try:
            await broken.messages(session.id)
        finally:
            await broken.close()
    assert paths.database.read_bytes() == damaged


def test_a_file_in_the_place_of_the_directory_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("a file")
    with pytest.raises(StoreError, match=r"home.*STEPCHAT_HOME"):
        SessionStore.open(Paths(home, home, home), accumulate=accumulate)
    assert home.read_text() == "a file"


def test_a_directory_in_the_place_of_the_file_is_named(paths: Paths) -> None:
    paths.database.mkdir(parents=True)
    with pytest.raises(StoreError, match=r"Cannot open the session database .*sessions\.db.*STEPCHAT_HOME"):
        SessionStore.open(paths, accumulate=accumulate)


_AS_SOMEBODY_ELSE = """
import os, sys
from pathlib import Path
import stepchat.chat.accumulator, stepchat.sessions.store as store
from stepchat.errors import StoreError
from stepchat.config.paths import Paths
home = Path(sys.argv[1])
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    store.SessionStore.open(Paths(home, home, home), accumulate=stepchat.chat.accumulator.accumulate)
except StoreError as error:
    print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("existing", [False, True])
def test_a_home_that_cannot_be_written_is_named(existing: bool) -> None:
    # Not tmp_path: the other user could not reach it.
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        if existing:
            SessionStore.open(Paths(home, home, home), accumulate=accumulate).close_now()
            (home / "sessions.db").chmod(0o444)
        home.chmod(0o555)
        said = subprocess.run(
            [sys.executable, "-c", _AS_SOMEBODY_ELSE, name], capture_output=True, text=True, cwd=ROOT, check=False
        )
        home.chmod(0o755)
    assert "sessions.db" in said.stdout, said.stderr
    assert "STEPCHAT_HOME" in said.stdout


def test_a_read_only_database_is_said(paths: Paths) -> None:
    SessionStore.open(paths, accumulate=accumulate).close_now()
    connection = database.connect_for_reading(paths.database)
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("DELETE FROM message")
    connection.close()
    words = database.explain(caught.value, paths.database)
    assert words.message == f"{paths.database} is read-only."
    assert "STEPCHAT_HOME" in words.hint


def test_a_locked_database_is_said(paths: Paths) -> None:
    SessionStore.open(paths, accumulate=accumulate).close_now()
    holder = database.connect(paths.database)
    holder.execute("BEGIN EXCLUSIVE")
    other = sqlite3.connect(paths.database, timeout=0, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError) as caught:
        other.execute("BEGIN IMMEDIATE")
    words = database.explain(caught.value, paths.database)
    assert "locked" in words.message
    assert "try again" in words.hint
    other.close()
    holder.close()


async def test_a_writer_waits_for_another(store: SessionStore) -> None:
    holder = database.connect(store.file)
    holder.execute("BEGIN IMMEDIATE")
    writing = asyncio.ensure_future(store.set_setting("theme", "night"))
    # Reading is not held up by it.
    assert await store.setting("theme") is None
    holder.execute("COMMIT")
    await writing
    assert await store.setting("theme") == "night"
    holder.close()


def test_an_unknown_error_still_names_the_file(paths: Paths) -> None:
    words = database.explain(sqlite3.ProgrammingError("odd"), paths.database)
    assert str(paths.database) in words.message
    assert words.hint


def test_a_transaction_is_all_or_nothing(paths: Paths) -> None:
    SessionStore.open(paths, accumulate=accumulate).close_now()
    connection = database.connect(paths.database)

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO setting (name, value) VALUES ('a', '\"1\"')")
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        database.transaction(connection, half)
    assert connection.execute("SELECT count(*) FROM setting WHERE name = 'a'").fetchone() == (0,)
    assert not connection.in_transaction
    connection.close()


def test_two_that_make_a_database_at_once_wait_for_each_other(tmp_path: Path) -> None:
    holder, other = (database.connect(tmp_path / "x.db") for _ in range(2))
    holder.execute("CREATE TABLE t (x)")
    holder.execute("BEGIN IMMEDIATE")
    tried_again = threading.Event()
    tries: list[str] = []

    def count(statement: str) -> None:
        tries.append(statement)
        if sum("journal_mode" in statement for statement in tries) > 1:
            tried_again.set()

    other.set_trace_callback(count)
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(database.use_journal, other, wal=True)
        assert tried_again.wait(database.BUSY_SECONDS)
        holder.execute("ROLLBACK")
        waiting.result()
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert other.execute("PRAGMA synchronous").fetchone() == (1,)
    holder.close()
    other.close()


def test_text_that_is_none_is_damage_and_is_not_told(paths: Paths) -> None:
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(sqlite3.Error) as raised:
        connection.execute("SELECT CAST(x'6d7920776f726473ff' AS TEXT)").fetchone()
    told = str(database.explain(raised.value, paths.database))
    assert "is damaged" in told
    assert "my words" not in told


_NOLOCK = Path(__file__).parent / "nolock.c"


@pytest.fixture(scope="session")
def nolock(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A library for LD_PRELOAD that refuses locks below NOLOCK_DIR, on files that end with NOLOCK_SUFFIX."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs a C compiler and LD_PRELOAD")
    library = tmp_path_factory.mktemp("nolock") / "nolock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, _NOLOCK, "-ldl"], check=True)
    return str(library)


_STORE_AND_LIST = """
import asyncio, sys, time
from pathlib import Path
from stepchat.chat.accumulator import accumulate
from stepchat.config.paths import Paths
from stepchat.errors import StoreError
from stepchat.messages import AssistantMessage, UserMessage
from stepchat.sessions.store import SessionStore

async def work(store):
    session = await store.create(model="m", server="s", system=None)
    asked = await store.append(session.id, None, UserMessage("hi"))
    answer = await store.begin_answer(session.id, asked.id, AssistantMessage())
    await store.finish_answer(answer, AssistantMessage(text="x"))
    print(len(await store.sessions()))
    await store.close()

home = Path(sys.argv[1])
began = time.monotonic()
try:
    store = SessionStore.open(Paths(home, home, home), accumulate=accumulate)
    print(f"opened {time.monotonic() - began < 1}")
    asyncio.run(work(store))
except StoreError as error:
    print(error, time.monotonic() - began < 1)
store = SessionStore.open_for_reading(Paths(home, home, home), accumulate=accumulate)
print("read", len(asyncio.run(store.sessions())))
store.close_now()
"""


_NO_LOCKS = (
    "is on a disk where files cannot be locked (a network drive?). Put it on a local disk: set STEPCHAT_HOME or "
    "XDG_DATA_HOME. Everything saved before is safe."
)


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        # WAL does not work there, but a rollback journal does.
        ("-shm", ["opened True", "2", "read 2"]),
        # Nothing can be locked: said at once, and what is there can be read.
        (
            "",
            [
                f"{{home}}/sessions.db {_NO_LOCKS} True",
                "read 1",
            ],
        ),
    ],
)
async def test_a_disk_without_locks(paths: Paths, nolock: str, suffix: str, expected: list[str]) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    session = await store.create(model="m", server="s", system=None)
    await store.append(session.id, None, UserMessage("made where locks work"))
    await store.close()
    environ = os.environ | {
        "LD_PRELOAD": nolock,
        "NOLOCK_DIR": str(paths.data),
        "NOLOCK_SUFFIX": suffix,
        "PYTHONPATH": str(ROOT),
    }
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _STORE_AND_LIST, str(paths.data)],
        capture_output=True,
        text=True,
        env=environ,
        check=False,
    )
    assert done.stdout.splitlines() == [line.format(home=paths.data) for line in expected], done.stderr


async def test_a_database_that_cannot_be_written_is_read_from_a_copy(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    session = await store.create(model="m", server="s", system=None)
    await store.append(session.id, None, UserMessage("apple"))
    # What is in the WAL is copied, too.
    copy = SessionStore.open_temporary(accumulate=accumulate, copy_of=paths.database)
    await copy.finish_index()
    page = await copy.search("apple")
    assert page is not None
    assert [found.summary.id for found in page.sessions] == [session.id]
    assert copy.file != store.file
    await copy.close()
    assert not copy.file.parent.exists()
    assert len(await store.sessions()) == 1
    await store.close()
