"""Lists the files below a directory, without those that .gitignore excludes, and searches them quickly."""

from __future__ import annotations

import os
import re
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from stepchat.files import read_regular_file
from stepchat.text import fuzzy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from pathspec import GitIgnoreSpec

MOST_FILES: Final = 300_000
"""The most files to list."""
MOST_FOUND: Final = 1_000
_IN_NAME: Final = 30.0
_MOST_SCORED: Final = 1_500
_LARGEST_IGNORE_FILE: Final = 1_000_000
_NEVER: Final = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv"})


class _Rules(NamedTuple):
    """A .gitignore, and the path of its directory as the beginning of paths below it."""

    prefix: str
    spec: GitIgnoreSpec


def list_files(root: Path, is_wanted: Callable[[], bool] = lambda: True) -> Iterator[str]:
    """Yields the regular files below a directory as relative paths, nearest first, while `is_wanted` returns True."""
    waiting: deque[tuple[str, tuple[_Rules, ...]]] = deque([("", _rules_above(root))])
    count = 0
    while waiting and is_wanted():
        prefix, rules = waiting.popleft()
        try:
            with os.scandir(root / prefix) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        if (own := _read_rules(root / prefix / ".gitignore", prefix)) is not None:
            rules = (*rules, own)
        for entry in found:
            path = f"{prefix}{entry.name}"
            try:
                is_folder, is_file = entry.is_dir(follow_symlinks=False), entry.is_file()
            except OSError:
                continue
            if is_folder and entry.name not in _NEVER and not _is_ignored(f"{path}/", rules):
                waiting.append((f"{path}/", rules))
            elif is_file and not _is_ignored(path, rules):
                yield path
                count += 1
                if count >= MOST_FILES:
                    return


def _rules_above(root: Path) -> tuple[_Rules, ...]:
    """The rules of the directories above, up to that of the repository."""
    above = [root, *root.parents]
    top = next((at for at, folder in enumerate(above) if (folder / ".git").exists()), 0)
    found = (
        _read_rules(folder / ".gitignore", f"\0{root.relative_to(folder).as_posix()}/")
        for folder in reversed(above[1 : top + 1])
    )
    return tuple(rules for rules in found if rules is not None)


def _read_rules(path: Path, prefix: str) -> _Rules | None:
    try:
        text = read_regular_file(path, _LARGEST_IGNORE_FILE).decode("utf-8", "replace")
    except OSError:
        return None
    # Imported late to keep the start fast.
    from pathspec import GitIgnoreSpec

    return _Rules(prefix, GitIgnoreSpec.from_lines(text.splitlines()))


def _is_ignored(path: str, rules: Sequence[_Rules]) -> bool:
    for prefix, spec in reversed(rules):
        # The rules of a directory above see the path from there.
        seen = prefix[1:] + path if prefix.startswith("\0") else path[len(prefix) :]
        verdict = spec.check_file(seen).include
        if verdict is not None:
            return verdict
    return False


def search_files(paths: Sequence[str], typed: str, limit: int = MOST_FOUND) -> list[str]:
    """The paths that match the query, best first; for an empty query, the first ones."""
    words = fuzzy.words_of(typed)
    if not words:
        return list(paths[:limit])
    folded = [path.casefold() for path in paths]
    found = [path for path, text in zip(paths, folded, strict=True) if all(word in text for word in words)]
    if len(found) < limit:
        known = set(found)
        scattered = [
            re.compile("".join(f"[^{(char := re.escape(letter))}]*{char}" for letter in word)) for word in words
        ]
        found += [
            path
            for path, text in zip(paths, folded, strict=True)
            if all(pattern.match(text) for pattern in scattered) and path not in known
        ]
    # Ranking takes time, so of very many matches only the shortest are ranked.
    if len(found) > _MOST_SCORED:
        found = sorted(found, key=len)[:_MOST_SCORED]
    return sorted(found, key=lambda path: (-_score(words, path), path))[:limit]


def _score(words: Sequence[str], path: str) -> float:
    whole = fuzzy.match(words, path)
    name = fuzzy.match(words, path.rpartition("/")[2])
    # A match in the name alone is better than one across folders. Some letters match only when they are folded.
    return (0 if whole is None else whole.score) + (0 if name is None else _IN_NAME)
