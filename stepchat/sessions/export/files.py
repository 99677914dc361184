"""Writes private files atomically, without replacing others."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import quote

from stepchat.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from stepchat.messages import Attachment


@dataclass(frozen=True, slots=True)
class _Unfinished:
    """A file being written. One without a name disappears when the program is killed."""

    file: IO[str]
    name: Path | None


async def write_file(path: Path, pieces: AsyncIterable[str], *, overwrite: bool = False, nameless: bool = True) -> None:
    """Write UTF-8. An existing file is replaced only with `overwrite`. `nameless` uses a file without a name until it is
    complete, where possible.

    Raises UsageError for a file that exists or a directory that does not, StoreError if the disk refuses, and whatever
    `pieces` raises; then nothing is left behind.
    """
    try:
        begun = await asyncio.to_thread(_begin, path, overwrite, nameless)
    except FileNotFoundError as error:
        raise UsageError(f"There is no directory {path.parent}.", "Create it, or choose another path.") from error
    except OSError as error:
        raise _refused(path, error) from error
    try:
        async for piece in pieces:
            await asyncio.to_thread(begun.file.write, piece)
        await asyncio.to_thread(_finish, begun, path, overwrite)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            begun.file.close()
        _remove(begun.name)


class FilesBeside:
    """The attachments that an exported file links to, in a folder beside it. Written after the file itself."""

    def __init__(self, path: Path) -> None:
        self._folder = path.with_name(f"{path.stem}-files")
        self._contents: dict[str, bytes] = {}

    def link(self, attachment: Attachment, content: bytes) -> str:
        """The address of an attachment, relative to the exported file."""
        ending = re.sub(r"[^\w.-]+", "-", attachment.name.rpartition("/")[2])[-_LONGEST_NAME:]
        name = f"{attachment.digest[:8]}-{ending}"
        self._contents[name] = content
        return quote(f"{self._folder.name}/{name}")

    async def write(self) -> int:
        """Write the attachments, and return their number. Raises StoreError."""
        if self._contents:
            try:
                await asyncio.to_thread(self._write)
            except OSError as error:
                raise StoreError(
                    f"Cannot write the attached files to {self._folder}: {error.strerror or error}.",
                    "Check free space and permissions; the text was written.",
                ) from error
        return len(self._contents)

    def _write(self) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for name, content in self._contents.items():
            handle = os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _NO_FOLLOW, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)


_LONGEST_NAME: Final = 80
_NO_FOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)


def _begin(path: Path, overwrite: bool, nameless: bool) -> _Unfinished:  # noqa: FBT001 - called by to_thread
    if not overwrite and os.path.lexists(path):
        raise _exists(path)
    if path.is_dir():
        raise UsageError(f"{path} is a directory.", "Give the path of a file.")
    handle, name = _nameless(path.parent) if nameless else None, None
    if handle is None:
        # In the same directory, so that renaming is atomic; mkstemp uses mode 0600.
        handle, made = tempfile.mkstemp(dir=path.parent, prefix=_beside(path))
        name = Path(made)
    return _Unfinished(os.fdopen(handle, "w", encoding="utf-8", newline="\n"), name)


def _nameless(directory: Path) -> int | None:
    """Opens a file without a name in this directory, which Linux supports on most file systems; None elsewhere."""
    if not hasattr(os, "O_TMPFILE"):
        return None
    try:
        handle = os.open(directory, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    if not _in_proc(handle).exists():
        os.close(handle)
        return None
    # Whatever the umask.
    os.fchmod(handle, 0o600)
    return handle


def _in_proc(handle: int) -> Path:
    return Path(f"/proc/self/fd/{handle}")


def _beside(path: Path) -> str:
    return f".{path.name[:50]}."


def _finish(begun: _Unfinished, path: Path, overwrite: bool) -> None:  # noqa: FBT001 - called by to_thread
    begun.file.flush()
    handle = begun.file.fileno()
    os.fsync(handle)
    if begun.name is not None:
        _rename(begun.name, path, overwrite=overwrite)
        return
    if not overwrite or not os.path.lexists(path):
        with contextlib.suppress(FileExistsError):
            _give_name(handle, path)
            return
        if not overwrite:
            raise _exists(path)
    beside = path.with_name(f"{_beside(path)}{secrets.token_hex(4)}")
    _give_name(handle, beside)
    try:
        beside.replace(path)
    finally:
        _remove(beside)


def _give_name(handle: int, path: Path) -> None:
    # Python follows the link in /proc only if given a directory, although an absolute path needs none.
    os.link(_in_proc(handle), path, src_dir_fd=handle, follow_symlinks=True)


def _rename(name: Path, path: Path, *, overwrite: bool) -> None:
    if overwrite:
        name.replace(path)
        return
    try:
        # Unlike renaming, it fails if the file was created meanwhile.
        os.link(name, path)
    except FileExistsError:
        raise _exists(path) from None
    except OSError:
        # A file system without hard links.
        if os.path.lexists(path):
            raise _exists(path) from None
        name.rename(path)


def _remove(name: Path | None) -> None:
    if name is not None:
        with contextlib.suppress(OSError):
            name.unlink()


def _exists(path: Path) -> UsageError:
    return UsageError(f"{path} already exists.", "Overwrite it with --force, or choose another name.")


def _refused(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"Cannot write {path}: {error.strerror or error}.",
        "Check free space and permissions. Nothing was written.",
    )
