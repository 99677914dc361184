from __future__ import annotations

import pytest

from stepchat.attachments.paths import existing_files, typed_path


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
