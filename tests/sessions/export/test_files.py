from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from stepchat.errors import StoreError, UsageError
from stepchat.sessions.export.files import write_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(params=[True, False], ids=["nameless", "named"])
def nameless(request: pytest.FixtureRequest) -> bool:
    return request.param


async def _pieces(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


async def _failing() -> AsyncIterator[str]:
    yield "half"
    raise StoreError("the rest cannot be read")


async def test_a_file_is_written_and_private(tmp_path: Path, nameless: bool) -> None:
    before = os.umask(0)
    try:
        await write_file(tmp_path / "é.md", _pieces("one\n", "", "twö\n"), nameless=nameless)
    finally:
        os.umask(before)
    assert (tmp_path / "é.md").read_bytes() == "one\ntwö\n".encode()
    assert stat.S_IMODE((tmp_path / "é.md").stat().st_mode) == 0o600
    assert len(list(tmp_path.iterdir())) == 1


async def test_a_file_that_exists_is_only_replaced_when_told_so(tmp_path: Path, nameless: bool) -> None:
    path = tmp_path / "a.md"
    path.write_text("mine")
    with pytest.raises(UsageError, match=r"a\.md already exists\. Overwrite it with --force"):
        await write_file(path, _pieces("new"), nameless=nameless)
    assert path.read_text() == "mine"
    await write_file(path, _pieces("new"), overwrite=True, nameless=nameless)
    assert path.read_text() == "new"
    # A link that leads nowhere is something, too.
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(UsageError, match="already exists"):
        await write_file(tmp_path / "link", _pieces("new"), nameless=nameless)


async def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path, nameless: bool) -> None:
    path = tmp_path / "a.md"

    async def slow() -> AsyncIterator[str]:
        yield "new"
        path.write_text("somebody else's")

    with pytest.raises(UsageError, match="already exists"):
        await write_file(path, slow(), nameless=nameless)
    assert path.read_text() == "somebody else's"
    assert list(tmp_path.iterdir()) == [path]


async def test_what_fails_half_way_leaves_nothing_behind(tmp_path: Path, nameless: bool) -> None:
    path = tmp_path / "a.md"
    with pytest.raises(StoreError, match="cannot be read"):
        await write_file(path, _failing(), nameless=nameless)
    assert list(tmp_path.iterdir()) == []
    path.write_text("mine")
    with pytest.raises(StoreError, match="cannot be read"):
        await write_file(path, _failing(), overwrite=True, nameless=nameless)
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


async def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path, nameless: bool) -> None:
    with pytest.raises(UsageError, match=r"There is no directory .*nowhere"):
        await write_file(tmp_path / "nowhere" / "a.md", _pieces("x"), nameless=nameless)
    with pytest.raises(UsageError, match="is a directory"):
        await write_file(tmp_path, _pieces("x"), overwrite=True, nameless=nameless)
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match=r"Cannot write .*a\.md"):
        await write_file(tmp_path / "file" / "a.md", _pieces("x"), nameless=nameless)


async def test_a_kill_leaves_nothing_where_files_need_no_name(tmp_path: Path) -> None:
    if not hasattr(os, "O_TMPFILE"):
        pytest.skip("every file has a name here")
    seen: list[Path] = []

    async def looking() -> AsyncIterator[str]:
        yield "x" * 100_000
        seen.extend(tmp_path.iterdir())

    await write_file(tmp_path / "a.md", looking())
    assert seen == []
    assert list(tmp_path.iterdir()) == [tmp_path / "a.md"]
    await write_file(tmp_path / "a.md", looking(), overwrite=True)
    assert seen == list(tmp_path.iterdir()) == [tmp_path / "a.md"]
