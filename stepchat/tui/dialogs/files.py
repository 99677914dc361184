"""Choose a file below the working directory. The list fills while a thread looks for files; searching runs in another."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

from stepchat.attachments.listing import MOST_FOUND, list_files, search_files
from stepchat.concurrency import run_in_daemon, start_daemon
from stepchat.text import fuzzy
from stepchat.text.sanitize import sanitize
from stepchat.text.widths import pad_for_rich, truncate
from stepchat.tui import workers
from stepchat.tui.dialogs.filter_dialog import FilterDialog
from stepchat.tui.dialogs.list_view import VirtualList

if TYPE_CHECKING:
    from stepchat.tui.dialogs.list_view import Piece

_REFRESH: Final = 0.15
"""Seconds between two looks at what the thread has found."""


class FilePicker(FilterDialog[Path]):
    """Returns the chosen file."""

    def __init__(self, root: Path, typed: str = "") -> None:
        super().__init__(
            VirtualList(self._line, wraps_around=True),
            (("list.accept", "attach"), ("list.close", "close")),
            title="Attach a file",
            placeholder="Type a part of its path",
            typed=typed,
        )
        self._root = root
        self._paths: list[str] = []
        """Grows in the thread that lists."""
        self._ended = Event()
        self._is_complete = False
        self._is_searching = False
        self._listed, self._lists_all = -1, False
        """How many files the last search looked at, and whether that were all."""
        self._searched = ""
        self._found: list[str] = []
        self._words: tuple[str, ...] = ()

    def on_mount(self) -> None:
        self._list.empty_text = "Looking for files …"
        start_daemon(self._collect)
        self.set_interval(_REFRESH, self._look)

    def on_unmount(self) -> None:
        self._ended.set()

    def _collect(self) -> None:
        for path in list_files(self._root, lambda: not self._ended.is_set()):
            self._paths.append(path)
        self._is_complete = True

    def _look(self) -> None:
        """List the files found so far."""
        if len(self._paths) != self._listed or self._is_complete != self._lists_all:
            self._search()

    def filter_changed(self, typed: str) -> None:  # noqa: ARG002 - read in `_search_all`
        self._search()

    def _search(self) -> None:
        # One search at a time; the one that runs notices that it is out of date.
        if not self._is_searching:
            self._is_searching = True
            workers.run_task(self, self._search_all, group="search")

    async def _search_all(self) -> None:
        try:
            while self._listed != len(self._paths) or self._searched != self._typed or not self._lists_all:
                typed, listed, is_complete = self._typed, len(self._paths), self._is_complete
                # More letters only remove paths from a complete result.
                narrows = self._lists_all and typed.startswith(self._searched) and len(self._found) < MOST_FOUND
                paths = self._found if narrows else self._paths[:listed]
                found = await run_in_daemon(search_files, paths, typed)
                current = self._current if typed == self._searched else None
                self._searched = typed
                self._listed, self._lists_all = listed, is_complete
                self._found, self._words = found, fuzzy.words_of(typed)
                self._list.empty_text = "No matches." if is_complete else "Looking for files …"
                self._list.show(len(found), found.index(current) if current in found else 0)
                if not is_complete:
                    break  # the timer looks again
        finally:
            self._is_searching = False

    @property
    def _typed(self) -> str:
        return self._filter.value

    @property
    def _current(self) -> str | None:
        return self._found[self._list.cursor] if self._list.cursor < len(self._found) else None

    def accept(self) -> None:
        if (path := self._current) is not None:
            self.dismiss(self._root / path)

    def _line(self, index: int, _part: int, width: int) -> list[Piece]:
        path = self._found[index]
        if path.isprintable() and len(path) <= width and (match := fuzzy.match(self._words, path)) is not None:
            return _marked(path, frozenset(match.positions))
        return [(truncate(pad_for_rich(sanitize(path, keep_newlines=False)), width), "text")]


def _marked(path: str, positions: frozenset[int]) -> list[Piece]:
    """The path with its matched letters, and its folders dim."""
    name = path.rfind("/") + 1
    return [(char, "hit" if at in positions else "text" if at >= name else "dim") for at, char in enumerate(path)]
