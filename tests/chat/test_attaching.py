from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stepchat.chat.attaching import attach_files, files_named
from stepchat.errors import UsageError
from tests.tui.window import workspace

if TYPE_CHECKING:
    from pathlib import Path


async def test_all_files_are_attached_or_none(tmp_path: Path) -> None:
    place = await workspace(tmp_path / "home", None)
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("a")
    first, second = await attach_files(place, "m", [tmp_path / "a.txt", tmp_path / "b.txt"])
    assert (first.name, second.name) == ("a.txt", "b.txt")
    assert await place.store.attachments([first.digest]) == {second.digest: b"a"}
    with pytest.raises(UsageError, match="no such file"):
        await attach_files(place, "m", [tmp_path / "a.txt", tmp_path / "gone"])
    # A file that takes forever does not.
    with pytest.raises(UsageError, match="takes more than 0 s"):
        await attach_files(place, "m", [tmp_path / "a.txt"], patience=0)
    await place.close()


def test_a_pattern_names_files_and_a_path_may_look_like_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    for name in ("a b.py", "sub/c.py", "sub/deep/d.py", "[x].txt"):
        (tmp_path / name).write_text("x")

    def named(argument: str) -> list[str]:
        return [path.absolute().relative_to(tmp_path).as_posix() for path in files_named(argument)]

    assert named("a b.py") == named("~/a b.py") == named(f"file://{tmp_path}/a b.py") == ["a b.py"]
    assert named("*.py") == ["a b.py"]
    assert named("**/*.py") == ["a b.py", "sub/c.py", "sub/deep/d.py"]
    assert named("[x].txt") == ["[x].txt"]
    with pytest.raises(UsageError, match=r"No file matches \*\.md"):
        named("*.md")
