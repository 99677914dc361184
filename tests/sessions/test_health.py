from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stepchat.chat.accumulator import accumulate
from stepchat.messages import UserMessage
from stepchat.sessions.health import check_database
from stepchat.sessions.store import SessionStore

if TYPE_CHECKING:
    import pytest

    from stepchat.config.paths import Paths


async def test_a_whole_database(paths: Paths) -> None:
    assert check_database(paths.database) is None
    store = SessionStore.open(paths, accumulate=accumulate)
    session = await store.create(model="m", server="s", system=None)
    await store.append(session.id, None, UserMessage("Why?"))
    health = check_database(paths.database)
    await store.close()
    assert (health.problem, health.sessions, health.messages) == ("", 1, 1)
    assert health.bytes > 0


async def test_a_broken_database(paths: Paths) -> None:
    store = SessionStore.open(paths, accumulate=accumulate)
    session = await store.create(model="m", server="s", system=None)
    for number in range(200):
        await store.append(session.id, None, UserMessage(f"{number} " * 100))
    await store.close()
    content = bytearray(paths.database.read_bytes())
    content[8192:40960] = b"\xff" * 32768
    paths.database.write_bytes(content)
    assert check_database(paths.database).problem
    assert paths.database.read_bytes() == content
    paths.database.write_bytes(b"no database at all, but long enough to be looked at as one")
    broken = check_database(paths.database)
    assert (broken.problem, broken.bytes) == ("file is not a database", 58)
    assert "Move it away" in broken.hint


async def test_a_path_that_is_not_absolute_or_cannot_be_looked_at(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await SessionStore.open(paths, accumulate=accumulate).close()
    monkeypatch.chdir(paths.data)
    assert check_database(Path(paths.database.name)) == check_database(paths.database)
    assert check_database(tmp_path / ("x" * 300)).problem == "File name too long"
