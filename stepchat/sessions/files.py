"""Writing a file that appears whole or not at all, that only its owner can read, and that takes no other's place."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from stepchat.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterable


async def write_file(path: Path, pieces: AsyncIterable[str], *, overwrite: bool = False) -> None:
    """Write UTF-8. An existing file is only replaced when `overwrite` says so.

    Raises UsageError for a file that exists or a directory that does not, StoreError when the disk refuses, and whatever
    `pieces` raises; then nothing is left behind.
    """
    try:
        file = await asyncio.to_thread(_begin, path, overwrite)
    except FileNotFoundError as error:
        raise UsageError(f"There is no directory {path.parent}.", "Make it, or give another place.") from error
    except OSError as error:
        raise _refused(path, error) from error
    try:
        async for piece in pieces:
            await asyncio.to_thread(file.write, piece)
        await asyncio.to_thread(_finish, file, path, overwrite)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        _remove(file)


def _begin(path: Path, overwrite: bool) -> IO[str]:  # noqa: FBT001 - called by to_thread
    if not overwrite and os.path.lexists(path):
        raise _exists(path)
    if path.is_dir():
        raise UsageError(f"{path} is a directory.", "Give the name of a file in it.")
    # Beside the file, so that renaming it is one step; mkstemp gives 0600.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:50]}.")
    os.close(handle)
    return Path(name).open("w", encoding="utf-8", newline="\n")


def _finish(file: IO[str], path: Path, overwrite: bool) -> None:  # noqa: FBT001 - called by to_thread
    file.flush()
    os.fsync(file.fileno())
    if overwrite:
        Path(file.name).replace(path)
        return
    try:
        # Unlike renaming, it fails when somebody made the file meanwhile.
        os.link(file.name, path)
    except FileExistsError:
        raise _exists(path) from None
    except OSError:
        # A file system without links.
        if os.path.lexists(path):
            raise _exists(path) from None
        Path(file.name).rename(path)


def _remove(file: IO[str]) -> None:
    with contextlib.suppress(OSError):
        file.close()
    with contextlib.suppress(OSError):
        Path(file.name).unlink()


def _exists(path: Path) -> UsageError:
    return UsageError(f"{path} exists already.", "--force overwrites it; or give another name.")


def _refused(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"Cannot write {path}: {error.strerror or error}.",
        "Look at the space and the permissions there. Nothing was written.",
    )
