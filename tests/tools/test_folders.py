from __future__ import annotations

import os
from threading import Event
from typing import TYPE_CHECKING

import pytest

from stepchat.tools.base import ToolError
from stepchat.tools.folders import Folders, Place, decode

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An allowed folder with a secret beside it, and links that lead to it."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.txt").write_text("sk-secret")
    (tmp_path / "allowed-too").mkdir()
    inside = tmp_path / "allowed"
    (inside / "deep" / "er").mkdir(parents=True)
    (inside / "notes.txt").write_text("hello\nworld\n")
    (inside / "deep" / "code.py").write_text("print(1)\n")
    (inside / "out").symlink_to(tmp_path / "secret")
    (inside / "key").symlink_to(tmp_path / "secret" / "key.txt")
    (inside / "in").symlink_to(inside / "deep")
    (inside / "hop").symlink_to("in/../out/key.txt")
    return inside


@pytest.fixture
def folders(home: Path) -> Folders:
    return Folders.of([home])


OUTSIDE = [
    "..", "../secret/key.txt", "deep/../../secret/key.txt", "/etc/passwd", "out/key.txt", "key", "hop", "out",
    "../allowed-too", "in/../../secret/key.txt", "./deep/er/../../../secret/key.txt", "~/.ssh/id_rsa",
    "%2e%2e/secret/key.txt", "..%2fsecret%2fkey.txt", "..\\secret\\key.txt", "notes.txt\0/../../secret/key.txt",
    "/proc/self/environ", "//etc/passwd", "deep/\u2025/secret", "notes.txt/../../secret/key.txt",
]  # fmt: skip


@pytest.mark.parametrize("path", OUTSIDE)
def test_no_path_leads_outside(folders, path):
    with pytest.raises(ToolError) as caught:
        folders.read_text(folders.locate(path))
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize("path", ["notes.txt", "./deep/../notes.txt", "in/../notes.txt"])
def test_paths_inside_are_read(folders, path):
    assert folders.read_text(folders.locate(path)) == "hello\nworld\n"


def test_a_link_inside_leads_to_what_it_names(folders, home):
    assert folders.locate("in/code.py") == Place(home, ("deep", "code.py"))
    assert folders.locate(str(home / "deep")).name == "deep"


def test_a_link_put_in_the_way_after_the_check_is_not_followed(folders, home, tmp_path):
    place = folders.locate("deep/code.py")
    (home / "deep").rename(home / "gone")
    (home / "deep").symlink_to(tmp_path / "secret")
    (tmp_path / "secret" / "code.py").write_text("sk-secret")
    with pytest.raises(ToolError):
        folders.read(place)


def test_listing_and_walking_leave_out_what_is_not_allowed(folders, home):
    root = folders.locate(".")
    assert [entry.name for entry in folders.entries(root)] == ["deep", "in", "notes.txt"]
    assert [place.name for place in folders.walk(root, Event())] == ["notes.txt", "deep/code.py"]


def test_git_rules_of_every_folder_above_count(tmp_path):
    repository = tmp_path / "repository"
    inside = repository / "src"
    (repository / ".git").mkdir(parents=True)
    (inside / "build" / "deep").mkdir(parents=True)
    (repository / ".gitignore").write_text("*.log\nbuild/\n/src/only\n.env\n")
    (inside / ".gitignore").write_text("!keep.log\n")
    for name in ("a.log", "keep.log", "a.py", "only", ".env", "build/x.py", "build/deep/y.py"):
        (inside / name).write_text("x")
    folders = Folders.of([inside])
    assert [place.name for place in folders.walk(folders.locate("."), Event())] == [".gitignore", "a.py", "keep.log"]
    for name in ("a.log", ".env", "build/deep/y.py", "build", "only"):
        with pytest.raises(ToolError, match="gitignore"):
            folders.locate(name)
    with pytest.raises(ToolError, match="belongs to git"):
        Folders.of([repository]).locate(".git")


def test_what_is_no_text_file_is_refused(folders, home):
    (home / "image").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    os.mkfifo(home / "pipe")
    for path, word in (("image", "binary"), ("pipe", "not a regular file"), ("deep", "folder"), ("none", "No such")):
        with pytest.raises(ToolError, match=word):
            folders.read_text(folders.locate(path))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("é".encode(), "é"),
        ("é".encode("utf-8-sig"), "é"),
        ("é".encode("utf-16"), "é"),
        ("caf\u00e9 olé".encode("latin-1"), "café olé"),
        (b"\0\1\2", None),
        (bytes(range(1, 32)) + b"\xff\xfe", None),
        (b"", ""),
    ],
)
def test_encodings_are_detected(content, text):
    assert decode(content) == text


def test_without_a_folder_nothing_is_read():
    with pytest.raises(ToolError, match="No folder"):
        Folders(()).locate("x")
