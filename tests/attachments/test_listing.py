from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepchat.attachments.listing import MOST_FOUND, list_files, search_files

if TYPE_CHECKING:
    from pathlib import Path


def tree(root: Path, *paths: str, **contents: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(contents.get(path, "x"))


def test_files_are_listed_as_git_lists_them(tmp_path):
    rules = {
        ".gitignore": "*.log\n/build/\n!keep.log\nsecret*\n",
        "docs/.gitignore": "*.html\n!index.html\n",
        "docs/api/.gitignore": "!other.html\n",
    }
    tree(
        tmp_path, *rules,
        "a.py", "a.log", "keep.log", "build/x.py", "src/build/y.py", "secrets/z.py", "src/secret.txt",
        "docs/a.html", "docs/index.html", "docs/api/other.html", "docs/api/b.html", "ü .py",
        **rules,
    )  # fmt: skip
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    command = ["git", "ls-files", "-z", "--others", "--cached", "--exclude-standard"]
    for folder in (tmp_path, tmp_path / "docs", tmp_path / "docs" / "api"):
        known = subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout.decode().split("\0")[:-1]
        assert sorted(list_files(folder)) == sorted(known)


def test_only_regular_files_and_never_a_loop(tmp_path):
    tree(tmp_path, "a", "folder/b", ".git/config", "node_modules/x.js")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "dead").symlink_to(tmp_path / "gone")
    assert list(list_files(tmp_path)) == ["a", "link", "folder/b"]
    assert list(list_files(tmp_path / "gone")) == []
    assert list(list_files(tmp_path, lambda: False)) == []


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("", "README.md"),
        ("readme", "README.md"),
        ("app", "src/app.py"),
        ("src test", "src/test_app.py"),
        ("tapp", "src/test_app.py"),
        ("zzz", None),
        ("straße", "straße/[a-z].txt"),
        ("[a-z]", "straße/[a-z].txt"),
    ],
)
def test_the_best_match_comes_first(typed, first):
    paths = ["README.md", "src/test_app.py", "src/app.py", "application/deep/readme/x.py", "straße/[a-z].txt"]
    assert (search_files(paths, typed) or [None])[0] == first


@given(st.lists(st.text(max_size=12), max_size=8, unique=True), st.text(max_size=4))
def test_no_path_and_no_word_breaks_the_search(paths, typed):
    found = search_files(paths, typed)
    assert set(found) <= set(paths)
    assert {path for path in paths if all(word in path.casefold() for word in typed.casefold().split())} <= set(found)


def test_there_are_never_more_than_can_be_shown():
    assert len(search_files([f"file{number}" for number in range(3_000)], "file")) == MOST_FOUND


@given(
    st.lists(st.text(st.sampled_from("ab/ ."), max_size=8), max_size=8, unique=True),
    st.text(st.sampled_from("ab. "), max_size=3),
    st.text(st.sampled_from("ab. "), max_size=2),
)
def test_more_letters_only_remove_paths(paths, typed, more):
    assert search_files(search_files(paths, typed), typed + more) == search_files(paths, typed + more)
