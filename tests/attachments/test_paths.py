from __future__ import annotations

import pytest

from stepchat.attachments.paths import complete_path, existing_files, typed_path


@pytest.mark.parametrize(
    ("before", "path"),
    [
        ("/home/me/a.png", "/home/me/a.png"),
        ("look at ./a.png", "./a.png"),
        ("~/a", "~/a"),
        ("see file:///a/b", "file:///a/b"),
        ("and/or", ""),
        ("https://example.org/a", ""),
        ("/", ""),
        ("/folder/", ""),
        ("/a b", ""),
        ("", ""),
    ],
)
def test_a_word_that_looks_like_a_path(before, path):
    assert typed_path(before) == path


def test_dropped_files_are_found_in_every_form(tmp_path, monkeypatch):
    file, other = tmp_path / "a b.png", tmp_path / "c.txt"
    file.write_bytes(b"")
    other.write_bytes(b"")
    monkeypatch.setenv("HOME", str(tmp_path))
    forms = [
        f"'{file}'",
        str(file).replace(" ", "\\ "),
        f'"{file}"',
        f"file://{file}".replace(" ", "%20"),
        "~/a\\ b.png",
    ]
    for text in forms:
        assert existing_files(text) == [file]
    assert existing_files(f"'{file}' {other} ") == [file, other]
    for text in (
        "",
        "c.txt",
        str(tmp_path),
        f"{other} and",
        f"'{file}",
        f"{other}\n{other}",
        "file://host/a",
        "/" * 9000,
    ):
        assert existing_files(text) == []


def test_paths_are_completed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "src").mkdir()
    for name in ("src/app.py", "src/b c.py", ".hidden", "bad\x1bname", "setup.py"):
        (tmp_path / name).write_bytes(b"")
    assert complete_path("") == [("setup.py", ""), ("src/", "directory")]
    assert complete_path("s") == [("setup.py", ""), ("src/", "directory")]
    assert complete_path("src/") == [("src/app.py", ""), ("src/b c.py", "")]
    assert complete_path("~/src/a") == [("~/src/app.py", "")]
    assert complete_path(".h") == [(".hidden", "")]
    assert complete_path("gone/") == complete_path("a\0b/") == []
