"""Paths in what the user types, pastes or drops onto the terminal."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Final
from urllib.parse import unquote

_TYPED: Final = re.compile(r"(?:^|\s)((?:file://|~|\.{1,2})?/\S*[^\s/])$")
_LONGEST: Final = 4_096
_MOST: Final = 20


def typed_path(before_cursor: str) -> str:
    """The word before the cursor if it looks like a path; "" otherwise."""
    match = _TYPED.search(before_cursor[-_LONGEST:])
    return match[1] if match else ""


def existing_files(text: str) -> list[Path]:
    """The files that a text consists of, as terminals insert them: quoted, with backslashes, or as file:// addresses.

    Empty if any word of it is something else. Blocks.
    """
    if len(text) > _LONGEST or "\n" in text.strip():
        return []
    try:
        words = shlex.split(text)
    except ValueError:
        return []
    paths = [_path(word) for word in words]
    files = [path for path in paths if path is not None and os.path.isfile(path)]  # noqa: PTH113 - never fails
    return files if 0 < len(files) == len(words) <= _MOST else []


def _path(word: str) -> Path | None:
    if word.startswith("file://"):
        host, slash, rest = word.removeprefix("file://").partition("/")
        return Path(unquote(slash + rest)) if host in {"", "localhost"} else None
    if "/" not in word:
        return None
    try:
        return Path(word).expanduser()
    except RuntimeError:
        return None


def complete_path(typed: str) -> list[tuple[str, str]]:
    """Paths that begin like this, directories with a slash at the end, each with what it is. Blocks."""
    folder, slash, name = typed.rpartition("/")
    try:
        with os.scandir(Path(folder + slash).expanduser() if slash else ".") as entries:
            found = [entry for entry in entries if entry.name.startswith(name) and _is_offered(entry.name, name)]
            shown = sorted(found, key=lambda entry: entry.name)[:_MOST_COMPLETIONS]
            return [
                (f"{folder}{slash}{entry.name}{'/' if is_folder else ''}", "directory" if is_folder else "")
                for entry in shown
                for is_folder in (entry.is_dir(),)
            ]
    except (OSError, RuntimeError, ValueError):
        return []


_MOST_COMPLETIONS: Final = 100


def _is_offered(name: str, typed: str) -> bool:
    return name.isprintable() and (typed.startswith(".") or not name.startswith("."))
