"""Limits tools to the files of some folders, without links that lead outside, and without files that git ignores."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stepchat.tools.base import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from threading import Event

    from pathspec import GitIgnoreSpec

_MOST_BYTES: Final = 10_000_000
"""The largest file to read."""
_LOOKED_AT: Final = 8_192
"""Bytes to examine: a NUL in them means a binary file."""
_IGNORE_FILE: Final = 100_000
"""The most bytes to read of a .gitignore."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder inside an allowed folder; `parts` lead there without any symbolic link."""

    root: Path
    parts: tuple[str, ...]

    @property
    def path(self) -> Path:
        return self.root.joinpath(*self.parts)

    @property
    def name(self) -> str:
        """The path shown to the model, relative to the folder."""
        return "/".join(self.parts) or "."


@dataclass(slots=True)
class Folders:
    """The allowed folders; relative paths are relative to the first."""

    roots: tuple[Path, ...]
    _ignored: dict[Path, GitIgnoreSpec | None] = field(default_factory=dict["Path", "GitIgnoreSpec | None"])

    @classmethod
    def of(cls, folders: Sequence[Path | str]) -> Folders:
        """The existing ones of these folders."""
        real = dict.fromkeys(Path(os.path.realpath(Path(folder).expanduser())) for folder in folders)
        return cls(tuple(folder for folder in real if folder.is_dir()))

    def locate(self, path: str) -> Place:
        """Resolves a path. Raises ToolError if it is outside the folders, missing or ignored."""
        if not self.roots:
            raise ToolError("No folder may be read. The user can allow one in config.toml.")
        if "\0" in path:
            raise ToolError("A path cannot contain a NUL character.")
        try:
            # All links and `..` are resolved, because only the real location counts.
            real = Path(os.path.realpath(self.roots[0] / path))
        except (OSError, ValueError) as error:
            raise ToolError(f"{path}: {error}.") from None
        for root in self.roots:
            with suppress(ValueError):
                place = Place(root, real.relative_to(root).parts)
                self._check(place, path)
                return place
        names = ", ".join(map(str, self.roots))
        raise ToolError(f"{path} is outside of the folders that may be read: {names}.")

    def _check(self, place: Place, path: str) -> None:
        try:
            mode = place.path.lstat().st_mode
        except OSError as error:
            raise ToolError(f"{path}: {error.strerror}.") from None
        if self.is_ignored(place, is_folder=stat.S_ISDIR(mode)):
            raise ToolError(f"{path} is excluded by .gitignore, or belongs to git.")

    def read(self, place: Place) -> bytes:
        """The content of a regular file. Raises ToolError."""
        try:
            with open(_open_without_links(place), "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise ToolError(f"{place.name} is not a regular file.")
                if status.st_size > _MOST_BYTES:
                    raise ToolError(f"{place.name} is too large: {status.st_size:,} bytes of at most {_MOST_BYTES:,}.")
                return file.read(_MOST_BYTES)
        except IsADirectoryError:
            raise ToolError(f"{place.name} is a folder; list_files lists it.") from None
        except OSError as error:
            raise ToolError(f"{place.name}: {error.strerror}.") from None

    def read_text(self, place: Place) -> str:
        """The text of a file. Raises ToolError for a binary one."""
        text = decode(self.read(place))
        if text is None:
            raise ToolError(f"{place.name} is a binary file.")
        return text

    def entries(self, place: Place) -> list[os.DirEntry[str]]:
        """The contents of a folder by name, without ignored files and links that lead outside. Raises ToolError."""
        try:
            with os.scandir(place.path) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            raise ToolError(f"{place.name}: {error.strerror}.") from None
        return [entry for entry in entries if self._is_listed(place, entry)]

    def _is_listed(self, place: Place, entry: os.DirEntry[str]) -> bool:
        inner = Place(place.root, (*place.parts, entry.name))
        if self.is_ignored(inner, is_folder=entry.is_dir(follow_symlinks=False)):
            return False
        if not entry.is_symlink():
            return True
        real = Path(os.path.realpath(entry.path))
        return any(real.is_relative_to(root) for root in self.roots)

    def walk(self, place: Place, stopped: Event) -> Iterator[Place]:
        """All files below a folder, without following links to folders. Ends when `stopped` is set."""
        waiting = [place]
        while waiting and not stopped.is_set():
            folder = waiting.pop()
            try:
                entries = self.entries(folder)
            except ToolError:
                continue
            below: list[Place] = []
            for entry in entries:
                inner = Place(folder.root, (*folder.parts, entry.name))
                if entry.is_dir(follow_symlinks=False):
                    below.append(inner)
                elif entry.is_file(follow_symlinks=False):
                    yield inner
            waiting += reversed(below)

    # ---- .gitignore

    def is_ignored(self, place: Place, *, is_folder: bool) -> bool:
        """Whether git ignores it, or a folder above it, or it belongs to git itself."""
        if ".git" in place.parts:
            return True
        # Rules of folders above the allowed one count, too, up to the repository's.
        top = _repository_of(place.root)
        names = (*place.root.relative_to(top).parts, *place.parts)
        start = len(names) - len(place.parts)
        return any(
            self._matches(top, names[: end + 1], is_folder=is_folder or end < len(names) - 1)
            for end in range(start, len(names))
        )

    def _matches(self, top: Path, names: tuple[str, ...], *, is_folder: bool) -> bool:
        for depth in range(len(names) - 1, -1, -1):
            spec = self._spec(top.joinpath(*names[:depth]))
            if spec is None:
                continue
            verdict = spec.check_file("/".join(names[depth:]) + ("/" if is_folder else "")).include
            if verdict is not None:
                return verdict
        return False

    def _spec(self, folder: Path) -> GitIgnoreSpec | None:
        if folder not in self._ignored:
            self._ignored[folder] = _read_ignore_file(folder / ".gitignore")
        return self._ignored[folder]


def _read_ignore_file(path: Path) -> GitIgnoreSpec | None:
    from stepchat.files import read_regular_file

    try:
        text = read_regular_file(path, _IGNORE_FILE).decode("utf-8", "replace")
    except OSError:
        return None
    # Imported late to keep the start fast.
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(text.splitlines())


def _repository_of(folder: Path) -> Path:
    """The git repository that contains a folder; the folder itself if there is none."""
    return next((above for above in (folder, *folder.parents) if (above / ".git").exists()), folder)


def _open_without_links(place: Place) -> int:
    """A file descriptor. Raises OSError if a link has been put in the way since the path was resolved."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    if os.open not in os.supports_dir_fd:
        if Path(os.path.realpath(place.path)) != place.path:
            raise OSError(errno.ELOOP, "A link has been put in the way")
        return os.open(place.path, flags | getattr(os, "O_BINARY", 0))
    folder = os.open(place.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in place.parts[:-1]:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(place.parts[-1] if place.parts else ".", flags | os.O_NOFOLLOW, dir_fd=folder)
    finally:
        os.close(folder)


def decode(content: bytes) -> str | None:
    """The text of a file; None if it is binary."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    if b"\0" in content[:_LOOKED_AT]:
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        # Most text that is not UTF-8 is a single-byte encoding; a binary file has many controls.
        controls = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in content[:_LOOKED_AT])
        return None if controls > len(content[:_LOOKED_AT]) // 100 else content.decode("cp1252", "replace")
